//! What `docs/migrating.md` says of the Express middleware that applications come from: its answers
//! beside ours, its statuses and bodies byte for byte where a client needs them, its budgets carried
//! over.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod answers;
mod before;
mod carried;
mod data;
mod granted;
mod paper;
mod plan;
