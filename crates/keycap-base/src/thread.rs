//! Which thread this is, as a small number.
//!
//! What many threads write beside each other is kept in stripes, and a thread writes the stripe of its
//! number. What must not change: a number is only ever a hint of where to write. Two threads may have
//! the same stripe, a thread that is ending may share its number with a new one, and everything has
//! to be right all the same.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Numbers that were given out, and given back by threads that have ended.
struct Numbers {
    fresh: usize,
    returned: BTreeSet<usize>,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers { fresh: 0, returned: BTreeSet::new() });

static PARALLELISM: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));

thread_local! {
    // Without a destructor, so that reading it is one load.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    static KEPT: Kept = Kept::take();
}

/// A thread's number, until the thread ends.
struct Kept(usize);

impl Kept {
    fn take() -> Self {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.returned.pop_first() {
            return Self(number);
        }
        let number = numbers.fresh;
        numbers.fresh += 1;
        Self(number)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner).returned.insert(self.0);
    }
}

/// The number of the calling thread: the lowest that no other thread had when this one first asked.
///
/// ```
/// assert_eq!(keycap_base::thread_number(), keycap_base::thread_number());
/// ```
#[inline]
#[must_use]
pub fn thread_number() -> usize {
    NUMBER.get().unwrap_or_else(number_this_thread)
}

/// The number of the calling thread, if it has asked for it before. This is for code that is worth
/// keeping free of calls: what to do for a thread without a number can then be done elsewhere.
///
/// ```
/// let number = keycap_base::thread_number();
/// assert_eq!(keycap_base::known_thread_number(), Some(number));
/// ```
#[inline]
#[must_use]
pub fn known_thread_number() -> Option<usize> {
    NUMBER.get()
}

#[cold]
fn number_this_thread() -> usize {
    // A thread that is ending may not be given one any more, and any will do.
    let number = KEPT.try_with(|kept| kept.0).unwrap_or_default();
    NUMBER.set(Some(number));
    number
}

/// How many stripes are worth having on this machine: a power of two, at least one for each thread
/// that can run at once where `at_most` allows it, and never more than `at_most` (or one).
///
/// ```
/// let stripes = keycap_base::stripe_count(8);
/// assert!(stripes.is_power_of_two() && stripes <= 8);
/// ```
#[must_use]
pub fn stripe_count(at_most: usize) -> usize {
    stripes_for(*PARALLELISM, at_most)
}

fn stripes_for(threads: usize, at_most: usize) -> usize {
    let allowed = at_most.checked_ilog2().map_or(1, |log| 1 << log);
    threads.checked_next_power_of_two().map_or(allowed, |wanted| wanted.min(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_number_and_no_other_has_it_meanwhile() {
        let mine = thread_number();
        let asks = || (known_thread_number(), thread_number(), thread_number());
        let (unknown, theirs, again) = std::thread::spawn(asks).join().unwrap();
        assert_eq!(unknown, None);
        assert_eq!(theirs, again);
        assert_ne!(mine, theirs);
        assert_eq!(mine, thread_number());
    }

    #[test]
    fn numbers_of_ended_threads_are_given_again() {
        const THREADS: usize = 200;
        let highest = (0..THREADS).map(|_| std::thread::spawn(thread_number).join().unwrap()).max();
        assert!(highest < Some(THREADS / 2), "one after the other, they need few: {highest:?}");
    }

    #[test]
    fn stripes_are_a_power_of_two_within_their_bound() {
        let counted =
            [(1, 8), (2, 8), (3, 8), (8, 8), (9, 8), (64, 6), (2, 1), (2, 0), (usize::MAX, 8)]
                .map(|(threads, at_most)| stripes_for(threads, at_most));
        assert_eq!(counted, [1, 2, 4, 8, 8, 4, 1, 1, 8]);
    }
}
