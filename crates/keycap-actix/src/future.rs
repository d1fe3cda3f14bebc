//! One request on its way through the middleware: decided on, then run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::{HttpMessage, HttpRequest};
use keycap_gate::{Answer, Course, Deciding, Decision, KeyState};
use pin_project_lite::pin_project;

use crate::GuardedBody;
use crate::body::Asked;
use crate::middleware::{Depth, Wrapped};
use crate::observation::note;
use crate::response::{add_headers, response};

pin_project! {
    /// The future of [`KeycapService`](crate::KeycapService): the handler at work, or the answer that
    /// a refusal is. Where the decision has to wait for something, that comes first.
    ///
    /// Dropped while the handler runs, the request ends as its guard says of a client that left.
    /// Dropped before its first poll, nothing was spent, because nobody asked for it.
    pub struct ResponseFuture<S: Service<ServiceRequest>> {
        #[pin]
        stage: Stage<S>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S: Service<ServiceRequest>> {
        Running {
            #[pin]
            running: S::Future,
            course: Option<Course>,
            // Only where a response carries headers of the gate's.
            headers: Option<Rc<Wrapped<S>>>,
        },
        Refused { refused: Option<Refused> },
        // In a box, because few requests wait and all carry the room for it.
        Waiting { waiting: Box<Waiting<S>> },
        Over,
    }
}

/// A request that was refused.
struct Refused {
    request: HttpRequest,
    answer: Answer,
}

impl Refused {
    fn into_response<B: MessageBody>(self) -> ServiceResponse<GuardedBody<B>> {
        ServiceResponse::new(self.request, response(self.answer, GuardedBody::of_refusal))
    }
}

/// A request whose decision has to wait.
struct Waiting<S> {
    wrapped: Rc<Wrapped<S>>,
    /// Taken when the decision is there.
    request: Option<ServiceRequest>,
    deciding: Deciding,
    depth: Depth,
}

impl<S: Service<ServiceRequest>> ResponseFuture<S> {
    /// Asks the gate, and calls the handler at once if there is nothing to wait for.
    pub(crate) fn of(wrapped: &Rc<Wrapped<S>>, mut request: ServiceRequest) -> Self {
        let (deciding, depth) = wrapped.decide(&mut request);
        let stage = match deciding.at_once() {
            Ok(decision) => Stage::of(wrapped, request, decision, depth),
            Err(deciding) => {
                let (wrapped, request) = (Rc::clone(wrapped), Some(request));
                let waiting = Box::new(Waiting { wrapped, request, deciding, depth });
                Stage::Waiting { waiting }
            }
        };
        Self { stage }
    }
}

impl<S: Service<ServiceRequest>> Stage<S> {
    /// What a decision leads to.
    fn of(
        wrapped: &Rc<Wrapped<S>>,
        request: ServiceRequest,
        decision: Decision,
        depth: Depth,
    ) -> Self {
        let key = match decision {
            Decision::Admitted(key) => Some(key),
            Decision::Observed(key, observation) => {
                note(&request, wrapped.guarded().gate(), observation);
                key
            }
            Decision::Refused(refusal) => {
                let answer = wrapped.guarded().answer(&refusal);
                let (request, _payload) = request.into_parts();
                return Self::Refused { refused: Some(Refused { request, answer }) };
            }
        };
        let sends = depth == Depth::Outermost && wrapped.guarded().sends_headers();
        Self::run(wrapped, request, key, sends.then(|| Rc::clone(wrapped)))
    }

    /// Calls the handler, on the course of `key` if there is one.
    fn run(
        wrapped: &Wrapped<S>,
        request: ServiceRequest,
        key: Option<KeyState>,
        headers: Option<Rc<Wrapped<S>>>,
    ) -> Self {
        let Some(key) = key else {
            return Self::Running { running: wrapped.service.call(request), course: None, headers };
        };
        request.extensions_mut().insert(key.clone());
        let mut course = Course::calling(key);
        let running = wrapped.service.call(request);
        course.called();
        Self::Running { running, course: Some(course), headers }
    }
}

impl<S: Service<ServiceRequest>> Waiting<S> {
    /// The stage after this one.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Stage<S>> {
        let decision = ready!(Pin::new(&mut self.deciding).poll(context));
        Poll::Ready(match self.request.take() {
            Some(request) => Stage::of(&self.wrapped, request, decision, self.depth),
            None => Stage::Over,
        })
    }
}

impl<S, B> Future for ResponseFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<GuardedBody<B>>, actix_web::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        if let StageProjection::Waiting { waiting } = stage.as_mut().project() {
            let next = ready!(waiting.poll(context));
            stage.set(next);
        }
        let ended = match stage.as_mut().project() {
            StageProjection::Running { running, course, headers } => {
                let ended = ready!(watch(course, || running.poll(context)));
                Some(answered(ended, course.take(), headers.as_deref()))
            }
            StageProjection::Refused { refused } => refused.take().map(|it| Ok(it.into_response())),
            // Polled again after its end, which nobody may do.
            StageProjection::Waiting { .. } | StageProjection::Over => None,
        };
        stage.set(Stage::Over);
        ended.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Runs application code on a course, if there is one.
fn watch<T>(course: &mut Option<Course>, code: impl FnOnce() -> T) -> T {
    match course {
        Some(course) => course.run(code),
        None => code(),
    }
}

/// Notes how the handler ended, and sees its body off.
fn answered<S, B: MessageBody>(
    ended: Result<ServiceResponse<B>, actix_web::Error>,
    mut course: Option<Course>,
    headers: Option<&Wrapped<S>>,
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
        if let Some(wrapped) = headers {
            add_headers(answer.headers_mut(), wrapped.guarded().admitted_headers(course.key()));
        }
    }
    let asked = Asked::of(answer.request().method());
    Ok(answer.map_body(|_, body| GuardedBody::of_handler(body, course, asked)))
}

impl<S: Service<ServiceRequest>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
