//! P7: a lookup in flight does not bring back what was changed meanwhile.

use std::sync::Weak;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::store::WaywardStore;
use crate::{Answer, Identity, IdentityProvider, IssuedKeys, MintedKey, NewKey, Unavailable};

/// Issued keys and a table that listens to them, as in a gate.
struct Node {
    store: Arc<WaywardStore>,
    keys: IssuedKeys,
    clock: ManualClock,
    table: Arc<KeyTable<Identity>>,
}

impl Node {
    fn over(store: Arc<WaywardStore>) -> Arc<Self> {
        let clock = clock();
        let keys = IssuedKeys::builder(store.clone()).foreign_keys().clock(clock.clone());
        let keys = keys.build().unwrap();
        let table = Arc::new(KeyTable::default());
        let listener: Weak<dyn KeyListener> = Arc::<KeyTable<Identity>>::downgrade(&table);
        keys.subscribe(listener);
        Arc::new(Self { store, keys, clock, table })
    }

    async fn load(&self, secret: &Secret) -> Result<Found<Identity>, LoadError<Unavailable>> {
        let ask = || async {
            match self.keys.verify(secret).await {
                Answer::Known(identity) => Ok(Loaded::Live {
                    key_id: identity.key_id.clone(),
                    expires_at: identity.expires_at,
                    payload: identity,
                    reading: None,
                }),
                Answer::Rejected(rejection) => Ok(Loaded::Rejected(rejection)),
                Answer::Unavailable(unavailable) => Err(unavailable),
            }
        };
        self.table.load(&secret.digest(), &self.clock, ask).await
    }

    async fn mint(&self) -> MintedKey {
        self.keys.mint(NewKey::for_owner("acme")).await.unwrap()
    }

    fn begin_load(
        self: &Arc<Self>,
        secret: &Secret,
    ) -> tokio::task::JoinHandle<Result<Found<Identity>, LoadError<Unavailable>>> {
        let (node, secret) = (self.clone(), secret.clone());
        tokio::spawn(async move { node.load(&secret).await })
    }
}

/// The lookup has read "valid" and has not yet answered when the key is revoked. A cache whose
/// invalidation finds nothing to remove lets it put the old answer in afterwards, and the revoked
/// key works for another minute.
#[tokio::test]
async fn p7_key_revoked_during_a_lookup_stays_revoked() {
    let node = Node::over(WaywardStore::with_checkpoint());
    let minted = node.mint().await;
    let (leader, follower) = (node.begin_load(&minted.secret), node.begin_load(&minted.secret));
    node.store.a_lookup_has_read().await;
    let _ = node.keys.revoke(&minted.record.id).await.unwrap();
    let late = node.begin_load(&minted.secret);
    node.store.let_pass(2);
    for load in [leader, follower, late] {
        assert!(matches!(load.await.unwrap(), Ok(Found::Rejected(Rejection::Revoked))));
    }
    assert_eq!(node.store.lookups.load(Ordering::SeqCst), 2, "the first answer is not believed");
    let peeked = node.table.peek(&minted.secret.digest(), START);
    assert!(matches!(peeked, Peek::Rejected(Rejection::Revoked)));
}

#[tokio::test]
async fn p7_the_next_request_after_a_revocation_is_refused() {
    let node = Node::over(WaywardStore::new());
    let (minted, other) = (node.mint().await, node.mint().await);
    for key in [&minted, &other] {
        assert!(matches!(node.load(&key.secret).await, Ok(Found::Live(_))));
    }
    let _ = node.keys.revoke(&minted.record.id).await.unwrap();
    assert!(matches!(node.table.peek(&minted.secret.digest(), START), Peek::Absent));
    assert!(is_live(&node.table, &other.secret.digest(), START), "no other key is forgotten");
    let found = node.load(&minted.secret).await;
    assert!(matches!(found, Ok(Found::Rejected(Rejection::Revoked))));
}

#[tokio::test]
async fn a_key_minted_after_its_digest_was_rejected_works_at_once() {
    let node = Node::over(WaywardStore::new());
    let secret = Secret::parse("sk_from_elsewhere").unwrap();
    assert!(matches!(node.load(&secret).await, Ok(Found::Rejected(Rejection::Unknown))));
    let imported = node.keys.import(secret.digest(), NewKey::for_owner("acme")).await.unwrap();
    assert!(matches!(imported, crate::Import::Imported(_)));
    assert!(matches!(node.load(&secret).await, Ok(Found::Live(_))));
}

