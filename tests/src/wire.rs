//! A raw HTTP/1.1 client: what is sent is what the test wrote, and what came back is kept byte by
//! byte. No client library stands between, so that half requests, doubled headers and clients that
//! leave at a chosen moment can be sent, and nothing in an answer is tidied up.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest that one answer, or one piece of it, may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A request, as it is written.
#[derive(Clone)]
#[must_use]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with this method.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A POST without a body.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path)
    }

    /// With a header more, whose value may be any bytes.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With `Authorization: Bearer <secret>`.
    pub fn bearer(self, secret: &str) -> Self {
        self.header("Authorization", format!("Bearer {secret}"))
    }

    /// With this JSON as its body.
    pub fn json(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self.header("Content-Type", "application/json")
    }

    /// With these fields as its body, as a browser encodes a form.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let mut body = form_urlencoded::Serializer::new(String::new());
        self.body = body.extend_pairs(fields).finish().into_bytes();
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: test\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn has_no_answer_body(&self) -> bool {
        self.method == "HEAD"
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing said.
    Whole,
    /// The connection closed before.
    CutShort,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The first line: `HTTP/1.1 200 OK`.
    pub line: String,
    /// The headers in the order they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, its framing removed.
    pub body: Vec<u8>,
    /// How it ended.
    pub end: End,
}

impl Response {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON ({error}): {self:?}"))
    }

    /// The member `error` of a problem document; empty where there is none.
    #[must_use]
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The answer without what a framework is free to choose: the date, the order of headers, and
    /// how the body was framed.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        const FREE: [&str; 4] = ["date", "connection", "transfer-encoding", "keep-alive"];
        self.headers.retain(|(name, _)| !FREE.contains(&name.to_ascii_lowercase().as_str()));
        self.headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        self.headers.sort();
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} [{:?}]", self.line, self.end)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        write!(f, "\n{}", self.body.escape_ascii())
    }
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    /// What was read and not yet taken.
    read: Vec<u8>,
}

impl Wire {
    /// Opens a connection.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await;
        let stream = stream.expect("a connection in time").expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, read: Vec::new() }
    }

    /// Writes bytes as they are. The other end may have gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("a write in time")
    }

    /// Sends a request and reads the answer; none if the connection closed without one.
    pub async fn ask(&mut self, request: &Request) -> Option<Response> {
        self.send(&request.bytes()).await.ok()?;
        self.response(request.has_no_answer_body()).await
    }

    /// Reads one answer.
    async fn response(&mut self, headers_only: bool) -> Option<Response> {
        let mut response = self.head().await?;
        if !headers_only {
            self.body(&mut response).await;
        }
        Some(response)
    }

    /// Reads the line and the headers of an answer; none if the connection closed before their end.
    pub async fn head(&mut self) -> Option<Response> {
        loop {
            let end = loop {
                if let Some(end) = find(&self.read, b"\r\n\r\n") {
                    break end;
                }
                if !self.more().await {
                    return None;
                }
            };
            let head: Vec<u8> = self.read.drain(..end + 4).collect();
            let response = parse_head(&head);
            if response.status() != 100 {
                return Some(response);
            }
        }
    }

    async fn body(&mut self, response: &mut Response) {
        if response.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            response.end = End::CutShort;
            while let Some(chunk) = self.chunk().await {
                if chunk.is_empty() {
                    response.end = End::Whole;
                    return;
                }
                response.body.extend(chunk);
            }
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length");
            let all = self.until(length).await;
            response.end = if all { End::Whole } else { End::CutShort };
            let length = length.min(self.read.len());
            response.body.extend(self.read.drain(..length));
        } else if ![204, 304].contains(&response.status()) {
            while self.more().await {}
            response.body.append(&mut self.read);
        }
    }

    /// Reads one chunk of a chunked body: empty is the end, none that the connection closed.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line_end = loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let line = String::from_utf8(self.read[..line_end].to_vec()).expect("a chunk's size");
        let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size");
        if !self.until(line_end + 2 + size + 2).await {
            return None;
        }
        let chunk: Vec<u8> = self.read.drain(..line_end + 2 + size + 2).collect();
        Some(chunk[line_end + 2..line_end + 2 + size].to_vec())
    }

    /// Closes the connection the hard way: the other end sees a reset.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }

    /// Reads until so many bytes are there, or the connection closed.
    async fn until(&mut self, length: usize) -> bool {
        while self.read.len() < length {
            if !self.more().await {
                return false;
            }
        }
        true
    }

    /// Reads what is there; false when the connection closed.
    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        read.expect("an answer in time").is_ok_and(|count| count > 0)
    }
}

/// Sends one request on a connection of its own; none if it closed without an answer.
pub async fn ask(address: SocketAddr, request: &Request) -> Option<Response> {
    Wire::connect(address).await.ask(&request.clone().header("Connection", "close")).await
}

/// As [`ask`], where there must be an answer.
pub async fn answer(address: SocketAddr, request: &Request) -> Response {
    ask(address, request).await.expect("an answer, not a closed connection")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn parse_head(head: &[u8]) -> Response {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end());
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let headers = lines.filter(|line| !line.is_empty()).map(|line| {
        let colon = line.iter().position(|byte| *byte == b':').expect("a header has a colon");
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        (name, line[colon + 1..].trim_ascii().to_vec())
    });
    Response { line, headers: headers.collect(), body: Vec::new(), end: End::Whole }
}
