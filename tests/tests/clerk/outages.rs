//! Answers of Clerk's that are no word about the key: 503 and never 401, nothing kept of it, and all is
//! well as soon as Clerk is (P6). What any provider may do wrong is in `tests/tests/remote`.

use std::sync::Arc;
use std::time::Duration;

use keycap::budget::ChainSpec;
use keycap::clerk::{Clerk, HttpSettings};
use keycap::{Identity, TemplateError, subject_account};
use keycap_standins::clerk::{SECRET_KEY, user};
use keycap_standins::faults::{Canned, Fault, Server};
use keycap_tests::log::Log;
use keycap_tests::wire::Response;
use keycap_tests::{Framework, NOW};
use serde_json::json;

use crate::world::{World, assert_refused, capped, chat};

const SECRET: &str = "ak_test_of_a_customer";

fn by_subject(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    Ok(ChainSpec::of(capped(subject_account(identity)?, "$1 per day")?))
}

/// What Clerk says of a good key.
fn good() -> Canned {
    let key = json!({
        "object": "api_key", "id": "ak_1", "type": "api_key", "subject": user("alice"),
        "name": "a key", "description": null, "claims": null, "scopes": [], "revoked": false,
        "revocation_reason": null, "expired": false, "expiration": null, "created_by": null,
        "last_used_at": null, "created_at": NOW.as_millis(), "updated_at": NOW.as_millis(),
    });
    Canned::json(200, key.to_string())
}

fn error(status: u16, code: &str) -> Canned {
    let error = json!({ "message": "m", "long_message": "m", "code": code });
    Canned::json(status, json!({ "errors": [error] }).to_string())
}

/// One attempt, of long enough for a busy machine, and a circuit that stays closed.
fn patient() -> HttpSettings {
    HttpSettings::new().attempts(1).circuit_failures(1_000)
}

fn provider(origin: &str, world: &World, http: HttpSettings) -> Arc<Clerk> {
    let clerk = Clerk::secret_key(SECRET_KEY).api_url(origin).clock(world.clock.clone());
    Arc::new(clerk.http(http).build().unwrap())
}

#[track_caller]
fn assert_unavailable(answer: &Response) {
    assert_refused(answer, 503, "auth_unavailable");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None, "it says nothing about the key");
}

/// Clerk answers so, and then is well.
async fn matrix(answers: &[(&'static str, Canned)]) {
    for framework in Framework::ALL {
        let world = World::new().await;
        for (name, answer) in answers {
            println!("{framework}: {name}");
            let server = Server::start(Fault::Answer(answer.clone())).await;
            let site = world.app(&provider(&server.origin(), &world, patient()), by_subject);
            let site = site.on(framework).await;
            for _ in 0..2 {
                assert_unavailable(&chat(&site, SECRET).await);
            }
            server.set(Fault::Answer(good()));
            let answer = chat(&site, SECRET).await;
            assert_eq!(answer.status(), 200, "nothing was kept of {name}: {answer:?}");
            site.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_clerk_that_answers_nonsense_is_unavailable() {
    matrix(&[
        ("half an object", Canned::json(200, r#"{"object":"api_key""#)),
        ("another object", Canned::json(200, r#"{"object":"user"}"#)),
        ("400", error(400, "bad_request")),
        ("402", error(402, "payment_required")),
        ("404 of no errors", Canned::json(404, r#"{"errors":[]}"#)),
        ("500", error(500, "internal")),
    ])
    .await;
}

/// Our own key is wrong: that is broken, loudly, and never the caller's fault.
#[tokio::test(flavor = "multi_thread")]
async fn p6_p9_a_clerk_that_refuses_our_own_key_is_unavailable_and_loud() {
    let log = Log::capture();
    for (name, answer) in [
        ("refuses-a", error(401, "clerk_key_invalid")),
        ("refuses-b", error(401, "machine_secret_key_invalid")),
        ("refuses-c", error(403, "forbidden")),
    ] {
        let world = World::new().await;
        let server = Server::start(Fault::Answer(answer)).await;
        let clerk = Clerk::secret_key(SECRET_KEY).api_url(server.origin()).name(name);
        let clerk = Arc::new(clerk.clock(world.clock.clone()).build().unwrap());
        let site = world.app(&clerk, by_subject).on(Framework::Axum).await;
        for _ in 0..2 {
            assert_unavailable(&chat(&site, SECRET).await);
        }
        let text = log.text();
        let loud = |line: &&str| line.contains("ERROR") && line.contains(name);
        let loud: Vec<_> = text.lines().filter(loud).collect();
        assert!(!loud.is_empty(), "an error that names {name} was logged");
        assert!(!loud.iter().any(|line| line.contains(SECRET) || line.contains(SECRET_KEY)));
        server.set(Fault::Answer(good()));
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(chat(&site, SECRET).await.status(), 200);
        site.close().await;
    }
}

/// Verifying only reads, so it is tried again where Clerk's answer was lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again() {
    let world = World::new().await;
    let server = Server::start(Fault::Answer(good())).await;
    server.script([Fault::Close, Fault::Truncated(good())]);
    let site = world.app(&provider(&server.origin(), &world, HttpSettings::new()), by_subject);
    let site = site.on(Framework::Axum).await;
    assert_eq!(chat(&site, SECRET).await.status(), 200);
    assert_eq!(server.seen().len(), 3);
    site.close().await;
}

/// What a caller sends may be what Clerk does not like: that opens no circuit for others.
#[tokio::test(flavor = "multi_thread")]
async fn p6_odd_secrets_of_one_caller_do_not_shut_others_out() {
    let world = World::new().await;
    let server = Server::start(Fault::Answer(error(400, "bad_request"))).await;
    let site = world.app(&provider(&server.origin(), &world, HttpSettings::new()), by_subject);
    let site = site.on(Framework::Axum).await;
    for n in 0..50 {
        assert_unavailable(&chat(&site, &format!("ak_odd_{n}")).await);
    }
    assert_eq!(server.seen().len(), 50, "an answer is an answer: nothing is tried again");
    server.set(Fault::Answer(good()));
    assert_eq!(chat(&site, SECRET).await.status(), 200);
    site.close().await;
}
