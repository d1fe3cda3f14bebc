//! What is due now and then: holds of living requests are renewed, dead ones swept, old rows pruned,
//! the provider's own chores done.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use keycap_budget::{Batch, Decided, HoldId, MAX_BATCH, Operation, Outcome, Progress, Sweep};
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;

use crate::core::Core;
use crate::settler;
use crate::tab::Tab;

/// How often holds past their expiry are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How many sweeps come before each prune.
const SWEEPS_A_PRUNE: u32 = 60;
/// A hold is renewed so often in its life that two renewals may fail.
const RENEWALS_A_LIFE: u32 = 3;

/// The tabs that hold something, so that their holds can be renewed.
#[derive(Default)]
pub(crate) struct OpenTabs(Mutex<HashMap<HoldId, Weak<Tab>>>);

impl OpenTabs {
    pub(crate) fn insert(&self, hold: HoldId, tab: &Arc<Tab>) {
        self.0.lock().insert(hold, Arc::downgrade(tab));
    }

    pub(crate) fn remove(&self, hold: HoldId) {
        self.0.lock().remove(&hold);
    }

    fn renewals(&self) -> Vec<Operation> {
        let tabs: Vec<_> = self.0.lock().values().filter_map(Weak::upgrade).collect();
        tabs.iter().filter_map(|tab| tab.renewal()).collect()
    }
}

/// Keeps house until the gate is gone.
pub(crate) async fn run(core: Weak<Core>) {
    let Some(life) = core.upgrade().map(|core| core.hold_life) else { return };
    let mut sweeps = tokio::time::interval(SWEEP_EVERY.min(life / RENEWALS_A_LIFE));
    let mut renewals = tokio::time::interval(life / RENEWALS_A_LIFE);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut swept: u32 = 0;
    loop {
        let due = tokio::select! {
            _ = sweeps.tick() => Due::Sweep,
            _ = renewals.tick() => Due::Renewal,
        };
        let Some(core) = core.upgrade() else { return };
        match due {
            Due::Renewal => core.renew_holds().await,
            Due::Sweep => {
                core.until_done(Operation::Sweep(Sweep::Expired)).await;
                swept = swept.wrapping_add(1);
                if swept.is_multiple_of(SWEEPS_A_PRUNE) {
                    core.until_done(Operation::Prune).await;
                    core.table.drop_lapsed(core.clock.now());
                    core.provider.housekeep().await;
                }
            }
        }
    }
}

enum Due {
    Sweep,
    Renewal,
}

impl Core {
    /// Renews the hold of every request under way.
    pub(crate) async fn renew_holds(&self) {
        for operations in self.open_tabs.renewals().chunks(MAX_BATCH) {
            let Ok(batch) = Batch::new(operations.to_vec()) else { return };
            self.chore(batch).await;
        }
    }

    /// Repeats a bounded operation until nothing is left to do.
    pub(crate) async fn until_done(&self, operation: Operation) {
        loop {
            let answers = self.chore(Batch::of(operation.clone())).await;
            match answers.first() {
                Some(Ok(
                    Outcome::Swept { progress: Progress::More, .. }
                    | Outcome::Pruned { progress: Progress::More, .. },
                )) => {}
                _ => break,
            }
        }
        self.queue.announce();
    }

    async fn chore(&self, batch: Batch) -> Vec<Decided> {
        match settler::ask(&*self.ledger, batch, self.ledger_timeout).await {
            Ok(answers) => answers,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "housekeeping waits for the ledger");
                Vec::new()
            }
        }
    }
}
