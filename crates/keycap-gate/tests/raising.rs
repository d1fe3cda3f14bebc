//! What a request asks for on its way, where some of it can be drawn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::time::Duration;

use keycap_budget::{
    AccountId, AccountSpec, Amount, ChainSpec, Cost, Ledger, Limit, MAX_CHAIN, MAX_LIMITS, Meter,
    Period, audit,
};
use keycap_gate::{Decision, Guard, TemplateError};
use support::{Mood, World, finish};

fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

/// How much can be drawn while the ledger is away.
fn drawn_dry(world: &World) -> Amount {
    let guarded = world.guarded(Guard::fixed(Cost::tokens(10)));
    let requests = std::iter::from_fn(|| match guarded.decide(&world.request, None).at_once() {
        Ok(Decision::Admitted(key)) => Some(key),
        Ok(other) => panic!("{other:?}"),
        Err(_waits) => None,
    });
    let requests: Vec<_> = requests.collect();
    units(u32::try_from(requests.len()).unwrap() * 10)
}

/// A request that held nothing had tracked a cost and then reserved less, before the cost was sent. The
/// leases paid all of the cost, but only what was reserved was taken out of the purse: the rest of it
/// was drawn by others, and no lease covered them.
#[tokio::test]
async fn p1_what_the_leases_pay_for_costs_before_a_reservation_is_in_no_purse() {
    let world = World::with(&["1000000 tokens per day"]).await;
    finish(world.drawn(Guard::fixed(Cost::tokens(10))).await, 500);
    world.exact_holds_ended().await;
    let key = world.admitted(Guard::free()).await;
    let tracked = key.track(Cost::tokens(100));
    key.reserve(Cost::tokens(10)).await.unwrap();
    assert!(tracked.await.unwrap().uncovered.is_nothing());
    finish(key, 500);
    world.ledger.set(Mood::Fails);
    let holds = world.ledger.inner.snapshot().await.unwrap().holds;
    let lease = holds.iter().find(|hold| hold.is_open()).unwrap();
    assert_eq!(drawn_dry(&world), lease.exposure.unwrap());
    world.ledger.set(Mood::Well);
    assert_eq!(world.spent_at_last(&Meter::TOKENS).await, units(100));
}

/// The longest chain with as many limits as there can be, each on a meter of its own.
async fn widest_world() -> (World, Vec<Meter>) {
    let name = |number: usize| Meter::new(&format!("m{number}")).unwrap();
    let meters: Vec<Meter> = (0..MAX_LIMITS).map(name).collect();
    let spec = {
        let meters = meters.clone();
        move |name: &str| {
            let limit = |meter: &Meter| Limit::new(meter.clone(), units(1_000_000), Period::day());
            let limits = meters.iter().map(|meter| limit(meter).unwrap());
            let bare = AccountSpec::new(AccountId::new(name).unwrap());
            limits.fold(bare, |spec, limit| spec.limit(limit).unwrap())
        }
    };
    let world = World::built(|builder| {
        builder.template_fn(move |identity| {
            let leaf = spec(identity.account.as_deref().unwrap_or("nobody"));
            let above = (1..MAX_CHAIN).map(|number| spec(&format!("above-{number}")));
            let chain = above.into_iter().try_fold(ChainSpec::of(leaf), ChainSpec::under);
            async move { chain.map_err(TemplateError::new) }
        })
    });
    (world.await, meters)
}

/// A request drew meter by meter, each time from as many purses as one charge may name leases of. The
/// charge for all of them named too many, and was lost.
#[tokio::test]
async fn p2_a_charge_on_all_that_was_drawn_bit_by_bit_is_recorded() {
    let (world, meters) = widest_world().await;
    let cost = |meter: &Meter, much: u32| Cost::of(meter.clone(), units(much)).unwrap();
    let (first, others) = meters.split_first().unwrap();
    for meter in others {
        finish(world.drawn(Guard::fixed(cost(meter, 10))).await, 500);
    }
    let key = world.drawn(Guard::fixed(cost(first, 10))).await;
    for meter in others {
        key.extend(cost(meter, 10)).await.unwrap();
    }
    key.extend(cost(first, 50_000)).await.unwrap();
    let all = meters.iter().fold(Cost::none(), |sum, it| sum.plus(&cost(it, 10)).unwrap());
    let receipt = key.track(all.clone()).await.unwrap();
    assert!(receipt.uncovered.is_nothing());
    finish(key, 200);
    world.gate.shutdown(Duration::from_secs(20)).await.unwrap();
    audit(&world.ledger.inner.snapshot().await.unwrap()).unwrap();
    let standings = world.ledger.inner.standings(&world.account).await.unwrap();
    assert!(standings.iter().all(|it| (it.spent, it.held) == (units(10), Amount::ZERO)));
}
