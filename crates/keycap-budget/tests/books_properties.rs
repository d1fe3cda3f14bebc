//! Whatever is asked, in whatever order, the books hold. Random operations over a small world; a
//! failure prints its steps, shrunk. `PROPTEST_CASES` runs more of them.

mod properties;

use keycap_base::ManualClock;
use keycap_budget::conformance::{Failure, Step, check, run_differential, steps};
use keycap_budget::{MemoryLedger, Retention};
use proptest::test_runner::{TestCaseError, TestRunner};

/// The most steps of one run.
const MOST: usize = 60;

fn for_random_steps(
    check: &impl AsyncFn(&[Step]) -> Result<(), Failure>,
) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let steps = steps(MOST).map_err(|failure| failure.to_string())?;
    TestRunner::new(properties::quick()).run(&steps, |steps| {
        let checked = runtime.block_on(check(&steps));
        checked.map_err(|failure| TestCaseError::fail(failure.to_string()))
    })?;
    Ok(())
}

fn memory(clock: &ManualClock) -> MemoryLedger {
    MemoryLedger::with_clock(clock.clone(), Retention::default())
}

#[test]
fn i1_to_i5_and_p3_hold_after_every_operation() -> Result<(), Box<dyn std::error::Error>> {
    for_random_steps(&async |steps| {
        let clock = ManualClock::at(Step::start());
        check(&memory(&clock), &clock, steps).await
    })
}

#[test]
fn the_same_operations_give_the_same_books_every_time() -> Result<(), Box<dyn std::error::Error>> {
    for_random_steps(&async |steps| {
        let clock = ManualClock::at(Step::start());
        run_differential(&clock, &memory(&clock), &memory(&clock), steps).await
    })
}
