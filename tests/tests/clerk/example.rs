//! The example, as a real process: with its own stand-in, and with a Clerk that it is told of.

use std::path::Path;

use keycap_standins::clerk::{Instance, NewApiKey, NewToken, SECRET_KEY, machine, user};
use keycap_standins::faults::DeadPort;
use keycap_tests::process::{PATIENCE, Start};
use keycap_tests::wait::eventually;
use keycap_tests::wire::{Request, Response, answer};
use rustix::process::Signal;
use serde_json::json;
use tokio::time::timeout;

use crate::world::assert_refused;

fn start(directory: &Path) -> Start {
    Start::example("clerk", directory)
}

async fn chat(address: std::net::SocketAddr, key: &str) -> Response {
    answer(address, &Request::post("/chat").bearer(key)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_with_a_clerk_of_its_own_and_caps_by_plan() {
    let directory = tempfile::tempdir().unwrap();
    let example = start(directory.path()).listen().await;
    let address = example.address;
    let stdout = &example.process.stdout;
    let curl = async || stdout.text().lines().filter(|line| line.starts_with("curl ")).count();
    eventually("curl lines", curl, |count| *count == 2).await;
    let printed = |label: &str| stdout.line(label).unwrap();
    let (second, free) = (printed("second key: "), printed("free key: "));

    for key in [&example.key, &second] {
        assert_eq!(chat(address, key).await.status(), 200);
    }
    let me = answer(address, &Request::get("/me").bearer(&example.key)).await.json();
    assert_eq!((&me["tier"], &me["limits"][0]["cap"]), (&json!("pro"), &json!("$1.00")));
    assert_eq!(me["limits"][1]["cap"], "$20.00", "{me}");
    for _ in 0..3 {
        assert_eq!(chat(address, &free).await.status(), 200);
    }
    assert_refused(&chat(address, &free).await, 429, "budget_exceeded");
    assert_refused(&chat(address, "ak_test_nobodys").await, 401, "invalid_key");
    example.stop(Signal::TERM).await;

    let again = start(directory.path()).listen().await;
    assert_eq!(chat(again.address, &again.key).await.status(), 200);
    assert_eq!(
        chat(again.address, &again.process.stdout.line("free key: ").unwrap()).await.status(),
        200
    );
    again.stop(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_the_clerk_that_the_environment_names() {
    let at = Instance::start().await;
    let directory = tempfile::tempdir().unwrap();
    let process = start(directory.path())
        .set("CLERK_SECRET_KEY", SECRET_KEY)
        .set("CLERK_API_URL", at.url())
        .spawn();
    let listens = timeout(PATIENCE, process.stdout.wait_for_line("listening on http://")).await;
    let address = listens.unwrap().unwrap().parse().unwrap();
    let key = at.create_key(NewApiKey::of(user("alice")).claims(json!({ "tier": "pro" })));
    let worker = machine("worker");
    let _key = at.add_machine(&worker, &[]);
    let token = at.create_token(&worker, NewToken::default());
    for secret in [&key.secret, &token.secret] {
        let told = chat(address, secret).await;
        assert_eq!(told.status(), 200, "{told:?}");
    }
    assert_eq!(at.verifications(), 2);
    assert!(!process.stdout.text().contains(SECRET_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_p9_it_logs_why_clerk_could_not_be_asked() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = DeadPort::new();
    let process = start(directory.path())
        .set("CLERK_SECRET_KEY", SECRET_KEY)
        .set("CLERK_API_URL", nobody.origin())
        .spawn();
    let listens = timeout(PATIENCE, process.stdout.wait_for_line("listening on http://")).await;
    let address = listens.unwrap().unwrap().parse().unwrap();
    assert_refused(&chat(address, "ak_test_anybodys").await, 503, "auth_unavailable");
    let said = async || process.stderr.text();
    let said = eventually("the reason", said, |text| text.contains("clerk")).await;
    assert!(!said.contains(SECRET_KEY) && !said.contains("ak_test_anybodys"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_why_it_does_not_start_and_shows_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let keyless = start(directory.path()).set("CLERK_API_URL", "https://api.clerk.com");
    let mut keyless = keyless.spawn();
    assert!(!keyless.ended().await.success());
    let said = keyless.stderr.to_its_end().await;
    assert!(said.contains("CLERK_API_URL needs CLERK_SECRET_KEY"), "{said}");
    for (key, url, why) in [
        ("pk_live_hidden", "https://api.clerk.com", "publishable key"),
        ("hidden", "https://api.clerk.com", "should be `sk_`"),
        ("sk_live_hidden", "http://api.clerk.com", "use https://"),
    ] {
        let start = start(directory.path()).set("CLERK_SECRET_KEY", key).set("CLERK_API_URL", url);
        let mut process = start.spawn();
        assert!(!process.ended().await.success());
        let said = async || process.stderr.text();
        let said = eventually("the reason", said, |text| text.contains(why)).await;
        assert!(said.contains("CLERK_SECRET_KEY") && !said.contains("hidden"), "{said}");
    }
}
