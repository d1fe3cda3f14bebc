//! The inner service at work, watched until it answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use http_body::Body;
use keycap_gate::{Course, KeyState};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::GuardedBody;
use crate::response::add_headers;
use crate::setup::{Depth, Setup};

pin_project! {
    /// The inner service at work.
    pub(crate) struct Handling<F> {
        #[pin]
        future: F,
        course: Option<Course>,
        setup: Arc<Setup>,
        method: Method,
        depth: Depth,
    }
}

impl<F> Handling<F> {
    /// Calls the inner service, on the course of `key` if there is one.
    pub(crate) fn begin<S, B>(
        setup: Arc<Setup>,
        depth: Depth,
        mut service: S,
        mut request: Request<B>,
        key: Option<KeyState>,
    ) -> Self
    where
        S: Service<Request<B>, Future = F>,
    {
        let method = request.method().clone();
        let mut course = key.map(|key| {
            request.extensions_mut().insert(key.clone());
            Course::begin(key)
        });
        let future = watch(&mut course, || service.call(request));
        Self { future, course, setup, method, depth }
    }
}

/// Runs application code on a course, if there is one.
fn watch<T>(course: &mut Option<Course>, code: impl FnOnce() -> T) -> T {
    match course {
        Some(course) => course.run(code),
        None => code(),
    }
}

impl<F, ResBody, E> Future for Handling<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Body,
{
    type Output = Result<Response<GuardedBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(watch(this.course, || this.future.poll(context)));
        let course = this.course.take();
        Poll::Ready(match (answered, course) {
            (Ok(mut response), Some(mut course)) => {
                course.answered(response.status().as_u16());
                if *this.depth == Depth::Outermost {
                    let headers = this.setup.guarded.admitted_headers(course.key());
                    add_headers(response.headers_mut(), headers);
                }
                Ok(GuardedBody::watched(this.method, response, course))
            }
            (Ok(response), None) => Ok(response.map(GuardedBody::unwatched)),
            (Err(error), Some(mut course)) => {
                course.failed();
                Err(error)
            }
            (Err(error), None) => Err(error),
        })
    }
}
