use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use keycap_verify::{Answer, Digest, Rejection, Secret};

use super::Flights;

const LONGEST: Duration = Duration::from_secs(6);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A provider that counts its calls and answers each when it is let.
struct Tower {
    flights: Flights,
    calls: AtomicUsize,
    clearance: Option<Semaphore>,
}

impl Default for Tower {
    fn default() -> Self {
        Self { flights: Flights::new(LONGEST), calls: AtomicUsize::new(0), clearance: None }
    }
}

impl Tower {
    fn that_waits() -> Arc<Self> {
        Arc::new(Self { clearance: Some(Semaphore::new(0)), ..Self::default() })
    }

    async fn once(&self, digest: &Digest) -> Answer {
        self.flights
            .once(digest, || async {
                self.calls.fetch_add(1, Ordering::SeqCst);
                if let Some(clearance) = &self.clearance {
                    clearance.acquire().await.expect("never closed").forget();
                }
                Answer::Rejected(Rejection::Revoked)
            })
            .await
    }

    fn clear(&self, calls: usize) {
        self.clearance.as_ref().expect("one that waits").add_permits(calls);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> usize {
        self.flights.under_way.lock().len()
    }
}

fn digest(text: &str) -> Digest {
    Secret::parse(text).expect("a secret").digest()
}

/// Lets `future` go as far as it can now; whether it is not done then.
async fn waits<F: Future>(future: &mut Pin<Box<F>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

fn revoked(answer: &Answer) -> bool {
    matches!(answer, Answer::Rejected(Rejection::Revoked))
}

#[tokio::test]
async fn a_thousand_who_ask_make_one_call() {
    let (tower, key) = (Tower::that_waits(), digest("acme_1"));
    let all = join_all((0..1_000).map(|_| tower.once(&key)));
    let mut all = Box::pin(all);
    assert!(waits(&mut all).await);
    assert_eq!((tower.calls(), tower.under_way()), (1, 1));
    tower.clear(1);
    assert!(all.await.iter().all(revoked));
    assert_eq!((tower.calls(), tower.under_way()), (1, 0));
}

#[tokio::test]
async fn each_secret_is_asked_about_on_its_own() {
    let tower = Tower::that_waits();
    let keys: Vec<_> = (0..10).map(|n| digest(&format!("acme_{n}"))).collect();
    let mut all = Box::pin(join_all(keys.iter().map(|key| tower.once(key))));
    assert!(waits(&mut all).await);
    assert_eq!((tower.calls(), tower.under_way()), (10, 10));
    tower.clear(10);
    all.await;
    assert_eq!(tower.under_way(), 0);
}

#[tokio::test]
async fn nothing_is_remembered() {
    let (tower, key) = (Tower::default(), digest("acme_1"));
    for calls in 1..=3 {
        assert!(revoked(&tower.once(&key).await));
        assert_eq!((tower.calls(), tower.under_way()), (calls, 0));
    }
}

/// The caller who asks for all goes away, as callers do when their client hangs up. Those who waited
/// get an answer all the same.
#[tokio::test]
async fn when_the_one_who_asks_leaves_another_asks() {
    let (tower, key) = (Tower::that_waits(), digest("acme_1"));
    let mut leader = Box::pin(tower.once(&key));
    assert!(waits(&mut leader).await);
    let mut others = Box::pin(join_all((0..10).map(|_| tower.once(&key))));
    assert!(waits(&mut others).await);
    assert_eq!(tower.calls(), 1);
    drop(leader);
    assert!(waits(&mut others).await);
    assert_eq!((tower.calls(), tower.under_way()), (2, 1));
    tower.clear(1);
    assert!(others.await.iter().all(revoked));
    assert_eq!((tower.calls(), tower.under_way()), (2, 0));
}

#[tokio::test]
async fn one_who_waits_may_leave() {
    let (tower, key) = (Tower::that_waits(), digest("acme_1"));
    let mut leader = Box::pin(tower.once(&key));
    assert!(waits(&mut leader).await);
    let mut other = Box::pin(tower.once(&key));
    assert!(waits(&mut other).await);
    drop(other);
    tower.clear(1);
    assert!(revoked(&leader.await));
    assert_eq!((tower.calls(), tower.under_way()), (1, 0));
}

#[tokio::test]
async fn when_the_one_who_asks_panics_another_asks() {
    let (tower, key) = (Tower::that_waits(), digest("acme_1"));
    let bad = Arc::clone(&tower);
    let leader = tokio::spawn(async move {
        let answer = bad.flights.once(&key, || async {
            let clearance = bad.clearance.as_ref().expect("one that waits");
            clearance.acquire().await.expect("never closed").forget();
            panic!("on purpose")
        });
        answer.await
    });
    while tower.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    let mut other = Box::pin(tower.once(&key));
    assert!(waits(&mut other).await);
    tower.clear(1);
    assert!(leader.await.expect_err("it panics").is_panic());
    assert!(waits(&mut other).await);
    assert_eq!((tower.calls(), tower.under_way()), (1, 1), "the other asks");
    tower.clear(1);
    assert!(revoked(&other.await));
    assert_eq!(tower.under_way(), 0);
}

/// The future of the one who asks is kept, and nobody polls it any more. Those who wait do not wait for
/// ever, and one call is made for all of them.
#[tokio::test(start_paused = true)]
async fn p6_one_who_asks_and_never_goes_on_is_passed_by() {
    let (tower, key) = (Tower::that_waits(), digest("acme_1"));
    let mut lost = Box::pin(tower.once(&key));
    assert!(waits(&mut lost).await);
    let mut others = Box::pin(join_all((0..10).map(|_| tower.once(&key))));
    assert!(waits(&mut others).await);
    tokio::time::advance(LONGEST - MILLISECOND).await;
    assert!(waits(&mut others).await);
    assert_eq!((tower.calls(), tower.under_way()), (1, 1));
    tokio::time::advance(MILLISECOND).await;
    assert!(waits(&mut others).await);
    assert_eq!((tower.calls(), tower.under_way()), (2, 1));
    drop(lost);
    assert_eq!(tower.under_way(), 1, "it was not its entry any more");
    tower.clear(2);
    assert!(others.await.iter().all(revoked));
    assert_eq!((tower.calls(), tower.under_way()), (2, 0));
}
