//! The service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::setup::Setup;
use crate::{GuardedBody, ResponseFuture};

/// Asks the gate before it calls the inner service. A refusal is a response; the error is the inner
/// service's.
///
/// See [`KeycapLayer`](crate::KeycapLayer).
#[derive(Clone)]
pub struct KeycapService<S> {
    inner: S,
    setup: Arc<Setup>,
}

impl<S> KeycapService<S> {
    pub(crate) fn new(inner: S, setup: Arc<Setup>) -> Self {
        Self { inner, setup }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for KeycapService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<GuardedBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> ResponseFuture<S, ReqBody> {
        // The one that was polled ready is the one that is called; its clone may not be.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::new(Arc::clone(&self.setup), ready, request)
    }
}

impl<S: fmt::Debug> fmt::Debug for KeycapService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeycapService")
            .field("inner", &self.inner)
            .field("guarded", &self.setup.guarded)
            .finish()
    }
}
