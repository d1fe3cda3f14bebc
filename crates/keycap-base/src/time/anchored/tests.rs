use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::*;

const WALL: u64 = 1_700_000_000_000 * NANOS_PER_MILLI;
const HOUR: u64 = 3_600_000 * NANOS_PER_MILLI;

/// A machine whose three clocks move as told. Reading the wall clock takes `interruption`, the first
/// `interruptions` times.
#[derive(Clone, Default)]
struct Rigged(Arc<Parts>);

#[derive(Default)]
struct Parts {
    count: AtomicU64,
    wall: AtomicU64,
    passed: AtomicU64,
    looks: AtomicUsize,
    interruptions: AtomicUsize,
    interruption: AtomicU64,
}

impl Rigged {
    fn new() -> Self {
        let rigged = Self::default();
        rigged.0.count.store(77 * HOUR, Ordering::SeqCst);
        rigged.0.wall.store(WALL, Ordering::SeqCst);
        rigged
    }

    fn passes(&self, nanos: u64) {
        for clock in [&self.0.count, &self.0.wall, &self.0.passed] {
            clock.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    fn looks(&self) -> usize {
        self.0.looks.load(Ordering::SeqCst)
    }
}

impl Machine for Rigged {
    fn count(&self) -> u64 {
        self.0.count.load(Ordering::SeqCst)
    }

    fn wall(&self) -> u64 {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        let wall = self.0.wall.load(Ordering::SeqCst);
        let left = self.0.interruptions.load(Ordering::SeqCst);
        if left > 0 {
            self.0.interruptions.store(left - 1, Ordering::SeqCst);
            self.passes(self.0.interruption.load(Ordering::SeqCst));
        }
        wall
    }

    fn passed(&self) -> u64 {
        self.0.passed.load(Ordering::SeqCst)
    }
}

fn moment(wall: u64, ticks: u64) -> Moment {
    let at = Timestamp::from_millis(i64::try_from(wall / NANOS_PER_MILLI).unwrap());
    Moment { at, ticks: Ticks::from_nanos(ticks) }
}

fn rigged() -> (Rigged, Anchored<Rigged>) {
    let machine = Rigged::new();
    (machine.clone(), Anchored::new(machine))
}

#[test]
fn both_times_follow_the_counter_and_the_operating_system_is_asked_at_the_bound() {
    let (machine, clock) = rigged();
    assert_eq!((clock.moment(), machine.looks()), (moment(WALL, 0), 1));
    machine.passes(MAX_AGE_NANOS);
    assert_eq!(clock.moment(), moment(WALL + MAX_AGE_NANOS, MAX_AGE_NANOS));
    assert_eq!(machine.looks(), 1, "as old as it may be");
    machine.passes(1);
    assert_eq!(clock.moment(), moment(WALL + MAX_AGE_NANOS + 1, MAX_AGE_NANOS + 1));
    assert_eq!(machine.looks(), 2, "older");
    assert_eq!(clock.moment(), moment(WALL + MAX_AGE_NANOS + 1, MAX_AGE_NANOS + 1));
    assert_eq!(machine.looks(), 2);
}

#[test]
fn a_wall_clock_that_is_set_is_noticed_within_the_bound_and_no_time_passes_by_it() {
    for set_to in [WALL - HOUR, WALL + HOUR, 0] {
        let (machine, clock) = rigged();
        machine.0.wall.store(set_to, Ordering::SeqCst);
        assert_eq!(clock.moment(), moment(WALL, 0), "not noticed yet");
        machine.passes(MAX_AGE_NANOS + 1);
        let passed = MAX_AGE_NANOS + 1;
        assert_eq!(clock.moment(), moment(set_to + passed, passed));
    }
}

/// The processor's counter may stand still or begin anew while the machine sleeps.
#[test]
fn a_process_that_was_stopped_reads_right_at_once_whatever_its_counter_did() {
    for counted in [0, 5, 77 * HOUR, 78 * HOUR, 100 * HOUR] {
        let (machine, clock) = rigged();
        machine.0.count.store(counted, Ordering::SeqCst);
        machine.0.wall.fetch_add(2 * HOUR, Ordering::SeqCst);
        machine.0.passed.fetch_add(HOUR, Ordering::SeqCst);
        if counted == 77 * HOUR {
            machine.passes(MAX_AGE_NANOS + 1);
        }
        let read = clock.moment();
        let wanted = machine.0.wall.load(Ordering::SeqCst);
        assert_eq!(read.at, moment(wanted, 0).at, "{counted}");
        let passed = machine.0.passed.load(Ordering::SeqCst);
        assert!(read.ticks >= Ticks::from_nanos(passed), "{counted}: {:?}", read.ticks);
    }
}

#[test]
fn time_that_passes_never_goes_back_and_is_never_behind_by_more_than_the_drift() {
    for (numerator, denominator) in [(1, 2), (99, 100), (1, 1), (101, 100), (2, 1)] {
        let (machine, clock) = rigged();
        let (step, mut before) = (10 * NANOS_PER_MILLI, clock.moment().ticks);
        for _ in 0..100 {
            machine.passes(step);
            machine.0.count.fetch_add(step * numerator / denominator, Ordering::SeqCst);
            machine.0.count.fetch_sub(step, Ordering::SeqCst);
            let ticks = clock.moment().ticks;
            assert!(ticks >= before);
            before = ticks;
            let behind = Ticks::from_nanos(machine.passed()).since(ticks);
            assert!(behind <= MAX_WALL_CLOCK_AGE * 2, "{behind:?}");
        }
    }
}

#[test]
fn a_look_that_is_interrupted_is_taken_again_so_often_and_no_more() {
    for (interruptions, interruption, off_by, looks) in [
        (1, MAX_LOOK_NANOS, MAX_LOOK_NANOS, 1),
        (1, MAX_LOOK_NANOS + 1, 0, 2),
        (MAX_LOOKS, MAX_LOOK_NANOS + 1, MAX_LOOK_NANOS + 1, MAX_LOOKS),
    ] {
        let machine = Rigged::new();
        machine.0.interruptions.store(interruptions, Ordering::SeqCst);
        machine.0.interruption.store(interruption, Ordering::SeqCst);
        let clock = Anchored::new(machine.clone());
        assert_eq!(machine.looks(), looks);
        machine.passes(NANOS_PER_MILLI - off_by.max(1));
        let (true_wall, read) = (machine.0.wall.load(Ordering::SeqCst), clock.moment());
        assert_eq!(read.at, moment(true_wall - off_by, 0).at);
    }
}

/// Who is held up after it looked must not put what it saw where others have put something newer.
#[test]
fn who_comes_while_the_offsets_are_taken_reads_right_and_keeps_nothing() {
    let (machine, clock) = rigged();
    let taking = clock.taking.try_lock().unwrap();
    machine.passes(HOUR);
    machine.0.wall.store(WALL, Ordering::SeqCst);
    for looks in 2..4 {
        assert_eq!((clock.moment(), machine.looks()), (moment(WALL, HOUR), looks));
    }
    assert_eq!(clock.taken_at.load(Ordering::SeqCst), 77 * HOUR);
    drop(taking);
    for _ in 0..2 {
        assert_eq!((clock.moment(), machine.looks()), (moment(WALL, HOUR), 4));
    }
}

#[test]
fn a_wall_clock_before_the_epoch_reads_as_the_epoch() {
    assert_eq!(moment_at(5, -10, 0).at, Timestamp::EPOCH);
}
