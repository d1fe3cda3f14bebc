//! The memory ledger under many callers at once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "how tests fail")]

use std::sync::{Arc, Barrier};
use std::thread;

use keycap_base::{Labels, ManualClock, Timestamp};
use keycap_budget::{
    AccountId, AccountSpec, Amount, Batch, ChainSpec, ChargeId, Claim, Cost, DEFAULT_HOLD_LIFE,
    HoldId, Ledger, Limit, MemoryLedger, Meter, NewCharge, NewHold, OnExpiry, Operation, Outcome,
    OwnerId, Period, Reapply, Rest, Retention, audit,
};

const NOW: Timestamp = Timestamp::from_millis(1_772_445_600_000);
const CALLERS: usize = 1_000;
const CAP: u32 = 100;

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn opening() -> Operation {
    let capped = |name| {
        let limit = Limit::new(Meter::TOKENS, Amount::from_units(CAP), Period::day()).unwrap();
        AccountSpec::new(account(name)).limit(limit).unwrap()
    };
    let chain = ChainSpec::of(capped("key")).under(capped("org")).unwrap();
    Operation::Open { chain, asserted_at: NOW, reapply: Reapply::Never }
}

fn hold(owner: OwnerId) -> NewHold {
    NewHold {
        id: HoldId::generate(NOW),
        account: account("key"),
        claim: Claim::Chain(Cost::tokens(1)),
        owner,
        life: DEFAULT_HOLD_LIFE,
        on_expiry: OnExpiry::Capture,
        exposure: None,
    }
}

fn ledger() -> Arc<MemoryLedger> {
    Arc::new(MemoryLedger::with_clock(ManualClock::at(NOW), Retention::default()))
}

fn is_held(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Held(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p1_a_thousand_tasks_share_a_cap_of_a_hundred() {
    let ledger = ledger();
    let owner = OwnerId::generate(NOW);
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                // Each opens the account at first sight, as requests do.
                let batch = Batch::new(vec![opening(), Operation::Hold(hold(owner))]).unwrap();
                let answers = ledger.apply(batch).await.unwrap();
                is_held(answers[1].as_ref().unwrap())
            })
        })
        .collect();
    let mut held = 0;
    for task in tasks {
        held += u32::from(task.await.unwrap());
    }
    assert_eq!(held, CAP);
    let snapshot = ledger.snapshot().await.unwrap();
    audit(&snapshot).unwrap();
    assert_eq!(snapshot.accounts.len(), 2, "racing opens are one account each");
    assert!(snapshot.counters.iter().all(|(_, counter)| counter.held == Amount::from_units(CAP)));
}

#[test]
fn p1_threads_that_hold_and_settle_never_pass_the_cap() {
    let ledger = ledger();
    ledger.apply_now(Batch::of(opening())).unwrap();
    let threads = 8;
    let start = Arc::new(Barrier::new(threads));
    let work = |_| {
        let (ledger, start) = (Arc::clone(&ledger), Arc::clone(&start));
        thread::spawn(move || {
            let owner = OwnerId::generate(NOW);
            start.wait();
            (0..CALLERS / threads).filter(|_| served(&ledger, owner)).count()
        })
    };
    let workers: Vec<_> = (0..threads).map(work).collect();
    let served: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    assert_eq!(served, CAP as usize);
}

/// Holds one token and settles it, as one request does; whether it was admitted.
fn served(ledger: &MemoryLedger, owner: OwnerId) -> bool {
    let new = hold(owner);
    let id = new.id;
    let answer = ledger.apply_now(Batch::of(Operation::Hold(new))).unwrap();
    if !is_held(answer[0].as_ref().unwrap()) {
        return false;
    }
    let charge = NewCharge {
        id: ChargeId::generate(NOW),
        account: account("key"),
        cost: Cost::tokens(1),
        tags: Labels::new(),
    };
    let settle = Operation::Settle { charge, holds: vec![id], rest: Rest::Release };
    let answer = ledger.apply_now(Batch::of(settle)).unwrap();
    matches!(&answer[0], Ok(Outcome::Recorded(recorded)) if recorded.uncovered.is_nothing())
}
