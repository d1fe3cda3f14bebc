//! What the store promises as a ledger, beyond what the conformance suite asks of every ledger.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use common::*;
use keycap_budget::{Ledger as _, Outcome};

#[tokio::test]
async fn p2_what_was_acknowledged_is_there_after_a_clean_close() {
    let place = Place::new();
    let store = place.open().await;
    open_chain(&store).await;
    let charge = new_charge(1_000_000);
    let outcome = record(&store, charge.clone()).await;
    assert!(matches!(outcome, Outcome::Recorded(_)), "{outcome:?}");
    let before = store.snapshot().await.unwrap();
    store.close().await;
    drop(store);
    let store = place.open().await;
    assert_eq!(store.snapshot().await.unwrap(), before);
    assert!(store.charge(&leaf(), charge.id).await.unwrap().unwrap().is(&charge));
}
