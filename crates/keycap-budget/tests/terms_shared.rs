//! The terms of an account are kept once, as long as they are what its template said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "how tests fail")]

use std::sync::Arc;

use keycap_base::{Labels, Timestamp};
use keycap_budget::{
    Account, AccountId, AccountSpec, Amendment, ChainSpec, Ledger, MemoryLedger, Operation,
    Outcome, Reapply, Status, apply_one,
};

fn leaf() -> AccountId {
    AccountId::new("key").unwrap()
}

async fn decided(ledger: &MemoryLedger, operation: Operation) -> Outcome {
    apply_one(ledger, operation).await.unwrap().unwrap()
}

/// What the template says at this time.
async fn say(ledger: &MemoryLedger, spec: AccountSpec, asserted_at: i64) -> Arc<Account> {
    let (chain, reapply) = (ChainSpec::of(spec), Reapply::Changes);
    let asserted_at = Timestamp::from_millis(asserted_at);
    let Outcome::Opened { chain, .. } =
        decided(ledger, Operation::Open { chain, asserted_at, reapply }).await
    else {
        panic!("not opened")
    };
    Arc::clone(chain.leaf())
}

async fn amend(ledger: &MemoryLedger, status: Status) -> Arc<Account> {
    let version = ledger.chain(&leaf()).await.unwrap().unwrap().leaf().version;
    let amendment = Amendment::new().status(status);
    match decided(ledger, Operation::Amend { account: leaf(), version, amendment }).await {
        Outcome::Amended(account) => account,
        other => panic!("not amended: {other:?}"),
    }
}

fn is_shared(account: &Arc<Account>) -> bool {
    Arc::ptr_eq(&account.terms, &account.applied.terms)
}

#[tokio::test]
async fn terms_are_kept_once_while_they_are_what_the_template_said() {
    let ledger = MemoryLedger::new();
    let spec = || AccountSpec::new(leaf());
    assert!(is_shared(&say(&ledger, spec(), 1).await));

    let suspended = amend(&ledger, Status::Suspended).await;
    assert!(!is_shared(&suspended));
    assert_eq!(suspended.applied.terms.status, Status::Active, "the template said nothing new");

    let labels = Labels::of([("plan", "pro")]).unwrap();
    let reworded = say(&ledger, spec().labels(labels.clone()), 2).await;
    assert!(!is_shared(&reworded));
    assert_eq!((&reworded.terms.labels, reworded.terms.status), (&labels, Status::Suspended));

    let active = amend(&ledger, Status::Active).await;
    assert!(is_shared(&active), "an operator is back at what the template says");
    assert!(is_shared(&say(&ledger, spec(), 3).await), "the template's word is all there is");
}
