//! Many who want the same digest make one lookup, and none is harmed by another's.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};

use super::*;

type Answer = Result<Found<&'static str>, LoadError<&'static str>>;

/// A table on which many look up the same digest.
#[derive(Clone)]
struct Crowd {
    table: Arc<Table>,
    clock: ManualClock,
    key: Digest,
}

impl Crowd {
    fn new() -> Self {
        Self { table: Arc::new(Table::default()), clock: clock(), key: digest("key") }
    }

    async fn load<F>(&self, ask: impl Fn() -> F) -> Answer
    where
        F: Future<Output = Result<Loaded<&'static str>, &'static str>>,
    {
        self.table.load(&self.key, &self.clock, ask).await
    }

    fn spawn<F>(&self, ask: impl Fn() -> F + Send + Sync + 'static) -> JoinHandle<Answer>
    where
        F: Future<Output = Result<Loaded<&'static str>, &'static str>> + Send,
    {
        let crowd = self.clone();
        tokio::spawn(async move { crowd.load(ask).await })
    }

    /// Nothing was remembered, and the next lookup finds the key.
    async fn recovers(&self) {
        assert_eq!((self.table.len(), self.table.rejected_len()), (0, 0));
        assert!(matches!(self.load(|| async { Ok(live("key")) }).await, Ok(Found::Live(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_lookups_make_one_load() {
    let (crowd, asking) = (Crowd::new(), Asking::held_back());
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let (crowd, asking) = (crowd.clone(), asking.clone());
        callers.spawn(async move { crowd.load(|| asking.answer(live("key"))).await });
    }
    asking.let_one_answer();
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Found::Live(_)))));
    assert_eq!(asking.asked(), 1);
}

#[tokio::test]
async fn followers_share_the_rejection_and_the_failure() {
    let (crowd, asking) = (Crowd::new(), Asking::held_back());
    let asks = |loaded: Result<Loaded<&'static str>, &'static str>| {
        let asking = asking.clone();
        crowd.spawn(move || {
            let (asking, loaded) = (asking.clone(), loaded.clone());
            async move {
                let _: Result<_, Infallible> = asking.answer(live("-")).await;
                loaded
            }
        })
    };
    let callers = [asks(Err("away")), asks(Err("never asked")), asks(Ok(live("never asked")))];
    settle().await;
    asking.let_one_answer();
    for caller in callers {
        let answer = caller.await.unwrap();
        assert!(matches!(answer, Err(LoadError::Failed(error)) if *error == "away"));
    }
    assert_eq!((crowd.table.len(), crowd.table.rejected_len()), (0, 0), "nothing is remembered");

    let callers = [asks(Ok(UNKNOWN)), asks(Ok(live("never asked")))];
    settle().await;
    asking.let_one_answer();
    for caller in callers {
        assert!(matches!(caller.await.unwrap(), Ok(Found::Rejected(Rejection::Unknown))));
    }
    assert_eq!(asking.asked(), 2);
}

#[tokio::test]
async fn p6_a_lookup_that_panics_harms_nobody() {
    let (crowd, asking) = (Crowd::new(), Asking::held_back());
    let callers = [(); 3].map(|()| {
        let asking = asking.clone();
        crowd.spawn(move || {
            let asking = asking.clone();
            async move {
                let _: Result<_, Infallible> = asking.answer(UNKNOWN).await;
                panic!("the provider panics")
            }
        })
    });
    settle().await;
    asking.let_one_answer();
    for caller in callers {
        assert!(matches!(caller.await.unwrap(), Err(LoadError::Panicked)), "told, not unwound");
    }
    assert_eq!(asking.asked(), 1);
    crowd.recovers().await;
}

#[tokio::test]
async fn p6_a_panic_before_the_first_await_is_caught_too() {
    let crowd = Crowd::new();
    let panics = || -> std::future::Ready<_> { panic!("the provider panics") };
    assert!(matches!(crowd.load(panics).await, Err(LoadError::Panicked)));
    crowd.recovers().await;
}

#[tokio::test(start_paused = true)]
async fn p6_a_lookup_that_hangs_is_given_up() {
    let crowd = Crowd::new();
    let callers = [(); 3].map(|()| crowd.spawn(std::future::pending));
    for caller in callers {
        assert!(matches!(caller.await.unwrap(), Err(LoadError::TimedOut)));
    }
    crowd.recovers().await;
}

#[tokio::test]
async fn when_the_one_who_asks_is_cancelled_another_asks() {
    let (crowd, asking) = (Crowd::new(), Asking::held_back());
    let caller = || {
        let asking = asking.clone();
        crowd.spawn(move || {
            let asking = asking.clone();
            async move { asking.answer(live("key")).await }
        })
    };
    let (leader, followers) = (caller(), [caller(), caller(), caller()]);
    settle().await;
    assert_eq!(asking.asked(), 1);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    settle().await;
    assert_eq!(asking.asked(), 2, "one of the others");
    asking.let_one_answer();
    for follower in followers {
        assert!(matches!(follower.await.unwrap(), Ok(Found::Live(_))));
    }
    assert_eq!(asking.asked(), 2);
}

#[tokio::test]
async fn a_follower_that_is_cancelled_harms_nobody() {
    let (crowd, asking) = (Crowd::new(), Asking::held_back());
    let caller = || {
        let asking = asking.clone();
        crowd.spawn(move || {
            let asking = asking.clone();
            async move { asking.answer(live("key")).await }
        })
    };
    let (leader, follower) = (caller(), caller());
    settle().await;
    follower.abort();
    asking.let_one_answer();
    assert!(leader.await.unwrap().is_ok());
    assert_eq!(crowd.table.loads_in_flight.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_who_asks_but_is_never_polled_again_is_passed_by() {
    let crowd = Crowd::new();
    let mut context = Context::from_waker(Waker::noop());
    let asking = Asking::held_back();
    let mut stuck = pin!(crowd.load(|| asking.answer(live("old"))));
    assert!(stuck.as_mut().poll(&mut context).is_pending());

    crowd.clock.advance(DEFAULT_LOAD_TIMEOUT);
    {
        let mut follower = pin!(crowd.load(|| async { Ok(live("new")) }));
        assert!(follower.as_mut().poll(&mut context).is_pending(), "it is given its time");
    }
    crowd.clock.advance(Duration::from_millis(1));
    let found = crowd.load(|| async { Ok(live("new")) }).await;
    assert!(matches!(found, Ok(Found::Live(entry)) if *entry.payload() == "new"));

    asking.let_one_answer();
    assert!(matches!(stuck.await, Ok(Found::Live(_))), "it may still come to its end");
    assert_eq!(crowd.table.loads_in_flight.load(Ordering::SeqCst), 0);
}

/// The lookup has read "valid" and is not polled for a while. Meanwhile it is passed by, and who passed it
/// by has heard that the key was revoked since. The old answer must not bring the key back; nor must an
/// old "unknown" take a key away that was created since.
#[tokio::test]
async fn p7_who_was_passed_by_leaves_nothing_behind() {
    const REVOKED: Loaded<&str> = Loaded::Rejected(Rejection::Revoked);
    for (old, new) in [(live("old"), REVOKED), (UNKNOWN, live("new")), (live("old"), live("new"))] {
        let crowd = Crowd::new();
        let asking = Asking::held_back();
        let mut stuck = pin!(crowd.load(|| asking.answer(old.clone())));
        assert!(stuck.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        crowd.clock.advance(DEFAULT_LOAD_TIMEOUT + Duration::from_millis(1));
        assert!(crowd.load(|| async { Ok(new.clone()) }).await.is_ok());
        asking.let_one_answer();
        let told = stuck.await.unwrap();
        let known = crowd.table.peek(&crowd.key, crowd.clock.now());
        for told in [Some(told), known.found()] {
            match (&new, told) {
                (Loaded::Live { payload, .. }, Some(Found::Live(entry))) => {
                    assert_eq!(entry.payload(), payload);
                }
                (Loaded::Rejected(_), Some(Found::Rejected(Rejection::Revoked))) => {}
                (new, told) => panic!("{new:?}: {told:?}"),
            }
        }
    }
}

#[tokio::test]
async fn leaders_that_are_cancelled_one_after_the_other_do_not_keep_a_caller_for_ever() {
    let crowd = Crowd::new();
    let mut context = Context::from_waker(Waker::noop());
    let leader = || Box::pin(crowd.load(std::future::pending));
    let mut leading = leader();
    assert!(leading.as_mut().poll(&mut context).is_pending());
    let mut follower = pin!(crowd.load(std::future::pending));
    let mut turns = 0;
    let answer = loop {
        if let std::task::Poll::Ready(answer) = follower.as_mut().poll(&mut context) {
            break answer;
        }
        turns += 1;
        drop(leading);
        leading = leader();
        assert!(leading.as_mut().poll(&mut context).is_pending());
    };
    assert!(matches!(answer, Err(LoadError::Abandoned)));
    assert_eq!(turns, 16);
}
