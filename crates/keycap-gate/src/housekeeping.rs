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
use crate::shield::shielded_async;
use crate::tab::Tab;

/// How often holds past their expiry are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How many sweeps come before each prune.
const SWEEPS_A_PRUNE: u32 = 60;
/// A hold is renewed so often in its life that two renewals may fail.
const RENEWALS_A_LIFE: u32 = 3;

/// So many seconds come before each round of the provider's own chores.
const TICKS_A_CHORE: u32 = 60;
/// The longest a provider may take for them.
const PROVIDER_CHORES: Duration = Duration::from_secs(10);

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
///
/// When holds are due is told by the clock that the ledger may sweep by. After a pause of the process
/// or a jump of the clock, living holds are renewed before dead ones are swept.
pub(crate) async fn run(core: Weak<Core>) {
    let Some((life, mut renewed_at)) =
        core.upgrade().map(|core| (core.hold_life, core.clock.now()))
    else {
        return;
    };
    let mut looked_at = renewed_at;
    let renew_every = life / RENEWALS_A_LIFE;
    let mut ticks = tokio::time::interval(SWEEP_EVERY.min(renew_every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut swept: u32 = 0;
    loop {
        ticks.tick().await;
        let Some(core) = core.upgrade() else { return };
        let now = core.clock.now();
        if (now < renewed_at || now.since(renewed_at) >= renew_every)
            && core.renew_holds().await == Renewed::All
        {
            renewed_at = now;
        }
        core.leasing.outlive_sweep(looked_at, now, core.ledger_timeout).await;
        looked_at = now;
        core.until_done(Operation::Sweep(Sweep::Expired)).await;
        swept = swept.wrapping_add(1);
        if swept.is_multiple_of(SWEEPS_A_PRUNE) {
            core.until_done(Operation::Prune).await;
            core.table.drop_lapsed(core.clock.now());
        }
    }
}

/// Lets the provider do its chores now and then, until the gate is gone. Beside [`run`], because a
/// provider may take as long as several lives of a hold.
pub(crate) async fn tend_provider(core: Weak<Core>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        for _ in 0..TICKS_A_CHORE {
            ticks.tick().await;
            if core.strong_count() == 0 {
                return;
            }
        }
        let Some(core) = core.upgrade() else { return };
        core.provider_chores().await;
    }
}

/// Whether the ledger heard of every renewal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Renewed {
    All,
    NotAll,
}

impl Core {
    /// Renews the hold of every request under way.
    async fn renew_holds(&self) -> Renewed {
        for operations in self.open_tabs.renewals().chunks(MAX_BATCH) {
            let Ok(batch) = Batch::new(operations.to_vec()) else { continue };
            if self.chore(batch).await.is_empty() {
                return Renewed::NotAll;
            }
        }
        Renewed::All
    }

    /// Lets the provider do what it put off. One that hangs or panics keeps nothing else waiting.
    pub(crate) async fn provider_chores(&self) {
        let chores = shielded_async("the provider", async { self.provider.housekeep().await });
        match tokio::time::timeout(PROVIDER_CHORES, chores).await {
            Ok(_done_or_logged) => {}
            Err(_elapsed) => tracing::error!("the provider was too long at its chores"),
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
