//! The response future: the decision, then the inner service.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use keycap_gate::{Answer, Deciding, Decision, KeyState, Observation};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::handling::Handling;
use crate::response::refused;
use crate::setup::{Depth, Setup};
use crate::{GuardedBody, Observed};

pin_project! {
    /// Decides on a request, then runs the inner service. Nothing is decided before the first poll.
    ///
    /// Dropped, it ends the request: what was held goes by the guard's endings.
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
        Deciding { before: Option<Before<S, B>> },
        Handling { #[pin] handling: Handling<S::Future> },
    }
}

/// What waits for the decision.
struct Before<S, B> {
    setup: Arc<Setup>,
    service: S,
    request: Request<B>,
    deciding: Option<(Deciding, Depth)>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new(setup: Arc<Setup>, service: S, request: Request<B>) -> Self {
        let before = Some(Before { setup, service, request, deciding: None });
        Self { stage: Stage::Deciding { before } }
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
            match stage.as_mut().project() {
                StageProjection::Handling { handling } => return handling.poll(context),
                StageProjection::Deciding { before } => match ready!(decide(before, context)) {
                    Next::Answer(answer) => return Poll::Ready(Ok(refused(answer))),
                    Next::Handle(handling) => stage.set(Stage::Handling { handling }),
                },
            }
        }
    }
}

/// What comes after the decision.
enum Next<F> {
    Handle(Handling<F>),
    Answer(Answer),
}

fn decide<S, B>(slot: &mut Option<Before<S, B>>, context: &mut Context<'_>) -> Poll<Next<S::Future>>
where
    S: Service<Request<B>>,
{
    #[expect(clippy::expect_used, reason = "whoever polls a finished future is at fault")]
    let mut before = slot.take().expect("a future is not polled again once it was ready");
    let Poll::Ready(decision) = before.poll(context) else {
        *slot = Some(before);
        return Poll::Pending;
    };
    Poll::Ready(match decision {
        Decision::Admitted(key) => Next::Handle(before.handle(Some(key))),
        Decision::Observed(key, observation) => {
            before.note(observation);
            Next::Handle(before.handle(key))
        }
        Decision::Refused(refusal) => Next::Answer(before.setup.guarded.answer(&refusal)),
    })
}

impl<S, B> Before<S, B> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Decision> {
        let Self { setup, request, deciding, .. } = self;
        let (deciding, _) = deciding.get_or_insert_with(|| setup.decide(request));
        Pin::new(deciding).poll(context)
    }

    /// Tells the handler what observe mode did not carry out.
    fn note(&mut self, observation: Observation) {
        let observed = Observed::new(self.setup.guarded.gate(), observation.clone());
        let extensions = self.request.extensions_mut();
        extensions.insert(observation);
        extensions.insert(observed);
    }

    /// Calls the inner service, on the course of `key` if there is one.
    fn handle(self, key: Option<KeyState>) -> Handling<S::Future>
    where
        S: Service<Request<B>>,
    {
        let depth = self.deciding.map_or(Depth::Outermost, |(_, depth)| depth);
        Handling::begin(self.setup, depth, self.service, self.request, key)
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Deciding { .. } => "deciding",
            Stage::Handling { .. } => "handling",
        };
        f.debug_struct("ResponseFuture").field("stage", &stage).finish_non_exhaustive()
    }
}
