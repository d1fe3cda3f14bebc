//! One request on its way through the middleware: decided on, then run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use keycap_gate::{Course, Deciding, Decision, Refusal};
use pin_project_lite::pin_project;

use crate::GuardedBody;
use crate::middleware::Wrapped;
use crate::observation::note;
use crate::response::{add_headers, response};

/// Where a middleware stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The first of its gate: what is done once for a request, it does.
    Outermost,
    /// Inside a request that its gate has admitted already.
    Nested,
}

pin_project! {
    /// The future of [`KeycapService`](crate::KeycapService): decides on a request, then runs the
    /// handler. Nothing is decided before the first poll.
    ///
    /// Dropped while the handler runs, the request ends as its guard says of a client that left.
    pub struct ResponseFuture<S: Service<ServiceRequest>> {
        wrapped: Rc<Wrapped<S>>,
        #[pin]
        stage: Stage<S::Future>,
    }
}

pin_project! {
    #[project = StageProjection]
    #[project_replace = StageOwned]
    enum Stage<F> {
        Deciding { deciding: Option<(Deciding, Depth)>, request: ServiceRequest },
        Running { #[pin] running: F, course: Option<Course>, depth: Depth },
        Over,
    }
}

impl<S: Service<ServiceRequest>> ResponseFuture<S> {
    pub(crate) fn new(wrapped: Rc<Wrapped<S>>, request: ServiceRequest) -> Self {
        Self { wrapped, stage: Stage::Deciding { deciding: None, request } }
    }
}

impl<S, B> Future for ResponseFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<GuardedBody<B>>, actix_web::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        if let StageProjection::Deciding { deciding, request } = this.stage.as_mut().project() {
            let (deciding, depth) = deciding.get_or_insert_with(|| this.wrapped.decide(request));
            let (decision, depth) = (ready!(Pin::new(deciding).poll(context)), *depth);
            let StageOwned::Deciding { request, .. } =
                this.stage.as_mut().project_replace(Stage::Over)
            else {
                return Poll::Pending;
            };
            match start(this.wrapped, request, decision, depth) {
                Start::Running(running) => this.stage.set(running),
                Start::Refused(refused) => return Poll::Ready(Ok(refused)),
            }
        }
        let StageProjection::Running { running, course, depth } = this.stage.as_mut().project()
        else {
            // Polled again after its end, which nobody may do.
            return Poll::Pending;
        };
        let ended = ready!(watch(course, || running.poll(context)));
        let (course, depth) = (course.take(), *depth);
        this.stage.set(Stage::Over);
        Poll::Ready(answered(ended, course, this.wrapped, depth))
    }
}

/// Runs application code on a course, if there is one.
fn watch<T>(course: &mut Option<Course>, code: impl FnOnce() -> T) -> T {
    match course {
        Some(course) => course.run(code),
        None => code(),
    }
}

/// What a decision leads to.
enum Start<F, B> {
    Running(Stage<F>),
    Refused(ServiceResponse<GuardedBody<B>>),
}

/// Calls the handler, or makes the response that the refusal is.
fn start<S, B>(
    wrapped: &Wrapped<S>,
    request: ServiceRequest,
    decision: Decision,
    depth: Depth,
) -> Start<S::Future, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    let key = match decision {
        Decision::Admitted(key) => Some(key),
        Decision::Observed(key, observation) => {
            note(&request, wrapped.guarded().gate(), observation);
            key
        }
        Decision::Refused(refusal) => {
            return Start::Refused(refused(wrapped, request, &refusal));
        }
    };
    let mut course = key.map(|key| {
        request.extensions_mut().insert(key.clone());
        Course::begin(key)
    });
    let running = watch(&mut course, || wrapped.service.call(request));
    Start::Running(Stage::Running { running, course, depth })
}

fn refused<S, B: MessageBody>(
    wrapped: &Wrapped<S>,
    request: ServiceRequest,
    refusal: &Refusal,
) -> ServiceResponse<GuardedBody<B>> {
    let answer = wrapped.guarded().answer(refusal);
    let (request, _payload) = request.into_parts();
    ServiceResponse::new(request, response(answer, GuardedBody::of_refusal))
}

/// Notes how the handler ended, and sees its body off.
fn answered<S, B: MessageBody>(
    ended: Result<ServiceResponse<B>, actix_web::Error>,
    mut course: Option<Course>,
    wrapped: &Wrapped<S>,
    depth: Depth,
) -> Result<ServiceResponse<GuardedBody<B>>, actix_web::Error> {
    let mut answer = match ended {
        Ok(answer) => answer,
        Err(error) => {
            // Becomes a response further out, where this cannot follow it.
            if let Some(course) = &mut course {
                course.answered(error.error_response().status().as_u16());
                course.completed();
            }
            return Err(error);
        }
    };
    if let Some(course) = &mut course {
        course.answered(answer.status().as_u16());
        if depth == Depth::Outermost {
            add_headers(answer.headers_mut(), wrapped.guarded().admitted_headers(course.key()));
        }
    }
    let method = answer.request().method().clone();
    Ok(answer.map_body(|_, body| GuardedBody::of_handler(body, course, &method)))
}

impl<S: Service<ServiceRequest>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
