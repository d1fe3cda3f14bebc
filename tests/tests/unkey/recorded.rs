//! The recorded traffic of the official client, replayed both ways.

use keycap::unkey::Unkey;
use keycap::verify::Answer;
use keycap::{IdentityProvider, ManualClock, Rejection, Secret};
use keycap_standins::recording::{Exchange, Replayer};
use keycap_tests::NOW;
use serde_json::{Value, json};

use crate::{RECORDINGS, recording, stand_in};

const VERIFY: &str = "/v2/keys.verifyKey";

#[tokio::test]
async fn the_stand_in_answers_the_official_client_as_recorded() {
    for name in RECORDINGS {
        let service = stand_in().await;
        for (place, exchange) in recording(name).exchanges.iter().enumerate() {
            match exchange.response.status {
                status @ (429 | 500) => service.fail(status),
                _ => service.heal(),
            }
            let told = exchange.resend(service.address()).await;
            assert_eq!(told, exchange.response, "{name}, exchange {place}");
        }
    }
}

/// The recorded verifications that cost nothing, as ours do.
fn verifications() -> Vec<Exchange> {
    let all = RECORDINGS.into_iter().flat_map(|name| recording(name).exchanges);
    let ours = |one: &Exchange| {
        one.request.path == VERIFY && one.request.body["credits"] == json!({ "cost": 0 })
    };
    let ours: Vec<_> = all.filter(ours).collect();
    assert!(ours.len() >= 12, "{}", ours.len());
    ours
}

fn recorded_secret(exchange: &Exchange) -> Secret {
    Secret::parse(exchange.request.body["key"].as_str().unwrap()).unwrap()
}

fn recorded_root_key(exchange: &Exchange) -> &str {
    exchange.request.headers["authorization"].strip_prefix("Bearer ").unwrap()
}

/// What our provider answers when it is told what the client was told, and what it sent for that.
async fn ours(exchange: &Exchange) -> (Answer, keycap_standins::recording::Request) {
    let replayer = Replayer::start([exchange.clone()]).await;
    let unkey = Unkey::root_key(recorded_root_key(exchange))
        .api_url(format!("http://{}", replayer.address))
        .clock(ManualClock::at(NOW))
        .build()
        .unwrap();
    let answer = unkey.verify(&recorded_secret(exchange)).await;
    (answer, replayer.seen().into_iter().next().unwrap())
}

#[tokio::test]
async fn our_provider_sends_what_the_official_client_sends() {
    for exchange in verifications() {
        let (_, sent) = ours(&exchange).await;
        assert_eq!(sent, exchange.request, "method, path, headers and body");
    }
}

#[tokio::test]
async fn our_provider_reads_what_the_official_client_is_told() {
    for exchange in verifications() {
        let told = &exchange.response.body["data"];
        let (answer, _) = ours(&exchange).await;
        match (exchange.response.status, told["code"].as_str(), &answer) {
            (200, Some("VALID"), Answer::Known(identity)) => {
                assert_eq!(identity.key_id.as_deref(), told["keyId"].as_str());
                let subject = told["identity"]["externalId"].as_str().or(told["keyId"].as_str());
                assert_eq!(Some(identity.subject.id()), subject);
                let expiry = identity.expires_at.map(|expiry| Value::from(expiry.as_millis()));
                assert_eq!(expiry.as_ref(), told.get("expires"));
                assert_eq!(identity.claims.get("unkey.credits"), told.get("credits"));
                assert_eq!(identity.labels.get("name"), told["name"].as_str());
            }
            (200, Some("NOT_FOUND"), Answer::Rejected(Rejection::Unknown))
            | (200, Some("DISABLED"), Answer::Rejected(Rejection::Revoked))
            | (200, Some("EXPIRED"), Answer::Rejected(Rejection::Expired)) => {}
            (200, Some("RATE_LIMITED"), Answer::Unavailable(unavailable)) => {
                assert!(unavailable.retry_after().is_some());
            }
            (401 | 429 | 500, None, Answer::Unavailable(_)) => {}
            (status, code, answer) => panic!("{status} {code:?}: {answer:?}"),
        }
    }
}
