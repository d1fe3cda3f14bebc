//! The stand-in and the provider are held against `@clerk/backend`, Clerk's official client.
//!
//! What that client sends and what it was answered is kept in `tests/recordings/clerk`. The ordinary run
//! sends those requests to the stand-in again, which must answer the same, and serves those answers to
//! the provider, which must ask the same. With Node there is a live run as well: the client itself,
//! against the stand-in. It must read what the stand-in meant, and send what was recorded.
//! `KEYCAP_RECORD=1` has the live run write the recordings anew.

use std::path::PathBuf;
use std::time::Duration;

use keycap::clerk::{Clerk, ClerkBuilder, HttpSettings};
use keycap::verify::{Answer, Rejection};
use keycap::{Identity, IdentityProvider as _, ManualClock, Secret};
use keycap_standins::recording::{Exchange, Recording, Replayer};
use keycap_tests::NOW;
use keycap_tests::peers::run_node;
use serde_json::{Map, Value, json};

use crate::scenarios::Scenario;

/// The version that is pinned in `tests/peers`.
const CLIENT: &str = "@clerk/backend 3.25.0";

fn file(scenario: &Scenario) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings/clerk");
    directory.join(format!("{}.json", scenario.name))
}

fn recorded() -> Vec<(Scenario, Recording)> {
    let load = |scenario: Scenario| {
        let recording = Recording::load(file(&scenario)).unwrap();
        assert_eq!(recording.client, CLIENT);
        assert!(!recording.exchanges.is_empty());
        (scenario, recording)
    };
    Scenario::all().into_iter().map(load).collect()
}

#[tokio::test]
async fn the_stand_in_answers_what_was_recorded() {
    for (scenario, recording) in recorded() {
        let stage = scenario.stage().await;
        for exchange in &recording.exchanges {
            let told = exchange.resend(stage.at.address).await;
            assert_eq!(told, exchange.response, "{}: {:?}", scenario.name, exchange.request);
        }
    }
}

/// Method, path, headers and body, one by one. What HTTP libraries add of themselves is not kept in a
/// recording: see `keycap_standins::recording::is_kept`.
#[tokio::test]
async fn the_provider_asks_as_the_official_client_does_and_understands_each_answer() {
    let mut verified = 0;
    for (scenario, recording) in recorded() {
        let verifies = |exchange: &&Exchange| exchange.request.path.ends_with("/verify");
        for exchange in recording.exchanges.iter().filter(verifies) {
            let replayer = Replayer::start([exchange.clone()]).await;
            let clock = ManualClock::at(NOW);
            let provider = builder(exchange).api_url(format!("http://{}", replayer.address));
            let provider = provider.clock(clock).http(HttpSettings::new().attempts(1));
            let answer = provider.build().unwrap().verify(&secret(exchange)).await;
            let asked = std::slice::from_ref(&exchange.request);
            assert_eq!(replayer.seen(), asked, "{}", scenario.name);
            check(exchange, &answer);
            verified += 1;
        }
    }
    assert_eq!(verified, 32, "in all scenarios");
}

/// The provider that shows the key which the client showed.
fn builder(exchange: &Exchange) -> ClerkBuilder {
    let shown = exchange.request.headers["authorization"].strip_prefix("Bearer ").unwrap();
    match shown.starts_with("ak_") {
        true => Clerk::machine_secret_key(shown),
        false => Clerk::secret_key(shown),
    }
}

fn secret(exchange: &Exchange) -> Secret {
    let body = &exchange.request.body;
    let text = body.get("secret").or_else(|| body.get("token")).unwrap();
    Secret::parse(text.as_str().unwrap()).unwrap()
}

/// What the contract says an answer means.
fn check(exchange: &Exchange, answer: &Answer) {
    let told = &exchange.response.body;
    match (exchange.response.status, answer) {
        (200, Answer::Rejected(Rejection::Revoked)) => assert_eq!(told["revoked"], true),
        (200, Answer::Rejected(Rejection::Expired)) => {
            assert_eq!((&told["revoked"], &told["expired"]), (&json!(false), &json!(true)));
        }
        (200, Answer::Known(identity)) => check_identity(identity, told),
        (404, Answer::Rejected(Rejection::Unknown)) => {}
        (429, Answer::Unavailable(told)) => {
            assert_eq!(told.retry_after(), Some(Duration::from_secs(7)));
        }
        (401, Answer::Unavailable(_)) => {}
        (status, other) => panic!("{status} {told} became {other:?}"),
    }
}

