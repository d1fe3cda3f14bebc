//! What the issuer answers: OpenID Connect Discovery 1.0 §4, RFC 8414 §3, RFC 7517 §5, RFC 6749 §4.4.

use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AUDIENCE, Algorithm, CLIENT_ID, CLIENT_SCOPES, CLIENT_SECRET, Shared, TOKEN_LIFE_S};

/// A token request (RFC 6749 §4.4.2), perhaps with the resource that it is for (RFC 8707 §2).
#[derive(Deserialize)]
struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
    resource: Option<String>,
}

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/jwks", get(jwks))
        .route("/token", post(token))
        .layer(from_fn_with_state(shared.clone(), count))
        .with_state(shared)
}

async fn count(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let failing = {
        let mut state = shared.state.lock();
        *state.counts.entry(request.uri().path().to_owned()).or_default() += 1;
        state.failing
    };
    match failing {
        Some(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        None => next.run(request).await,
    }
}

async fn metadata(State(shared): State<Shared>) -> Json<Value> {
    let url = &*shared.url;
    let state = shared.state.lock();
    Json(json!({
        "issuer": state.named.as_deref().unwrap_or(url),
        "jwks_uri": state.keys_at.clone().unwrap_or(format!("{url}/jwks")),
        "token_endpoint": format!("{url}/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }))
}

async fn jwks(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.state.lock().ring.jwks())
}

async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    let shown = basic(&headers).or(request.client_id.zip(request.client_secret));
    if shown != Some((CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if request.grant_type.as_deref() != Some("client_credentials") {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let scope = request.scope.unwrap_or_else(|| CLIENT_SCOPES.join(" "));
    if !scope.split(' ').all(|scope| CLIENT_SCOPES.contains(&scope)) {
        return refused(StatusCode::BAD_REQUEST, "invalid_scope");
    }
    let audience = request.resource.as_deref().unwrap_or(AUDIENCE);
    let claims = json!({
        "sub": CLIENT_ID, "client_id": CLIENT_ID, "aud": audience, "scope": scope,
    });
    let token = shared.sign(Algorithm::Es256, json!({}), claims);
    let body = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S, "scope": scope,
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// RFC 6749 §5.2.
fn refused(status: StatusCode, error: &str) -> Response {
    let body = Json(json!({ "error": error }));
    match status {
        StatusCode::UNAUTHORIZED => {
            (status, [(header::WWW_AUTHENTICATE, "Basic realm=\"issuer\"")], body).into_response()
        }
        status => (status, body).into_response(),
    }
}
