//! What a slow answer waits for.

use std::sync::Arc;

use tokio::sync::watch;

/// A door that is shut until somebody opens it. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Door(Arc<watch::Sender<bool>>);

impl Door {
    /// A shut door.
    #[must_use]
    pub fn shut() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everyone through, those who wait and those who come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn pass(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("the door holds the sender");
    }
}
