//! Tokens that a real OpenID provider introspects (RFC 7662), asked about as every kind of client and
//! presented to both adapters.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "how tests fail")]

use std::time::Duration;

use futures_util::future::join_all;
use keycap::introspection::{Algorithm, Introspection, IntrospectionBuilder, SigningKey};
use keycap::verify::Answer;
use keycap::{
    Clock as _, Guard, Identity, IdentityProvider as _, ManualClock, Rejection, Secret,
    SystemClock, usd,
};
use keycap_tests::log::Log;
use keycap_tests::peers::{self, Client, Fault, OPAQUE_RESOURCE, Oidc, Wish};
use keycap_tests::wait::eventually;
use keycap_tests::wire::{self, Request, Response};
use keycap_tests::{App, Framework, Route, Site, Work, allow_many_connections};
use serde_json::json;

const INTROSPECT: &str = "/token/introspection";

/// Private keys of the client `app-key`, by the name of their public halves.
const KEYS: [(Algorithm, &str, &str); 3] = [
    (Algorithm::Es256, "app-key-es256", include_str!("../peers/keys/app-key-es256.pem")),
    (Algorithm::Rs256, "app-key-rs256", include_str!("../peers/keys/app-key-rs256.pem")),
    (Algorithm::EdDsa, "app-key-eddsa", include_str!("../peers/keys/app-key-eddsa.pem")),
];

fn key(which: usize) -> SigningKey {
    let (algorithm, name, pem) = KEYS[which];
    SigningKey::from_pem(algorithm, pem).unwrap().with_key_id(name).unwrap()
}

/// What every test says of the provider, but for who asks.
fn asking(oidc: &Oidc) -> IntrospectionBuilder {
    Introspection::endpoint(oidc.url(INTROSPECT))
        .issuer(oidc.issuer())
        .audience(OPAQUE_RESOURCE)
        .client_as_subject()
}

/// One provider for each way to authenticate.
fn every_client(oidc: &Oidc) -> Vec<(&'static str, Introspection)> {
    let with = |client: Client| (client.id(), client.secret());
    let ((basic, secret), (odd, odd_secret)) = (with(Client::Basic), with(Client::Odd));
    let (post, post_secret) = with(Client::Post);
    let to_token = oidc.url("/token");
    let builders = [
        ("basic", asking(oidc).client_secret_basic(basic, secret)),
        ("basic, encoded", asking(oidc).client_secret_basic(odd, odd_secret)),
        ("post", asking(oidc).client_secret_post(post, post_secret)),
        ("ES256", asking(oidc).private_key_jwt("app-key", key(0))),
        ("RS256", asking(oidc).private_key_jwt("app-key", key(1)).assertion_audience(to_token)),
        ("EdDSA", asking(oidc).private_key_jwt("app-key", key(2))),
        (
            "for the endpoint",
            Introspection::endpoint(oidc.url(INTROSPECT))
                .client_as_subject()
                .private_key_jwt("app-key", key(0)),
        ),
    ];
    builders.map(|(name, builder)| (name, builder.build().unwrap())).into()
}

fn opaque() -> Wish {
    Wish::of(OPAQUE_RESOURCE).scope("chat")
}

fn secret(token: &str) -> Secret {
    Secret::parse(token).unwrap()
}

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
    let jwt = oidc.token(&Wish::of(peers::Algorithm::Es256.resource())).await;
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

/// An application whose gate has this provider.
fn app(provider: &Introspection) -> App {
    let provider = provider.clone();
    App::limited("$20 per day")
        .gate(move |gate| gate.provider(provider.clone()))
        .route(Route::guarded(
            "/chat",
            Guard::fixed(usd!(0.01)).scope("chat"),
            Work::Track(usd!(0.01)),
        ))
        .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Limits))
}

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
        let site = served(app(&provider.build().unwrap()), framework).await;
        site.clock.set(clock.now());
        let later = |seconds| {
            clock.advance(Duration::from_secs(seconds));
            site.clock.set(clock.now());
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
        later(540);
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
            let site = served(app(&provider), framework).await;
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
    let provider = asking(&oidc).client_secret_basic(Client::Basic.id(), Client::Basic.secret());
    let provider = provider.build().unwrap();
    let one = served(app(&provider), Framework::Axum).await;
    let ledger = one.ledger.clone();
    let shared = app(&provider).gate(move |gate| gate.ledger(ledger.clone()));
    let other = served(shared, Framework::Actix).await;
    let slow = Fault { delay: Duration::from_secs(1), ..Fault::default() };
    oidc.fail(INTROSPECT, &slow).await;

    let sites = [&one, &other];
    let answers = join_all((0..1_000).map(|number| ask(sites[number % 2], "/chat", &token))).await;
    let served = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!(served, 1_000, "{:?}", answers.iter().find(|answer| answer.status() != 200));
    assert_eq!(oidc.counts().await[INTROSPECT], 1);

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
        let site = served(app(&provider), framework).await;
        assert_eq!(ask(&site, "/chat", &token).await.status(), 200);
        let broken = Fault { status: Some(500), ..Fault::default() };
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
        let site = served(app(&provider), Framework::Axum).await;
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
