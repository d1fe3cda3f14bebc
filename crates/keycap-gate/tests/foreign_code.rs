//! Closures and providers of the application that panic, and requests whose handler never ran.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use async_trait::async_trait;
use keycap_budget::{Ledger, usd};
use keycap_gate::{Answer, Code, Denial, Guard};
use keycap_verify::{IdentityProvider, Rejection, Secret};
use support::{World, finish};

fn nothing() -> (String, String) {
    ("$0.00".to_owned(), "$0.00".to_owned())
}

/// A panic in a guard's closure went up through the adapter and took the connection along.
#[tokio::test]
async fn p6_a_guard_whose_closure_panics_is_misconfigured_told_after_what_the_caller_did_wrong() {
    let world = World::with(&["$1 per day"]).await;
    let guards = [
        Guard::from_request(|_| panic!("an estimate panics")),
        Guard::fixed(usd!(0.01)).resource_from_request(|_| panic!("a choice panics")),
    ];
    for guard in guards {
        assert_eq!(world.code(guard.clone()).await, Code::Misconfigured);
        assert_eq!(world.code(guard.clone().scope("admin")).await, Code::InsufficientScope);
        let nobody = world.guarded(guard).decide(&support::Sent(String::new()), None).await;
        let keycap_gate::Decision::Refused(refusal) = nobody else { panic!("not refused") };
        assert_eq!(refusal.code(), Code::MissingKey);
    }
}

/// An observer that panicked took the request's key along: its handler never ran, and its hold was
/// captured as if a client had left.
#[tokio::test]
async fn p4_an_observer_that_panics_changes_no_decision() {
    let world = World::built(|builder| {
        builder.limit("$1 per day".parse().unwrap()).observer(|_| panic!("an observer panics"))
    })
    .await;
    finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
    assert_eq!(world.code(Guard::fixed(usd!(2))).await, Code::HoldExceedsCap);
    assert_eq!(world.at_rest().await, nothing());
}

/// A rendering that panicked went up through the adapter: the caller got no answer at all.
#[tokio::test]
async fn p8_a_rendering_that_panics_leaves_the_plain_answer() {
    let panics = |_: &keycap_gate::Refusal, _: Answer| -> Answer { panic!("a rendering panics") };
    let world = World::built(|builder| builder.render(panics)).await;
    assert_eq!(world.gate.answer(&Denial::MissingKey.into()).status(), 401);
}

/// A provider that panics at the mere sight of a key.
struct Squeamish;

#[async_trait]
impl IdentityProvider for Squeamish {
    fn name(&self) -> &str {
        "squeamish"
    }

    fn screen(&self, _secret: &Secret) -> Option<Rejection> {
        panic!("the provider panics")
    }

    async fn verify(&self, _secret: &Secret) -> keycap_verify::Answer {
        keycap_verify::Answer::Rejected(Rejection::Unknown)
    }
}

/// A provider that panicked while it screened a key went up through the adapter, instead of being
/// unavailable.
#[tokio::test]
async fn p6_a_provider_that_panics_at_screening_is_unavailable() {
    let world = World::built(|builder| builder.provider(Squeamish)).await;
    assert_eq!(world.code(Guard::free()).await, Code::AuthUnavailable);
}

/// A decision that was dropped at once, with a ledger that answers at once, or an admitted key that
/// an adapter dropped before it called the handler, had its hold captured: a charge for nothing.
#[tokio::test]
async fn p4_a_request_whose_handler_never_ran_costs_nothing() {
    let world = World::with(&["$1 per day", "8 requests per day"]).await;
    drop(world.admitted(Guard::priced(usd!(0.02))).await);
    drop(world.admitted(Guard::fixed(usd!(0.02))).await);
    assert_eq!(world.at_rest().await, nothing());
    let standings = world.ledger.inner.standings(&world.account).await.unwrap();
    assert_eq!(standings[1].spent.units(), 0);
}
