//! The response body of a guarded service.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use keycap_gate::Course;
use pin_project_lite::pin_project;

use crate::awaited::{Asked, Awaited};
use crate::watched::Watched;

pin_project! {
    /// The inner service's body, passed on as it is, or the document of a refusal.
    ///
    /// The request's hold lasts until this has ended. Dropped before its end, the answer was cut
    /// short. A body whose announced length was taken, or of which nothing is ever sent (the answer
    /// to HEAD), has ended when it is dropped.
    pub struct GuardedBody<B>
    where
        B: Body,
    {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B>
    where
        B: Body,
    {
        Handler { #[pin] body: Watched<B> },
        Document { bytes: Bytes },
    }
}

impl<B: Body> GuardedBody<B> {
    /// The body of an admitted request's response.
    pub(crate) fn watched(
        asked: Asked,
        response: Response<B>,
        course: Option<Course>,
    ) -> Response<Self> {
        let awaited = Awaited::of(asked, &response);
        response.map(|body| Self::handler(Watched::new(body, course, awaited)))
    }

    /// The body of a response to somebody unknown, whom observe mode let through.
    pub(crate) fn unwatched(body: B) -> Self {
        Self::handler(Watched::new(body, None, Awaited::End))
    }

    /// The body of a refusal.
    pub(crate) fn document(bytes: Bytes) -> Self {
        Self { kind: Kind::Document { bytes } }
    }

    fn handler(body: Watched<B>) -> Self {
        Self { kind: Kind::Handler { body } }
    }
}

impl<B> Body for GuardedBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Handler { body } => body.poll_frame(context),
            KindProjection::Document { bytes } if bytes.is_empty() => Poll::Ready(None),
            KindProjection::Document { bytes } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes).into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Handler { body } => body.is_end_stream(),
            Kind::Document { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Handler { body } => body.size_hint(),
            Kind::Document { bytes } => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl<B: Body> fmt::Debug for GuardedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Handler { .. } => "handler",
            Kind::Document { .. } => "refusal",
        };
        f.debug_struct("GuardedBody").field("kind", &kind).finish_non_exhaustive()
    }
}
