//! Keycap's ledger and key store in one SQLite file.
//!
//! [`SqliteStore`] decides nothing: it keeps rows. The rules are [`keycap_budget::Books`], which one
//! writer runs over the rows inside a transaction. SQLite itself is bundled.
//!
//! The way of a write: `store` (the public type) queues it, `writer` does it together with all that
//! arrived meanwhile, `shelf` finds and keeps the rows it touches, `rows` is SQL. The way of a read is
//! `readers`. What happens before the first of either is `open`.

mod error;
mod keys;
mod ledger;
mod newest;
mod open;
mod options;
mod readers;
mod rows;
mod schema;
mod shelf;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{OpenError, StoreError};
pub use options::{
    DEFAULT_BUSY_WAIT, DEFAULT_LOCK_WAIT, DEFAULT_QUEUE, DEFAULT_QUEUE_WAIT, DEFAULT_READERS,
    Durability, MAX_QUEUE, MAX_READERS, Options,
};
pub use store::SqliteStore;
