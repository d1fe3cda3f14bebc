//! The seats of one thread: sets of a few, found by the first bytes of a digest.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use keycap_base::Timestamp;
use keycap_verify::Digest;

use super::{AtHand, GateNumber};
use crate::known_key::Known;
use crate::pass::Pass;

/// The most seats of all threads together, where there are as many as processors.
const MAX_SEATS: usize = 1 << 17;
/// A thread has at least so many sets, once it has met a key.
pub(super) const LEAST_SETS: usize = 64;
/// Keys whose digests begin alike share so many seats.
pub(super) const WAYS: usize = 4;

/// The most sets of one thread: a power of two.
pub(super) static MOST_SETS: LazyLock<usize> = LazyLock::new(|| {
    let threads = available_parallelism().map_or(1, usize::from);
    let share = (MAX_SEATS / WAYS / threads).max(LEAST_SETS);
    share.next_power_of_two() / if share.is_power_of_two() { 1 } else { 2 }
});

/// A thread's seats. They double when as many served keys had to leave as there are sets.
#[derive(Debug)]
pub(super) struct Seats {
    sets: Vec<[Option<Seat>; WAYS]>,
    /// Served keys that had to leave since the seats last doubled.
    pushed_out: usize,
}

/// One key at hand.
#[derive(Debug)]
pub(super) struct Seat {
    gate: GateNumber,
    tag: u64,
    known: Known,
    idle: Option<Arc<Pass>>,
}

/// What had to leave; to be dropped when the desk is not borrowed any more.
#[derive(Debug)]
pub(super) enum Gone {
    Nothing,
    One(#[expect(dead_code, reason = "only kept to be dropped")] Seat),
    All(#[expect(dead_code, reason = "only kept to be dropped")] Vec<[Option<Seat>; WAYS]>),
}

impl Seats {
    pub(super) const fn new() -> Self {
        Self { sets: Vec::new(), pushed_out: 0 }
    }

    pub(super) fn find(
        &mut self,
        gate: GateNumber,
        digest: &Digest,
        now: Timestamp,
    ) -> Option<AtHand> {
        let tag = tag(digest);
        let at = place(tag, self.sets.len());
        let mut seats = self.sets.get_mut(at)?.iter_mut().flatten();
        let seat = seats.find(|seat| {
            seat.tag == tag && seat.gate == gate && seat.known.entry().digest() == digest
        })?;
        if !seat.known.entry().is_served_at(now) {
            return None;
        }
        Some(match seat.idle.take() {
            Some(pass) => AtHand::Pass(pass),
            None => AtHand::Key(seat.known.clone()),
        })
    }

    /// Takes a pass back, if its key is here and has none; gives it back if not.
    pub(super) fn put_back(&mut self, pass: Arc<Pass>) -> Option<Arc<Pass>> {
        let tag = tag(pass.known().entry().digest());
        let at = place(tag, self.sets.len());
        let mut seats = self.sets.get_mut(at).into_iter().flatten().flatten();
        match seats.find(|seat| seat.known.is(pass.known()) && seat.idle.is_none()) {
            Some(seat) => seat.idle.replace(pass),
            None => Some(pass),
        }
    }

    pub(super) fn keep(&mut self, gate: GateNumber, known: Known, now: Timestamp) -> Gone {
        let grown = self.grow();
        let tag = tag(known.entry().digest());
        let at = place(tag, self.sets.len());
        let Some(set) = self.sets.get_mut(at) else { return Gone::Nothing };
        let way = free_way(set, gate, tag, now);
        let Some(seat) = set.get_mut(way.number) else { return Gone::Nothing };
        self.pushed_out += usize::from(way.is_taken);
        let before = seat.replace(Seat { gate, tag, known, idle: None });
        match (grown, before) {
            (Some(all), _) => Gone::All(all),
            (None, Some(seat)) => Gone::One(seat),
            (None, None) => Gone::Nothing,
        }
    }

    /// Makes room where there is none yet, or too little. Nobody is moved: keys in use are back soon.
    fn grow(&mut self) -> Option<Vec<[Option<Seat>; WAYS]>> {
        let sets = self.sets.len();
        let enough = sets > 0 && (self.pushed_out < sets || sets >= *MOST_SETS);
        if enough {
            return None;
        }
        self.pushed_out = 0;
        let more = (sets * 2).clamp(LEAST_SETS, (*MOST_SETS).max(LEAST_SETS));
        let room = (0..more).map(|_| [const { None }; WAYS]).collect();
        Some(std::mem::replace(&mut self.sets, room))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().flatten().flatten().count()
    }

    #[cfg(test)]
    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Pushes out so many that the seats would grow past their bound, if there were none.
    #[cfg(test)]
    pub(super) fn grow_to_the_most(&mut self, gate: GateNumber, known: &Known, now: Timestamp) {
        for _ in 0..32 {
            self.pushed_out = self.sets.len();
            self.keep(gate, known.clone(), now);
        }
    }
}

/// A seat to be taken, and whether somebody who is still served has to leave it.
struct Way {
    number: usize,
    is_taken: bool,
}

/// The key's own seat, else an empty one, else one that serves nobody, else one by the digest.
fn free_way(set: &[Option<Seat>; WAYS], gate: GateNumber, tag: u64, now: Timestamp) -> Way {
    let own = |seat: &Seat| seat.tag == tag && seat.gate == gate;
    let free = |seat: &Option<Seat>| match seat {
        Some(seat) => own(seat) || !seat.known.entry().is_served_at(now),
        None => true,
    };
    let own = set.iter().position(|seat| seat.as_ref().is_some_and(own));
    match own.or_else(|| set.iter().position(free)) {
        Some(number) => Way { number, is_taken: false },
        None => Way { number: usize::try_from(tag >> 61).unwrap_or(0) % WAYS, is_taken: true },
    }
}

/// The first bytes of a digest, which are as good as random.
fn tag(digest: &Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The set of a tag, where the number of sets is a power of two.
fn place(tag: u64, sets: usize) -> usize {
    usize::try_from(tag & 0xffff_ffff).unwrap_or(0) & sets.wrapping_sub(1)
}
