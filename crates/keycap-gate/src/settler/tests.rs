//! When a batch is tried again, and with what, on paused time.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::sync::Weak;

use async_trait::async_trait;
use keycap_base::Timestamp;
use keycap_budget::{
    AccountId, AccountListener, Chain, Charge, ChargeId, Hold, HoldId, Outcome, Snapshot, Standing,
};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::queue::{Draft, Heard, Speaker};

const TIMEOUT: Duration = Duration::from_secs(4);

/// One asking: after how long, for which accounts.
type Asking = (Duration, Vec<String>);

/// What the ledger does to a batch that names this account.
#[derive(Clone, Copy)]
enum Trouble {
    Fails(&'static str),
    HangsAt(&'static str),
}

/// A ledger that notes what it is asked, and when.
struct Noting {
    begun: Instant,
    asked: Mutex<Vec<Asking>>,
    trouble: Mutex<Option<Trouble>>,
}

fn accounts(batch: &Batch) -> Vec<String> {
    let account = |operation: &Operation| match operation {
        Operation::Release { account, .. } => account.to_string(),
        other => panic!("not a release: {other:?}"),
    };
    batch.operations().iter().map(account).collect()
}

#[async_trait]
impl Ledger for Noting {
    async fn apply(&self, batch: Batch) -> Result<Vec<Decided>, LedgerError> {
        let (named, trouble) = (accounts(&batch), *self.trouble.lock());
        self.asked.lock().push((self.begun.elapsed(), named.clone()));
        let is_named = |account: &str| named.iter().any(|named| named == account);
        match trouble {
            Some(Trouble::Fails(account)) if is_named(account) => Err(LedgerError::new("fails")),
            Some(Trouble::HangsAt(account)) if is_named(account) => std::future::pending().await,
            _ => Ok(batch.operations().iter().map(|_| Ok(Outcome::Released)).collect()),
        }
    }

    async fn chain(&self, _: &AccountId) -> Result<Option<Chain>, LedgerError> {
        Ok(None)
    }

    async fn standings(&self, _: &AccountId) -> Result<Vec<Standing>, LedgerError> {
        Ok(Vec::new())
    }

    async fn hold(&self, _: &AccountId, _: HoldId) -> Result<Option<Hold>, LedgerError> {
        Ok(None)
    }

    async fn charge(&self, _: &AccountId, _: ChargeId) -> Result<Option<Charge>, LedgerError> {
        Ok(None)
    }

    async fn charges(
        &self,
        _: &AccountId,
        _: Option<ChargeId>,
        _: usize,
    ) -> Result<Vec<Charge>, LedgerError> {
        Ok(Vec::new())
    }

    async fn snapshot(&self) -> Result<Snapshot, LedgerError> {
        Err(LedgerError::new("has no rows"))
    }

    fn watch(&self, _: Weak<dyn AccountListener>) {}
}

/// A queue, its settler, and the ledger behind it.
struct World {
    queue: Arc<Queue>,
    ledger: Arc<Noting>,
    settler: JoinHandle<()>,
}

impl World {
    fn with(trouble: Trouble) -> Self {
        let queue = Arc::new(Queue::new(64));
        let (begun, trouble) = (Instant::now(), Mutex::new(Some(trouble)));
        let ledger = Arc::new(Noting { begun, asked: Mutex::default(), trouble });
        let behind = Arc::<Noting>::clone(&ledger);
        let settler = tokio::spawn(run(Arc::clone(&queue), behind, TIMEOUT));
        Self { queue, ledger, settler }
    }

    fn release(&self, account: &str) {
        let place = self.queue.try_place().unwrap();
        self.queue.push_job(Job::loose(release(account), None, place));
    }

    /// The times at which a batch was asked for that named this account.
    fn times(&self, account: &str) -> Vec<Duration> {
        let asked = self.ledger.asked.lock();
        let named = |(at, names): &Asking| names.iter().any(|name| name == account).then_some(*at);
        asked.iter().filter_map(named).collect()
    }

    /// Ends the trouble and the queue, and sees that nothing was lost on the way.
    async fn end(self) {
        *self.ledger.trouble.lock() = None;
        self.queue.close();
        self.settler.await.unwrap();
        assert_eq!(self.queue.taken(), 0);
    }
}

fn release(account: &str) -> Operation {
    let (account, hold) = (AccountId::new(account).unwrap(), HoldId::generate(Timestamp::EPOCH));
    Operation::Release { account, hold }
}

/// The pauses between times, without those of no length.
fn pauses(times: &[Duration]) -> Vec<Duration> {
    let pairs = times.iter().zip(times.iter().skip(1));
    pairs.map(|(one, next)| *next - *one).filter(|pause| !pause.is_zero()).collect()
}

#[tokio::test(start_paused = true)]
async fn pauses_double_from_the_first_to_the_longest_and_are_never_longer() {
    let world = World::with(Trouble::Fails("acme"));
    world.release("acme");
    sleep(Duration::from_secs(20)).await;
    let pauses = pauses(&world.times("acme"));
    assert_eq!(pauses[0], FIRST_PAUSE);
    for (one, next) in pauses.iter().zip(&pauses[1..]) {
        assert_eq!(*next, (*one * 2).min(LONGEST_PAUSE));
    }
    assert!(pauses.iter().filter(|pause| **pause == LONGEST_PAUSE).count() > 2);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_tried_three_times_as_a_whole_and_then_one_by_one() {
    let world = World::with(Trouble::Fails("acme"));
    world.release("acme");
    world.release("bob");
    sleep(Duration::from_secs(1)).await;
    let tries = usize::try_from(TRIES_TOGETHER).unwrap();
    let asked: Vec<_> = world.ledger.asked.lock().iter().map(|(_, names)| names.clone()).collect();
    for together in &asked[..tries] {
        assert_eq!(*together, ["acme", "bob"]);
    }
    assert_eq!(asked[tries..tries + 2], [["acme"], ["bob"]]);
    assert_eq!(world.times("bob").len(), tries + 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_by_itself_pauses_where_nothing_else_waits() {
    let world = World::with(Trouble::Fails("acme"));
    world.release("acme");
    world.release("bob");
    sleep(Duration::from_secs(3)).await;
    let apart = world.times("bob")[3];
    let times: Vec<_> = world.times("acme").into_iter().filter(|at| *at > apart).collect();
    assert!(times.len() > 10);
    assert!(pauses(&times).iter().all(|pause| *pause == APART_PAUSE), "{:?}", pauses(&times));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_by_itself_lets_others_go_first_and_then_does_not_pause() {
    let world = World::with(Trouble::Fails("acme"));
    world.release("acme");
    world.release("bob");
    sleep(Duration::from_secs(1)).await;
    let before = world.ledger.asked.lock().len();
    world.release("carol");
    world.release("dora");
    sleep(APART_PAUSE).await;
    let asked: Vec<_> = world.ledger.asked.lock().iter().skip(before).cloned().collect();
    assert_eq!(asked[0].1, ["carol", "dora"]);
    assert_eq!(asked[1].1, ["acme"]);
    assert_eq!(asked[0].0, asked[1].0);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_does_not_answer_is_asked_anew_four_times_a_time_out() {
    let world = World::with(Trouble::HangsAt("acme"));
    world.release("acme");
    let step = TIMEOUT / TRIES_A_TIMEOUT;
    sleep(step - Duration::from_millis(1)).await;
    assert_eq!(world.times("acme"), [Duration::ZERO]);
    sleep(2 * TIMEOUT).await;
    let times = world.times("acme");
    assert_eq!(times.len(), 9);
    assert!(pauses(&times).iter().all(|pause| *pause == step), "{times:?}");
    world.end().await;
}

/// Says one more than a batch can be.
struct Talker;

impl Speaker for Talker {
    fn speak(self: Arc<Self>, draft: &mut Draft) {
        for _ in 0..=MAX_BATCH {
            draft.say(Arc::<Self>::clone(&self), release("acme"), None, None);
        }
    }

    fn hear(&self, _: Heard<'_>) {}
}

#[tokio::test(start_paused = true)]
async fn who_says_more_than_a_batch_holds_is_sent_in_several() {
    let world = World::with(Trouble::Fails("nobody"));
    world.queue.push_speaker(Arc::new(Talker));
    sleep(Duration::from_millis(1)).await;
    let lengths: Vec<_> = world.ledger.asked.lock().iter().map(|(_, names)| names.len()).collect();
    assert_eq!(lengths, [MAX_BATCH, 1]);
    world.end().await;
}
