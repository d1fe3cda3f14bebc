//! The paths of the API.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Given;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use keycap_base::Clock as _;

use super::bodies::{CreateKey, DeleteKey, UpdateKey, VerifyKey};
use super::problem::Problem;
use super::{API_ID, ROOT_KEY, Shared, State};

/// What a verification costs where the request does not say.
const DEFAULT_COST: i64 = 1;

pub(super) fn router(shared: Shared) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(
    Given(shared): Given<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now_ms = shared.clock.now().as_millis();
    let mut state = shared.state.lock();
    state.requests += 1;
    *state.counts.entry(uri.path().to_owned()).or_default() += 1;
    let request_id = format!("req_standin{:04}", state.requests);
    let outcome = match state.failing {
        Some(status) => Err(Problem::Ordered(status)),
        None => authorised(&headers)
            .and_then(|()| state.data(&format!("{method} {}", uri.path()), &body, now_ms)),
    };
    match outcome {
        Ok(data) => {
            Json(json!({ "meta": { "requestId": request_id }, "data": data })).into_response()
        }
        Err(problem) => problem.response(&request_id),
    }
}

fn authorised(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(AUTHORIZATION).ok_or(Problem::NoCredential)?;
    let given = given.to_str().map_err(|_| Problem::NotBearer)?;
    match given.strip_prefix("Bearer ") {
        Some(ROOT_KEY) => Ok(()),
        Some(_) => Err(Problem::UnknownRootKey),
        None => Err(Problem::NotBearer),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::Body(error.to_string()))
}

impl State {
    fn data(&mut self, operation: &str, body: &[u8], now_ms: i64) -> Result<Value, Problem> {
        match operation {
            "POST /v2/keys.createKey" => self.create(read(body)?),
            "POST /v2/keys.verifyKey" => self.verify(read(body)?, now_ms),
            "POST /v2/keys.updateKey" => self.update(read(body)?),
            "POST /v2/keys.deleteKey" => self.delete(&read(body)?),
            _ => Err(Problem::NoSuchPath),
        }
    }

    fn create(&mut self, body: CreateKey) -> Result<Value, Problem> {
        if body.api_id != API_ID {
            return Err(Problem::NoSuchApi);
        }
        let created = self.keys.create(body);
        Ok(json!({ "keyId": created.key_id, "key": created.secret }))
    }

    fn verify(&mut self, body: VerifyKey, now_ms: i64) -> Result<Value, Problem> {
        if !(1..=512).contains(&body.key.len()) {
            return Err(Problem::Body("key: 1 to 512 characters".to_owned()));
        }
        let cost = body.credits.map_or(DEFAULT_COST, |credits| credits.cost);
        match cost {
            ..0 => Err(Problem::Body("credits.cost: at least 0".to_owned())),
            0.. => Ok(self.keys.verify(&body.key, cost, now_ms)),
        }
    }

    fn update(&mut self, body: UpdateKey) -> Result<Value, Problem> {
        let row = self.keys.row_mut(&body.key_id).ok_or(Problem::NoSuchKey)?;
        row.update(body);
        Ok(json!({}))
    }

    fn delete(&mut self, body: &DeleteKey) -> Result<Value, Problem> {
        match self.keys.delete(&body.key_id) {
            true => Ok(json!({})),
            false => Err(Problem::NoSuchKey),
        }
    }
}
