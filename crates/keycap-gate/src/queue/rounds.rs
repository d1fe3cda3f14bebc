//! How the settler takes what is queued: in rounds, of all lanes, each sent as one or more batches.
//!
//! Only the settler's task calls what is here. A round begins when the one before was made into
//! batches to its end, so that whoever was queued before a round is sent with it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Queue;
use super::draft::Draft;
use super::job::{Company, Item, Job};
use super::pace::{ENOUGH, LONGEST_WAIT, LOOK_STEP, Pace};

/// What the settler has taken from the lanes and not yet made a batch of.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) items: VecDeque<Item>,
    /// Empty; changes places with a lane's list, so that neither grows again and again.
    pub(super) spare: Vec<Item>,
    pace: Option<Pace>,
}

impl Queue {
    /// At least `most` operations if there are so many, fewer if not; waits for the first, and for
    /// company if more is to come soon. None when the queue is closed and empty. What was taken before
    /// must be settled or queued again by now.
    pub(crate) async fn take(&self, most: usize) -> Option<Vec<Job>> {
        loop {
            if self.intake.lock().items.is_empty() {
                self.begin_round().await?;
            }
            let jobs = self.draft(most);
            if !jobs.is_empty() {
                return Some(jobs);
            }
            self.note_settled();
        }
    }

    /// Waits until something is queued, and for its company, and takes all there is.
    async fn begin_round(&self) -> Option<()> {
        while self.gathered() == 0 {
            if self.closed.load(Ordering::Acquire) && self.lanes.iter().all(|lane| lane.is_empty())
            {
                return None;
            }
            self.bell.sleep_unless(|| !self.lanes.iter().all(|lane| lane.is_empty())).await;
        }
        self.wait_for_company().await;
        self.take_in(Instant::now());
        Some(())
    }

    /// Takes what waits in all lanes.
    fn take_in(&self, now: Instant) {
        // First the number of the round, then the lanes: see `behind`.
        self.begun.fetch_add(1, Ordering::SeqCst);
        let intake = &mut *self.intake.lock();
        let before = intake.items.len();
        for lane in &self.lanes {
            lane.swap(&mut intake.spare);
            intake.items.extend(intake.spare.drain(..));
        }
        let together = intake.items.len() - before;
        intake.pace.get_or_insert_with(|| Pace::at(now)).took(together, now);
    }

    /// Takes back an operation that was sent and not answered, to be sent with all that waits by now:
    /// before that, for what waits was said later. Only what goes by itself still goes first.
    pub(crate) fn take_back(&self, job: Job) {
        self.take_in(Instant::now());
        let items = &mut self.intake.lock().items;
        let first = items.iter().position(|item| !is_alone(item)).unwrap_or(items.len());
        items.insert(first, Item::Job(Box::new(job)));
    }

    /// Waits while company is worth it.
    async fn wait_for_company(&self) {
        let begun = Instant::now();
        let expects = |intake: &mut Intake| {
            intake.pace.get_or_insert_with(|| Pace::at(begun)).expects_company(begun)
        };
        if !expects(&mut self.intake.lock()) {
            return;
        }
        let (end, mut look, mut before) =
            (begun + LONGEST_WAIT, begun + LOOK_STEP, self.gathered());
        while self.may_wait() && Instant::now() < end {
            if tokio::time::timeout_at(look.min(end), self.bell.gather()).await.is_ok() {
                continue;
            }
            let gathered = self.gathered();
            if gathered == before {
                break;
            }
            (before, look) = (gathered, look + LOOK_STEP);
        }
        if self.gathered() <= 1
            && let Some(pace) = &mut self.intake.lock().pace
        {
            pace.waited_in_vain(Instant::now());
        }
    }

    /// Whether a batch could do with more company and is not wanted at once.
    fn may_wait(&self) -> bool {
        let hurried = self.hurried.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire);
        !hurried && self.gathered() < ENOUGH
    }

    /// A batch of what was taken in.
    fn draft(&self, most: usize) -> Vec<Job> {
        let mut draft = Draft::with_room(self.intake.lock().items.len().min(most));
        while draft.len() < most {
            let item = {
                let items = &mut self.intake.lock().items;
                if items.front().is_some_and(is_alone) && draft.len() > 0 {
                    break;
                }
                items.pop_front()
            };
            match item {
                None => break,
                Some(Item::Speaker(speaker)) => speaker.speak(&mut draft),
                Some(Item::Job(job)) => {
                    let company = job.company;
                    draft.push(*job);
                    if company == Company::None {
                        break;
                    }
                }
            }
        }
        draft.into_jobs()
    }
}

/// Whether it is sent by itself.
fn is_alone(item: &Item) -> bool {
    matches!(item, Item::Job(job) if job.company == Company::None)
}
