//! Batches: what folds, and who hears of it.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use keycap_budget::{Fit, Outcome, Recorded};
use parking_lot::Mutex;
use smallvec::smallvec;

use super::super::job::charge;
use super::*;

/// Remembers its shares of what was answered.
#[derive(Default)]
struct Listener(Mutex<Vec<Cost>>);

impl Speaker for Listener {
    fn speak(self: Arc<Self>, _draft: &mut Draft) {}

    fn hear(&self, heard: Heard<'_>) {
        assert!(charge(heard.operation).is_some());
        self.0.lock().push(heard.share.clone());
    }
}

fn fold(account: &str, holds: &[HoldId], requests: u32) -> Fold {
    Fold {
        account: AccountId::new(account).unwrap(),
        holds: holds.iter().copied().collect(),
        requests: Cost::requests(requests),
        now: Timestamp::EPOCH,
    }
}

fn costs(draft: &Draft) -> Vec<Cost> {
    draft.jobs.iter().map(|job| charge(&job.operation).unwrap().cost.clone()).collect()
}

fn recorded() -> Decided {
    let (uncovered, standings) = (Cost::none(), Vec::new());
    Ok(Outcome::Recorded(Recorded { fit: Fit::Within, uncovered, standings }))
}

#[test]
fn requests_of_one_account_and_the_same_holds_become_one_charge_that_each_hears_its_share_of() {
    let (mut draft, lease) = (Draft::default(), HoldId::generate(Timestamp::EPOCH));
    let all: Vec<_> = (1..=3).map(|_| Arc::new(Listener::default())).collect();
    for (one, requests) in all.iter().zip(1..) {
        draft.fold(Arc::<Listener>::clone(one), fold("acme", &[lease], requests));
    }
    assert_eq!(costs(&draft), [Cost::requests(6)]);
    draft.into_jobs().into_iter().for_each(|job| job.answer(recorded()));
    for (one, requests) in all.iter().zip(1..) {
        assert_eq!(*one.0.lock(), [Cost::requests(requests)]);
    }
}

#[test]
fn requests_of_other_accounts_or_other_holds_are_charged_apart() {
    let leases = [0, 1].map(|_| HoldId::generate(Timestamp::EPOCH));
    let mut draft = Draft::default();
    let places: [(&str, &[HoldId]); 5] = [
        ("acme", &leases[..1]),
        ("acme", &leases[1..]),
        ("acme", &leases),
        ("acme", &[]),
        ("bob", &leases[..1]),
    ];
    for (account, holds) in places.into_iter().chain(places) {
        draft.fold(Arc::new(Listener::default()), fold(account, holds, 1));
    }
    assert_eq!(costs(&draft), [const { 2 }; 5].map(Cost::requests));
}

#[test]
fn requests_that_would_be_more_than_a_charge_can_be_begin_another() {
    let mut draft = Draft::default();
    let most = Cost::of(keycap_budget::Meter::REQUESTS, keycap_budget::Amount::MAX_OPERATION);
    for requests in [most.clone().unwrap(), Cost::requests(1), Cost::requests(1)] {
        let fold = Fold { requests, holds: smallvec![], ..fold("acme", &[], 1) };
        draft.fold(Arc::new(Listener::default()), fold);
    }
    assert_eq!(costs(&draft), [most.unwrap(), Cost::requests(2)]);
}
