//! What a thread keeps of keys it has met: a small table of its own in front of the one all share.
//!
//! A look-up here takes no lock and writes nothing that another thread reads. What must not change: a
//! seat is only as good as its entry, which is asked each time whether it is still served, so a key that
//! is revoked is gone from every desk at once (P7); and a desk never leads to a gate or its ledger, so
//! a gate that is dropped is gone although threads live on.

mod seats;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keycap_base::Timestamp;
use keycap_verify::Digest;

use self::seats::Seats;
use crate::known_key::Known;
use crate::pass::Pass;

/// The number of one gate in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateNumber(u64);

impl GateNumber {
    /// One that no other gate has or had.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

thread_local! {
    static DESK: RefCell<Seats> = const { RefCell::new(Seats::new()) };
}

/// A key at hand.
pub(crate) enum AtHand {
    /// With a pass that no request uses.
    Pass(Arc<Pass>),
    /// Without one.
    Key(Known),
}

/// The key of this gate that has this digest, if this thread has met it and it is served at `now`.
pub(crate) fn find(gate: GateNumber, digest: &Digest, now: Timestamp) -> Option<AtHand> {
    // A thread that ends has no desk any more.
    let found = DESK.try_with(|desk| desk.try_borrow_mut().ok()?.find(gate, digest, now));
    found.ok().flatten()
}

/// Keeps a pass that no request uses any more, for the next with its key, if the key is at hand and has
/// none.
pub(crate) fn put_back(pass: Arc<Pass>) {
    let _ = DESK.try_with(|desk| {
        // What does not fit is dropped here, where the desk is no longer borrowed.
        drop(desk.try_borrow_mut().map(|mut desk| desk.put_back(pass)));
    });
}

/// Keeps a key at hand, instead of one that was not asked for lately if there is no room.
pub(crate) fn keep(gate: GateNumber, known: &Known, now: Timestamp) {
    let _ = DESK.try_with(|desk| {
        let gone = desk.try_borrow_mut().map(|mut desk| desk.keep(gate, known.clone(), now));
        // Dropped here, where the desk is no longer borrowed.
        drop(gone);
    });
}

#[cfg(test)]
mod tests;