/// The lookup has read "unknown" and has not yet answered when the key is added. Remembering that
/// answer would refuse a good key for five seconds.
#[tokio::test]
async fn a_key_minted_during_a_lookup_works_at_once() {
    let node = Node::over(WaywardStore::with_checkpoint());
    let secret = Secret::parse("sk_from_elsewhere").unwrap();
    let load = node.begin_load(&secret);
    node.store.a_lookup_has_read().await;
    let _ = node.keys.import(secret.digest(), NewKey::for_owner("acme")).await.unwrap();
    node.store.let_pass(2);
    assert!(matches!(load.await.unwrap(), Ok(Found::Live(_))));
    assert!(is_live(&node.table, &secret.digest(), START));
}

#[tokio::test]
async fn an_expiry_that_is_moved_is_seen_at_once_both_ways() {
    let node = Node::over(WaywardStore::new());
    let minted = node.mint().await;
    let expires = async |at| {
        let _ = node.keys.set_expiry(&minted.record.id, at).await.unwrap();
        node.load(&minted.secret).await.unwrap()
    };
    assert!(matches!(node.load(&minted.secret).await, Ok(Found::Live(_))));
    assert!(matches!(expires(Some(START)).await, Found::Rejected(Rejection::Expired)));
    assert!(matches!(expires(None).await, Found::Live(_)));
}

#[tokio::test]
async fn p6_a_store_that_fails_leaves_nothing_behind() {
    let node = Node::over(WaywardStore::new());
    let minted = node.mint().await;
    node.store.broken.store(true, Ordering::SeqCst);
    assert!(matches!(node.load(&minted.secret).await, Err(LoadError::Failed(_))));
    assert_eq!((node.table.len(), node.table.rejected_len()), (0, 0));
    node.store.broken.store(false, Ordering::SeqCst);
    assert!(matches!(node.load(&minted.secret).await, Ok(Found::Live(_))));
}

#[tokio::test]
async fn keys_can_be_forgotten_by_what_is_kept_with_them() {
    let (table, clock) = (Table::default(), clock());
    for name in ["acme", "other"] {
        put(&table, &clock, &digest(name), live(name)).await;
    }
    assert_eq!(table.forget_where(|payload| *payload == "acme"), 1);
    assert!(matches!(table.peek(&digest("acme"), START), Peek::Absent));
    assert!(is_live(&table, &digest("other"), START));
    assert_eq!(table.generations.keys_noted(), 1);
}

/// What overtakes a lookup, and whether it matters to a live answer and to a rejection.
#[tokio::test]
async fn a_lookup_is_asked_again_when_what_it_concerns_was_changed() {
    type Change = fn(&Table);
    let cases: [(Change, usize, usize); 3] = [
        (|table| table.forget_key("key"), 2, 1),
        (|table| assert_eq!(table.forget_where(|_| false), 0), 2, 2),
        (|table| table.clear_rejected(), 1, 2),
    ];
    for (change, asked_for_live, asked_for_rejected) in cases {
        for (loaded, wanted) in [(live("key"), asked_for_live), (UNKNOWN, asked_for_rejected)] {
            let (table, asking) = (Table::default(), Asking::default());
            let ask = || async {
                if asking.asked() == 0 {
                    change(&table);
                }
                asking.answer(loaded.clone()).await
            };
            assert!(table.load(&digest("key"), &clock(), ask).await.is_ok());
            assert_eq!(asking.asked(), wanted, "{loaded:?}");
        }
    }
}

/// A deploy that changes what a template says of everybody makes every first verification amend an
/// account. Each overtook all lookups that were under way, and where there were many they gave up.
#[tokio::test]
async fn p4_a_change_overtakes_only_lookups_that_read_what_changed() {
    let cases: [(&[&str], &str, usize); 4] = [
        (&["acme"], "acme", 2),
        (&["team", "acme"], "acme", 2),
        (&["acme"], "other", 1),
        (&[], "acme", 1),
    ];
    for (read, changed, wanted) in cases {
        let (table, asking) = (Table::default(), Asking::default());
        let ask = || async {
            let reading = Some(table.begin_reading(read.iter().copied()));
            if asking.asked() == 0 {
                assert_eq!(table.forget_readers(changed, |_| false), 0);
            }
            asking.answer(live("key")).await.map(|loaded: Loaded<_>| with(loaded, reading))
        };
        assert!(matches!(table.load(&digest("key"), &clock(), ask).await, Ok(Found::Live(_))));
        assert_eq!(asking.asked(), wanted, "{read:?}, {changed}");
    }
}

