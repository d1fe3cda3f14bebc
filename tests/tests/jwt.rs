//! Tokens that a real OpenID provider signs, verified with the keys that it publishes and presented to
//! both adapters.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "how tests fail")]

use std::time::Duration;

use futures_util::future::join_all;
use keycap::jwt::{Jwt, JwtBuilder};
use keycap::verify::Answer;
use keycap::{
    Clock as _, Identity, IdentityProvider as _, ManualClock, Rejection, Secret, SystemClock,
};
use keycap_standins::issuer::Algorithm;
use keycap_tests::log::Log;
use keycap_tests::peers::{Client, Fault, OPAQUE_RESOURCE, Oidc, Wish, resource};
use keycap_tests::wire::{self, Request, Response};
use keycap_tests::{App, Framework, Site, allow_many_connections};
use serde_json::json;

/// Above what any of these tests spends.
const CAP: &str = "$20 per day";
const METADATA: &str = "/.well-known/openid-configuration";
const JWKS: &str = "/jwks";

/// Tokens for any of the resources.
fn trusting(oidc: &Oidc) -> JwtBuilder {
    let all = Algorithm::ALL.map(resource).into_iter();
    let tokens = Jwt::issuer(oidc.issuer()).access_tokens_only().discover();
    all.fold(tokens, JwtBuilder::audience)
}

fn chat(algorithm: Algorithm) -> Wish {
    Wish::of(resource(algorithm)).scope("chat")
}

async fn verify(provider: &Jwt, token: &str) -> Answer {
    provider.verify(&Secret::parse(token).unwrap()).await
}

