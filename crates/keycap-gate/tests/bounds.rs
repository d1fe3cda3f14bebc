//! What is bounded stands at its bound, and fails to build one past it.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::sync::Arc;
use std::time::Duration;

use keycap_budget::MemoryLedger;
use keycap_budget::lease::{MAX_LEASED_LIMITS, MIN_LEASE_LIFE};
use keycap_gate::{
    BuildError, Gate, GateBuilder, Guard, MAX_HOLD_LIFE, MAX_QUEUE_PLACES, MAX_REQUIRED_SCOPES,
    MAX_TIMEOUT, MAX_WAIT, MIN_HOLD_LIFE,
};
use keycap_verify::{IssuedKeys, MemoryKeyStore};

/// The smallest step that a span takes.
const STEP: Duration = Duration::from_nanos(1);

fn gate() -> GateBuilder {
    let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().unwrap();
    Gate::builder().ledger(MemoryLedger::new()).provider(keys)
}

#[tokio::test]
async fn no_timeout_is_zero_or_above_its_bound() {
    type Setter = fn(GateBuilder, Duration) -> GateBuilder;
    let setters: [(&str, Setter); 3] = [
        ("verify_timeout", GateBuilder::verify_timeout),
        ("ledger_timeout", GateBuilder::ledger_timeout),
        ("confirm_timeout", GateBuilder::confirm_timeout),
    ];
    for (name, set) in setters {
        for stands in [STEP, MAX_TIMEOUT] {
            assert!(set(gate(), stands).build().is_ok(), "{name} of {stands:?}");
        }
        for wrong in [Duration::ZERO, MAX_TIMEOUT + STEP] {
            let error = set(gate(), wrong).build().unwrap_err();
            assert!(
                matches!(error, BuildError::Timeout { what, span } if (what, span) == (name, wrong)),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn holds_live_neither_shorter_nor_longer_than_their_bounds() {
    for stands in [MIN_HOLD_LIFE, MAX_HOLD_LIFE] {
        assert!(gate().hold_life(stands).build().is_ok(), "{stands:?}");
    }
    for wrong in [Duration::ZERO, MIN_HOLD_LIFE - STEP, MAX_HOLD_LIFE + STEP] {
        let error = gate().hold_life(wrong).build().unwrap_err();
        assert!(matches!(error, BuildError::HoldLife(life) if life == wrong), "{error:?}");
    }
}

#[tokio::test]
async fn a_queue_has_places_but_not_too_many() {
    for stands in [1, MAX_QUEUE_PLACES] {
        assert!(gate().places(stands).build().is_ok(), "{stands}");
    }
    for wrong in [0, MAX_QUEUE_PLACES + 1] {
        let error = gate().places(wrong).build().unwrap_err();
        assert!(matches!(error, BuildError::Places(places) if places == wrong), "{error:?}");
    }
}

#[tokio::test]
async fn a_guard_waits_and_requires_no_more_than_it_may() {
    let gate = gate().build().unwrap();
    let scopes = |count| (0..count).fold(Guard::free(), |guard, _| guard.scope("chat"));
    for stands in [Guard::free().wait_up_to(MAX_WAIT), scopes(MAX_REQUIRED_SCOPES)] {
        assert!(gate.guarded(stands).is_ok());
    }
    for wrong in [Guard::free().wait_up_to(MAX_WAIT + STEP), scopes(MAX_REQUIRED_SCOPES + 1)] {
        let error = gate.guarded(wrong).unwrap_err().to_string();
        assert!(error.starts_with("the guard"), "{error}");
    }
}

#[tokio::test]
async fn leases_have_a_life_a_share_and_a_number_that_can_work() {
    let ages = Duration::from_secs(24 * 60 * 60);
    assert!(gate().lease_life(MIN_LEASE_LIFE).lease_share(2).leased_limits(0).build().is_ok());
    assert!(gate().lease_life(ages).leased_limits(MAX_LEASED_LIMITS).build().is_ok());
    let wrong = [
        gate().lease_life(MIN_LEASE_LIFE - STEP),
        gate().lease_share(1),
        gate().leased_limits(MAX_LEASED_LIMITS + 1),
    ];
    for wrong in wrong {
        let error = wrong.build().unwrap_err();
        assert!(matches!(error, BuildError::Leases(_)), "{error:?}");
    }
}
