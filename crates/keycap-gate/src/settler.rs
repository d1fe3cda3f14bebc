//! The task that carries the queue to the ledger, batch by batch, and never gives up on one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{Batch, Decided, Ledger, LedgerError, MAX_BATCH, NotNow, Operation};

use crate::MAX_TIMEOUT;
use crate::queue::{Company, Job, Queue};
use crate::shield::{shielded, shielded_async};

/// The pause after the first failure of a batch.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause between two tries of an operation that goes by itself, where nothing else waits.
const APART_PAUSE: Duration = Duration::from_millis(200);
/// How often a batch is asked for anew in the time the ledger has for one answer.
const TRIES_A_TIMEOUT: u32 = 4;
/// How often a batch is tried as a whole before its operations are tried one by one.
const TRIES_TOGETHER: u32 = 3;

/// Carries the queue to the ledger until the queue is closed and empty. A batch that takes longer
/// than `timeout` is sent again.
pub(crate) async fn run(queue: Arc<Queue>, ledger: Arc<dyn Ledger>, timeout: Duration) {
    // Dropped before the queue is closed, if the runtime ends.
    let _abandoned = Abandoned(Arc::clone(&queue));
    while let Some(mut jobs) = queue.take(MAX_BATCH).await {
        while !jobs.is_empty() {
            let later = jobs.split_off(jobs.len().min(MAX_BATCH));
            settle(&queue, &*ledger, jobs, timeout).await;
            jobs = later;
        }
        queue.note_settled();
    }
}

/// What becomes of a queue that nobody will empty.
struct Abandoned(Arc<Queue>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Sends one batch until the ledger answers, or until it is known which operation is at fault. Every
/// operation carries an id, so that a batch whose answer was lost counts once (P3).
async fn settle(queue: &Queue, ledger: &dyn Ledger, mut jobs: Vec<Job>, timeout: Duration) {
    let mut pause = FIRST_PAUSE;
    for tries in 1_u32.. {
        jobs = match send(ledger, jobs, timeout).await {
            Sent::Answered => return,
            Sent::Failed(jobs) => jobs,
        };
        if jobs.iter().any(|job| job.company == Company::None) {
            return try_later(queue, jobs).await;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        if tries.is_multiple_of(TRIES_TOGETHER) {
            jobs = one_by_one(queue, ledger, jobs, timeout).await;
        }
        if jobs.is_empty() {
            return;
        }
    }
}

/// Sends each operation by itself. If some are answered, those that are not stand in the others' way
/// (a damaged row, say): they go to the end of the queue and by themselves from now on, so that one
/// account's trouble does not stop everybody's billing. If none is, the ledger is away: all come back.
async fn one_by_one(
    queue: &Queue,
    ledger: &dyn Ledger,
    jobs: Vec<Job>,
    timeout: Duration,
) -> Vec<Job> {
    let asked = jobs.len();
    let mut failed = Vec::new();
    for job in jobs {
        if let Sent::Failed(mut back) = send(ledger, vec![job], timeout).await {
            failed.append(&mut back);
        }
    }
    // A lone operation cannot tell whether it or the ledger is at fault; together with others it can.
    if failed.len() == asked && (asked > 1 || queue.is_empty()) {
        return failed;
    }
    for job in failed {
        tracing::error!(operation = ?job.operation, "the ledger fails at this operation; it waits");
        match asked > 1 {
            true => job.apart().into_iter().for_each(|job| queue.push_job(job)),
            false => queue.take_back(job),
        }
    }
    Vec::new()
}

/// Lets others go first; where there are none, waits a little.
async fn try_later(queue: &Queue, jobs: Vec<Job>) {
    if queue.is_empty() {
        tokio::time::sleep(APART_PAUSE).await;
    }
    jobs.into_iter().for_each(|job| queue.push_job(job));
}

/// What became of a batch.
enum Sent {
    Answered,
    Failed(Vec<Job>),
}

/// Sends a batch once.
async fn send(ledger: &dyn Ledger, jobs: Vec<Job>, timeout: Duration) -> Sent {
    if jobs.is_empty() {
        return Sent::Answered;
    }
    match hear_out(ledger, &jobs, timeout).await {
        Ok(answers) => {
            jobs.into_iter().zip(answers).for_each(|(job, answer)| job.answer(answer));
            Sent::Answered
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "costs wait for the ledger");
            Sent::Failed(jobs)
        }
    }
}

/// Applies a batch, and hears a slow ledger out: one that needs longer than `timeout` would otherwise
/// never be done. Beside the first try there is a newer one, started [`TRIES_A_TIMEOUT`] times in each
/// `timeout`, because the first may wait for ever although the ledger is well again. Whichever is
/// answered first counts.
async fn hear_out(
    ledger: &dyn Ledger,
    jobs: &[Job],
    timeout: Duration,
) -> Result<Vec<Decided>, LedgerError> {
    let mut first = pin!(ask(ledger, batch(jobs)?, MAX_TIMEOUT));
    let step = timeout / TRIES_A_TIMEOUT;
    if let Ok(answered) = tokio::time::timeout(step, &mut first).await {
        return answered;
    }
    loop {
        tracing::warn!("the ledger has not answered within {step:?}; it is asked once more");
        let beside = tokio::time::timeout(step, ask(ledger, batch(jobs)?, MAX_TIMEOUT));
        tokio::select! {
            biased;
            answered = &mut first => return answered,
            answered = beside => if let Ok(answered) = answered {
                return answered;
            },
        }
    }
}

/// What these jobs ask for. They keep it, to ask again.
fn batch(jobs: &[Job]) -> Result<Batch, LedgerError> {
    Batch::new(jobs.iter().map(|job| job.operation.clone()).collect()).map_err(LedgerError::new)
}

/// Applies a batch within `span`. A ledger that hangs, panics or miscounts is a ledger that could
/// not answer.
pub(crate) async fn ask(
    ledger: &dyn Ledger,
    batch: Batch,
    span: Duration,
) -> Result<Vec<Decided>, LedgerError> {
    let asked = batch.len();
    let applied = shielded_async("the ledger", async { ledger.apply(batch).await });
    let answers = match tokio::time::timeout(span, applied).await {
        Ok(Ok(answers)) => answers?,
        Ok(Err(panicked)) => return Err(LedgerError::new(panicked)),
        Err(_elapsed) => return Err(LedgerError::new(format!("no answer within {span:?}"))),
    };
    match answers.len() == asked {
        true => Ok(answers),
        false => Err(LedgerError::new(format!("{} answers to {asked} operations", answers.len()))),
    }
}

/// Applies one operation at once, if the ledger can. One that panics is one that could not answer.
pub(crate) fn ask_now(ledger: &dyn Ledger, operation: Operation) -> Result<Vec<Decided>, NotNow> {
    let applied = shielded("the ledger", || ledger.apply_now(Batch::of(operation)));
    applied.unwrap_or_else(|panicked| Err(NotNow::Broken(LedgerError::new(panicked))))
}

#[cfg(test)]
mod tests;
