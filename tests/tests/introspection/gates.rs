//! What callers are told, through both adapters.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keycap::introspection::{HttpSettings, SigningKey};
use keycap::{Clock as _, IdentityProvider as _, ManualClock, SystemClock};
use keycap_tests::awaited::AwaitedProvider;
use keycap_tests::log::Log;
use keycap_tests::peers::{Client, Fault, Oidc};
use keycap_tests::wire::{self, Request, Response};
use keycap_tests::{App, Framework, Site, allow_many_connections};
use serde_json::json;

use crate::{INTROSPECT, KEYS, asking, every_client, key, opaque, secret};

/// Above what any of these tests spends.
const CAP: &str = "$20 per day";

/// Serves it, at the time that the server's clock shows too.
async fn served(app: App, framework: Framework) -> Site {
    let site = app.on(framework).await;
    site.clock.set(SystemClock.now());
    site
}

async fn ask(site: &Site, path: &str, token: &str) -> Response {
    wire::answer(site.address, &Request::post(path).bearer(token)).await
}

#[track_caller]
fn assert_told(answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_scope_revocation_and_expiry_hold_through_both_adapters() {
    let Some(oidc) = Oidc::shared().await else { return };
    for framework in Framework::ALL {
        let clock = ManualClock::at(SystemClock.now());
        let provider = asking(&oidc).clock(clock.clone()).private_key_jwt("app-key", key(0));
        let site = served(App::of(CAP, provider.build().unwrap()), framework).await;
        site.clock.set(clock.now());
        let later = |seconds| {
            clock.advance(Duration::from_secs(seconds));
            site.clock.advance_to(clock.now());
        };
        let (revoked, ending) = (oidc.token(&opaque()).await, oidc.token(&opaque()).await);
        for token in [&revoked, &ending] {
            assert_eq!(ask(&site, "/chat", token).await.status(), 200, "{framework}");
            assert_told(&ask(&site, "/admin", token).await, 403, "insufficient_scope");
        }
        assert_told(&ask(&site, "/chat", "nobody-issued-this").await, 401, "invalid_key");
        oidc.revoke(Client::Basic, &revoked).await;
        later(60);
        assert_told(&ask(&site, "/chat", &revoked).await, 401, "invalid_key");
        assert_eq!(ask(&site, "/chat", &ending).await.status(), 200, "{framework}");
        // A token is made a little after the clock was set, and lives for ten minutes.
        later(600);
        assert_told(&ask(&site, "/chat", &ending).await, 401, "expired_key");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_wrong_credentials_of_our_own_are_broken_and_loud() {
    let (log, Some(oidc)) = (Log::capture(), Oidc::shared().await) else { return };
    let token = oidc.token(&opaque()).await;
    let stranger = SigningKey::from_pem(KEYS[0].0, KEYS[0].2).unwrap().with_key_id("x").unwrap();
    let wrong = [
        asking(&oidc).name("wrong-basic").client_secret_basic(Client::Basic.id(), "mistaken"),
        asking(&oidc).name("wrong-post").client_secret_post(Client::Post.id(), "mistaken"),
        asking(&oidc).name("wrong-client").client_secret_post("nobody", "mistaken"),
        asking(&oidc).name("wrong-key").private_key_jwt("app-key", stranger),
        asking(&oidc)
            .name("wrong-audience")
            .private_key_jwt("app-key", key(0))
            .assertion_audience("https://id.example"),
    ];
    for provider in wrong {
        let provider = provider.build().unwrap();
        for framework in Framework::ALL {
            let site = served(App::of(CAP, provider.clone()), framework).await;
            let answer = ask(&site, "/chat", &token).await;
            assert_told(&answer, 503, "auth_unavailable");
            assert!(
                answer.header("retry-after").is_some()
                    && answer.header("www-authenticate").is_none()
            );
            site.close().await;
        }
        let text = log.text();
        let loud = |line: &&str| line.contains("ERROR") && line.contains(provider.name());
        let line = text.lines().find(loud).unwrap_or_else(|| panic!("{provider:?} was silent"));
        assert!(line.contains("our own credentials"), "{line}");
        assert!(!text.contains("mistaken") && !text.contains(&token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_first_requests_through_two_gates_make_one_call_and_open_one_account() {
    allow_many_connections();
    let Some(oidc) = Oidc::start().await else { return };
    let token = oidc.token(&opaque().claims(&json!({ "sub": "alice" }))).await;
    let provider = asking(&oidc)
        .client_secret_basic(Client::Basic.id(), Client::Basic.secret())
        .http(HttpSettings::new().total_timeout(Duration::from_secs(30)))
        .build()
        .unwrap();
    let provider = Arc::new(AwaitedProvider::new(provider));
    let patient =
        App::of(CAP, provider.clone()).gate(|gate| gate.verify_timeout(Duration::from_secs(60)));
    let one = served(patient.clone(), Framework::Axum).await;
    let ledger = one.ledger.clone();
    let shared = patient.gate(move |gate| gate.ledger(ledger.clone()));
    let other = served(shared, Framework::Actix).await;

    oidc.hold(INTROSPECT).await;
    let sites = [&one, &other];
    let requests = join_all((0..1_000).map(|number| ask(sites[number % 2], "/chat", &token)));
    let released = async {
        // Both gates, each with one verification for all of its requests.
        provider.until_awaited(2).await;
        oidc.heal().await;
    };
    let (answers, ()) = tokio::join!(requests, released);
    let served = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(served, 1_000, "{:?}", answers.iter().find(|answer| answer.status() != 200));
    assert_eq!(oidc.counts().await[INTROSPECT], 1);

    for site in sites {
        site.give_back().await;
    }
    let rows = one.quiet().await;
    assert_eq!(rows.accounts.len(), 1, "{:?}", rows.accounts);
    assert_eq!(one.counter("alice").await.spent.units(), 10_000_000_000);
    other.close().await;
    one.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_outage_is_503_and_forgotten() {
    let Some(oidc) = Oidc::start().await else { return };
    let (token, fresh) = (oidc.token(&opaque()).await, oidc.token(&opaque()).await);
    for framework in Framework::ALL {
        let provider = asking(&oidc).private_key_jwt("app-key", key(2)).build().unwrap();
        let site = served(App::of(CAP, provider.clone()), framework).await;
        assert_eq!(ask(&site, "/chat", &token).await.status(), 200);
        let broken = Fault::status(500);
        oidc.fail(INTROSPECT, &broken).await;
        assert_eq!(ask(&site, "/chat", &token).await.status(), 200, "it is known here");
        assert_told(&ask(&site, "/chat", &fresh).await, 503, "auth_unavailable");
        oidc.heal().await;
        assert_eq!(ask(&site, "/chat", &fresh).await.status(), 200, "nothing was kept");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_token_and_no_proof_of_ours_is_logged() {
    let (log, Some(oidc)) = (Log::capture(), Oidc::shared().await) else { return };
    let token = oidc.token(&opaque()).await;
    for (_, provider) in every_client(&oidc) {
        let site = served(App::of(CAP, provider.clone()), Framework::Axum).await;
        assert_eq!(ask(&site, "/chat", &token).await.status(), 200);
        assert_told(&ask(&site, "/chat", "nobody-issued-this").await, 401, "invalid_key");
        site.close().await;
    }
    let text = log.text();
    assert!(text.contains("request admitted") && text.contains("token refused"), "{text}");
    let digest = secret(&token).digest().to_hex();
    let hidden =
        [&*token, &digest, "nobody-issued-this", "test-secret-of", "test:secret", "test%3A"];
    let encoded = ["YXBwLWJhc2lj", "YXBwJTNBb2Rk", "eyJ", "PRIVATE KEY"];
    for secret in hidden.iter().chain(&encoded) {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}