fn check_identity(identity: &Identity, told: &Value) {
    assert_eq!((&told["revoked"], &told["expired"]), (&json!(false), &json!(false)));
    assert_eq!(identity.subject.id(), told["subject"].as_str().unwrap());
    let claims = told["claims"].as_object().cloned().unwrap_or_default();
    assert_eq!(identity.claims, claims);
    let expires_at = identity.expires_at.map(|at| at.as_millis());
    assert_eq!(expires_at, told["expiration"].as_i64());
    let granted = identity.scopes.patterns().unwrap_or_default();
    let granted: Vec<_> = granted.iter().map(ToString::to_string).collect();
    assert_eq!(json!(granted), told["scopes"]);
    let key_id = (told["object"] == "api_key").then(|| told["id"].as_str().unwrap());
    assert_eq!(identity.key_id.as_deref(), key_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_the_official_client_sends_what_was_recorded_and_reads_what_was_meant() {
    for scenario in Scenario::all() {
        let stage = scenario.stage().await;
        let document = scenario.document(&stage);
        let Some(lines) = run_node("clerk.mjs", &[], &document).await else { return };
        let recording = stage.recorder.take(CLIENT);
        assert_eq!(lines.len(), recording.exchanges.len(), "a request for each call: {lines:?}");
        for (line, exchange) in lines.iter().zip(&recording.exchanges) {
            check_line(line, exchange);
        }
        if std::env::var_os("KEYCAP_RECORD").is_some_and(|value| value == "1") {
            recording.save(file(&scenario)).unwrap();
        }
        let known = Recording::load(file(&scenario)).unwrap();
        assert_eq!(recording, known, "{}: KEYCAP_RECORD=1 writes it anew", scenario.name);
    }
}

/// What the client made of an answer is what the answer said.
fn check_line(line: &Value, exchange: &Exchange) {
    let response = &exchange.response;
    if line["call"] == "authenticateRequest" {
        let signed_in = line["value"]["status"] == "signed-in";
        assert_eq!(signed_in, response.status == 200, "{line}");
        let auth = &line["value"]["auth"];
        assert!(!signed_in || auth["userId"] == response.body["subject"], "{line}");
        return;
    }
    if line["ok"] == json!(false) {
        let (said, told) = (&line["error"]["errors"][0], &response.body["errors"][0]);
        assert_eq!(line["error"]["status"], response.status, "{line}");
        assert_eq!((&said["code"], &said["message"]), (&told["code"], &told["message"]));
        assert_eq!(said["longMessage"], told["long_message"]);
        assert_eq!(line["error"]["clerkTraceId"], response.body["clerk_trace_id"]);
        let wait = response.headers.get("retry-after").and_then(|wait| wait.parse::<u64>().ok());
        assert_eq!(line["error"].get("retryAfter").and_then(Value::as_u64), wait);
        return;
    }
    assert!((200..300).contains(&response.status), "{line}");
    let value = &line["value"];
    match response.body.get("data").and_then(Value::as_array) {
        Some(page) => {
            assert_eq!(value["totalCount"], response.body["total_count"]);
            let shown = value["data"].as_array().unwrap();
            assert_eq!(shown.len(), page.len());
            shown.iter().zip(page).for_each(|(shown, told)| check_object(shown, told));
        }
        None => check_object(value, &response.body),
    }
}

/// Every member under its other name; the client drops `object`, and a token's last use.
fn check_object(shown: &Value, told: &Value) {
    let snake = |name: &String| {
        let parts = name.chars().map(|c| match c.is_ascii_uppercase() {
            true => format!("_{}", c.to_ascii_lowercase()),
            false => c.to_string(),
        });
        parts.collect::<String>()
    };
    let shown: Map<_, _> = shown
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (snake(name), value.clone()))
        .collect();
    let mut told = told.as_object().unwrap().clone();
    let object = told.remove("object").unwrap();
    if object == "machine_to_machine_token" {
        told.remove("last_used_at");
    }
    assert_eq!(shown, told);
}
