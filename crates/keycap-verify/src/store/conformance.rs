//! What every [`KeyStore`] must do.
//!
//! Give [`check`] a function that makes an empty store; it panics at the first promise that is not
//! kept.
//!
//! ```
//! use std::sync::Arc;
//! use keycap_verify::{MemoryKeyStore, conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! conformance::check(async || Arc::new(MemoryKeyStore::new())).await;
//! # });
//! ```

#![expect(clippy::expect_used, reason = "a promise that is not kept is reported by a panic")]

use std::sync::Arc;

use keycap_base::{Labels, Scopes, Timestamp};
use tokio::task::JoinSet;

use super::{ExpirySetting, Insertion, KeyRecord, KeyStore, MAX_TOUCHES, Page, Revocation};
use crate::{Digest, DisplayPrefix, KeyId, Owner};

const SOUND: &str = "the store answers";

/// Checks all promises, each on an empty store made by `empty`.
///
/// # Panics
/// At the first promise that is not kept.
pub async fn check<S: KeyStore + 'static>(empty: impl AsyncFn() -> Arc<S>) {
    keeps_every_field(&*empty().await).await;
    never_overwrites(&*empty().await).await;
    revokes_once_and_for_good(&*empty().await).await;
    changes_expiry(&*empty().await).await;
    says_unknown_of_the_unknown(&*empty().await).await;
    lists_by_owner_in_pages(&*empty().await).await;
    never_moves_last_used_back(&*empty().await).await;
    inserts_a_digest_once_under_contention(empty().await).await;
    revokes_once_under_contention(empty().await).await;
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A plain key, made at `made` milliseconds; its digest follows from `secret`.
fn record(owner: &str, secret: &str, made: i64) -> KeyRecord {
    KeyRecord {
        id: KeyId::new(at(made)).expect("the system has random bytes"),
        digest: Digest::of(secret.as_bytes()),
        display_prefix: None,
        owner: Owner::new(owner).expect("an owner"),
        account: owner.into(),
        scopes: Scopes::none(),
        labels: Labels::new(),
        created_at: at(made),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

/// Every field of a key with everything is what it was.
async fn keeps_every_field(store: &dyn KeyStore) {
    let full = KeyRecord {
        display_prefix: Some(DisplayPrefix::new("acme_live_4eC3").expect("a prefix")),
        account: "key:elsewhere".into(),
        scopes: Scopes::of(["chat", "proxy.*"]).expect("scopes"),
        labels: Labels::of([("team", "search"), ("note", "ünï \"c\" \n")]).expect("labels"),
        expires_at: Some(at(i64::MAX)),
        revoked_at: Some(at(-1)),
        last_used_at: Some(at(0)),
        ..record("acme", "full", 1_700_000_000_000)
    };
    let all = KeyRecord { scopes: Scopes::all(), ..record("acme", "all", 1_700_000_000_001) };
    for wanted in [full, all, record("acme", "plain", 1_700_000_000_002)] {
        assert_eq!(store.insert(wanted.clone()).await.expect(SOUND), Insertion::Inserted);
        let by_digest = store.by_digest(&wanted.digest).await.expect(SOUND);
        assert_eq!(by_digest.as_ref(), Some(&wanted), "found by digest");
        let by_id = store.by_id(&wanted.id).await.expect(SOUND);
        assert_eq!(by_id.as_ref(), Some(&wanted), "found by id");
    }
}

/// An insertion with a taken id or digest changes nothing.
async fn never_overwrites(store: &dyn KeyStore) {
    let first = record("acme", "first", 1);
    assert_eq!(store.insert(first.clone()).await.expect(SOUND), Insertion::Inserted);

    let same_digest = KeyRecord { digest: first.digest, ..record("mallory", "-", 2) };
    let same_id = KeyRecord { id: first.id, ..record("mallory", "other", 3) };
    for taken in [first.clone(), same_digest.clone(), same_id.clone()] {
        assert_eq!(store.insert(taken).await.expect(SOUND), Insertion::Duplicate);
    }
    assert_eq!(store.by_id(&first.id).await.expect(SOUND), Some(first), "the first is as it was");
    assert_eq!(store.by_id(&same_digest.id).await.expect(SOUND), None);
    assert_eq!(store.by_digest(&same_id.digest).await.expect(SOUND), None);
}

/// A revoked key stays revoked, since its first revocation, whatever comes later.
async fn revokes_once_and_for_good(store: &dyn KeyStore) {
    let key = record("acme", "key", 1);
    assert_eq!(store.insert(key.clone()).await.expect(SOUND), Insertion::Inserted);
    assert_eq!(store.revoke(&key.id, at(10)).await.expect(SOUND), Revocation::Revoked);
    assert_eq!(store.revoke(&key.id, at(20)).await.expect(SOUND), Revocation::AlreadyRevoked);
    assert_eq!(store.set_expiry(&key.id, Some(at(99))).await.expect(SOUND), ExpirySetting::Set);
    assert_eq!(store.insert(key.clone()).await.expect(SOUND), Insertion::Duplicate);

    let found = store.by_digest(&key.digest).await.expect(SOUND).expect("it is kept");
    assert_eq!(found.revoked_at, Some(at(10)), "the first revocation's time stays");
}

/// An expiry is set, moved and taken away; nothing else changes.
async fn changes_expiry(store: &dyn KeyStore) {
    let (key, other) = (record("acme", "key", 1), record("acme", "other", 2));
    assert_eq!(store.insert(key.clone()).await.expect(SOUND), Insertion::Inserted);
    assert_eq!(store.insert(other.clone()).await.expect(SOUND), Insertion::Inserted);
    for expires_at in [Some(at(50)), Some(at(40)), None] {
        assert_eq!(store.set_expiry(&key.id, expires_at).await.expect(SOUND), ExpirySetting::Set);
        let wanted = KeyRecord { expires_at, ..key.clone() };
        assert_eq!(store.by_id(&key.id).await.expect(SOUND), Some(wanted));
    }
    assert_eq!(store.by_id(&other.id).await.expect(SOUND), Some(other));
}

/// What is not there is an outcome, not an error.
async fn says_unknown_of_the_unknown(store: &dyn KeyStore) {
    let key = record("acme", "key", 1);
    assert_eq!(store.by_id(&key.id).await.expect(SOUND), None);
    assert_eq!(store.by_digest(&key.digest).await.expect(SOUND), None);
    assert_eq!(store.revoke(&key.id, at(1)).await.expect(SOUND), Revocation::Unknown);
    assert_eq!(store.set_expiry(&key.id, None).await.expect(SOUND), ExpirySetting::Unknown);
    store.touch(&[(key.id, at(1))]).await.expect(SOUND);
    assert_eq!(store.by_id(&key.id).await.expect(SOUND), None, "touching creates nothing");
}

/// Pages hold an owner's keys and nobody else's, oldest first, each once.
async fn lists_by_owner_in_pages(store: &dyn KeyStore) {
    let mut wanted = Vec::new();
    for made in [3_i64, 1, 5, 2, 4] {
        let key = record("acme", &format!("acme {made}"), made);
        wanted.push(key.id);
        assert_eq!(store.insert(key).await.expect(SOUND), Insertion::Inserted);
        let foreign = record("acme2", &format!("acme2 {made}"), made);
        assert_eq!(store.insert(foreign).await.expect(SOUND), Insertion::Inserted);
    }
    wanted.sort();
    for size in 1..=wanted.len() + 1 {
        let (mut found, mut next) = (Vec::new(), Some(Page::of(size).expect("a page")));
        while let Some(page) = next {
            let part = store.list_by_owner(&owner("acme"), page).await.expect(SOUND);
            assert!(part.keys.len() <= size, "a page has at most what was asked for");
            assert!(!part.keys.is_empty(), "there is a next page only if it has something");
            found.extend(part.keys.into_iter().map(|key| key.id));
            next = part.next;
        }
        assert_eq!(found, wanted, "in pages of {size}");
    }
    let nobody = store.list_by_owner(&owner("nobody"), Page::first()).await.expect(SOUND);
    assert_eq!((nobody.keys, nobody.next), (Vec::new(), None));
}

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

/// The latest use counts, in whatever order uses are noted; a full batch is taken.
async fn never_moves_last_used_back(store: &dyn KeyStore) {
    let (key, other) = (record("acme", "key", 1), record("acme", "other", 2));
    assert_eq!(store.insert(key.clone()).await.expect(SOUND), Insertion::Inserted);
    assert_eq!(store.insert(other.clone()).await.expect(SOUND), Insertion::Inserted);
    for (noted, wanted) in [(20, 20), (10, 20), (30, 30)] {
        store.touch(&[(key.id, at(noted))]).await.expect(SOUND);
        let found = store.by_id(&key.id).await.expect(SOUND).expect("it is there");
        assert_eq!(found.last_used_at, Some(at(wanted)));
    }
    assert_eq!(store.by_id(&other.id).await.expect(SOUND), Some(other));
    let batch: Vec<_> = (1_i64..).map(|n| (key.id, at(100 + n))).take(MAX_TOUCHES).collect();
    store.touch(&batch).await.expect(SOUND);
    let found = store.by_id(&key.id).await.expect(SOUND).expect("it is there");
    assert_eq!(found.last_used_at, batch.last().map(|(_, at)| *at));
    store.touch(&[]).await.expect(SOUND);
}

/// Of many who insert the same digest at once, one succeeds.
async fn inserts_a_digest_once_under_contention<S: KeyStore + 'static>(store: Arc<S>) {
    let mut racers = JoinSet::new();
    for made in 0..32 {
        let store = store.clone();
        racers.spawn(async move { store.insert(record("acme", "same", made)).await.expect(SOUND) });
    }
    let outcomes = racers.join_all().await;
    let inserted = outcomes.iter().filter(|outcome| **outcome == Insertion::Inserted).count();
    assert_eq!(inserted, 1, "one of them inserts");
    let kept = store.list_by_owner(&owner("acme"), Page::first()).await.expect(SOUND);
    assert_eq!(kept.keys.len(), 1);
}

/// Of many who revoke the same key at once, one is told that it did.
async fn revokes_once_under_contention<S: KeyStore + 'static>(store: Arc<S>) {
    let key = record("acme", "key", 1);
    assert_eq!(store.insert(key.clone()).await.expect(SOUND), Insertion::Inserted);
    let mut racers = JoinSet::new();
    for time in 0..32 {
        let store = store.clone();
        racers.spawn(async move { store.revoke(&key.id, at(time)).await.expect(SOUND) });
    }
    let outcomes = racers.join_all().await;
    let revoked = outcomes.iter().filter(|outcome| **outcome == Revocation::Revoked).count();
    assert_eq!(revoked, 1, "one of them revokes");
}
