//! A span in which a provider is left alone.
//!
//! Pure. The clock may be set back; a rest then begins anew and never lasts longer than its span.

use std::time::Duration;

use keycap_base::Timestamp;

/// Some time of rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    since: Timestamp,
    span: Duration,
}

impl Rest {
    pub(super) fn begin(now: Timestamp, span: Duration) -> Self {
        Self { since: now, span }
    }

    /// What is left of it; `None` when it is over.
    pub(super) fn left(&mut self, now: Timestamp) -> Option<Duration> {
        self.since = self.since.min(now);
        let left = self.span.saturating_sub(now.since(self.since));
        (!left.is_zero()).then_some(left)
    }
}
