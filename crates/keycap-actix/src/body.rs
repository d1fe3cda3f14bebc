//! The response body: watched to its end, because the hold lasts until then.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::Method;
use bytes::Bytes;
use keycap_gate::Course;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response that went through [`Keycap`](crate::Keycap): the handler's, or a
    /// refusal's.
    ///
    /// Dropped before its end, the request was cut short.
    pub struct GuardedBody<B> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<B> {
        /// A handler's body, and the course of its request until the body has ended.
        Handler { #[pin] body: B, course: Option<Course> },
        /// A refusal's body; none once it was taken.
        Refusal { bytes: Option<Bytes> },
    }
}

/// What matters of a request's method when its answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HEAD: nobody reads the body.
    ForTheHead,
    /// Any other.
    ForAll,
}

impl Asked {
    pub(crate) fn of(method: &Method) -> Self {
        if *method == Method::HEAD { Self::ForTheHead } else { Self::ForAll }
    }
}

impl<B: MessageBody> GuardedBody<B> {
    /// The body of a handler's answer to a request that asked for so much.
    pub(crate) fn of_handler(body: B, mut course: Option<Course>, asked: Asked) -> Self {
        let nobody_reads_it = asked == Asked::ForTheHead || body.size().is_eof();
        if let Some(course) = course.as_mut().filter(|_| nobody_reads_it) {
            course.completed();
        }
        Self { inner: Inner::Handler { body, course } }
    }

    /// The body of a refusal.
    pub(crate) fn of_refusal(bytes: Bytes) -> Self {
        Self { inner: Inner::Refusal { bytes: Some(bytes) } }
    }
}

impl<B: MessageBody> MessageBody for GuardedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        match &self.inner {
            Inner::Handler { body, .. } => body.size(),
            Inner::Refusal { bytes } => bytes.as_ref().map_or(BodySize::Sized(0), Bytes::size),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        match self.project().inner.project() {
            InnerProjection::Handler { body, course } => watched(body, course, context),
            InnerProjection::Refusal { bytes } => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok))
            }
        }
    }
}

/// Polls a handler's body, and ends the course of its request with it.
fn watched<B: MessageBody>(
    body: Pin<&mut B>,
    watch: &mut Option<Course>,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, B::Error>>> {
    let Some(course) = watch else { return body.poll_next(context) };
    let polled = course.run(|| body.poll_next(context));
    match &polled {
        Poll::Pending | Poll::Ready(Some(Ok(_))) => return polled,
        Poll::Ready(Some(Err(_))) => course.body_failed(),
        Poll::Ready(None) => course.completed(),
    }
    *watch = None;
    polled
}

impl<B> fmt::Debug for GuardedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedBody").finish_non_exhaustive()
    }
}
