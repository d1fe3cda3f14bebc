//! Refusals by rule, and outages.

use keycap::budget::{Amendment, Operation, apply_one};
use keycap::verify::{FailureGuard, Revocation};
use keycap::{AccountId, Code, Status, TemplateError, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::wire::{Request, ask};
use keycap_tests::{Route, Site, Told, Work, same_on_both};

use crate::troubled::{chat, troubled};

#[tokio::test(flavor = "multi_thread")]
async fn p8_every_refusal_by_rule_is_told_alike_by_both() {
    let told = same_on_both(troubled, async |site: &Site| {
        let revoked = site.keys.revoke(&site.record("revoked").id).await.unwrap();
        assert_eq!(revoked, Revocation::Revoked);
        suspend(site, "asleep").await;
        let mut told = Told::default();
        told.add("missing_key", ask(site.address, &Request::post("/chat")).await);
        for (label, name, path) in [
            ("expired_key", "expired", "/chat"),
            ("revoked_key", "revoked", "/chat"),
            ("account_expired", "bygone", "/chat"),
            ("suspended", "asleep", "/chat"),
            ("address_not_allowed", "walled", "/chat"),
            ("insufficient_scope", "alice", "/admin"),
            ("resource_not_allowed", "picky", "/big"),
            ("hold_exceeds_cap", "small", "/chat"),
            ("hold_exceeds_cap, in the handler", "alice", "/reserve"),
            ("", "slow", "/chat"),
            ("rate_limited", "slow", "/chat"),
            ("", "spent", "/spend"),
            ("budget_exceeded", "spent", "/chat"),
            ("", "gone", "/spend"),
            ("budget_exceeded, for good", "gone", "/chat"),
            ("misconfigured", "alice", "/bare"),
        ] {
            told.add(label, site.ask(name, Request::post(path)).await);
            // The figures of the next answer are those after this request has settled.
            site.quiet().await;
        }
        let unknown = Request::post("/chat").bearer("nobody-issued-this");
        told.add("invalid_key", ask(site.address, &unknown).await);
        told
    })
    .await;
    for (label, answer) in told.answers() {
        let code = label.split(',').next().unwrap();
        assert_eq!(answer.code(), code, "{label}: {answer:?}");
        let row = Code::ALL.iter().find(|known| known.as_str() == code);
        assert_eq!(answer.status(), row.map_or(200, |code| code.status()), "{label}: {answer:?}");
        let kind = if code.is_empty() { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), Some(kind), "{label}");
    }
    told.check(&[
        ("missing_key", "www-authenticate", Some("Bearer")),
        ("expired_key", "www-authenticate", Some("Bearer error=\"invalid_token\"")),
        (
            "insufficient_scope",
            "www-authenticate",
            Some("Bearer error=\"insufficient_scope\", scope=\"chat admin\""),
        ),
        ("hold_exceeds_cap", "retry-after", None),
        ("hold_exceeds_cap", "x-should-retry", Some("false")),
        ("rate_limited", "retry-after", Some("60")),
        ("rate_limited", "x-should-retry", None),
        ("budget_exceeded", "retry-after", Some("43200")),
        ("budget_exceeded", "x-should-retry", Some("false")),
        ("budget_exceeded, for good", "retry-after", None),
        ("budget_exceeded, for good", "x-should-retry", Some("false")),
    ]);
    let limit = &told.answer("budget_exceeded").json()["limit"];
    assert_eq!(limit["account"], "spent");
    assert_eq!(limit["cap"], "$0.05");
    assert_eq!(limit["resets_at"], "2026-03-11T00:00:00Z");
}

async fn suspend(site: &Site, account: &'static str) {
    // The first request opens the account.
    assert_eq!(site.answer(account, Request::post("/chat")).await.status(), 200);
    let amendment = Amendment::new().status(Status::Suspended);
    let account = AccountId::new(account).unwrap();
    let version = site.ledger.chain(&account).await.unwrap().unwrap().leaf().version;
    let amend = Operation::Amend { account, version, amendment };
    apply_one(&*site.ledger, amend).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_what_requests_in_flight_hold_is_told_as_reserved_by_both() {
    let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.01))));
    let route = |latch| Route::guarded("/slowly", chat(), work(latch));
    let told = same_on_both(
        || troubled().route_with_latch(route),
        async |site: &Site| {
            let slow = site.ask("full", Request::post("/slowly"));
            let meanwhile = async {
                site.latch.reached(1).await;
                let mut told = Told::default();
                told.add("budget_reserved", site.ask("full", Request::post("/chat")).await);
                site.latch.open();
                told
            };
            let (slow, mut told) = tokio::join!(slow, meanwhile);
            told.add("", slow);
            site.quiet().await;
            told.add("fits again", site.ask("full", Request::post("/chat")).await);
            told
        },
    )
    .await;
    let reserved = told.answer("budget_reserved");
    assert_eq!((reserved.status(), reserved.code().as_str()), (429, "budget_reserved"));
    assert_eq!(reserved.header("retry-after"), Some("1"));
    assert_eq!(told.answer("fits again").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_outages_are_told_alike_by_both() {
    let told = same_on_both(
        || troubled().route(Route::guarded("/broken", chat(), Work::Show)),
        async |site: &Site| {
            let mut told = Told::default();
            site.provider.set(Mood::Failing);
            told.add("auth_unavailable", site.ask("alice", Request::post("/chat")).await);
            site.provider.set(Mood::Well);
            told.add("", site.ask("alice", Request::post("/chat")).await);
            site.ledger_switch.set(Mood::Failing);
            told.add("ledger_unavailable", site.ask("alice", Request::post("/chat")).await);
            site.ledger_switch.set(Mood::Well);
            told
        },
    )
    .await;
    for code in ["auth_unavailable", "ledger_unavailable"] {
        let answer = told.answer(code);
        assert_eq!((answer.status(), answer.code().as_str()), (503, code));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let failing = || {
        troubled().gate(|gate| {
            gate.template_fn(|_| async { Err(TemplateError::new("no such customer: 4711")) })
        })
    };
    let told = same_on_both(failing, async |site: &Site| {
        let mut told = Told::default();
        told.add("template", site.ask("alice", Request::post("/chat")).await);
        told
    })
    .await;
    let answer = told.answer("template");
    assert_eq!((answer.status(), answer.code().as_str()), (500, "misconfigured"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("4711"), "details only in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_floods_of_bad_keys_are_told_alike_by_both() {
    let guarded = || {
        troubled().gate(|gate| gate.failed_attempts(FailureGuard::builder().failures_per_minute(2)))
    };
    let told = same_on_both(guarded, async |site: &Site| {
        let mut told = Told::default();
        told.add("known good", site.ask("alice", Request::post("/chat")).await);
        for (label, secret) in [("first", "bad-1"), ("second", "bad-2"), ("third", "bad-3")] {
            told.add(label, ask(site.address, &Request::post("/chat").bearer(secret)).await);
        }
        told.add("neighbour", site.ask("alice", Request::post("/chat")).await);
        told
    })
    .await;
    assert_eq!(told.answer("second").code(), "invalid_key");
    let third = told.answer("third");
    assert_eq!((third.status(), third.code().as_str()), (429, "too_many_failures"));
    assert_eq!(third.header("retry-after"), Some("30"));
    assert_eq!(told.answer("neighbour").status(), 200, "garbage does not lock customers out");
}
