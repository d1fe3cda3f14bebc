//! Steady use is drawn from leases: no ledger on the way of a request, every promise as before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use keycap_budget::{
    AccountId, AccountSpec, Amendment, Amount, ChainSpec, Cost, Ledger, Limits, MemoryLedger,
    Meter, Operation, Reapply, Retention, apply_one, audit,
};
use keycap_gate::{Code, Decision, Gate, Guard};
use keycap_verify::{Identity, KeyTable, NewKey};
use support::{Mood, Sent, World, finish};

const TOKENS: &str = "1000000 tokens per day";

fn tokens(count: u32) -> Guard {
    Guard::fixed(Cost::tokens(count))
}

fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

/// Waits until the driver has come round and nothing is held any more.
async fn nothing_is_held(world: &World) {
    let returned = async {
        while world.standing(&Meter::TOKENS).await.held != Amount::ZERO {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), returned).await.expect("leases go back");
}

#[tokio::test(start_paused = true)]
async fn p5_steady_use_is_admitted_without_the_ledger() {
    let world = World::with(&[TOKENS, "1000000 requests per day"]).await;
    finish(world.drawn(tokens(10)).await, 200);
    let (guarded, held) = (world.guarded(tokens(10)), world.ledger.holds.load(Ordering::SeqCst));
    for _ in 0..10 {
        match guarded.decide(&world.request, None).at_once() {
            Ok(Decision::Admitted(key)) => finish(key, 200),
            other => panic!("not drawn: {other:?}"),
        }
    }
    assert_eq!(world.ledger.holds.load(Ordering::SeqCst), held);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(110));
    assert!(world.standing(&Meter::REQUESTS).await.spent >= units(11));
    assert_eq!(world.standing(&Meter::REQUESTS).await.held, Amount::ZERO);
}

#[tokio::test(start_paused = true)]
async fn p6_while_the_ledger_is_away_leases_serve_and_then_nobody() {
    let world = World::with(&[TOKENS]).await;
    finish(world.drawn(tokens(10)).await, 200);
    world.ledger.set(Mood::Fails);
    let guarded = world.guarded(tokens(10));
    let mut admitted = 1;
    let refusal = loop {
        match guarded.decide(&world.request, None).await {
            Decision::Admitted(key) => finish(key, 200),
            Decision::Refused(refusal) => break refusal,
            other => panic!("{other:?}"),
        }
        admitted += 1;
        assert!(admitted < 1_000, "no lease is that large");
    };
    assert!(admitted > 1);
    assert_eq!(refusal.code(), Code::LedgerUnavailable);
    world.ledger.set(Mood::Well);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(10 * admitted), "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn p4_what_is_leased_stands_in_nobodys_way() {
    let world = World::with(&["10000 tokens per day"]).await;
    let key = world.drawn(tokens(1)).await;
    assert!(world.standing(&Meter::TOKENS).await.held > units(1), "a lease");
    let large = world.admitted(tokens(9_999)).await;
    assert_eq!(large.limits()[0].remaining(), Amount::ZERO);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetReserved);
    finish(large, 500);
    finish(key, 500);
    finish(world.admitted(tokens(10_000)).await, 200);
    assert_eq!(world.code(tokens(1)).await, Code::BudgetExceeded);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(10_000));
}

#[tokio::test(start_paused = true)]
async fn what_is_leased_and_free_is_shown_as_remaining() {
    let world = World::with(&[TOKENS]).await;
    let key = world.drawn(tokens(10)).await;
    assert!(world.standing(&Meter::TOKENS).await.held > units(10), "a lease");
    world.exact_holds_ended().await;
    let asked = world.gate.standings(&world.account).await.unwrap();
    for shown in [key.limits(), key.standings().await.unwrap(), asked] {
        assert_eq!(shown[0].held, units(10), "what the request holds");
        assert_eq!(shown[0].remaining(), units(999_990));
    }
    assert_eq!(key.remaining(&Meter::TOKENS), Some(units(1_000_000)), "its own included");
    let own = key.track(Cost::tokens(4)).await.unwrap();
    assert!(own.uncovered.is_nothing());
    assert_eq!(key.limits()[0].spent, units(4));
    assert_eq!(key.limits()[0].held, units(6));
    finish(key, 200);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(4));
}

