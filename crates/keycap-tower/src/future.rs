//! The response future: what is left to do once the gate was asked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use keycap_gate::{Answer, Deciding, Decision};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::GuardedBody;
use crate::pass::Pass;
use crate::response::refused;
use crate::setup::{Depth, Setup};

pin_project! {
    /// The inner service at work, or the answer that a refusal is. Where the decision has to wait for
    /// something, that comes first.
    ///
    /// Dropped, it ends the request: what was held goes by the guard's endings. Dropped before its
    /// first poll, nothing was spent, because nobody asked for it.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        stage: Stage<S, B>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, B>
    where
        S: Service<Request<B>>,
    {
        Handling { #[pin] future: S::Future, pass: Pass },
        Refused { answer: Option<Answer> },
        // In a box, because few requests wait and all carry the room for it.
        Waiting { waiting: Option<Box<Waiting<S, B>>> },
    }
}

/// A request whose decision has to wait, and the service that it is for.
struct Waiting<S, B> {
    setup: Arc<Setup>,
    service: S,
    request: Request<B>,
    deciding: Deciding,
    depth: Depth,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>> + Clone,
{
    /// Asks the gate, and calls `service` at once if there is nothing to wait for.
    #[inline]
    pub(crate) fn of(setup: &Arc<Setup>, service: &mut S, mut request: Request<B>) -> Self {
        let (deciding, depth) = setup.decide(&mut request);
        match deciding.at_once() {
            Ok(decision) => match setup.act(decision, depth, &mut request) {
                Ok(pass) => Self { stage: Stage::call(pass, service, request) },
                Err(answer) => Self { stage: Stage::Refused { answer: Some(answer) } },
            },
            Err(deciding) => {
                // The one that was polled ready is the one that is called; its clone may not be.
                let clone = service.clone();
                let service = std::mem::replace(service, clone);
                let setup = Arc::clone(setup);
                let waiting = Box::new(Waiting { setup, service, request, deciding, depth });
                Self { stage: Stage::Waiting { waiting: Some(waiting) } }
            }
        }
    }
}

impl<S, B> Stage<S, B>
where
    S: Service<Request<B>>,
{
    #[inline]
    fn call(pass: Pass, service: &mut S, request: Request<B>) -> Self {
        Self::Handling { future: service.call(request), pass: pass.called() }
    }
}

impl<S, B> Waiting<S, B>
where
    S: Service<Request<B>>,
{
    fn go_on(mut self, decision: Decision) -> Stage<S, B> {
        match self.setup.act(decision, self.depth, &mut self.request) {
            Ok(pass) => Stage::call(pass, &mut self.service, self.request),
            Err(answer) => Stage::Refused { answer: Some(answer) },
        }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Output = Result<Response<GuardedBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let next = match stage.as_mut().project() {
                StageProjection::Handling { future, pass } => return pass.poll(future, context),
                StageProjection::Refused { answer } => {
                    return Poll::Ready(Ok(refused(once(answer))));
                }
                StageProjection::Waiting { waiting } => {
                    let mut before = once(waiting);
                    let Poll::Ready(decision) = Pin::new(&mut before.deciding).poll(context) else {
                        *waiting = Some(before);
                        return Poll::Pending;
                    };
                    before.go_on(decision)
                }
            };
            stage.set(next);
        }
    }
}

/// What a future gives out once.
#[expect(clippy::expect_used, reason = "whoever polls a finished future is at fault")]
fn once<T>(slot: &mut Option<T>) -> T {
    slot.take().expect("a future is not polled again once it was ready")
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Handling { .. } => "handling",
            Stage::Refused { .. } => "refused",
            Stage::Waiting { .. } => "deciding",
        };
        f.debug_struct("ResponseFuture").field("stage", &stage).finish_non_exhaustive()
    }
}
