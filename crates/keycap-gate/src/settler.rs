//! The task that carries the queue to the ledger, batch by batch, and never gives up on one.

use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{Batch, Decided, Ledger, LedgerError, MAX_BATCH, NotNow, Operation};

use crate::MAX_TIMEOUT;
use crate::queue::{Job, Queue, Taken};
use crate::shield::{shielded, shielded_async};

/// The pause after the first failure of a batch.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Carries the queue to the ledger until the queue is closed and empty. A batch that takes longer
/// than `timeout` is sent again.
pub(crate) async fn run(queue: Arc<Queue>, ledger: Arc<dyn Ledger>, timeout: Duration) {
    // Dropped before the queue is closed, if the runtime ends.
    let _abandoned = Abandoned(Arc::clone(&queue));
    while let Some(Taken { mut jobs, items }) = queue.take(MAX_BATCH).await {
        while !jobs.is_empty() {
            let later = jobs.split_off(jobs.len().min(MAX_BATCH));
            settle(&*ledger, jobs, timeout).await;
            jobs = later;
        }
        queue.settle(items);
    }
}

/// What becomes of a queue that nobody will empty.
struct Abandoned(Arc<Queue>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Sends one batch until the ledger answers. Every operation carries an id, so that a batch whose
/// answer was lost counts once (P3). Each try has twice the time of the one before: a ledger that
/// needs longer than `timeout` for a large batch would otherwise never be heard out.
async fn settle(ledger: &dyn Ledger, jobs: Vec<Job>, mut timeout: Duration) {
    let operations = jobs.iter().map(|job| job.operation.clone()).collect();
    let Ok(batch) = Batch::new(operations) else { return };
    let mut pause = FIRST_PAUSE;
    let answers = loop {
        match ask(ledger, batch.clone(), timeout).await {
            Ok(answers) => break answers,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "costs wait for the ledger"
                );
                tokio::time::sleep(pause).await;
                timeout = (timeout * 2).min(MAX_TIMEOUT);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    };
    jobs.into_iter().zip(&answers).for_each(|(job, answer)| job.answer(answer));
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
