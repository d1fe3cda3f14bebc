//! The middleware: what an application wraps its routes in.

use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use keycap_gate::{Deciding, Gate, Guard, GuardError, Guarded, KeyState};

use crate::view::{CredentialHeaders, View};
use crate::{GuardedBody, ResponseFuture};

/// The middleware: verifies the key and holds its cost before a handler runs, settles afterwards.
/// For `App::wrap`, `Scope::wrap`, `Resource::wrap` and `Route::wrap`.
///
/// A refusal is an `Ok` response, so that outer middleware such as CORS sees it. On a scope, paths
/// outside it stay 404; on an app, a request without a key is refused before it is routed.
///
/// Wraps nest: the inner one verifies and holds nothing twice, it adds its guard's requirements and
/// tops the hold up.
///
/// Cheap to clone: make one, and clone it into the factory closure of `HttpServer`.
///
/// ```
/// use actix_web::{App, web};
/// use keycap_actix::{Error, Key, Keycap};
/// use keycap_budget::{MemoryLedger, usd};
/// use keycap_gate::{Deciding, Gate, Guard};
/// # use keycap_verify::{Digest, Secret, StaticKey, StaticKeys};
///
/// async fn chat(key: Key) -> Result<String, Error> {
///     key.track(usd!(0.01)).await?;
///     Ok(format!("hello, {}", key.subject()))
/// }
///
/// # actix_rt::System::new().block_on(async {
/// # let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// # let keys = StaticKeys::builder().key(StaticKey::new("ci", digest)).build()?;
/// let gate = Gate::builder().ledger(MemoryLedger::new()).provider(keys).build()?;
/// let keycap = Keycap::new(&gate, Guard::fixed(usd!(0.02)))?;
/// let app = App::new().service(web::scope("/v1").wrap(keycap).route("/chat", web::post().to(chat)));
/// # let app = actix_web::test::init_service(app).await;
/// # let chat = actix_web::test::TestRequest::post().uri("/v1/chat");
/// # let chat = chat.insert_header(("authorization", "Bearer abc")).to_request();
/// # let answer = actix_web::test::call_service(&app, chat).await;
/// # assert_eq!(actix_web::test::read_body(answer).await, "hello, static::ci");
/// # let (there, elsewhere) = (actix_web::test::TestRequest::post().uri("/v1/chat"),
/// #     actix_web::test::TestRequest::post().uri("/v2"));
/// # assert_eq!(actix_web::test::call_service(&app, there.to_request()).await.status(), 401);
/// # assert_eq!(actix_web::test::call_service(&app, elsewhere.to_request()).await.status(), 404);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "it guards nothing until an app, a scope or a resource is wrapped in it"]
pub struct Keycap {
    guarded: Guarded,
    credentials: CredentialHeaders,
}

impl Keycap {
    /// The middleware of this gate for routes under this guard.
    ///
    /// # Errors
    /// When something that was said of the guard makes no sense.
    pub fn new(gate: &Gate, guard: Guard) -> Result<Self, GuardError> {
        let guarded = gate.guarded(guard)?;
        Ok(Self { credentials: CredentialHeaders::of(&guarded), guarded })
    }
}

impl<S, B> Transform<S, ServiceRequest> for Keycap
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<GuardedBody<B>>;
    type Error = actix_web::Error;
    type Transform = KeycapService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(KeycapService(Rc::new(Wrapped { keycap: self.clone(), service }))))
    }
}

/// A service that is wrapped in [`Keycap`].
///
/// The gate is asked when this is called, and so is the handler if there is nothing to wait for. A
/// future that is dropped before its first poll ends the request as if no handler had been called.
pub struct KeycapService<S>(Rc<Wrapped<S>>);

/// Where a middleware stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The first of its gate: what is done once for a request, it does.
    Outermost,
    /// Inside a request that its gate has admitted already.
    Nested,
}

/// What every request of one worker shares.
pub(crate) struct Wrapped<S> {
    keycap: Keycap,
    pub(crate) service: S,
}

impl<S> Wrapped<S> {
    pub(crate) fn guarded(&self) -> &Guarded {
        &self.keycap.guarded
    }

    /// Asks the gate about a request, and shields its credential from everything inside.
    pub(crate) fn decide(&self, request: &mut ServiceRequest) -> (Deciding, Depth) {
        let Keycap { guarded, credentials } = &self.keycap;
        let inside = {
            let extensions = request.extensions();
            extensions.get::<KeyState>().filter(|key| guarded.has_admitted(key)).cloned()
        };
        let depth = if inside.is_some() { Depth::Nested } else { Depth::Outermost };
        let deciding = guarded.decide(&View { request, credentials }, inside);
        credentials.shield(request);
        (deciding, depth)
    }
}

impl<S, B> Service<ServiceRequest> for KeycapService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<GuardedBody<B>>;
    type Error = actix_web::Error;
    type Future = ResponseFuture<S>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        ResponseFuture::of(&self.0, request)
    }
}

impl fmt::Debug for Keycap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keycap").field("guarded", &self.guarded).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for KeycapService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeycapService").field("keycap", &self.0.keycap).finish_non_exhaustive()
    }
}
