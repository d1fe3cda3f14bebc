//! Sending a recorded request again, as it was.

use std::net::SocketAddr;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Exchange, MAX_BODY_BYTES, Response, bytes, kept, value};

impl Exchange {
    /// Sends the request to `address` on a connection of its own and returns what is answered.
    ///
    /// # Panics
    /// If there is no whole answer of HTTP/1.1 with a `content-length`.
    pub async fn resend(&self, address: SocketAddr) -> Response {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.write_all(&self.on_the_wire(address)).await.expect("the request is sent");
        let mut answer = Vec::new();
        let most = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
        stream.take(most).read_to_end(&mut answer).await.expect("a whole answer");
        read(&answer)
    }

    fn on_the_wire(&self, address: SocketAddr) -> Vec<u8> {
        let request = &self.request;
        let body = bytes(&request.body, &request.headers);
        let mut wire = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        for (name, value) in &request.headers {
            wire.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.len();
        wire.push_str(&format!(
            "host: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        ));
        [wire.into_bytes(), body].concat()
    }
}

fn read(answer: &[u8]) -> Response {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head");
    let (head, body) = answer.split_at(end + 4);
    let head = std::str::from_utf8(head).expect("a head of text");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: HeaderName = name.parse().expect("a header's name");
        headers.append(name, HeaderValue::from_str(value).expect("a header's value"));
    }
    let length = headers.get("content-length").and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    assert_eq!(body.len(), length, "a whole body: {head}");
    let status = status.parse().expect("a status of digits");
    Response { status, headers: kept(&headers), body: value(body) }
}
