//! Reading requests and writing what the fault says, byte by byte.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Canned, Fault, Seen};

/// Bytes of a request, head and body.
const MAX_REQUEST: usize = 1024 * 1024;
const CHUNK: usize = 16 * 1024;

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The next request on a connection; `None` when the client has left.
pub(super) async fn request(stream: &mut dyn Stream) -> io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if !more(stream, &mut bytes).await? {
            return Ok(None);
        }
    };
    let Some(mut seen) = Seen::read_head(&bytes[..end]) else { return Ok(None) };
    bytes.drain(..end + 4);
    while bytes.len() < seen.body_length() {
        if !more(stream, &mut bytes).await? {
            return Ok(None);
        }
    }
    seen.body = bytes;
    Ok(Some(seen))
}

async fn more(stream: &mut dyn Stream, bytes: &mut Vec<u8>) -> io::Result<bool> {
    Ok(bytes.len() < MAX_REQUEST && stream.read_buf(bytes).await? > 0)
}

/// Does to a request what `fault` says.
pub(super) async fn answer(stream: &mut dyn Stream, fault: Fault) -> io::Result<After> {
    match fault {
        Fault::Answer(canned) => {
            whole(stream, &canned).await?;
            return Ok(After::Keep);
        }
        Fault::Slow(canned, door) => {
            door.pass().await;
            whole(stream, &canned).await?;
            return Ok(After::Keep);
        }
        Fault::Hang | Fault::Deaf => until_left(stream).await?,
        Fault::Garbage => stream.write_all(b"\x00\xffnothing like HTTP\r\n\r\n").await?,
        Fault::Close => {}
        Fault::CloseInHead(canned) => stream.write_all(first_half(&canned.head())).await?,
        Fault::Truncated(canned) => {
            stream.write_all(&canned.head()).await?;
            stream.write_all(first_half(&canned.body)).await?;
        }
        Fault::Chunked(length) => chunks(stream, length).await?,
        Fault::EndlessHeaders => endless_headers(stream).await?,
    }
    stream.shutdown().await?;
    Ok(After::Close)
}

async fn whole(stream: &mut dyn Stream, canned: &Canned) -> io::Result<()> {
    let mut bytes = canned.head();
    bytes.extend_from_slice(&canned.body);
    stream.write_all(&bytes).await
}

fn first_half(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() / 2]
}

/// Waits until the client closes the connection.
async fn until_left(stream: &mut dyn Stream) -> io::Result<()> {
    let mut ignored = [0; 512];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn chunks(stream: &mut dyn Stream, length: usize) -> io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut left = length;
    while left > 0 {
        let size = left.min(CHUNK);
        stream.write_all(format!("{size:x}\r\n").as_bytes()).await?;
        stream.write_all(&vec![b' '; size]).await?;
        stream.write_all(b"\r\n").await?;
        left -= size;
    }
    stream.write_all(b"0\r\n\r\n").await
}

async fn endless_headers(stream: &mut dyn Stream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
    let many = "x-more: and more\r\n".repeat(64);
    loop {
        stream.write_all(many.as_bytes()).await?;
    }
}
