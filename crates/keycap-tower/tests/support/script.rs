//! A body that follows a script, and a handler that answers with the body it was sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use keycap_gate::KeyState;

/// What a body does when it is polled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    Data(&'static str),
    Trailers,
    Pause,
    Fails,
    Panics,
}

/// Whether a body says beforehand that nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foresight {
    Blind,
    SeesItsEnd,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) lines: &'static [Line],
    pub(crate) foresight: Foresight,
    pub(crate) hint: SizeHint,
    pub(crate) status: StatusCode,
    /// What the answer's `content-length` says.
    pub(crate) announced: Option<u64>,
    /// A handle that the body keeps.
    pub(crate) key: Option<KeyState>,
}

impl Script {
    pub(crate) fn of(lines: &'static [Line]) -> Self {
        Self {
            lines,
            foresight: Foresight::Blind,
            hint: SizeHint::default(),
            status: StatusCode::OK,
            announced: None,
            key: None,
        }
    }
}

/// Answers with the request's body.
pub(crate) async fn echo(request: Request<Script>) -> Result<Response<Script>, Infallible> {
    let key = request.extensions().get::<KeyState>().cloned();
    let mut script = request.into_body();
    script.key = key;
    let mut response = Response::builder().status(script.status);
    if let Some(length) = script.announced {
        response = response.header("content-length", length);
    }
    Ok(response.body(script).unwrap())
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let Some((line, rest)) = self.lines.split_first() else { return Poll::Ready(None) };
        self.lines = rest;
        Poll::Ready(Some(Ok(match line {
            Line::Data(text) => Frame::data(Bytes::from_static(text.as_bytes())),
            Line::Trailers => Frame::trailers(HeaderMap::from_iter([(
                http::header::ETAG,
                "end".parse().unwrap(),
            )])),
            Line::Pause => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Line::Fails => return Poll::Ready(Some(Err("the body failed"))),
            Line::Panics => panic!("the body panics"),
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.foresight == Foresight::SeesItsEnd && self.lines.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
