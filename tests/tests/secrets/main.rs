//! Nothing secret in logs, errors, answers, metrics or stores, checked by searching for it (P9).
//!
//! `issued` does so for Keycap's own keys, `well` for every remote provider and `troubled` for every
//! way in which one can misbehave, `composed` for providers made of several, grace and denial, `wrong`
//! for configuration that is refused. `sinks` holds that the search would find what shows.
//!
//! The log and the metrics are the process's: each test searches all of it for its own secrets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod composed;
mod issued;
mod parties;
mod sinks;
mod site;
mod troubled;
mod weather;
mod well;
mod wrong;
