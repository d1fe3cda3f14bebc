//! The same random operations on SQLite and on the memory ledger: the same answers and rows, also
//! where the database is closed, or left behind, and opened again in the middle. `PROPTEST_CASES`
//! runs more of them.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

mod common;

use std::time::Duration;

use common::Place;
use keycap_base::ManualClock;
use keycap_budget::conformance::{Failure, Step, Tick, check, run_differential, steps};
use keycap_budget::{
    Batch, Ledger, MemoryLedger, Operation, Retention, Snapshot, Sweep, apply_one, audit,
};
use keycap_sqlite::{Durability, SqliteStore};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

/// The most steps in one run.
const MOST_STEPS: usize = 60;

/// So many runs, or as many as `PROPTEST_CASES` says.
fn runs(cases: u32) -> ProptestConfig {
    let config = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(cases),
    };
    // A failure prints its steps; it leaves no file behind.
    ProptestConfig { failure_persistence: None, ..config }
}

fn memory(clock: &ManualClock) -> MemoryLedger {
    MemoryLedger::with_clock(clock.clone(), Retention::default())
}

async fn sqlite(place: &Place, clock: &ManualClock) -> SqliteStore {
    // Nobody cuts the power here, and thousands of transactions need not wait for the disk.
    let quick = SqliteStore::options().durability(Durability::PowerCutLosesLatest);
    place.open_with(quick.clock(clock.clone())).await
}

/// Runs on a runtime of its own.
fn run(test: impl Future<Output = Result<(), Failure>>) -> TestCaseResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(test).map_err(|failure| TestCaseError::fail(failure.to_string()))
}

proptest! {
    #![proptest_config(runs(48))]

    #[test]
    fn i2_sqlite_answers_and_ends_as_the_books_do(steps in steps(MOST_STEPS).unwrap()) {
        run(async {
            let (place, clock) = (Place::new(), ManualClock::at(Step::start()));
            let (sqlite, memory) = (sqlite(&place, &clock).await, memory(&clock));
            run_differential(&clock, &sqlite, &memory, &steps).await?;
            Ok(audit(&sqlite.snapshot().await?)?)
        })?;
    }

    #[test]
    fn i2_a_batch_fares_as_its_operations_do_one_by_one(steps in steps(MOST_STEPS).unwrap()) {
        run(async {
            let (place, clock) = (Place::new(), ManualClock::at(Step::start()));
            let (sqlite, memory) = (sqlite(&place, &clock).await, memory(&clock));
            let batch = steps.into_iter().flat_map(|step| step.batch).collect();
            let together = Step { tick: Tick::Forward(Duration::ZERO), batch };
            run_differential(&clock, &sqlite, &memory, &[together]).await
        })?;
    }

    #[test]
    fn i2_opening_again_in_the_middle_changes_nothing_but_open_holds(
        first in steps(MOST_STEPS / 2).unwrap(),
        then in steps(MOST_STEPS / 2).unwrap(),
        ending in prop_oneof![Just(Ending::Closed), Just(Ending::Dropped)],
    ) {
        run(async {
            let (place, clock) = (Place::new(), ManualClock::at(Step::start()));
            let (before, memory) = (sqlite(&place, &clock).await, memory(&clock));
            run_differential(&clock, &before, &memory, &first).await?;
            ending.end(before).await;
            let after = sqlite(&place, &clock).await;
            // What opening does to a dead predecessor's holds.
            let everyone = Operation::Sweep(Sweep::OwnersExcept(Vec::new()));
            apply_one(&memory, everyone).await??;
            same(&rows(&after).await?, &rows(&memory).await?)?;
            for Step { tick, batch } in then {
                tick.turn(&clock);
                let batch = Batch::new(batch)?;
                same(&after.apply(batch.clone()).await?, &memory.apply(batch).await?)?;
            }
            same(&rows(&after).await?, &rows(&memory).await?)
        })?;
    }
}

proptest! {
    #![proptest_config(runs(12))]

    #[test]
    fn i1_to_i5_and_p3_hold_after_every_operation(steps in steps(MOST_STEPS / 2).unwrap()) {
        run(async {
            let (place, clock) = (Place::new(), ManualClock::at(Step::start()));
            check(&sqlite(&place, &clock).await, &clock, &steps).await
        })?;
    }
}

/// How a store is left before it is opened again.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Closed,
    Dropped,
}

impl Ending {
    async fn end(self, store: SqliteStore) {
        match self {
            Self::Closed => store.close().await,
            Self::Dropped => drop(store),
        }
    }
}

async fn rows(ledger: &dyn Ledger) -> Result<Snapshot, Failure> {
    Ok(ledger.snapshot().await?)
}

fn same<T: PartialEq + std::fmt::Debug>(sqlite: &T, memory: &T) -> Result<(), Failure> {
    match sqlite == memory {
        true => Ok(()),
        false => Err(format!("SQLite has {sqlite:#?}, memory {memory:#?}").into()),
    }
}
