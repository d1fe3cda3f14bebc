//! What the provider answers, as every kind of client.

use std::time::Duration;

use keycap::introspection::Introspection;
use keycap::verify::Answer;
use keycap::{Clock as _, Identity, IdentityProvider as _, ManualClock, Rejection, SystemClock};
use keycap_standins::issuer::Algorithm;
use keycap_tests::peers::{Client, OPAQUE_RESOURCE, Oidc, Wish, resource};
use keycap_tests::wait::eventually;
use serde_json::json;

use crate::{INTROSPECT, asking, every_client, opaque, secret};

async fn known(provider: &Introspection, token: &str) -> Identity {
    match provider.verify(&secret(token)).await {
        Answer::Known(identity) => identity,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_rejected(answer: &Answer, expected: Rejection, why: &str) {
    assert!(matches!(answer, Answer::Rejected(found) if *found == expected), "{why}: {answer:?}");
}

#[tokio::test]
async fn every_client_learns_who_presents_a_token() {
    let Some(oidc) = Oidc::shared().await else { return };
    let claims = json!({ "sub": "alice", "tier": "pro" });
    let wish = Wish::of(OPAQUE_RESOURCE).scope("chat models:read").claims(&claims);
    let token = oidc.token(&wish).await;
    for (way, provider) in every_client(&oidc) {
        println!("{way}");
        // An assertion is accepted once; a second call needs another.
        for _ in 0..2 {
            let identity = known(&provider, &token).await;
            assert_eq!(identity.subject.id(), "alice");
            assert_eq!(identity.subject.issuer(), Some(oidc.issuer()));
            assert_eq!(identity.claims["tier"], "pro");
            assert_eq!(identity.scopes.to_string(), "chat models:read");
            let life = identity.expires_at.unwrap().since(SystemClock.now());
            assert!(
                life > Duration::from_secs(500) && life <= Duration::from_secs(600),
                "{life:?}"
            );
        }
        let unknown = provider.verify(&secret("nobody-issued-this")).await;
        assert_rejected(&unknown, Rejection::Unknown, way);
    }
}

#[tokio::test]
async fn p7_a_revoked_token_is_refused_to_every_client() {
    let Some(oidc) = Oidc::shared().await else { return };
    let token = oidc.token(&opaque()).await;
    oidc.revoke(Client::Basic, &token).await;
    for (way, provider) in every_client(&oidc) {
        assert_rejected(&provider.verify(&secret(&token)).await, Rejection::Unknown, way);
    }
}

#[tokio::test]
async fn p7_an_expired_token_is_refused_whoever_notices() {
    let Some(oidc) = Oidc::shared().await else { return };
    let token = oidc.token(&opaque()).await;
    let clock = ManualClock::at(SystemClock.now());
    let provider = asking(&oidc).clock(clock.clone());
    let provider = provider.client_secret_post(Client::Post.id(), Client::Post.secret());
    let provider = provider.build().unwrap();
    clock.set(known(&provider, &token).await.expires_at.unwrap());
    let answer = provider.verify(&secret(&token)).await;
    assert_rejected(&answer, Rejection::Expired, "by our clock, while the server calls it active");

    clock.set(SystemClock.now());
    let brief = oidc.token(&opaque().life_s(1)).await;
    let inactive = |answer: &Answer| matches!(answer, Answer::Rejected(Rejection::Unknown));
    let _ =
        eventually("its end", || async { provider.verify(&secret(&brief)).await }, inactive).await;
}

#[tokio::test]
async fn a_token_that_is_none_of_ours_is_refused() {
    let Some(oidc) = Oidc::shared().await else { return };
    let (id, password) = (Client::Basic.id(), Client::Basic.secret());
    let here = asking(&oidc).client_secret_basic(id, password).build().unwrap();
    let elsewhere = asking(&oidc).audience("https://api.example/other");
    let (_, everyone) = every_client(&oidc).pop().unwrap();
    // The server introspects opaque tokens only and says so.
    let jwt = oidc.token(&Wish::of(resource(Algorithm::Es256))).await;
    assert_rejected(&here.verify(&secret(&jwt)).await, Rejection::Unknown, "a JWT");
    let token = oidc.token(&Wish::of(OPAQUE_RESOURCE)).await;
    assert_eq!(known(&here, &token).await.subject.id(), Client::Basic.id());
    let elsewhere = elsewhere.issuer("https://id.example").client_secret_basic(id, password);
    let answer = elsewhere.build().unwrap().verify(&secret(&token)).await;
    assert_rejected(&answer, Rejection::Unknown, "of another issuer");
    let strict = Introspection::endpoint(oidc.url(INTROSPECT)).client_secret_basic(id, password);
    let answer = strict.build().unwrap().verify(&secret(&token)).await;
    assert_rejected(&answer, Rejection::Unknown, "without a subject");
    assert_eq!(known(&everyone, &token).await.subject.issuer(), Some(oidc.issuer()));
}
