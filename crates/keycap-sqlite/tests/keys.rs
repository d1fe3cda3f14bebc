//! What the store promises as a key store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says so by a panic")]

mod common;

use std::fs;
use std::sync::Arc;

use common::Place;
use keycap_base::Timestamp;
use keycap_verify::{
    Answer, IdentityProvider, IssuedKeys, KeyStore as _, MAX_TOUCHES, NewKey, Rejection,
    conformance,
};
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

#[tokio::test]
async fn p9_no_file_holds_a_secret() {
    let place = Place::new();
    let store = place.open().await;
    let keys = IssuedKeys::builder(Arc::new(store.clone())).build().unwrap();
    let minted = keys.mint(NewKey::for_owner("acme").scopes(["chat"])).await.unwrap();
    assert!(matches!(keys.verify(&minted.secret).await, Answer::Known(_)));
    let written = || {
        let files = fs::read_dir(place.database().parent().unwrap()).unwrap();
        files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect::<Vec<u8>>()
    };
    let holds = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for moment in ["in the log", "in the database"] {
        let bytes = written();
        let (prefix, secret) = (&minted.record.display_prefix, minted.secret.expose());
        assert!(holds(&bytes, prefix.as_ref().unwrap().as_str()), "the row is {moment}");
        let random = &secret[prefix.as_ref().unwrap().as_str().len()..];
        assert!(!holds(&bytes, random), "{moment}");
        store.close().await;
    }
}

#[tokio::test]
async fn p7_a_revoked_key_stays_revoked_in_the_next_process() {
    let place = Place::new();
    let store = place.open().await;
    let keys = IssuedKeys::builder(Arc::new(store.clone())).build().unwrap();
    let minted = keys.mint(NewKey::for_owner("acme")).await.unwrap();
    let _ = keys.revoke(&minted.record.id).await.unwrap();
    drop((store, keys));
    let keys = IssuedKeys::builder(Arc::new(place.open().await)).build().unwrap();
    let answer = keys.verify(&minted.secret).await;
    assert!(matches!(answer, Answer::Rejected(Rejection::Revoked)), "{answer:?}");
}

#[tokio::test]
async fn last_use_is_noted_for_a_bounded_number_of_keys() {
    let place = Place::new();
    let store = place.open().await;
    let keys = IssuedKeys::builder(Arc::new(store.clone())).build().unwrap();
    let id = keys.mint(NewKey::for_owner("acme")).await.unwrap().record.id;
    let mut used = vec![(id, Timestamp::from_millis(5)); MAX_TOUCHES];
    store.touch(&used).await.unwrap();
    let noted = store.by_id(&id).await.unwrap().unwrap().last_used_at;
    assert_eq!(noted, Some(Timestamp::from_millis(5)));
    used.push((id, Timestamp::from_millis(6)));
    assert!(store.touch(&used).await.is_err());
    assert_eq!(store.by_id(&id).await.unwrap().unwrap().last_used_at, noted);
}

#[tokio::test]
async fn p6_a_closed_store_cannot_say_whether_a_key_is_good() {
    let place = Place::new();
    let store = place.open().await;
    let keys = IssuedKeys::builder(Arc::new(store.clone())).build().unwrap();
    let minted = keys.mint(NewKey::for_owner("acme")).await.unwrap();
    store.close().await;
    assert!(matches!(keys.verify(&minted.secret).await, Answer::Unavailable(_)));
    assert!(keys.mint(NewKey::for_owner("acme")).await.is_err());
}
