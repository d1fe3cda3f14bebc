//! What accompanies a request that goes in, until the inner service has answered.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use keycap_gate::Course;

use crate::GuardedBody;
use crate::awaited::Asked;
use crate::response::add_headers;
use crate::setup::Setup;

/// What a request has with it on its way through the inner service.
pub(crate) struct Pass {
    /// None where observe mode let somebody unknown through.
    pub(crate) course: Option<Course>,
    pub(crate) asked: Asked,
    /// Only where a response carries headers of the gate's.
    pub(crate) headers: Option<Arc<Setup>>,
}

impl Pass {
    /// The inner service was called.
    #[inline]
    pub(crate) fn called(mut self) -> Self {
        if let Some(course) = &mut self.course {
            course.called();
        }
        self
    }

    /// Polls the inner service, and sees its answer off.
    #[inline]
    pub(crate) fn poll<F, B, E>(
        &mut self,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Response<GuardedBody<B>>, E>>
    where
        F: Future<Output = Result<Response<B>, E>>,
        B: Body,
    {
        let Some(course) = &mut self.course else {
            return future.poll(context).map_ok(|answer| answer.map(GuardedBody::unwatched));
        };
        Poll::Ready(match ready!(course.run(|| future.poll(context))) {
            Ok(mut response) => {
                course.answered(response.status().as_u16());
                if let Some(setup) = &self.headers {
                    let headers = setup.guarded.admitted_headers(course.key());
                    add_headers(response.headers_mut(), headers);
                }
                Ok(GuardedBody::watched(self.asked, response, self.course.take()))
            }
            Err(error) => {
                course.failed();
                self.course = None;
                Err(error)
            }
        })
    }
}
