//! Grace: who is served while the provider cannot tell, and for how long.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use super::super::grace::Outage;
use super::*;

mod taken_away;

type Answer = Result<Found<&'static str>, LoadError<&'static str>>;

const TTL: Duration = DEFAULT_LIVE_TTL;
const GRACE: Duration = Duration::from_secs(600);
const MILLI: Duration = Duration::from_millis(1);

/// What a lookup fails with when the provider cannot tell.
const SILENT: &str = "the provider";
/// What it fails with when something else is broken.
const LEDGER: &str = "the ledger";

/// A table with a key that was found valid at the start.
struct Outaged {
    table: Arc<Table>,
    clock: ManualClock,
    key: Digest,
    asked: AtomicUsize,
}

impl Outaged {
    async fn with(loaded: Loaded<&'static str>) -> Self {
        let table = KeyTable::builder().serve_unverified_in_outage(GRACE).build().unwrap();
        Self::on(table, loaded).await
    }

    async fn on(table: Table, loaded: Loaded<&'static str>) -> Self {
        let (table, clock, key) = (Arc::new(table), clock(), digest("key"));
        put(&table, &clock, &key, loaded).await;
        Self { table, clock, key, asked: AtomicUsize::new(0) }
    }

    async fn new() -> Self {
        Self::with(live("key")).await
    }

    async fn asking<F>(&self, ask: impl Fn() -> F) -> Answer
    where
        F: Future<Output = Result<Loaded<&'static str>, &'static str>>,
    {
        let ask = || {
            self.asked.fetch_add(1, Ordering::SeqCst);
            ask()
        };
        let cause = |error: &LoadError<&str>, payload: &&str| match error {
            LoadError::Failed(what) if **what == LEDGER => Outage::Not,
            LoadError::Overtaken | LoadError::Abandoned | LoadError::Busy => Outage::Not,
            _ if *payload == "another provider's" => Outage::Elsewhere,
            _ => Outage::Provider,
        };
        self.table.load_in_outage(&self.key, &self.clock, ask, cause).await
    }

    async fn failing(&self) -> Answer {
        self.asking(|| async { Err(SILENT) }).await
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    async fn is_served(&self) -> bool {
        match self.failing().await {
            Ok(Found::Graced(entry)) => *entry.payload() == "key",
            Ok(Found::Live(_) | Found::Rejected(_)) => panic!("not what was asked"),
            Err(_) => false,
        }
    }
}

#[tokio::test]
async fn p6_without_the_choice_nobody_is_served_by_grace() {
    let outaged = Outaged::on(Table::default(), live("key")).await;
    outaged.clock.advance(TTL);
    assert!(!outaged.is_served().await);
}

#[tokio::test]
async fn p6_grace_begins_with_the_end_of_trust_and_ends_when_stated() {
    for (at, served) in [(TTL, true), (TTL + GRACE - MILLI, true), (TTL + GRACE, false)] {
        let outaged = Outaged::new().await;
        outaged.clock.advance(at);
        assert!(matches!(outaged.table.peek(&outaged.key, outaged.clock.now()), Peek::Absent));
        assert_eq!(outaged.is_served().await, served, "{at:?}");
        assert_eq!(outaged.table.rejected_len(), 0, "nothing is held against the key");
        let now = outaged.clock.now();
        assert!(matches!(outaged.table.peek(&outaged.key, now), Peek::Absent), "and asked again");
    }
}

#[tokio::test]
async fn p6_grace_ends_with_the_key() {
    let expiry = START.plus(TTL + Duration::from_secs(1));
    for (now, served) in [(expiry.minus(MILLI), true), (expiry, false)] {
        let outaged = Outaged::with(live_until(expiry)).await;
        outaged.clock.set(now);
        assert_eq!(outaged.is_served().await, served);
    }
}

#[tokio::test]
async fn p6_grace_is_for_what_the_provider_fails_at_and_for_nothing_else() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    let broken = outaged.asking(|| async { Err(LEDGER) }).await;
    assert!(matches!(broken, Err(LoadError::Failed(_))));
    let overtaken = outaged.asking(|| async {
        outaged.table.clear_rejected();
        assert_eq!(outaged.table.forget_where(|_| false), 0);
        Ok(live("key"))
    });
    assert!(matches!(overtaken.await, Err(LoadError::Overtaken)));
    assert!(outaged.is_served().await, "the key itself was not forgotten");
}

