//! Fresh ids: UUIDs of version 7 (RFC 9562 §5.7) whose 74 bits beside the date are random (§6.9), from
//! a cryptographic generator that each thread keeps and the system seeds.
//!
//! A request must not wait for the system's randomness, so it is asked for a seed: when a thread makes
//! its first id, every 64 kB, and in a process that was forked.

use std::cell::Cell;
use std::process;

use keycap_base::Timestamp;
use rand::Rng as _;
use uuid::{Builder, Uuid};

thread_local! {
    static SEEN: Cell<Seen> = const { Cell::new(Seen { millis: 0, process: None }) };
}

/// In which process this thread made its last id, so that a fork is noticed: both sides of it have
/// the same generator. Asked once a millisecond, because ids of different milliseconds differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    millis: u64,
    process: Option<u32>,
}

/// A random UUID version 7 dated `now`; an instant before the epoch is dated at the epoch.
pub(super) fn uuid(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let mut generator = rand::rng();
    let seen = SEEN.get();
    if seen.millis != millis {
        let process = process::id();
        // Without a new seed it is still the old process's generator, and is asked for one again.
        if !seen.is_forked(process) || generator.reseed().is_ok() {
            SEEN.set(Seen { millis, process: Some(process) });
        }
    }
    let (low, high) = (generator.next_u64().to_le_bytes(), generator.next_u32().to_le_bytes());
    let mut random = [0; 10];
    for (place, byte) in random.iter_mut().zip(low.into_iter().chain(high)) {
        *place = byte;
    }
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

impl Seen {
    /// Whether this is another process than that of the last id.
    fn is_forked(self, process: u32) -> bool {
        self.process.is_some_and(|last| last != process)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_445_600_123);

    /// So many ids made at one instant, by threads that run together and threads that follow them.
    #[test]
    fn p3_ids_of_all_threads_differ_within_a_millisecond() {
        const EACH: usize = 20_000;
        let made = || thread::spawn(|| (0..EACH).map(|_| uuid(NOW)).collect::<Vec<_>>());
        let mut all = HashSet::new();
        let mut count = 0;
        for _ in 0..4 {
            let threads: Vec<_> = (0..4).map(|_| made()).collect();
            for thread in threads {
                all.extend(thread.join().unwrap());
                count += EACH;
            }
        }
        assert_eq!(all.len(), count);
    }

    #[test]
    fn an_id_is_of_version_7_and_dated() {
        for (millis, dated) in [(NOW.as_millis(), NOW.as_millis()), (0, 0), (-1, 0)] {
            let id = uuid(Timestamp::from_millis(millis));
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            assert_eq!(id.as_u128() >> 80, u128::try_from(dated).unwrap());
        }
    }

    /// Every bit that is not the date, the version or the variant takes both values.
    #[test]
    fn all_other_bits_are_random() {
        let ids: Vec<u128> = (0..200).map(|_| uuid(NOW).as_u128()).collect();
        let ones = ids.iter().fold(0, |bits, id| bits | id);
        let zeros = ids.iter().fold(0, |bits, id| bits | !id);
        assert_eq!((ones & zeros).count_ones(), 74);
    }

    #[test]
    fn p3_another_process_is_noticed() {
        let first = Seen { millis: 0, process: None };
        assert!(!first.is_forked(7));
        let next = Seen { process: Some(7), ..first };
        assert!(!next.is_forked(7));
        assert!(next.is_forked(8));
    }
}
