mod answers;
mod identities;
mod setup;
mod troubles;

use std::collections::BTreeMap;

use keycap_base::{ManualClock, Timestamp};
use keycap_standins::recording::{Exchange, Replayer, Request, Response};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);
const ROOT_KEY: &str = "unkey_3ZtestsRootKey";
const KEY: &str = "acme_3ZtestsKey";

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

/// A service that answers this to a verification of [`KEY`].
async fn service(status: u16, headers: &[(&str, &str)], body: Value) -> Replayer {
    let path = "/v2/keys.verifyKey".to_owned();
    let asked = json!({ "key": KEY, "credits": { "cost": 0 } });
    let headers = headers.iter().chain(&[("content-type", "application/json")]);
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let exchange = Exchange {
        request: Request { method: "POST".to_owned(), path, headers: BTreeMap::new(), body: asked },
        response: Response { status, headers: headers.collect(), body },
    };
    Replayer::start([exchange]).await
}

fn set_up(address: std::net::SocketAddr) -> UnkeyBuilder {
    at(&format!("http://{address}"))
}

fn at(origin: &str) -> UnkeyBuilder {
    Unkey::root_key(ROOT_KEY).api_url(origin).clock(ManualClock::at(NOW))
}

/// What the provider makes of this answer.
async fn told(status: u16, body: Value) -> Answer {
    let service = service(status, &[], body).await;
    set_up(service.address).build().unwrap().verify(&secret(KEY)).await
}

/// A `data` that is valid but for what is said, with `null` for what is to be left out.
#[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
fn data(but: Value) -> Value {
    let mut data = json!({ "valid": true, "code": "VALID", "keyId": "key_1" });
    for (name, value) in but.as_object().unwrap() {
        match value {
            Value::Null => drop(data.as_object_mut().unwrap().remove(name)),
            value => data[name] = value.clone(),
        }
    }
    json!({ "meta": { "requestId": "req_1" }, "data": data })
}

#[track_caller]
fn unavailable(answer: Answer) -> Unavailable {
    match answer {
        Answer::Unavailable(unavailable) => unavailable,
        other => panic!("expected unavailable: {other:?}"),
    }
}

#[track_caller]
fn known(answer: Answer) -> keycap_verify::Identity {
    match answer {
        Answer::Known(identity) => identity,
        other => panic!("expected an identity: {other:?}"),
    }
}

fn why(unavailable: &Unavailable) -> String {
    let source: &dyn std::error::Error = unavailable;
    std::iter::successors(Some(source), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
