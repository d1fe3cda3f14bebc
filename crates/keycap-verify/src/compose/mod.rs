//! One provider made of several: [`Routes`] by what a secret looks like, [`FirstOf`] by asking one
//! after the other.
//!
//! What must not change: a secret that is routed to one provider is never shown to another, and a
//! member that could not tell is never taken for one that said no (P6). Everything that is asked of
//! all members (chores, news) reaches each of them, whatever the others do.

mod error;
mod first_of;
mod members;
mod routes;
mod shape;

pub use error::ComposeError;
pub use first_of::{DEFAULT_TURN, FirstOf, FirstOfBuilder, MAX_TURN, MAX_TURNS};
pub use routes::{MAX_ROUTES, Routes, RoutesBuilder};
pub use shape::{MAX_ROUTE_PREFIX_BYTES, Shape};

#[cfg(test)]
mod tests;
