#![allow(clippy::unwrap_used, reason = "it is test code")]

use keycap_budget::usd;

use super::*;

/// A handler that streams while the ledger is away may report a million costs and wait for none.
#[test]
fn costs_that_nobody_waits_for_become_one_and_leave_nothing_behind() {
    let mut said = Said::default();
    let first = said.add(Usage::of(usd!(0.01)), None);
    assert!(matches!(first, Ok((_, Queueing::Due))));
    for _ in 0..10_000 {
        let added = said.add(Usage::of(usd!(0.01)), None);
        assert!(matches!(added, Ok((_, Queueing::Done))));
    }
    assert_eq!(said.pending.len(), 1);
    assert!(!said.pending.spilled());
    assert_eq!(said.pending[0].cost, "$100.01".parse().unwrap());
}
