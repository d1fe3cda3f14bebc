//! What answers wait at while a test holds them back.

use tokio::sync::watch;

/// Open at first.
#[derive(Debug)]
pub(super) struct Door {
    open: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

impl Default for Door {
    fn default() -> Self {
        Self { open: watch::Sender::new(true), held: watch::Sender::new(0) }
    }
}

impl Door {
    pub(super) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }

    pub(super) async fn pass(&self) {
        self.held.send_modify(|held| *held += 1);
        let _leaves = Leaves(&self.held);
        self.open.subscribe().wait_for(|open| *open).await.expect("the door lives");
    }

    pub(super) async fn until_held(&self, requests: usize) {
        self.held.subscribe().wait_for(|held| *held >= requests).await.expect("the door lives");
    }
}

/// Counts down even where the caller left.
struct Leaves<'a>(&'a watch::Sender<usize>);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}
