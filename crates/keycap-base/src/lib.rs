//! Words both halves of Keycap share: time, scopes, patterns, networks, labels.
//!
//! `keycap-verify` (who is calling) and `keycap-budget` (how much they may spend) do not know each
//! other. What both must be able to say stands here, and nothing else does.

mod time;

pub use time::{Clock, ManualClock, SystemClock, Timestamp};
