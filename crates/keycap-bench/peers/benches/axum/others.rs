//! The peers, set up as their documentation says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, Response, StatusCode};
use moka::future::Cache;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};
use tower_http::auth::{AsyncAuthorizeRequest, AsyncRequireAuthorizationLayer};

use crate::app::bearer;

fn token<T>(request: &Request<T>) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn unauthorized() -> Response<Body> {
    let response = Response::builder().status(StatusCode::UNAUTHORIZED);
    response.body(Body::empty()).expect("an answer")
}

/// The key of a rate limit is the bearer's token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByBearer;

impl KeyExtractor for ByBearer {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
        token(request).map(|token| token.trim().to_owned()).ok_or(GovernorError::Other {
            code: StatusCode::UNAUTHORIZED,
            msg: None,
            headers: None,
        })
    }
}

type Governed = GovernorLayer<ByBearer, ::governor::middleware::NoOpMiddleware, Body>;

/// A rate limit that is never reached.
pub(crate) fn governed() -> Governed {
    let mut config = GovernorConfigBuilder::default().key_extractor(ByBearer);
    GovernorLayer::new(config.per_nanosecond(1).burst_size(u32::MAX).finish().expect("a quota"))
}

/// Who a token stands for.
#[derive(Clone, Debug)]
struct User {
    _name: Arc<str>,
}

/// Looks tokens up in a cache; what is not in it would be asked for elsewhere, and never is here.
#[derive(Clone)]
pub(crate) struct Cached(Cache<String, User>);

impl AsyncAuthorizeRequest<Body> for Cached {
    type RequestBody = Body;
    type ResponseBody = Body;
    type Future =
        Pin<Box<dyn Future<Output = Result<Request<Body>, Response<Body>>> + Send + 'static>>;

    fn authorize(&mut self, mut request: Request<Body>) -> Self::Future {
        let cache = self.0.clone();
        Box::pin(async move {
            let Some(token) = token(&request) else { return Err(unauthorized()) };
            let Some(user) = cache.get(token).await else { return Err(unauthorized()) };
            request.extensions_mut().insert(user);
            Ok(request)
        })
    }
}

pub(crate) fn authorized() -> AsyncRequireAuthorizationLayer<Cached> {
    let day = Duration::from_secs(86_400);
    let cache = Cache::builder().max_capacity(10_000).time_to_live(day).build();
    let token = bearer().trim_start_matches("Bearer ").to_owned();
    keycap_bench::background().block_on(cache.insert(token, User { _name: "alice".into() }));
    AsyncRequireAuthorizationLayer::new(Cached(cache))
}

pub(crate) mod jwt {
    use axum::body::Body;
    use axum::http::{Request, Response};
    use jsonwebtoken::{
        DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
    };
    use serde::{Deserialize, Serialize};
    use tower_http::validate_request::{ValidateRequest, ValidateRequestHeaderLayer};

    use super::{token, unauthorized};

    const SECRET: &[u8] = b"a shared secret of thirty-two by";

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Claims {
        sub: String,
        scope: String,
        exp: u64,
    }

    pub(crate) fn bearer() -> String {
        let exp = get_current_timestamp() + 86_400;
        let claims = Claims { sub: "alice".into(), scope: "chat models:read".into(), exp };
        let key = EncodingKey::from_secret(SECRET);
        format!("Bearer {}", encode(&Header::default(), &claims, &key).expect("a token"))
    }

    /// Verifies the token and leaves its claims to the handler.
    #[derive(Clone)]
    pub(crate) struct Verified {
        key: DecodingKey,
        validation: Validation,
    }

    impl ValidateRequest<Body> for Verified {
        type ResponseBody = Body;

        fn validate(&mut self, request: &mut Request<Body>) -> Result<(), Response<Body>> {
            let token = token(request).ok_or_else(unauthorized)?;
            let data = decode::<Claims>(token, &self.key, &self.validation);
            let claims = data.map_err(|_| unauthorized())?.claims;
            request.extensions_mut().insert(claims);
            Ok(())
        }
    }

    pub(crate) fn layer() -> ValidateRequestHeaderLayer<Verified> {
        let key = DecodingKey::from_secret(SECRET);
        ValidateRequestHeaderLayer::custom(Verified { key, validation: Validation::default() })
    }
}
