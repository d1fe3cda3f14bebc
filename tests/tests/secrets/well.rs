//! Every remote provider while all is well, through both adapters: good secrets, and every kind that
//! is refused.

use std::sync::Arc;
use std::time::Duration;

use keycap::clerk::{Clerk, HttpSettings};
use keycap::jwt::Jwt;
use keycap::unkey::Unkey;
use keycap::{KeyFormat, ManualClock};
use keycap_standins::clerk::{NewApiKey, NewToken, SECRET_KEY, Setup, machine, user};
use keycap_standins::faults::{Canned, Fault, Server};
use keycap_standins::issuer::{AUDIENCE, Algorithm, Issuer};
use keycap_standins::unkey::{Enabled, NewKey, StandIn};
use keycap_tests::sought::Sought;
use keycap_tests::{Framework, NOW};
use serde_json::json;

use crate::parties::{parties, token};
use crate::site::{Provider, Search, serve};

/// How long the keys live that are to end.
const LIFE: Duration = Duration::from_secs(1);

/// A secret and what a caller is told who presents it.
type Caller = (&'static str, String, u16);

/// What is no key of any provider, and what is no key at all.
fn strangers() -> Vec<Caller> {
    let minted = KeyFormat::new("unknown").unwrap().mint().unwrap();
    vec![
        ("an issued key's shape", minted.expose().to_owned(), 401),
        ("a malformed one", "malformed\"9q2Kz5wM0123456789".to_owned(), 401),
        ("a malformed token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2lnbmVk9".to_owned(), 401),
    ]
}

async fn all_is_well(provider: Provider, shown: &str, own: Sought, mut callers: Vec<Caller>) {
    callers.extend(strangers());
    let add = |sought: Sought, (name, secret, _): &Caller| sought.token(name, secret);
    let search = Search::begin(callers.iter().fold(own, add));
    search.sought.assert_hidden("a provider or its builder", shown);
    let clock = ManualClock::at(NOW);
    for framework in Framework::ALL {
        let site = serve(&provider, &clock, framework).await;
        for (name, secret, status) in &callers {
            let answer = search.present(&site, secret).await;
            assert_eq!(answer.status(), *status, "{framework}, {name}: {answer:?}");
        }
        search.end(site, &callers[0].1).await;
    }
    let logged = ["request admitted", "request refused", "cannot decide", "TRACE", "provider_call"];
    search.finish(&logged, &["keycap_provider_calls_total", "outcome = answered"]);
}

/// What is read once at [`NOW`] has ended for keys that lived for [`LIFE`] before.
fn before() -> ManualClock {
    ManualClock::at(NOW)
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_clerk_well() {
    let clock = before();
    let at = Setup::default().clock(clock.clone()).start().await;
    let machine_key = at.add_machine(&machine("ours"), &[]);
    let _ = at.add_machine(&machine("worker"), &[&machine("ours")]);
    let good = at.create_key(NewApiKey::of(user("alice")).scopes(["chat"]));
    let revoked = at.create_key(NewApiKey::of(user("alice")));
    at.revoke(&revoked.id);
    let expired = at.create_key(NewApiKey::of(user("alice")).life(LIFE));
    let token = at.create_token(&machine("worker"), NewToken::default());
    let ended = at.create_token(&machine("worker"), NewToken::default().life(LIFE));
    clock.advance(LIFE * 2);
    let builder = || Clerk::secret_key(SECRET_KEY).machine_secret_key(machine_key.clone());
    let clerk = builder().api_url(at.url()).clock(clock.clone()).build().unwrap();
    let shown = format!("{:?} {clerk:?}", builder());
    let own = Sought::default().and("ours", SECRET_KEY).and("the machine's", machine_key.clone());
    let callers = vec![
        ("a good one", good.secret, 200),
        ("a good machine's", token.secret, 200),
        ("a revoked one", revoked.secret, 401),
        ("an expired one", expired.secret, 401),
        ("an expired machine's", ended.secret, 401),
        ("an unknown one", "ak_unknown2to7Clerk".to_owned(), 401),
        ("a key of Unkey's shape", "acme_3ZforeignTo9Clerk".to_owned(), 401),
    ];
    all_is_well(Arc::new(clerk), &shown, own, callers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_unkey_well() {
    let at = StandIn::start(ManualClock::at(NOW)).await;
    let good = at.create(NewKey::named("good").owner("alice").prefix("acme"));
    let off = at.create(NewKey::named("off").owner("alice").prefix("acme"));
    at.enable(&off.key_id, Enabled::No);
    let expired = NewKey::named("expired").owner("alice").expires_ms(NOW.as_millis() - 1);
    let expired = at.create(expired);
    let forbidden = at.create(NewKey::named("forbidden"));
    at.forbid(&forbidden.key_id);
    let builder = || Unkey::root_key(at.root_key()).api_url(at.url());
    let unkey = builder().clock(ManualClock::at(NOW)).build().unwrap();
    let shown = format!("{:?} {unkey:?}", builder());
    let own = Sought::default().and("ours", at.root_key());
    let callers = vec![
        ("a good one", good.secret, 200),
        ("a revoked one", off.secret, 401),
        ("an expired one", expired.secret, 401),
        ("one that Unkey forbids", forbidden.secret, 503),
        ("an unknown one", "acme_3ZunknownTo8Unkey".to_owned(), 401),
        ("a key of Clerk's shape", "ak_foreign6To2Unkey".to_owned(), 401),
    ];
    all_is_well(Arc::new(unkey), &shown, own, callers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_tokens_well() {
    let clock = ManualClock::at(NOW);
    let at = Issuer::start(clock.clone()).await;
    let now_s = NOW.as_millis() / 1_000;
    let is = |claims| at.token(Algorithm::Es256, claims);
    let mut forged = is(json!({}));
    forged.truncate(forged.len() - 8);
    forged.push_str("AAAAAAAA");
    let foreign = Issuer::start(clock.clone()).await;
    let callers = vec![
        ("a good one", is(json!({})), 200),
        ("one by RSA", at.token(Algorithm::Ps256, json!({})), 200),
        ("an expired one", is(json!({ "exp": now_s - 600 })), 401),
        ("an early one", is(json!({ "nbf": now_s + 600 })), 401),
        ("one for another", is(json!({ "aud": "https://another.example" })), 401),
        ("one without an end", is(json!({ "exp": null })), 401),
        ("a subject that is none", is(json!({ "sub": "two words-of-7Xk2" })), 401),
        ("a forged one", forged, 401),
        ("a foreign one", foreign.token(Algorithm::Es256, json!({})), 401),
        ("a key of Clerk's shape", "ak_foreign1To4Issuers".to_owned(), 401),
    ];
    let own = Sought::default().and("what a token says", "words-of-7Xk2");
    for discovers in ["discover", "jwks_url"] {
        let builder = || match discovers {
            "discover" => Jwt::issuer(at.url()).audience(AUDIENCE).discover(),
            _ => Jwt::issuer(at.url()).audience(AUDIENCE).jwks_url(at.jwks_url()),
        };
        let jwt = builder().clock(clock.clone()).build().unwrap();
        let shown = format!("{:?} {jwt:?}", builder());
        all_is_well(Arc::new(jwt), &shown, own.clone(), callers.clone()).await;
    }
}

/// The server answers each question in turn; no one answer fits all secrets.
#[tokio::test(flavor = "multi_thread")]
async fn p9_introspection_well() {
    let now_s = NOW.as_millis() / 1_000;
    let active =
        json!({ "active": true, "token_type": "Bearer", "sub": "user_1", "scope": "chat" });
    let expired =
        json!({ "active": true, "token_type": "Bearer", "sub": "user_1", "exp": now_s - 1 });
    for (said, status) in [(active, 200), (json!({ "active": false }), 401), (expired, 401)] {
        let server = Server::start(Fault::Answer(Canned::json(200, said.to_string()))).await;
        for party in parties() {
            if !["basic", "post", "signed"].contains(&party.name) {
                continue;
            }
            let http = HttpSettings::new();
            let built = (party.build)(&server.origin(), http, &ManualClock::at(NOW));
            let mut callers = vec![
                ("an opaque one", "opaque4Token7of1alice".to_owned(), status),
                ("a token", token(&json!({})), status),
            ];
            // Whatever reaches the server is answered the same.
            callers.push(("of Clerk's shape", "ak_foreign8To3Servers".to_owned(), status));
            told_the_same(&built.provider, &built.shown, party.own.clone(), callers).await;
        }
    }
}

async fn told_the_same(provider: &Provider, shown: &str, own: Sought, callers: Vec<Caller>) {
    let add = |sought: Sought, (name, secret, _): &Caller| sought.token(name, secret);
    let search = Search::begin(callers.iter().fold(own, add));
    search.sought.assert_hidden("a provider or its builder", shown);
    for framework in Framework::ALL {
        let site = serve(provider, &ManualClock::at(NOW), framework).await;
        for (name, secret, status) in &callers {
            search.verdict(provider, secret).await;
            let answer = search.present(&site, secret).await;
            assert_eq!(answer.status(), *status, "{framework}, {name}: {answer:?}");
        }
        search.end(site, &callers[0].1).await;
    }
    search.finish(&["provider_call"], &["keycap_provider_calls_total"]);
}