#[tokio::test(start_paused = true)]
async fn p6_a_lookup_that_hangs_or_panics_is_an_outage() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    let hangs = outaged.asking(std::future::pending).await;
    assert!(matches!(hangs, Ok(Found::Graced(_))));
    outaged.clock.advance(GRACE_PAUSE);
    let panics = outaged.asking(|| async { panic!("told to") }).await;
    assert!(matches!(panics, Ok(Found::Graced(_))));
    assert_eq!(outaged.asked(), 2);
}

#[tokio::test]
async fn p6_a_clock_that_was_set_back_ends_the_grace() {
    let outaged = Outaged::new().await;
    outaged.clock.set(START.minus(MILLI));
    assert!(!outaged.is_served().await);
}

#[tokio::test]
async fn p6_a_clock_that_is_set_back_does_not_draw_out_the_pause() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL + MILLI);
    assert_eq!((outaged.is_served().await, outaged.asked()), (true, 1));
    outaged.clock.set(START.plus(TTL));
    assert_eq!((outaged.is_served().await, outaged.asked()), (true, 1));
}

#[tokio::test]
async fn a_key_in_grace_is_asked_for_again_after_a_pause() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    assert_eq!((outaged.is_served().await, outaged.asked()), (true, 1));
    outaged.clock.advance(GRACE_PAUSE - MILLI);
    assert_eq!((outaged.is_served().await, outaged.asked()), (true, 0));
    let seen = outaged.table.peek_in_outage(&outaged.key, outaged.clock.now());
    assert!(matches!(seen, Peek::Live(_)));
    outaged.clock.advance(MILLI);
    assert_eq!((outaged.is_served().await, outaged.asked()), (true, 1));
    outaged.clock.advance(GRACE_PAUSE);
    let back = outaged.asking(|| async { Ok(live("key")) }).await;
    assert!(matches!(back, Ok(Found::Live(_))), "and then it is verified again");
    assert!(is_live(&outaged.table, &outaged.key, outaged.clock.now()));
}

/// One asks and waits; the others need not, because the last that was heard is that nobody answers.
#[tokio::test]
async fn others_are_served_while_one_asks_again() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    assert!(outaged.is_served().await);
    outaged.clock.advance(GRACE_PAUSE);
    let mut one = pin!(outaged.asking(std::future::pending));
    let mut context = Context::from_waker(Waker::noop());
    assert!(one.as_mut().poll(&mut context).is_pending());
    for _ in 0..100 {
        let other = outaged.failing();
        let other = futures_util::FutureExt::now_or_never(other).expect("nobody has to wait");
        assert!(matches!(other, Ok(Found::Graced(_))));
    }
    assert_eq!(outaged.asked(), 2);
    for (since, seen) in [(DEFAULT_LOAD_TIMEOUT - MILLI, true), (DEFAULT_LOAD_TIMEOUT, false)] {
        let now = outaged.clock.now().plus(since);
        let peeked = outaged.table.peek_in_outage(&outaged.key, now);
        assert_eq!(matches!(peeked, Peek::Live(_)), seen, "for as long as one may be asking");
    }
    outaged.table.forget_key("key");
    let after = futures_util::FutureExt::now_or_never(outaged.failing());
    assert!(after.is_none(), "after the revocation nobody is served beside the lookup");
}

#[tokio::test]
async fn before_an_outage_is_known_all_wait_for_the_one_who_asks() {
    let outaged = Outaged::new().await;
    outaged.clock.advance(TTL);
    let gate = Semaphore::new(0);
    let slow = || async {
        gate.acquire().await.unwrap().forget();
        Err(SILENT)
    };
    let all = futures_util::future::join_all((0..1_000).map(|_| outaged.asking(slow)));
    let (all, ()) = tokio::join!(all, async {
        settle().await;
        gate.add_permits(1);
    });
    assert!(all.iter().all(|answer| matches!(answer, Ok(Found::Graced(_)))));
    assert_eq!(outaged.asked(), 1);
}

#[tokio::test]
async fn keys_in_grace_are_not_let_go_of() {
    let outaged = Outaged::new().await;
    assert_eq!(outaged.table.drop_lapsed(START.plus(TTL + GRACE - MILLI)), 0);
    assert_eq!(outaged.table.drop_lapsed(START.plus(TTL + GRACE)), 1);
}

#[test]
fn a_grace_is_bounded() {
    let build = |grace| {
        let builder = KeyTable::builder().serve_unverified_in_outage(grace);
        builder.build::<(), ()>().err()
    };
    assert_eq!(build(MAX_GRACE), None);
    let past = MAX_GRACE + Duration::from_nanos(1);
    assert_eq!(build(past), Some(KeyTableError::Grace(past)));
    assert_eq!(build(MILLI), None);
    assert!(matches!(build(Duration::ZERO), Some(KeyTableError::Zero(_))));
}
