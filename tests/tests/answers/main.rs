//! The same script of requests against both adapters: every answer equal byte for byte, and each as
//! the table of refusals says (P8).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod chains;
mod credentials;
mod modes;
mod refusals;
mod settings;
mod troubled;
