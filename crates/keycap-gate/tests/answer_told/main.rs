//! What callers are told, byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod disclosure;
mod fixtures;
mod pages;
mod passing;
mod rendering;
mod secrecy;
mod settings;
mod table;
