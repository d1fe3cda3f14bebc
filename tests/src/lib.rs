//! Whole-system tests of Keycap: what the tests under `tests/` share.
//!
//! A test describes an application once ([`App`]), has it served over TCP by both adapters
//! ([`Framework`], [`Site`]), and speaks to it in raw HTTP/1.1 ([`wire`]). Real processes are started
//! by [`process`], others' software by [`peers`]; a gate in steady use is in [`steady`]; things that fail, hang or panic on command stand in
//! [`doubles`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "this crate is nothing but tests, and this is how tests fail"
)]

mod app;
pub mod awaited;
pub mod doubles;
mod latch;
pub mod log;
mod many;
pub mod metered;
pub mod peers;
pub mod process;
mod reply;
mod script;
mod serve;
mod site;
pub mod sought;
pub mod steady;
pub mod wait;
pub mod wire;
mod work;

pub use app::{App, Route, Store};
pub use latch::Latch;
pub use many::allow_many_connections;
pub use script::{Told, same_on_both};
pub use serve::Framework;
pub use site::{KeyName, NOW, Site};
pub use work::{StreamEnd, Work};
