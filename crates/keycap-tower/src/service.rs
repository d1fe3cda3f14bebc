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
/// The gate is asked when this is called, and so is the inner service if there is nothing to wait
/// for. A response future that is dropped before its first poll ends the request as if the inner
/// service had not been called.
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

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> ResponseFuture<S, ReqBody> {
        ResponseFuture::of(&self.setup, &mut self.inner, request)
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
