//! What the store promises as a key store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use std::sync::Arc;

use common::Place;
use keycap_verify::conformance;
use parking_lot::Mutex;

#[tokio::test]
async fn sqlite_keeps_what_every_key_store_must() {
    let places = Mutex::new(Vec::new());
    conformance::check(async || {
        let place = Place::new();
        let store = place.open().await;
        places.lock().push(place);
        Arc::new(store)
    })
    .await;
}
