//! The paths, and who may ask what.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::Problem;
use super::requests::{NewApiKey, NewToken, Revoke, Update, VerifyKey, VerifyToken};
use super::{SECRET_KEY, Shared};

const NO_KEY: Problem = Problem::NotFound("API key not found");
const NO_TOKEN: Problem = Problem::NotFound("M2M token not found");
/// How many keys a list shows unless it is told otherwise, and at most.
const LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

type Told = Result<Json<Value>, Problem>;
type Its = State<Arc<Shared>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let paths = Router::new()
        .route("/api_keys", post(create_key).get(list_keys))
        .route("/api_keys/verify", post(verify_key))
        .route("/api_keys/{id}", patch(update_key).get(show_key))
        .route("/api_keys/{id}/revoke", post(revoke_key))
        .route("/m2m_tokens", post(create_token))
        .route("/m2m_tokens/verify", post(verify_token))
        .route("/m2m_tokens/{id}/revoke", post(revoke_token));
    Router::new()
        .merge(paths.clone())
        .nest("/v1", paths)
        .fallback(get(nothing).post(nothing))
        .layer(from_fn_with_state(Arc::clone(&shared), enter))
        .with_state(shared)
}

/// What happens to every request: it is counted, held back, throttled.
async fn enter(State(shared): Its, request: Request, next: Next) -> Response {
    if request.uri().path().ends_with("/verify") {
        shared.verifications.fetch_add(1, Ordering::SeqCst);
    }
    shared.door.pass().await;
    let throttled = *shared.throttled.lock();
    match throttled {
        Some(wait) => Problem::TooMany(wait).into_response(),
        None => next.run(request).await,
    }
}

async fn nothing() -> Problem {
    Problem::NotFound("not found")
}

async fn create_key(State(shared): Its, headers: HeaderMap, body: Bytes) -> Told {
    instance(&headers)?;
    let new = read::<NewApiKey>(&body)?.check()?;
    let now_ms = shared.now_ms();
    let key = shared.memory.lock().create_key(new, now_ms);
    Ok(Json(with(key.json(now_ms), "secret", &key.secret)))
}

async fn list_keys(State(shared): Its, headers: HeaderMap, RawQuery(query): RawQuery) -> Told {
    instance(&headers)?;
    let query = query.unwrap_or_default();
    let pairs = || query.split('&').filter_map(|pair| pair.split_once('='));
    let of = |name: &str| pairs().find(|(known, _)| *known == name).map(|(_, value)| value);
    let wrong = |name: &str| Problem::BadRequest(format!("Invalid 'query.{name}'"));
    let number = |name: &str, default: usize| match of(name) {
        Some(text) => text.parse().map_err(|_| wrong(name)),
        None => Ok(default),
    };
    let subject = of("subject").ok_or_else(|| wrong("subject"))?;
    let (limit, offset) = (number("limit", LIMIT)?, number("offset", 0)?);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(wrong("limit"));
    }
    let now_ms = shared.now_ms();
    let memory = shared.memory.lock();
    let keys = memory.keys_of(subject, of("include_invalid") == Some("true"), now_ms);
    let page: Vec<_> = keys.iter().skip(offset).take(limit).map(|key| key.json(now_ms)).collect();
    Ok(Json(json!({ "data": page, "total_count": keys.len() })))
}

async fn show_key(State(shared): Its, headers: HeaderMap, Path(id): Path<String>) -> Told {
    instance(&headers)?;
    let now_ms = shared.now_ms();
    let memory = shared.memory.lock();
    memory.key(&id).map(|key| Json(key.json(now_ms))).ok_or(NO_KEY)
}

async fn update_key(
    State(shared): Its,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told {
    instance(&headers)?;
    let update = read::<Update>(&body)?.check()?;
    let now_ms = shared.now_ms();
    let mut memory = shared.memory.lock();
    memory.update(&id, update, now_ms).map(|key| Json(key.json(now_ms))).ok_or(NO_KEY)
}

async fn revoke_key(
    State(shared): Its,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told {
    instance(&headers)?;
    let revoke = read::<Revoke>(&body)?;
    let now_ms = shared.now_ms();
    let mut memory = shared.memory.lock();
    memory.key(&id).ok_or(NO_KEY)?;
    memory.revoke(&id, revoke.revocation_reason, now_ms);
    memory.key(&id).map(|key| Json(key.json(now_ms))).ok_or(NO_KEY)
}

async fn verify_key(State(shared): Its, headers: HeaderMap, body: Bytes) -> Told {
    instance(&headers)?;
    let asked = read::<VerifyKey>(&body)?;
    let now_ms = shared.now_ms();
    let mut memory = shared.memory.lock();
    memory.verify_key(&asked.secret, now_ms).map(|key| Json(key.json(now_ms))).ok_or(NO_KEY)
}

async fn create_token(
    State(shared): Its,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Caller::Machine(machine) = caller(&shared, &headers)? else {
        return Err(Problem::WrongMachineSecretKey);
    };
    let new = read::<NewToken>(&body)?.check()?;
    let now_ms = shared.now_ms();
    let token = shared.memory.lock().create_token(&machine, new, now_ms);
    Ok((StatusCode::CREATED, Json(with(token.json(now_ms), "token", &token.secret))))
}

async fn revoke_token(
    State(shared): Its,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Told {
    let caller = caller(&shared, &headers)?;
    let revoke = read::<Revoke>(&body)?;
    let now_ms = shared.now_ms();
    let mut memory = shared.memory.lock();
    let token = memory.token(&id).ok_or(NO_TOKEN)?;
    if caller.machine().is_some_and(|machine| machine != token.machine) {
        return Err(NO_TOKEN);
    }
    memory.revoke(&id, revoke.revocation_reason, now_ms);
    memory.token(&id).map(|token| Json(token.json(now_ms))).ok_or(NO_TOKEN)
}

async fn verify_token(State(shared): Its, headers: HeaderMap, body: Bytes) -> Told {
    let caller = caller(&shared, &headers)?;
    let asked = read::<VerifyToken>(&body)?;
    let now_ms = shared.now_ms();
    let mut memory = shared.memory.lock();
    let token = memory.verify_token(&asked.token, caller.machine(), now_ms);
    token.map(|token| Json(token.json(now_ms))).ok_or(NO_TOKEN)
}

/// Whose key the caller shows.
enum Caller {
    Instance,
    Machine(String),
}

impl Caller {
    fn machine(&self) -> Option<&str> {
        match self {
            Self::Instance => None,
            Self::Machine(machine) => Some(machine),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    shown.and_then(|shown| shown.strip_prefix("Bearer ")).ok_or(Problem::NoSecretKey)
}

fn instance(headers: &HeaderMap) -> Result<(), Problem> {
    match bearer(headers)? == SECRET_KEY {
        true => Ok(()),
        false => Err(Problem::WrongSecretKey),
    }
}

fn caller(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Problem> {
    let key = bearer(headers)?;
    if key == SECRET_KEY {
        return Ok(Caller::Instance);
    }
    let memory = shared.memory.lock();
    let machine = memory.machine_of(key).map(str::to_owned).map(Caller::Machine);
    let wrong = match key.starts_with("ak_") {
        true => Problem::WrongMachineSecretKey,
        false => Problem::WrongSecretKey,
    };
    machine.ok_or(wrong)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let wrong = |error: serde_json::Error| {
        Problem::BadRequest(format!("Invalid body: {:?} error", error.classify()))
    };
    serde_json::from_slice(body).map_err(wrong)
}

fn with(mut shown: Value, member: &str, secret: &str) -> Value {
    shown[member] = secret.into();
    shown
}
