//! What one refusal says of the refusal of more is what the ledger would have said.

#![allow(clippy::unwrap_used, clippy::panic, reason = "it is test code")]

use std::time::Duration;

use keycap_base::{ManualClock, Timestamp};
use keycap_budget::{
    AccountId, AccountSpec, Amount, Batch, Cause, ChainSpec, Claim, Cost, Decided, HoldId, Ledger,
    Limit, MemoryLedger, Meter, NewHold, NotNow, OnExpiry, Operation, Outcome, OwnerId, Period,
    Reapply, Retention, Shortfall,
};

const START: Timestamp = Timestamp::from_millis(1_772_445_600_000);
const CAP: u32 = 100;

fn units(count: u32) -> Amount {
    Amount::from_units(count)
}

fn account() -> AccountId {
    AccountId::new("key").unwrap()
}

fn apply(ledger: &MemoryLedger, operation: Operation) -> Decided {
    match ledger.apply_now(Batch::of(operation)) {
        Ok(mut answers) => answers.remove(0),
        Err(NotNow::WouldWait(_) | NotNow::Broken(_)) => panic!("a ledger that waits"),
    }
}

fn hold(ledger: &MemoryLedger, claim: Claim) -> Outcome {
    let new = NewHold {
        id: HoldId::generate(START),
        account: account(),
        claim,
        owner: OwnerId::generate(START),
        life: Duration::from_secs(60),
        on_expiry: OnExpiry::Capture,
        exposure: None,
    };
    apply(ledger, Operation::Hold(new)).unwrap()
}

/// A ledger of which so much is spent and so much held.
fn ledger(spent: u32, held: u32) -> MemoryLedger {
    let ledger = MemoryLedger::with_clock(ManualClock::at(START), Retention::default());
    let limit = Limit::new(Meter::TOKENS, units(CAP), Period::day()).unwrap();
    let chain = ChainSpec::of(AccountSpec::new(account()).limit(limit).unwrap());
    let open = Operation::Open { chain, asserted_at: START, reapply: Reapply::Never };
    apply(&ledger, open).unwrap();
    let charge = keycap_budget::NewCharge {
        id: keycap_budget::ChargeId::generate(START),
        account: account(),
        cost: Cost::tokens(spent),
        tags: keycap_base::Labels::new(),
    };
    apply(&ledger, Operation::Charge(charge)).unwrap();
    if held > 0 {
        let outcome = hold(&ledger, Claim::Chain(Cost::tokens(held)));
        assert!(matches!(outcome, Outcome::Held(_)), "{outcome:?}");
    }
    ledger
}

fn refused(ledger: &MemoryLedger, wanted: u32) -> Option<Shortfall> {
    let claim = match wanted {
        0 => Claim::Room(Cost::none()),
        wanted => Claim::Chain(Cost::tokens(wanted)),
    };
    match hold(ledger, claim) {
        Outcome::Refused(shortfall) => Some(*shortfall),
        _ => None,
    }
}

#[test]
fn p4_the_refusal_of_more_is_what_the_ledger_says() {
    let mut seen = Vec::new();
    for (spent, held) in [(100, 0), (120, 0), (60, 40), (0, 100), (60, 20), (99, 1)] {
        let least = CAP.saturating_sub(spent + held);
        // The refusal of least + 1 says it for all that is more; of nothing left, that of room does.
        let first = if least == 0 { 0 } else { least + 1 };
        let said = refused(&ledger(spent, held), first).unwrap();
        for wanted in (first..=CAP + 2).filter(|wanted| *wanted > 0 || first == 0) {
            let told = refused(&ledger(spent, held), wanted).unwrap();
            assert_eq!(said.of_more(units(wanted)), told, "{spent} spent, {held} held");
            seen.push(told.cause);
        }
    }
    for cause in [Cause::LargerThanCap, Cause::Spent, Cause::Reserved] {
        assert!(seen.contains(&cause), "{cause:?}");
    }
}
