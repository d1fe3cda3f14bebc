//! What the purse is made of, in one place: a test crate checks the same sources with other parts, which
//! try every order in which threads can meet.

pub(super) use std::sync::OnceLock;
pub(super) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

pub(super) use keycap_base::{known_thread_number, stripe_count, thread_number};
pub(super) use parking_lot::Mutex;
