use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Canned, DeadPort, Door, Fault, Server};

/// Sends one request and reads to the end of the connection, or of a whole answer of `length` bytes.
async fn raw(server: &Server, body: &str) -> TcpStream {
    let address = server.origin().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    let head =
        format!("POST /v?q=1 HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nContent-Length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.expect("it reads");
    stream
}

async fn to_the_end(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it closes");
    answer
}

#[tokio::test]
async fn keeps_what_it_was_sent_and_counts_it() {
    let server = Server::start(Fault::Close).await;
    assert!(to_the_end(raw(&server, "hello").await).await.is_empty());
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/v?q=1"));
    assert_eq!((seen[0].header("x-one"), seen[0].text()), (Some("1"), "hello"));
    server.until(|tally| tally.open == 0).await;
    assert_eq!(server.tally().accepted, 1);
}

#[tokio::test]
async fn truncates_in_the_middle_of_the_body() {
    let server = Server::start(Fault::Truncated(Canned::json(200, "12345678"))).await;
    let answer = String::from_utf8(to_the_end(raw(&server, "").await).await).expect("text");
    assert!(answer.contains("content-length: 8"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n1234"), "{answer}");
}

#[tokio::test]
async fn chunks_hold_as_many_bytes_as_asked() {
    let server = Server::start(Fault::Chunked(40_000)).await;
    let answer = to_the_end(raw(&server, "").await).await;
    assert_eq!(
        answer.iter().filter(|byte| **byte == b' ').count(),
        40_000 + 4,
        "and four in the head"
    );
    assert!(answer.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_script_is_played_once() {
    let server = Server::start(Fault::Close).await;
    server.script([Fault::Garbage]);
    assert!(!to_the_end(raw(&server, "").await).await.is_empty());
    assert!(to_the_end(raw(&server, "").await).await.is_empty());
    assert_eq!(server.tally().requests, 2);
}

#[tokio::test]
async fn a_slow_answer_waits_for_its_door() {
    let door = Door::shut();
    let server = Server::start(Fault::Slow(Canned::status(204), door.clone())).await;
    let mut stream = raw(&server, "").await;
    server.until_seen(1).await;
    let mut answer = [0; 12];
    assert!(stream.try_read(&mut answer).is_err(), "nothing was sent yet");
    door.open();
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 204");
}

#[tokio::test]
async fn a_dead_port_refuses() {
    let dead = DeadPort::new();
    let address = dead.origin().replace("http://", "");
    let error = TcpStream::connect(address).await.expect_err("nobody listens");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let server = Server::start(Fault::Hang).await;
    let stream = raw(&server, "").await;
    server.until_seen(1).await;
    drop(server);
    assert!(to_the_end(stream).await.is_empty());
}
