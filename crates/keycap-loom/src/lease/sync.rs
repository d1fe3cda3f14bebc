//! The parts of a purse, by loom. Loads and stores are loom's; nothing here synchronises by itself.

use std::cell::Cell;

pub(super) use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

loom::thread_local! {
    static NUMBER: Cell<usize> = Cell::new(0);
}

/// The number that the thread was given.
pub(super) fn thread_number() -> usize {
    NUMBER.with(Cell::get)
}

pub(super) fn known_thread_number() -> Option<usize> {
    Some(thread_number())
}

pub(super) fn set_thread_number(number: usize) {
    NUMBER.with(|cell| cell.set(number));
}

/// As on a machine with two processors.
pub(super) fn stripe_count(_at_most: usize) -> usize {
    2
}

#[derive(Debug)]
pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

/// loom has none: whether it is set is loom's, the value is only looked at where that says so.
#[derive(Debug)]
pub(super) struct OnceLock<T> {
    is_set: AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(super) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub(super) fn get(&self) -> Option<&T> {
        self.is_set.load(Ordering::Acquire).then(|| self.value.get().unwrap())
    }

    pub(super) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }
}
