//! What reaches every member, whatever the others do.

use super::*;

fn both(doubles: &[Arc<Double>; 3]) -> [Box<dyn IdentityProvider>; 2] {
    let [a, b, c] = doubles;
    let routes = Routes::builder().prefix("a_", Arc::clone(a)).jwt(Arc::clone(b));
    let routes = routes.otherwise(Arc::clone(c)).build().unwrap();
    let turns = FirstOf::builder().provider(Arc::clone(a)).provider(Arc::clone(b));
    [Box::new(routes), Box::new(turns.provider(Arc::clone(c)).build().unwrap())]
}

fn doubles(first: Does) -> [Arc<Double>; 3] {
    [("a", first), ("b", Knows), ("c", Knows)].map(|(name, does)| Double::new(name, does))
}

#[tokio::test(start_paused = true)]
async fn chores_are_done_beside_one_that_panics_or_hangs() {
    for (first, ends, done) in [(Knows, true, 1), (Panics, true, 0), (Hangs, false, 0)] {
        for which in [0, 1] {
            let doubles = doubles(first);
            let all = both(&doubles);
            let chores = tokio::time::timeout(Duration::from_secs(1), all[which].housekeep());
            assert_eq!(chores.await.is_ok(), ends, "{first:?}");
            let counted = doubles.map(|double| double.chores.load(Ordering::SeqCst));
            assert_eq!(counted, [done, 1, 1], "{first:?}");
        }
    }
}

/// One who listens.
#[derive(Default)]
struct Ear(AtomicBool);

impl KeyListener for Ear {
    fn key_changed(&self, _news: &KeyNews) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_listener_is_heard_of_by_all() {
    let doubles = doubles(Knows);
    for all in both(&doubles) {
        let ear: Arc<dyn KeyListener> = Arc::new(Ear::default());
        all.subscribe(Arc::downgrade(&ear));
    }
    assert!(doubles.iter().all(|double| double.listeners.load(Ordering::SeqCst) == 2));
}

#[tokio::test]
async fn p7_news_of_an_issued_key_comes_through_a_composition() {
    let store = Arc::new(crate::MemoryKeyStore::new());
    let keys = crate::IssuedKeys::builder(store).build().unwrap();
    let routes = Routes::builder().prefix("key_", keys.clone()).build().unwrap();
    let all = FirstOf::builder().provider(routes).build().unwrap();
    let ear = Arc::new(Ear::default());
    let listener: Arc<dyn KeyListener> = ear.clone();
    all.subscribe(Arc::downgrade(&listener));
    let minted = keys.mint(crate::NewKey::for_owner("acme")).await.unwrap();
    ear.0.store(false, Ordering::SeqCst);
    let _ = keys.revoke(&minted.record.id).await.unwrap();
    assert!(ear.0.load(Ordering::SeqCst));
}
