//! Steady use is drawn from leases: no ledger on the way of a request, every promise as before.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails says so by a panic"
)]

mod support;

use std::time::Duration;

use keycap_budget::{Cost, Ledger, Meter, audit};
use keycap_gate::{Code, Course, Decision, Guard, Guarded, KeyState};
use support::{Mood, World, finish};

/// Admitted without asking the ledger: the world's ledger never answers at once.
fn drawn(world: &World, guarded: &Guarded) -> Option<KeyState> {
    match guarded.decide(&world.request, None).at_once() {
        Ok(Decision::Admitted(key)) => Some(key),
        Ok(other) => panic!("not admitted: {other:?}"),
        Err(_waits) => None,
    }
}

/// Sends requests until one is drawn, and gives that one.
async fn until_drawn(world: &World, guard: Guard) -> KeyState {
    let guarded = world.guarded(guard);
    let warm = async {
        loop {
            match guarded.decide(&world.request, None).at_once() {
                Ok(Decision::Admitted(key)) => return key,
                Ok(other) => panic!("not admitted: {other:?}"),
                Err(waits) => match waits.await {
                    Decision::Admitted(key) => finish(key, 200),
                    other => panic!("not admitted: {other:?}"),
                },
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), warm).await.expect("is leased")
}

/// What the limit on a meter shows: spent and held.
async fn books(world: &World, meter: &Meter) -> (i64, i64) {
    let standings = world.ledger.inner.standings(&world.account).await.unwrap();
    let found = standings.iter().find(|s| s.limit.key().meter == *meter).unwrap();
    (found.spent.units(), found.held.units())
}

#[tokio::test]
async fn p5_steady_use_is_admitted_without_the_ledger() {
    let world = World::with(&["1000000 tokens per day", "1000000 requests per day"]).await;
    let guard = || Guard::fixed(Cost::tokens(10));
    let key = until_drawn(&world, guard()).await;
    finish(key, 200);
    let guarded = world.guarded(guard());
    for _ in 0..10 {
        let key = drawn(&world, &guarded).expect("something is left in the purses");
        finish(key, 200);
    }
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let (spent, held) = books(&world, &Meter::TOKENS).await;
    let (requests, held_requests) = books(&world, &Meter::REQUESTS).await;
    assert_eq!((held, held_requests), (0, 0), "all that was leased went back");
    assert_eq!(spent, requests * 10, "captured as without leases");
    audit(&world.ledger.inner.snapshot().await.unwrap()).unwrap();
}

#[tokio::test]
async fn i6_what_is_tracked_is_paid_from_the_lease_and_the_rest_put_back() {
    let world = World::with(&["1000000 tokens per day"]).await;
    let key = until_drawn(&world, Guard::fixed(Cost::tokens(10))).await;
    let course = Course::begin(key.clone());
    let receipt = key.track(Cost::tokens(3)).await.unwrap();
    assert!(receipt.uncovered.is_nothing(), "{receipt:?}");
    let receipt = key.track(Cost::tokens(17)).await.unwrap();
    assert!(receipt.uncovered.is_nothing(), "drawn beyond its estimate: {receipt:?}");
    drop((key, course));
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let (spent, held) = books(&world, &Meter::TOKENS).await;
    assert_eq!((spent % 10, held), (0, 0));
    let charges = world.charges().await;
    for cost in [Cost::tokens(3), Cost::tokens(17)] {
        assert!(charges.iter().any(|(charged, _)| *charged == cost), "{charges:?}");
    }
    audit(&world.ledger.inner.snapshot().await.unwrap()).unwrap();
}

#[tokio::test]
async fn p6_while_the_ledger_is_away_leases_serve_and_then_nobody() {
    let world = World::with(&["1000000 tokens per day"]).await;
    finish(until_drawn(&world, Guard::fixed(Cost::tokens(10))).await, 200);
    world.ledger.set(Mood::Fails);
    let guarded = world.guarded(Guard::fixed(Cost::tokens(10)));
    let mut admitted = 0;
    let refusal = loop {
        match guarded.decide(&world.request, None).await {
            Decision::Admitted(key) => finish(key, 200),
            Decision::Refused(refusal) => break refusal,
            other => panic!("{other:?}"),
        }
        admitted += 1;
        assert!(admitted < 1_000, "no lease is that large");
    };
    assert!(admitted > 0);
    assert_eq!(refusal.code(), Code::LedgerUnavailable);
    world.ledger.set(Mood::Well);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let (spent, held) = books(&world, &Meter::TOKENS).await;
    assert_eq!(held, 0);
    assert!(spent >= 10 * admitted, "nothing is lost");
}

#[tokio::test]
async fn p4_what_is_leased_stands_in_nobodys_way() {
    let world = World::with(&["10000 tokens per day"]).await;
    let key = until_drawn(&world, Guard::fixed(Cost::tokens(1))).await;
    let (spent, held) = books(&world, &Meter::TOKENS).await;
    assert!(held > 1, "a lease: {held}");
    let all = u32::try_from(10_000 - spent - 1).unwrap();
    let large = world.admitted(Guard::fixed(Cost::tokens(all))).await;
    let shown = &large.limits()[0];
    assert_eq!(shown.remaining().units(), 0);
    assert_eq!(world.code(Guard::fixed(Cost::tokens(1))).await, Code::BudgetReserved);
    drop(large);
    finish(key, 200);
    finish(world.admitted(Guard::fixed(Cost::tokens(all))).await, 200);
    assert_eq!(world.code(Guard::fixed(Cost::tokens(1))).await, Code::BudgetExceeded);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    assert_eq!(books(&world, &Meter::TOKENS).await, (10_000, 0));
}