#[tokio::test]
async fn p7_a_reading_falls_when_what_it_names_changes_after_it_began() {
    let table = Table::default();
    let before = table.begin_reading(["acme"]);
    assert!(table.still_stands(&before));
    assert_eq!(table.forget_readers("acme", |_| true), 0);
    assert!(!table.still_stands(&before));
    assert!(table.still_stands(&table.begin_reading(["acme"])));
}

fn with(loaded: Loaded<&'static str>, read: Option<Reading>) -> Loaded<&'static str> {
    match loaded {
        Loaded::Live { payload, key_id, expires_at, .. } => {
            Loaded::Live { payload, key_id, expires_at, reading: read }
        }
        rejected @ Loaded::Rejected(_) => rejected,
    }
}

#[tokio::test]
async fn a_lookup_that_is_overtaken_too_often_is_given_up() {
    for (changes, given_up) in [(MAX_LOAD_ATTEMPTS - 1, false), (MAX_LOAD_ATTEMPTS, true)] {
        let (table, clock, asking) = (Table::default(), clock(), Asking::default());
        let ask = || async {
            if asking.asked() < changes {
                table.forget_key("key");
            }
            asking.answer(live("key")).await
        };
        let found = table.load(&digest("key"), &clock, ask).await;
        assert_eq!(matches!(found, Err(LoadError::Overtaken)), given_up);
        assert_eq!((asking.asked(), table.len()), (MAX_LOAD_ATTEMPTS, usize::from(!given_up)));
        put(&table, &clock, &digest("key"), live("key")).await;
        assert!(is_live(&table, &digest("key"), START), "it recovers");
    }
}

#[tokio::test]
async fn a_key_kept_under_two_digests_is_forgotten_under_both() {
    let (table, clock) = (Table::default(), clock());
    for text in ["one", "two"] {
        put(&table, &clock, &digest(text), live("key")).await;
    }
    table.forget_key("key");
    assert_eq!((table.len(), table.generations.keys_noted()), (0, 0));
}

/// Dropping what is kept with a key may come back to the table: a lease that returns what it holds
/// asks who else is there. It must not find the table locked.
#[tokio::test]
async fn what_leaves_the_table_is_dropped_when_the_table_is_unlocked() {
    struct Visitor(Weak<KeyTable<Visitor, Infallible>>);
    impl Drop for Visitor {
        fn drop(&mut self) {
            let Some(table) = self.0.upgrade() else { return };
            table.clear_rejected();
        }
    }
    let builder = KeyTable::builder().live_capacity(1);
    let (table, clock) = (Arc::new(builder.build::<Visitor, Infallible>().unwrap()), clock());
    let ask = || async {
        let payload = Visitor(Arc::downgrade(&table));
        Ok(Loaded::Live { payload, key_id: Some("key".into()), expires_at: None, reading: None })
    };
    let load = async |text| assert!(table.load(&digest(text), &clock, ask).await.is_ok());
    load("one").await;
    load("two").await;
    table.forget_key("key");
    load("one").await;
    assert_eq!(table.forget_where(|_| true), 1);
    load("one").await;
    clock.advance(DEFAULT_LIVE_TTL);
    assert_eq!(table.drop_lapsed(clock.now()), 1);
}

/// Lookups and a revocation at once, on real threads: whoever begins after the revocation has
/// returned is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p7_no_interleaving_brings_a_revoked_key_back() {
    for _ in 0..200 {
        let table = Arc::new(KeyTable::<&str, Infallible>::default());
        let revoked = Arc::new(AtomicBool::new(false));
        let load = || {
            let (table, revoked) = (table.clone(), revoked.clone());
            async move {
                let ask = || async {
                    let was_revoked = revoked.load(Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(if was_revoked { Loaded::Rejected(Rejection::Revoked) } else { live("key") })
                };
                table.load(&digest("key"), &clock(), ask).await.unwrap()
            }
        };
        let racers = [(); 4].map(|()| tokio::spawn(load()));
        tokio::task::yield_now().await;
        revoked.store(true, Ordering::SeqCst);
        table.forget_key("key");
        assert!(!is_live(&table, &digest("key"), START));
        assert!(matches!(load().await, Found::Rejected(Rejection::Revoked)));
        for racer in racers {
            let _ = racer.await.unwrap();
        }
        assert!(!is_live(&table, &digest("key"), START), "and it stays away");
    }
}
