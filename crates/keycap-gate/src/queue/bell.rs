//! How the settler is woken: only when it sleeps, so that a push beside an awake settler writes
//! nothing that another thread reads.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Wakes the settler.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// Whether the settler sleeps until something is queued.
    asleep: AtomicBool,
    /// Whether it waits for company, and is woken only for a great deal of it.
    gathering: AtomicBool,
    rung: Notify,
}

impl Bell {
    /// Something was queued, under the lock of its lane. `much`: its lane has filled its share of a
    /// batch.
    pub(super) fn queued(&self, much: impl FnOnce() -> bool) {
        if self.asleep.load(Ordering::SeqCst) {
            // One of those who find it asleep wakes it.
            if self.asleep.swap(false, Ordering::SeqCst) {
                self.ring();
            }
        } else if self.gathering.load(Ordering::SeqCst) && much() {
            self.ring();
        }
    }

    /// Wakes the settler whatever it does.
    pub(super) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Sleeps until something is queued, unless `is_there` finds something. It takes every lane's lock,
    /// after this said that the settler sleeps: who queued before is found, who queues after finds the
    /// settler asleep.
    pub(super) async fn sleep_unless(&self, is_there: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if !is_there() {
            self.rung.notified().await;
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Waits until the bell is rung, though not for every push.
    pub(super) async fn gather(&self) {
        let _gathering = Gathering::begin(&self.gathering);
        self.rung.notified().await;
    }
}

/// Says that the settler gathers, for as long as it lives.
struct Gathering<'a>(&'a AtomicBool);

impl<'a> Gathering<'a> {
    fn begin(gathering: &'a AtomicBool) -> Self {
        gathering.store(true, Ordering::SeqCst);
        Self(gathering)
    }
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
