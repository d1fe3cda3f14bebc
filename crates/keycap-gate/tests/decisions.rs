//! What is decided, and what a handler can then do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::Labels;
use keycap_budget::{Amount, Meter, usd};
use keycap_gate::{BuildError, Code, Decision, Gate, Guard, Refusal, Usage, track_usage};
use keycap_verify::{IssuedKeys, MemoryKeyStore, NewKey};
use support::{Sent, World, finish};

fn dollars(text: &str) -> Amount {
    Meter::USD.parse_amount(text).unwrap()
}

#[tokio::test]
async fn p1_a_thousand_requests_at_once_on_a_cap_for_a_hundred_admit_exactly_a_hundred() {
    let world = World::with(&["$1 per day"]).await;
    let guarded = world.guarded(Guard::fixed(usd!(0.01)));
    let all: Vec<_> = (0..1_000).map(|_| guarded.decide(&world.request, None)).collect();
    let mut admitted = 0;
    for decision in futures_util::future::join_all(all).await {
        match decision {
            Decision::Admitted(key) => {
                drop(key.track(usd!(0.01)));
                finish(key, 200);
                admitted += 1;
            }
            Decision::Refused(refusal) => assert_eq!(refusal.code(), Code::BudgetReserved),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(admitted, 100);
    assert_eq!(world.at_rest().await.0, "$1.00");
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::BudgetExceeded);
}

#[tokio::test]
async fn p4_the_refusal_says_whether_the_rest_is_spent_reserved_or_too_small_for_ever() {
    let world = World::with(&["$1 per day"]).await;
    assert_eq!(world.code(Guard::fixed(usd!(1.01))).await, Code::HoldExceedsCap);
    let key = world.admitted(Guard::fixed(usd!(0.8))).await;
    assert_eq!(world.code(Guard::fixed(usd!(0.3))).await, Code::BudgetReserved);
    key.track(usd!(0.8)).await.unwrap();
    finish(key, 200);
    world.at_rest().await;
    assert_eq!(world.code(Guard::fixed(usd!(0.3))).await, Code::BudgetExceeded);
    finish(world.admitted(Guard::fixed(usd!(0.2))).await, 200);
}

#[tokio::test]
async fn a_request_may_wait_for_what_others_have_reserved() {
    let world = Arc::new(World::with(&["$1 per day"]).await);
    let first = world.admitted(Guard::fixed(usd!(1))).await;
    let guarded = world.guarded(Guard::fixed(usd!(0.5)).wait_up_to(Duration::from_secs(20)));
    let waiting = tokio::spawn(guarded.decide(&world.request, None));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    finish(first, 500);
    assert!(matches!(waiting.await.unwrap(), Decision::Admitted(_)));
}

/// A client that sent one request after the other met its own last hold: the answer left before what
/// it had not spent was given back, and near the cap the next request was refused as reserved.
#[tokio::test]
async fn p4_a_client_alone_is_never_in_its_own_way() {
    for guard in [Guard::fixed(usd!(0.02)), Guard::by_handler()] {
        let world = World::with(&["$0.10 per day"]).await;
        for _ in 0..9 {
            let key = world.admitted(guard.clone()).await;
            key.reserve(usd!(0.02)).await.unwrap();
            drop(key.track(usd!(0.01)));
            finish(key, 200);
        }
        assert_eq!(world.code(Guard::fixed(usd!(0.02))).await, Code::BudgetExceeded);
        finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
    }
}

#[tokio::test]
async fn by_handler_is_admitted_while_something_is_left_and_reserves_later() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::by_handler()).await;
    let refusal = key.reserve(usd!(1.5)).await.unwrap_err();
    assert_eq!(refusal.code(), Code::HoldExceedsCap);
    key.reserve(usd!(0.6)).await.unwrap();
    key.reserve(usd!(0.4)).await.unwrap();
    assert_eq!(world.shown().await.1, "$0.60");
    assert_eq!(key.remaining(&Meter::USD), Some(dollars("$1")));
    key.extend(usd!(0.4)).await.unwrap();
    assert_eq!(world.shown().await.1, "$1.00");
    assert_eq!(key.extend(usd!(0.1)).await.unwrap_err().code(), Code::HoldExceedsCap);
    assert_eq!(world.code(Guard::by_handler()).await, Code::BudgetReserved);
    key.track(usd!(0.9)).await.unwrap();
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.90");
}

