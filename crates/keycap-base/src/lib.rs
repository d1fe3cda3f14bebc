//! Words both halves of Keycap share: time, scopes, patterns, networks, labels.
//!
//! `keycap-verify` (who is calling) and `keycap-budget` (how much they may spend) do not know each
//! other. What both must be able to say stands here, and nothing else does.
//!
//! Every type is checked when it is built, and deserialising runs the same check. The three
//! allowances ([`Scopes`], [`Resources`], [`Networks`]) are written `"all"` or `{"only": [..]}`.

mod allowance;
mod label;
mod network;
mod resource;
mod scope;
mod scopes;
mod thread;
mod time;

pub use label::{LabelError, Labels, MAX_LABEL_KEY_BYTES, MAX_LABEL_VALUE_BYTES, MAX_LABELS};
pub use network::{MAX_NETWORKS, Network, NetworkError, Networks};
pub use resource::{
    MAX_RESOURCE_BYTES, MAX_RESOURCES, Resource, ResourceError, ResourcePattern, Resources,
};
pub use scope::{MAX_SCOPE_BYTES, Scope, ScopeError, ScopePattern};
pub use scopes::{MAX_SCOPES, Scopes};
pub use thread::{known_thread_number, stripe_count, thread_number};
pub use time::{Clock, MAX_WALL_CLOCK_AGE, ManualClock, Moment, SystemClock, Ticks, Timestamp};
