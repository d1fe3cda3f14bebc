//! Every answer of the old middleware, with ours beside it, on both adapters.

use keycap::budget::{Amendment, Operation, apply_one};
use keycap::verify::{Revocation, StaticKey};
use keycap::{AccountId, ChainSpec, Guard, NewKey, Scopes, Secret, StaticKeys, Status, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::wire::{Request, ask};
use keycap_tests::{App, NOW, Route, Site, Told, Work, same_on_both};

use crate::before::as_before;
use crate::granted::ByAccount;
use crate::paper::PAPER;

/// What was told for each condition: the old status and body, then our status and code.
const ANSWERS: [(&str, u16, &str, u16, &str); 10] = [
    ("no key", 401, r#"{"error":"Missing API key"}"#, 401, "missing_key"),
    ("unknown key", 401, r#"{"error":"invalid_key"}"#, 401, "invalid_key"),
    ("revoked key", 401, r#"{"error":"invalid_key"}"#, 401, "revoked_key"),
    ("expired key", 401, r#"{"error":"invalid_key"}"#, 401, "expired_key"),
    ("expired budget row", 401, r#"{"error":"expired"}"#, 403, "account_expired"),
    ("revoked budget row", 401, r#"{"error":"revoked"}"#, 403, "suspended"),
    ("spent", 429, r#"{"error":"budget_exceeded"}"#, 429, "budget_exceeded"),
    (
        "no scope",
        403,
        r#"{"error":"insufficient_scope","required":"proxy.chat","available":["usage.read"]}"#,
        403,
        "insufficient_scope",
    ),
    ("provider down", 500, r#"{"error":"auth_unavailable"}"#, 503, "auth_unavailable"),
    ("store down", 500, r#"{"error":"auth_unavailable"}"#, 503, "ledger_unavailable"),
];

const CUSTOMERS: [&str; 4] = ["bygone", "asleep", "spender", "reader"];

fn app() -> App {
    let keys = CUSTOMERS.iter().fold(App::default(), |app, name| {
        app.key(name, NewKey::for_owner(name).scopes(Scopes::all()))
    });
    keys.key("expired", NewKey::for_owner("alice").expires_at(NOW))
        .key("revoked", NewKey::for_owner("alice"))
        .key("late", NewKey::for_owner("alice"))
        .terms(|account| {
            let account = account.limit("$0.05 per month".parse().unwrap()).unwrap();
            ChainSpec::of(match account.id().as_str() {
                "bygone" => account.expires_at(NOW),
                "reader" => account.scopes(Scopes::of(["usage.read"]).unwrap()),
                _ => account,
            })
        })
        .route(Route::guarded("/chat", Guard::fixed(usd!(0.05)).scope("proxy.chat"), Work::Show))
        .route(Route::guarded("/spend", Guard::fixed(usd!(0.05)), Work::Track(usd!(0.05))))
        .route(Route::guarded("/me", Guard::free(), Work::Show))
}

async fn every_condition(site: &Site) -> Told {
    let revoked = site.keys.revoke(&site.record("revoked").id).await.unwrap();
    assert_eq!(revoked, Revocation::Revoked);
    assert_eq!(site.answer("asleep", Request::post("/me")).await.status(), 200);
    suspend(site, "asleep").await;
    assert_eq!(site.answer("spender", Request::post("/spend")).await.status(), 200);
    site.quiet().await;

    let mut told = Told::default();
    let chat = || Request::post("/chat");
    told.add("no key", ask(site.address, &chat()).await);
    told.add("unknown key", ask(site.address, &chat().bearer("nobody-issued-this")).await);
    for (label, name) in [
        ("revoked key", "revoked"),
        ("expired key", "expired"),
        ("expired budget row", "bygone"),
        ("revoked budget row", "asleep"),
        ("spent", "spender"),
        ("no scope", "reader"),
    ] {
        told.add(label, site.ask(name, chat()).await);
    }
    site.provider.set(Mood::Failing);
    told.add("provider down", site.ask("late", chat()).await);
    site.provider.set(Mood::Well);
    site.ledger_switch.set(Mood::Failing);
    told.add("store down", site.ask("late", Request::post("/spend")).await);
    site.ledger_switch.set(Mood::Well);
    told
}

async fn suspend(site: &Site, account: &str) {
    let account = AccountId::new(account).unwrap();
    let version = site.ledger.chain(&account).await.unwrap().unwrap().leaf().version;
    let amendment = Amendment::new().status(Status::Suspended);
    let amend = Operation::Amend { account, version, amendment };
    apply_one(&*site.ledger, amend).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_every_answer_of_the_old_middleware_can_be_kept_byte_for_byte() {
    let app = || {
        app().gate(|gate| {
            gate.render(|refusal, answer| as_before(refusal, answer.clone()).unwrap_or(answer))
        })
    };
    let told = same_on_both(app, every_condition).await;
    for (label, status, body, _, _) in ANSWERS {
        let answer = told.answer(label);
        assert_eq!(answer.status(), status, "{label}");
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{label}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/json; charset=utf-8"), "{label}");
    }
    told.check(&[
        ("no key", "www-authenticate", Some("Bearer")),
        ("unknown key", "www-authenticate", Some("Bearer error=\"invalid_token\"")),
        ("provider down", "retry-after", Some("1")),
        ("provider down", "www-authenticate", None),
        ("spent", "retry-after", Some("1857600")),
        ("spent", "x-should-retry", Some("false")),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_p8_our_own_answers_to_the_same_conditions() {
    let told = same_on_both(app, every_condition).await;
    for (label, _, _, status, code) in ANSWERS {
        let answer = told.answer(label);
        assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{label}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{label}");
        let body = String::from_utf8_lossy(&answer.body);
        assert!(PAPER.contains(&*body), "not in the paper: {body}");
    }
    let scope = told.answer("no scope").json();
    assert_eq!(scope["required"], serde_json::json!(["proxy.chat"]));
    assert_eq!(scope["available"], serde_json::json!(["usage.read"]));
}

/// A client that reads `status` and `body.error` of these needs no change.
#[tokio::test(flavor = "multi_thread")]
async fn p8_spent_budgets_and_missing_scopes_are_told_under_the_old_status_and_name() {
    let told = same_on_both(app, every_condition).await;
    for label in ["spent", "no scope", "unknown key"] {
        let answer = told.answer(label);
        let (_, status, body, _, _) = ANSWERS.iter().find(|row| row.0 == label).unwrap();
        let old: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((answer.status(), &answer.json()["error"]), (*status, &old["error"]));
    }
}

/// The old middleware asked the budget row alone what a key may do.
#[tokio::test(flavor = "multi_thread")]
async fn scopes_can_stand_in_the_account_alone() {
    let app = || {
        let digest = Secret::parse(Site::secret("reader")).unwrap().digest().to_hex();
        app()
            .gate(move |gate| {
                let keys = StaticKeys::builder().key(StaticKey::new("reader", &digest)).build();
                gate.provider(ByAccount(keys.unwrap()))
            })
            .route(Route::guarded("/usage", Guard::free().scope("usage.read"), Work::Show))
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("in its row", site.ask("reader", Request::get("/usage")).await);
        told.add("not in its row", site.ask("reader", Request::post("/chat")).await);
        told
    })
    .await;
    assert_eq!(told.answer("in its row").status(), 200);
    let refused = told.answer("not in its row");
    assert_eq!((refused.status(), refused.code().as_str()), (403, "insufficient_scope"));
    assert_eq!(refused.json()["available"], serde_json::json!(["usage.read"]));
}

/// The old middleware took `Bearer` and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_in_lower_case_is_a_scheme() {
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let credential = format!("{scheme} {}", Site::secret("reader"));
            let request = Request::post("/me").header("Authorization", credential);
            told.add(scheme, ask(site.address, &request).await);
        }
        told
    })
    .await;
    for (scheme, answer) in told.answers() {
        assert_eq!(answer.status(), 200, "{scheme}");
    }
}
