//! Interleaved rounds: every case once in each round, so that a change of the machine's speed meets
//! all of them, and the comparison of two cases is made within rounds.

use crate::case::{BURST, Case};
use crate::clock::thread_time;

/// Bursts before the first that counts: the key is known, code and data are in the caches.
const WARM_UP: usize = 16;
/// Bursts that are timed in each round.
const TIMED: usize = 128;

/// What one case took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    /// Nanoseconds a request.
    pub(crate) median: u64,
    /// The quartiles.
    pub(crate) lower: u64,
    pub(crate) upper: u64,
    /// Nanoseconds more than the first case of the list, in the same round.
    pub(crate) added: i64,
    /// Hundredths of the first case, in the same round.
    pub(crate) ratio: u64,
}

/// Times every case in so many rounds.
pub(crate) fn time(cases: &[Case], rounds: usize) -> Vec<Figures> {
    let mut table: Vec<Vec<u64>> = cases.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        // Another case comes first each time.
        for index in (0..cases.len()).map(|index| (index + round) % cases.len()) {
            let took = time_once(&cases[index]);
            table[index].push(took);
        }
    }
    cases.iter().zip(&table).map(|(case, times)| figures(case.name, times, &table[0])).collect()
}

/// Picoseconds a request.
fn time_once(case: &Case) -> u64 {
    let mut load = (case.prepare)();
    load(WARM_UP);
    let began = thread_time();
    load(TIMED);
    let took = thread_time() - began;
    let requests = (TIMED * BURST) as u128;
    u64::try_from(took.as_nanos() * 1_000 / requests).unwrap_or(u64::MAX)
}

/// What `times`, in picoseconds, amount to beside those of the first case, round by round.
pub(crate) fn figures(name: &'static str, times: &[u64], first: &[u64]) -> Figures {
    let pairs = || times.iter().zip(first);
    let added = pairs().map(|(&time, &first)| time.cast_signed() - first.cast_signed());
    let ratio = pairs().map(|(&time, &first)| time * 100 / first.max(1));
    Figures {
        name,
        median: quantile(times.iter().copied(), 2) / 1_000,
        lower: quantile(times.iter().copied(), 1) / 1_000,
        upper: quantile(times.iter().copied(), 3) / 1_000,
        added: quantile(added, 2) / 1_000,
        ratio: quantile(ratio, 2),
    }
}

/// The median.
///
/// # Panics
/// When there are no values.
pub fn median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> T {
    quantile(values, 2)
}

/// The lower and the upper quartile.
///
/// # Panics
/// When there are no values.
pub fn quartiles<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> (T, T) {
    let values: Vec<T> = values.into_iter().collect();
    (quantile(values.iter().copied(), 1), quantile(values, 3))
}

/// The value that so many quarters of all are not above.
fn quantile<T: Ord + Copy>(values: impl IntoIterator<Item = T>, quarters: usize) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values[(values.len() * quarters / 4).min(values.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_values_in_any_order() {
        let values = [50, 10, 40, 20, 30];
        assert_eq!(median(values), 30);
        assert_eq!((quantile(values, 1), quantile(values, 3)), (20, 40));
        assert_eq!((quantile(values, 0), quantile(values, 4)), (10, 50));
        assert_eq!(median([7]), 7);
    }

    #[test]
    fn cases_are_compared_within_rounds() {
        // The machine is twice as slow in the second round; the case costs 1.5 of the first always.
        let figures =
            figures("half more", &[150_000, 300_000, 150_000], &[100_000, 200_000, 100_000]);
        assert_eq!((figures.median, figures.added, figures.ratio), (150, 50, 150));
    }
}
