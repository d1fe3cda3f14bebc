//! The example that takes tokens of an OpenID provider: as a real process, beside an issuer that it
//! brings along, and beside one that its environment names.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

use std::net::SocketAddr;

use keycap::SystemClock;
use keycap_standins::issuer::{AUDIENCE, Algorithm, Issuer};
use keycap_tests::process::{PATIENCE, Quickstart, Start};
use keycap_tests::wait::eventually;
use keycap_tests::wire::{Request, Response, answer};
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::timeout;

const EXAMPLE: &str = "oidc";

async fn chat(address: SocketAddr, token: &str) -> Response {
    answer(address, &Request::post("/chat").bearer(token)).await
}

fn told(response: &Response) -> (u16, String) {
    (response.status(), response.code())
}

/// As the printed command gets it.
async fn another_token(example: &Quickstart) -> String {
    let line = example.process.stdout.line("another: curl http://").unwrap();
    let (host, _) = line.split_once('/').unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "secret-of-app"),
    ];
    let request = Request::post("/token").form(&form);
    let answer = answer(host.parse().unwrap(), &request).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn all_tokens_of_a_subject_spend_from_one_budget_which_a_restart_keeps() {
    let directory = tempfile::tempdir().unwrap();
    let example = Start::example(EXAMPLE, directory.path()).listen().await;
    let first = example.key.clone();
    let second = another_token(&example).await;
    assert_ne!(first, second);
    let me = answer(example.address, &Request::get("/me").bearer(&second)).await.json();
    assert_eq!((&me["claims"]["sub"], &me["claims"]["aud"]), (&json!("app"), &json!(AUDIENCE)));
    for token in [&first, &second].into_iter().cycle().take(10) {
        assert_eq!(chat(example.address, token).await.status(), 200);
    }
    for token in [&first, &second] {
        assert_eq!(told(&chat(example.address, token).await).1, "budget_exceeded");
    }
    let forged = format!("{}AAAA", first.get(..first.len() - 4).unwrap());
    assert_eq!(told(&chat(example.address, &forged).await), (401, "invalid_key".to_owned()));
    let process = example.stop(Signal::TERM).await;
    for token in [first, second] {
        assert!(!process.stderr.text().contains(&token), "in the log");
        assert!(!is_in_a_file(&directory, &token), "on the disk");
    }
}

fn is_in_a_file(directory: &TempDir, text: &str) -> bool {
    let files = std::fs::read_dir(directory.path()).unwrap();
    let mut files = files.map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn p6_an_issuer_that_the_environment_names_is_asked_and_may_be_away() {
    let issuer = Issuer::start(SystemClock).await;
    let directory = tempfile::tempdir().unwrap();
    let start = Start::example(EXAMPLE, directory.path());
    let start = start.set("OIDC_ISSUER", issuer.url()).set("OIDC_AUDIENCE", "api");
    let process = start.spawn();
    let address = process.stdout.wait_for_line("listening on http://");
    let address: SocketAddr = timeout(PATIENCE, address).await.unwrap().unwrap().parse().unwrap();
    assert_eq!(process.stdout.line("key: "), None, "it has no tokens to give");
    issuer.fail(503);
    let token = issuer.token(Algorithm::Rs256, json!({ "sub": "alice", "aud": "api" }));
    let unavailable = chat(address, &token).await;
    assert_eq!(told(&unavailable), (503, "auth_unavailable".to_owned()));
    let said = async || process.stderr.text();
    eventually("why, in the log", said, |text| text.contains("503")).await;
    issuer.heal();
    let served = chat(address, &token).await;
    assert_eq!((served.status(), &served.json()["subject"]), (200, &json!("alice")));
    let elsewhere = issuer.token(Algorithm::Rs256, json!({ "sub": "alice" }));
    let refused = chat(address, &elsewhere).await;
    assert_eq!(told(&refused), (401, "invalid_key".to_owned()), "for another audience");
    assert_eq!(issuer.count("/jwks"), 1);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named_at_the_start() {
    let audience = ("OIDC_AUDIENCE", "api");
    let issuer = ("OIDC_ISSUER", "https://id.example.com");
    for (settings, named) in [
        (vec![("OIDC_ISSUER", "http://id.example.com"), audience], ["OIDC_ISSUER", "https://"]),
        (vec![("OIDC_ISSUER", ""), audience], ["OIDC_ISSUER", "is no issuer"]),
        (vec![issuer], ["OIDC_ISSUER", "needs OIDC_AUDIENCE"]),
        (vec![audience], ["OIDC_AUDIENCE", "needs OIDC_ISSUER"]),
        (vec![("PORT", "banana")], ["PORT is \"banana\"", "0 to 65535"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut start = Start::example(EXAMPLE, directory.path());
        for (name, value) in settings {
            start = start.set(name, value);
        }
        let mut process = start.spawn();
        assert!(!process.ended().await.success());
        let said = process.stderr.to_its_end().await;
        assert!(named.iter().all(|named| said.contains(named)), "{named:?}: {said}");
    }
}