#[tokio::test]
async fn remaining_counts_the_requests_own_hold_as_its_own() {
    let world = World::with(&["$0.10 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.02))).await;
    assert_eq!(key.remaining(&Meter::USD), Some(dollars("$0.10")));
    let other = world.admitted(Guard::fixed(usd!(0.03))).await;
    key.track(usd!(0.01)).await.unwrap();
    assert_eq!(key.remaining(&Meter::USD), Some(dollars("$0.06")));
    assert_eq!(key.remaining(&Meter::TOKENS), None);
    finish(other, 500);
    finish(key, 200);
}

#[tokio::test]
async fn an_inner_guard_adds_requirements_and_tops_up_but_holds_nothing_twice() {
    let world = World::with(&["$1 per day", "10 requests per minute"]).await;
    let outer = world.admitted(Guard::fixed(usd!(0.02))).await;
    let inner = world.guarded(Guard::fixed(usd!(0.05)).scope("chat"));
    let Decision::Admitted(key) = inner.decide(&Sent(String::new()), Some(outer.clone())).await
    else {
        panic!("the inner guard refused");
    };
    assert_eq!(world.shown().await.1, "$0.05");
    let admin = world.guarded(Guard::free().scope("admin"));
    let decision = admin.decide(&Sent(String::new()), Some(key.clone())).await;
    assert!(matches!(decision, Decision::Refused(r) if r.code() == Code::InsufficientScope));
    let unguarded = world.guarded(Guard::fixed(usd!(0.01)));
    let _same = unguarded.decide(&Sent(String::new()), Some(key.clone())).await;
    assert_eq!(world.shown().await.1, "$0.05");
    key.track(usd!(0.03)).await.unwrap();
    drop((outer, _same));
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.03");
    let standings = world.gate.standings(&world.account).await.unwrap();
    assert_eq!(standings[1].spent.units(), 1);
}

#[tokio::test]
async fn an_inner_guard_that_holds_tops_up_an_outer_one_that_is_free() {
    let world = World::with(&["$1 per day"]).await;
    let outer = world.admitted(Guard::free()).await;
    let inner = world.guarded(Guard::priced(usd!(0.05)));
    let Decision::Admitted(key) = inner.decide(&Sent(String::new()), Some(outer.clone())).await
    else {
        panic!("the inner guard refused");
    };
    assert_eq!(world.shown().await.1, "$0.05");
    drop(key);
    finish(outer, 200);
    assert_eq!(world.at_rest().await, ("$0.05".to_owned(), "$0.00".to_owned()));
}

#[tokio::test]
async fn a_cost_can_be_reported_from_outside_a_request() {
    let world = World::with(&["$0.10 per day"]).await;
    let early = track_usage(&world.gate, world.account.clone(), usd!(0.01)).await;
    assert!(early.is_err(), "the account was never opened: {early:?}");
    finish(world.admitted(Guard::free()).await, 200);
    let usage = Usage::of(usd!(0.25)).tagged(Labels::of([("job", "nightly")]).unwrap());
    let receipt = track_usage(&world.gate, world.account.clone(), usage).await.unwrap();
    assert_eq!(receipt.fit, keycap_budget::Fit::Over);
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::BudgetExceeded);
}

#[tokio::test]
async fn a_subject_pays_from_the_account_that_its_keys_pay_from() {
    let world = World::with(&["$0.10 per day"]).await;
    let minted = world.keys.mint(NewKey::for_owner("bob")).await.unwrap();
    let bob = Sent(format!("Bearer {}", minted.secret.expose()));
    let guarded = world.guarded(Guard::free());
    let Decision::Admitted(key) = guarded.decide(&bob, None).await else { panic!("refused") };
    track_usage(&world.gate, key.subject().clone(), usd!(0.25)).await.unwrap();
    assert!(key.standings().await.unwrap()[0].is_over());
}

#[tokio::test]
async fn p8_a_caller_is_shown_the_figures_of_its_own_account() {
    let world = World::with(&["$0.01 per day"]).await;
    let Refusal::Denied(keycap_gate::Denial::OverLimit(over)) =
        world.refused(Guard::fixed(usd!(0.02))).await
    else {
        panic!("not refused by a limit");
    };
    assert_eq!(over.disclosure(), keycap_gate::Disclosure::Shown);
}

#[tokio::test]
async fn what_is_configured_wrongly_fails_when_it_is_built() {
    let keys = || IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().unwrap();
    let ledger = keycap_budget::MemoryLedger::new;
    let full = || Gate::builder().ledger(ledger()).provider(keys());
    assert!(matches!(Gate::builder().provider(keys()).build(), Err(BuildError::NoLedger)));
    assert!(matches!(Gate::builder().ledger(ledger()).build(), Err(BuildError::NoProvider)));
    let twice = full().limit("$1 per day".parse().unwrap()).limit("$2 per day".parse().unwrap());
    assert!(matches!(twice.build(), Err(BuildError::Limit(_))));
    let gate = full().build().unwrap();
    let wrong = [
        Guard::free().scope("two words"),
        Guard::fixed(usd!(0)),
        Guard::priced(usd!(0)),
        Guard::free().resource(""),
    ];
    for guard in wrong {
        let error = gate.guarded(guard).unwrap_err().to_string();
        assert!(error.starts_with("the guard"), "{error}");
    }
    let outside = std::thread::spawn(move || {
        let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().unwrap();
        Gate::builder().ledger(keycap_budget::MemoryLedger::new()).provider(keys).build()
    });
    assert!(matches!(outside.join().unwrap(), Err(BuildError::NoRuntime)));
}

/// How long a request waits was told by the clock: set back, it made the wait as much longer.
#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_does_not_make_a_wait_longer() {
    let world = World::with(&["$1 per day"]).await;
    let first = world.admitted(Guard::fixed(usd!(1))).await;
    let waits = Guard::fixed(usd!(0.5)).wait_up_to(Duration::from_secs(20));
    let refused = tokio::time::timeout(Duration::from_secs(21), world.code(waits)).await;
    assert_eq!(refused.unwrap(), Code::BudgetReserved);
    finish(first, 500);
}