async fn known(provider: &Jwt, token: &str) -> Identity {
    match verify(provider, token).await {
        Answer::Known(identity) => identity,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_rejected(answer: &Answer, expected: Rejection, why: &str) {
    assert!(matches!(answer, Answer::Rejected(found) if *found == expected), "{why}: {answer:?}");
}

#[tokio::test]
async fn every_algorithm_says_who_presents_a_token() {
    let Some(oidc) = Oidc::shared().await else { return };
    let provider = trusting(&oidc).organisation_claim("org_id").build().unwrap();
    let claims = json!({ "sub": "alice", "org_id": "org_1", "tier": "pro" });
    for algorithm in Algorithm::ALL {
        let wish = Wish::of(resource(algorithm)).scope("chat models:read").claims(&claims);
        let identity = known(&provider, &oidc.token(&wish).await).await;
        assert_eq!(identity.subject.id(), "alice");
        assert_eq!(identity.subject.issuer(), Some(oidc.issuer()));
        assert_eq!(identity.organisation.as_deref(), Some("org_1"));
        assert_eq!(identity.claims["tier"], "pro");
        assert_eq!(identity.scopes.to_string(), "chat models:read");
        assert_eq!(identity.key_id, None);
        let life = identity.expires_at.unwrap().since(SystemClock.now());
        let leeway = Duration::from_secs(60);
        assert!(life > leeway + Duration::from_secs(500), "{life:?}");
        assert!(life <= leeway + Duration::from_secs(600), "{life:?}");
    }
}

#[tokio::test]
async fn a_token_is_for_its_resource_and_as_required() {
    let Some(oidc) = Oidc::shared().await else { return };
    let only = |algorithm: Algorithm| {
        Jwt::issuer(oidc.issuer()).audience(resource(algorithm)).jwks_url(oidc.url(JWKS))
    };
    let provider = only(Algorithm::Es256).require_claim("tier", "pro").build().unwrap();
    let pro = json!({ "tier": ["pro"], "scope": null, "scp": ["chat"] });
    let good = oidc.token(&Wish::of(resource(Algorithm::Es256)).claims(&pro)).await;
    assert_eq!(known(&provider, &good).await.scopes.to_string(), "chat");
    let other = only(Algorithm::Rs256).build().unwrap();
    assert_rejected(&verify(&other, &good).await, Rejection::Unknown, "another resource");
    let free = oidc.token(&chat(Algorithm::Es256).claims(&json!({ "tier": "free" }))).await;
    assert_rejected(&verify(&provider, &free).await, Rejection::Unknown, "a required claim");
    let early = json!({ "tier": "pro", "nbf": 4_000_000_000_u64 });
    let early = oidc.token(&chat(Algorithm::Es256).claims(&early)).await;
    assert_rejected(&verify(&provider, &early).await, Rejection::Unknown, "not yet");
    let late = json!({ "tier": "pro", "exp": 1_700_000_000 });
    let late = oidc.token(&chat(Algorithm::Es256).claims(&late)).await;
    assert_rejected(&verify(&provider, &late).await, Rejection::Expired, "no more");
    let foreign = json!({ "tier": "pro", "iss": "https://id.example" });
    let foreign = oidc.token(&chat(Algorithm::Es256).claims(&foreign)).await;
    assert_rejected(&verify(&provider, &foreign).await, Rejection::Unknown, "another issuer");
    let odd = oidc.token(&chat(Algorithm::Es256).by(Client::Odd)).await;
    let lax = only(Algorithm::Es256).build().unwrap();
    assert_rejected(&verify(&lax, &odd).await, Rejection::Malformed, "a subject with a space");
}

#[tokio::test]
async fn a_fixed_set_of_its_keys_verifies_its_tokens_and_asks_nobody() {
    let Some(oidc) = Oidc::start().await else { return };
    let keys = oidc.published_keys().await.to_string();
    let fixed = |issuer: &str| Jwt::issuer(issuer).insecure_any_audience().fixed_keys(&*keys);
    let provider = fixed(oidc.issuer()).build().unwrap();
    for algorithm in Algorithm::ALL {
        let identity = known(&provider, &oidc.token(&chat(algorithm)).await).await;
        assert_eq!(identity.subject.id(), Client::Basic.id());
    }
    oidc.rotate().await;
    let new = oidc.token(&chat(Algorithm::EdDsa)).await;
    assert_rejected(&verify(&provider, &new).await, Rejection::Unknown, "a key it does not have");
    let counts = oidc.counts().await;
    assert_eq!((counts.get(METADATA), counts[JWKS]), (None, 1), "the test itself asked once");
}

/// A site and its issuer, whose clocks go together.
struct Served {
    site: Site,
    clock: ManualClock,
}

impl Served {
    async fn new(tokens: JwtBuilder, framework: Framework) -> Self {
        let clock = ManualClock::at(SystemClock.now());
        let provider = tokens.clock(clock.clone()).build().unwrap();
        let site = App::of(CAP, provider.clone()).on(framework).await;
        site.clock.set(clock.now());
        Self { site, clock }
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.site.clock.advance_to(self.clock.now());
    }

    async fn ask(&self, path: &str, token: &str) -> Response {
        wire::answer(self.site.address, &Request::post(path).bearer(token)).await
    }

    #[track_caller]
    fn told(&self, path: &str, token: &str) -> impl Future<Output = (u16, String)> {
        let answer = self.ask(path, token);
        async move {
            let answer = answer.await;
            match answer.status() {
                200 => (200, String::new()),
                status => (status, answer.code()),
            }
        }
    }
}

fn served() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_scope_signature_and_expiry_hold_through_both_adapters() {
    let Some(oidc) = Oidc::shared().await else { return };
    for framework in Framework::ALL {
        let all = Served::new(trusting(&oidc), framework).await;
        for algorithm in Algorithm::ALL {
            let token = oidc.token(&chat(algorithm)).await;
            assert_eq!(all.told("/chat", &token).await, served(), "{framework}");
            assert_eq!(all.told("/admin", &token).await, refused(403, "insufficient_scope"));
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let flipped = if signature.starts_with('A') { "B" } else { "A" };
            let forged = format!("{signed}.{flipped}{}", signature.get(1..).unwrap());
            assert_eq!(all.told("/chat", &forged).await, refused(401, "invalid_key"));
        }
        let opaque = oidc.token(&Wish::of(OPAQUE_RESOURCE).scope("chat")).await;
        assert_eq!(all.told("/chat", &opaque).await, refused(401, "invalid_key"));

        let ending = oidc.token(&chat(Algorithm::Ps256)).await;
        assert_eq!(all.told("/chat", &ending).await, served());
        // The token is a little younger than the clock that was set before it was asked for.
        all.later(599);
        assert_eq!(all.told("/chat", &ending).await, served());
        all.later(300);
        assert_eq!(all.told("/chat", &ending).await, refused(401, "expired_key"));
        all.site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_token_is_verified_locally_and_the_issuer_seldom_asked() {
    let Some(oidc) = Oidc::start().await else { return };
    for framework in Framework::ALL {
        let before = oidc.counts().await;
        let before = |path: &str| before.get(path).copied().unwrap_or_default();
        let all = Served::new(trusting(&oidc), framework).await;
        let asked = async |path: &str| oidc.counts().await[path] - before(path);
        let token = oidc.token(&chat(Algorithm::Es256)).await;
        for _minute in 0..5 {
            for _ in 0..5 {
                assert_eq!(all.told("/chat", &token).await, served(), "{framework}");
            }
            assert_eq!((asked(METADATA).await, asked(JWKS).await), (1, 1), "{framework}");
            all.later(60);
        }
        assert_eq!(all.told("/chat", &token).await, served(), "{framework}");
        assert_eq!((asked(METADATA).await, asked(JWKS).await), (1, 2), "{framework}");
        all.site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_new_keys_are_found_and_withdrawn_ones_stop() {
    for framework in Framework::ALL {
        let Some(oidc) = Oidc::start().await else { return };
        let all = Served::new(trusting(&oidc), framework).await;
        let old = oidc.token(&chat(Algorithm::Rs256)).await;
        assert_eq!(all.told("/chat", &old).await, served(), "{framework}");

        oidc.rotate().await;
        let new = oidc.token(&chat(Algorithm::Rs256)).await;
        assert_eq!(all.told("/chat", &new).await, refused(401, "invalid_key"), "asked just now");
        for _ in 0..20 {
            let made_up = oidc.token(&chat(Algorithm::EdDsa)).await;
            assert_eq!(all.told("/chat", &made_up).await, refused(401, "invalid_key"));
        }
        assert_eq!(oidc.counts().await[JWKS], 1, "a flood of unknown keys asks nobody");
        all.later(30);
        assert_eq!(all.told("/chat", &new).await, served(), "{framework}");
        assert_eq!(all.told("/chat", &old).await, served(), "it is still published");
        assert_eq!(oidc.counts().await[JWKS], 2);

        oidc.withdraw().await;
        all.later(300);
        assert_eq!(all.told("/chat", &new).await, served(), "{framework}");
        assert_eq!(all.told("/chat", &old).await, refused(401, "invalid_key"), "{framework}");
        assert_eq!(oidc.counts().await[JWKS], 3);
        all.site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_outage_of_the_issuer_is_503_and_forgotten() {
    for framework in Framework::ALL {
        let Some(mut oidc) = Oidc::start().await else { return };
        let token = oidc.token(&chat(Algorithm::EdDsa)).await;
        let fresh = oidc.token(&chat(Algorithm::EdDsa)).await;
        let all = Served::new(trusting(&oidc), framework).await;
        for path in [METADATA, JWKS] {
            let broken = Fault::status(500);
            oidc.fail(path, &broken).await;
            let answer = all.ask("/chat", &token).await;
            assert_eq!((answer.status(), answer.code()), refused(503, "auth_unavailable"));
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            assert!(answer.header("www-authenticate").is_none(), "{answer:?}");
            oidc.heal().await;
        }
        assert_eq!(all.told("/chat", &token).await, served(), "nothing was kept");

        assert!(oidc.stop().await.success());
        all.later(299);
        assert_eq!(all.told("/chat", &fresh).await, served(), "the keys are good for a second");
        assert_eq!(all.told("/chat", &token).await, served(), "{framework}");
        all.later(61);
        for token in [&fresh, &token] {
            assert_eq!(all.told("/chat", token).await, refused(503, "auth_unavailable"));
        }
        assert_eq!(all.told("/chat", "opaque").await, refused(401, "invalid_key"), "no JWT");
        all.site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_first_requests_through_two_gates_fetch_the_keys_once_and_open_one_account() {
    allow_many_connections();
    let Some(oidc) = Oidc::start().await else { return };
    let token = oidc.token(&chat(Algorithm::Ps256).claims(&json!({ "sub": "alice" }))).await;
    let provider = trusting(&oidc).build().unwrap();
    let one = App::of(CAP, provider.clone()).on(Framework::Axum).await;
    let ledger = one.ledger.clone();
    let other = App::of(CAP, provider.clone()).gate(move |gate| gate.ledger(ledger.clone()));
    let other = other.on(Framework::Actix).await;
    for site in [&one, &other] {
        site.clock.set(SystemClock.now());
    }
    let sites = [&one, &other].into_iter().cycle().take(1_000);
    let request = Request::post("/chat").bearer(&token);
    let answers = join_all(sites.map(|site| wire::answer(site.address, &request))).await;
    let refused = answers.iter().find(|answer| answer.status() != 200);
    assert!(refused.is_none(), "{refused:?}");
    let counts = oidc.counts().await;
    assert_eq!((counts[METADATA], counts[JWKS]), (1, 1));

    for site in [&one, &other] {
        site.give_back().await;
    }
    let rows = one.quiet().await;
    assert_eq!(rows.accounts.len(), 1, "{:?}", rows.accounts);
    assert_eq!(one.counter("alice").await.spent.units(), 10_000_000_000);
    other.close().await;
    one.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_token_is_logged() {
    let (log, Some(oidc)) = (Log::capture(), Oidc::shared().await) else { return };
    let all = Served::new(trusting(&oidc), Framework::Axum).await;
    let good = oidc.token(&chat(Algorithm::Rs256)).await;
    let odd = oidc.token(&chat(Algorithm::Rs256).by(Client::Odd)).await;
    let late = oidc.token(&chat(Algorithm::Rs256).claims(&json!({ "exp": 1 }))).await;
    assert_eq!(all.told("/chat", &good).await, served());
    assert_eq!(all.told("/chat", &odd).await, refused(401, "invalid_key"));
    assert_eq!(all.told("/chat", &late).await, refused(401, "expired_key"));
    let text = log.text();
    assert!(text.contains("request admitted") && text.contains("a token is refused"), "{text}");
    assert!(text.contains("a genuine token cannot be used"), "somebody should look: {text}");
    for token in [&good, &odd, &late] {
        let digest = Secret::parse(token).unwrap().digest().to_hex();
        for part in token.split('.').chain([&*digest]) {
            let line = text.lines().find(|line| line.contains(part));
            assert_eq!(line, None, "{part} is in the log");
        }
    }
    all.site.close().await;
}