#[tokio::test(start_paused = true)]
async fn p1_a_request_settles_in_the_window_it_was_drawn_in() {
    let world = World::with(&[TOKENS]).await;
    let key = world.drawn(tokens(10)).await;
    let window = world.standing(&Meter::TOKENS).await.window;
    world.clock.advance_to(window.end.unwrap());
    let next = world.guarded(tokens(10)).decide(&world.request, None).at_once();
    assert!(next.is_err(), "nothing is drawn for the new window from the old one's purse");
    key.track(Cost::tokens(7)).await.unwrap();
    finish(key, 200);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, Amount::ZERO);
    let charges = world.ledger.inner.charges(&world.account, None, 1).await.unwrap();
    assert_eq!((charges[0].legs[0].start, charges[0].legs[0].amount), (window.start, units(7)));
    assert_eq!(charges[0].legs[0].uncovered, Amount::ZERO);
}

#[tokio::test(start_paused = true)]
async fn p1_after_a_cap_was_lowered_nothing_is_drawn_under_the_old_one() {
    let world = World::with(&[TOKENS]).await;
    let key = world.drawn(tokens(10)).await;
    let version = world.ledger.inner.chain(&world.account).await.unwrap().unwrap().leaf().version;
    let limits = Limits::of(["15 tokens per day".parse().unwrap()]).unwrap();
    let amendment = Amendment::new().limits(limits);
    let amend = Operation::Amend { account: world.account.clone(), version, amendment };
    apply_one(&world.ledger, amend).await.unwrap().unwrap();
    assert_eq!(world.code(tokens(10)).await, Code::BudgetReserved, "only the rest of 15 is left");
    finish(world.admitted(tokens(5)).await, 200);
    finish(key, 200);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(15));
}

/// A key was thrown out of the table of live keys while its node had a lease for it.
#[tokio::test(start_paused = true)]
async fn p5_what_was_leased_for_a_key_that_is_not_live_any_more_goes_back() {
    let world = World::built(|builder| {
        let table = KeyTable::<()>::builder().live_capacity(1);
        builder.limit(TOKENS.parse().unwrap()).live_keys(table)
    })
    .await;
    finish(world.drawn(tokens(10)).await, 200);
    let mut others = Vec::new();
    for _ in 0..64 {
        let minted = world.keys.mint(NewKey::for_owner("acme").own_account()).await.unwrap();
        others.push(Sent(format!("Bearer {}", minted.secret.expose())));
    }
    for other in &others {
        match world.guarded(Guard::free()).decide(other, None).await {
            Decision::Admitted(key) => finish(key, 200),
            refused => panic!("{refused:?}"),
        }
    }
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(4));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }
    nothing_is_held(&world).await;
    assert_eq!(world.standing(&Meter::TOKENS).await.spent, units(10), "nothing was captured");
}

/// The wall clock was set while leases were out: to the ledger, they were long past their lives.
#[tokio::test(start_paused = true)]
async fn p1_a_set_clock_does_not_make_a_living_nodes_leases_a_dead_ones() {
    let world = World::with(&["1000000 tokens per month"]).await;
    let key = world.drawn(tokens(10)).await;
    world.clock.set(support::START.plus(Duration::from_secs(3_600)));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(world.standing(&Meter::TOKENS).await.spent, Amount::ZERO, "swept as a dead node's");
    finish(key, 200);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(10));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_dropped_gives_its_leases_back() {
    let world = World::with(&[TOKENS]).await;
    finish(world.drawn(tokens(10)).await, 200);
    let World { gate, ledger, account, .. } = world;
    drop(gate);
    let returned = async {
        while ledger.inner.standings(&account).await.unwrap()[0].held != Amount::ZERO {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), returned).await.expect("leases go back");
    assert_eq!(ledger.inner.standings(&account).await.unwrap()[0].spent, units(10));
}

/// Twenty rounds, a tenth of a second apart: then what is leased ends with its life.
#[tokio::test(start_paused = true)]
async fn a_gate_that_is_dropped_lets_go_of_a_ledger_that_stays_away() {
    let world = World::with(&[TOKENS]).await;
    finish(world.drawn(tokens(10)).await, 500);
    world.exact_holds_ended().await;
    world.ledger.set(Mood::Fails);
    let World { gate, ledger, .. } = world;
    drop(gate);
    tokio::time::sleep(Duration::from_millis(1_950)).await;
    assert!(std::sync::Arc::strong_count(&ledger) > 1, "it is still asked");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(std::sync::Arc::strong_count(&ledger), 1);
}

