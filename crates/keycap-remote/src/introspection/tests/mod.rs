//! What the tests of this module share: a provider, and a server that keeps what it was sent.

mod answers;
mod exchanges;
mod setup;

use keycap_base::{ManualClock, Timestamp};
use keycap_verify::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Introspection, IntrospectionBuilder};

/// What every clock shows, in seconds.
const NOW_S: i64 = 1_773_144_000;

const TOKEN: &str = "a-token/of+alice~._=";

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(NOW_S * 1_000))
}

fn token() -> Secret {
    Secret::parse(TOKEN).unwrap()
}

/// A builder that lacks nothing.
fn whole(endpoint: &str) -> IntrospectionBuilder {
    Introspection::endpoint(endpoint).client_secret_basic("api", "secret").clock(clock())
}

/// A server for one request, which answers a 200 with this JSON.
struct OneShot {
    url: String,
    request: JoinHandle<String>,
}

impl OneShot {
    async fn answering(json: &str) -> Self {
        Self::sending(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        ))
        .await
    }

    async fn sending(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let request = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 4096]);
            while !is_whole(&request) {
                let count = stream.read(&mut piece).await.unwrap();
                assert!(count > 0, "the request ended early");
                request.extend_from_slice(&piece[..count]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        Self { url, request }
    }

    /// The head, its lines sorted but for the first and with names in lower case, and the body.
    async fn received(self) -> (Vec<String>, String) {
        let request = self.request.await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
        lines[1..].sort();
        (lines, body.to_owned())
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    body.len() == length.parse::<usize>().unwrap()
}
