//! Observe mode: decide, report, let through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{Ledger, usd};
use keycap_gate::{Code, Decision, Guard, Mode, Refusal};
use parking_lot::Mutex;
use support::{Sent, World, finish};

#[tokio::test]
async fn observe_mode_reports_and_lets_through() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let world = World::built(|builder| {
        builder.limit("$0.01 per day".parse().unwrap()).observe_only().observer(move |report| {
            assert_eq!(report.mode, Mode::ObserveOnly);
            told.lock().push(report.refusal.map(Refusal::code));
        })
    })
    .await;
    let guarded = world.guarded(Guard::fixed(usd!(0.02)));
    let Decision::Observed(Some(key), observation) = guarded.decide(&world.request, None).await
    else {
        panic!("not observed");
    };
    assert_eq!(observation.0.code(), Code::HoldExceedsCap);
    assert_eq!(key.would_refuse().map(Refusal::code), Some(Code::HoldExceedsCap));
    key.track(usd!(0.02)).await.unwrap();
    finish(key, 200);
    let nobody = guarded.decide(&Sent(String::new()), None).await;
    assert!(matches!(nobody, Decision::Observed(None, _)));
    let expected = [Some(Code::HoldExceedsCap), Some(Code::MissingKey)];
    assert_eq!(*seen.lock(), expected);
    assert_eq!(world.at_rest().await.0, "$0.02");
}

/// In observe mode a reservation in the handler was refused all the same, and nobody was told.
#[tokio::test]
async fn observe_mode_lets_reservations_through_and_counts_requests() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let world = World::built(|builder| {
        let limits = ["$0.01 per day", "8 requests per day"];
        let builder = limits.iter().fold(builder, |b, limit| b.limit(limit.parse().unwrap()));
        builder.observe_only().observer(move |report| {
            told.lock().push(report.refusal.map(Refusal::code));
        })
    })
    .await;
    let key = world.admitted(Guard::by_handler()).await;
    key.reserve(usd!(0.02)).await.unwrap();
    key.track(usd!(0.02)).await.unwrap();
    finish(key, 200);
    world.at_rest().await;
    let decision = world.guarded(Guard::by_handler()).decide(&world.request, None).await;
    let Decision::Observed(Some(key), _) = decision else { panic!("not observed") };
    finish(key, 200);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let expected = [None, Some(Code::HoldExceedsCap), Some(Code::BudgetExceeded)];
    assert_eq!(*seen.lock(), expected);
    let standings = world.ledger.inner.standings(&world.account).await.unwrap();
    assert_eq!(standings[1].spent.units(), 2);
}