#[tokio::test(start_paused = true)]
async fn without_leases_every_request_asks_the_ledger() {
    let world =
        World::built(|builder| builder.limit(TOKENS.parse().unwrap()).leased_limits(0)).await;
    let guarded = world.guarded(tokens(10));
    for _ in 0..40 {
        match guarded.decide(&world.request, None).at_once() {
            Err(waits) => match waits.await {
                Decision::Admitted(key) => finish(key, 200),
                other => panic!("{other:?}"),
            },
            drawn => panic!("{drawn:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(400));
}

/// A ledger that answers at once leases as well as one that does not.
#[tokio::test(start_paused = true)]
async fn p5_the_memory_ledger_is_asked_for_few_holds() {
    let (world, tick) = (World::with(&[]).await, Duration::from_millis(1));
    let ledger = MemoryLedger::with_clock(world.clock.clone(), Retention::default());
    let ledger = std::sync::Arc::new(ledger);
    let builder = Gate::builder().ledger(std::sync::Arc::clone(&ledger)).clock(world.clock.clone());
    let gate = builder.provider(world.keys.clone()).limit(TOKENS.parse().unwrap()).build().unwrap();
    let guarded = gate.guarded(tokens(1)).unwrap();
    for _ in 0..2_000 {
        match guarded.decide(&world.request, None).await {
            Decision::Admitted(key) => finish(key, 200),
            other => panic!("{other:?}"),
        }
        world.clock.advance(tick);
        tokio::time::sleep(tick).await;
    }
    gate.shutdown(Duration::from_secs(20)).await.unwrap();
    let snapshot = ledger.snapshot().await.unwrap();
    keycap_budget::audit(&snapshot).unwrap();
    assert!(snapshot.holds.len() < 200, "{} holds", snapshot.holds.len());
    let standing = &ledger.standings(&world.account).await.unwrap()[0];
    assert_eq!((standing.spent, standing.held), (units(2_000), Amount::ZERO));
}

/// A department moved under another while its team's key was in steady use. The key's lease remembered
/// the chain it was taken on, so what the key spent went on counting on the old department, although
/// the new one's money was drawn.
#[tokio::test(start_paused = true)]
async fn p1_an_account_that_moves_takes_what_is_spent_below_it_along() {
    let spec = |name: &str| {
        let limit = "1000000 tokens per day".parse().unwrap();
        AccountSpec::new(AccountId::new(name).unwrap()).limit(limit).unwrap()
    };
    let chain = move |leaf: &str, department: &str| {
        let chain = ChainSpec::of(spec(leaf)).under(spec("team")).unwrap();
        chain.under(spec(department)).unwrap().under(spec("org")).unwrap()
    };
    let world = World::built(|builder| {
        builder.template_fn(move |identity: Identity| async move {
            Ok(chain(identity.account.as_deref().unwrap(), "before"))
        })
    })
    .await;
    finish(world.drawn(tokens(10)).await, 200);
    let ledger = &world.ledger.inner;
    let other = ChainSpec::of(spec("after")).under(spec("org")).unwrap();
    let asserted_at = support::START;
    let open = Operation::Open { chain: other, asserted_at, reapply: Reapply::Never };
    apply_one(ledger, open).await.unwrap().unwrap();
    let (account, parent) = (AccountId::new("team").unwrap(), AccountId::new("after").unwrap());
    let version = ledger.chain(&account).await.unwrap().unwrap().leaf().version;
    let amendment = Amendment::default().parent(parent.clone());
    let moved = Operation::Amend { account, version, amendment };
    apply_one(ledger, moved).await.unwrap().unwrap();
    let spent = async |name: &AccountId| {
        ledger.standings(name).await.unwrap().first().unwrap().spent.units()
    };
    finish(world.drawn(tokens(10)).await, 200);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let before = spent(&AccountId::new("before").unwrap()).await;
    let all = spent(&world.account).await;
    assert!(before > 0 && spent(&parent).await > 0);
    assert_eq!(
        before + spent(&parent).await,
        all,
        "each request counts on the chain it was held on"
    );
    audit(&ledger.snapshot().await.unwrap()).unwrap();
}
