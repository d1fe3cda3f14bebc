//! Holds of living requests are renewed, dead ones swept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use keycap_base::Timestamp;
use keycap_budget::{
    Claim, HoldId, Meter, NewHold, OnExpiry, Operation, OwnerId, Sweep, apply_one, usd,
};
use keycap_gate::{Guard, MIN_HOLD_LIFE};
use keycap_verify::{Answer, Identity, IdentityProvider, Secret, Subject};
use support::{World, finish};

/// Lets the gate's own timers, which run on tokio's paused time, come round.
async fn housekeeping_comes_round() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

#[tokio::test(start_paused = true)]
async fn holds_of_living_requests_are_renewed_dead_ones_swept_and_late_costs_put_right() {
    let world = World::built(|builder| {
        builder.limit("$1 per day".parse().unwrap()).hold_life(Duration::from_secs(3))
    })
    .await;
    let key = world.admitted(Guard::fixed(usd!(0.5))).await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(2));
        housekeeping_comes_round().await;
    }
    assert_eq!(world.shown().await, ("$0.00".to_owned(), "$0.50".to_owned()));
    world.ledger.set(support::Mood::Fails);
    world.clock.advance(Duration::from_secs(4));
    housekeeping_comes_round().await;
    let sweep = Operation::Sweep(Sweep::Expired);
    apply_one(&world.ledger.inner, sweep).await.unwrap().unwrap();
    world.ledger.set(support::Mood::Well);
    assert_eq!(world.shown().await, ("$0.50".to_owned(), "$0.00".to_owned()));
    key.track(usd!(0.1)).await.unwrap();
    finish(key, 200);
    let settled = async {
        while world.shown().await.0 != "$0.10" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn holds_that_nobody_ends_are_swept_by_the_gate_itself() {
    let world = World::with(&["$1 per day"]).await;
    finish(world.admitted(Guard::free()).await, 200);
    let orphan = Operation::Hold(NewHold {
        id: HoldId::generate(support::START),
        account: world.account.clone(),
        claim: Claim::Chain(usd!(0.3).into()),
        owner: OwnerId::generate(support::START),
        life: Duration::from_secs(60),
        on_expiry: OnExpiry::Capture,
        exposure: None,
    });
    apply_one(&world.ledger.inner, orphan).await.unwrap().unwrap();
    world.clock.advance(Duration::from_secs(60));
    housekeeping_comes_round().await;
    assert_eq!(world.shown().await, ("$0.30".to_owned(), "$0.00".to_owned()));
}

/// A provider that knows everybody and never comes to the end of its chores.
#[derive(Default)]
struct Idler {
    chores: AtomicUsize,
}

#[async_trait]
impl IdentityProvider for Idler {
    fn name(&self) -> &str {
        "idler"
    }

    async fn verify(&self, _secret: &Secret) -> Answer {
        Answer::Known(Identity::new(Subject::new("idler", "alice").unwrap(), Timestamp::EPOCH))
    }

    async fn housekeep(&self) {
        self.chores.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }
}

/// The shortest holds there can be, and a provider that takes all the time it is given for its chores:
/// the request goes on meanwhile, and nobody may count its hold as left behind.
#[tokio::test(start_paused = true)]
async fn p1_a_provider_that_hangs_at_its_chores_costs_no_living_request_its_hold() {
    let provider = Arc::new(Idler::default());
    let world = World::built(|builder| {
        let builder = builder.provider(Arc::clone(&provider)).hold_life(MIN_HOLD_LIFE);
        builder.limit("$1 per day".parse().unwrap())
    })
    .await;
    let key = world.admitted(Guard::fixed(usd!(0.5))).await;
    for second in 0..150 {
        world.clock.advance(Duration::from_secs(1));
        housekeeping_comes_round().await;
        apply_one(&world.ledger.inner, Operation::Sweep(Sweep::Expired)).await.unwrap().unwrap();
        let standings = world.gate.standings(key.account()).await.unwrap();
        assert_eq!(Meter::USD.format(standings[0].held), "$0.50", "after {second} seconds");
    }
    assert!(provider.chores.load(Ordering::SeqCst) >= 2, "it was given its time");
    finish(key, 200);
}
