//! A server that misbehaves on command.
//!
//! It listens on a real socket and does to each request what it was last told: answers, stalls, breaks
//! off, talks nonsense. What it was sent is kept, so that a test can say how often it was asked and
//! with what. It knows HTTP/1.1 just well enough for that and is deliberately not a correct server.
//!
//! ```
//! # async fn run() {
//! use keycap_standins::faults::{Canned, Fault, Server};
//!
//! let server = Server::start(Fault::Answer(Canned::json(200, r#"{"ok":true}"#))).await;
//! server.set(Fault::Truncated(Canned::json(200, r#"{"ok":true}"#)));
//! // … call `server.url("/verify")` …
//! server.until_seen(1).await;
//! assert_eq!(server.seen()[0].method, "POST");
//! # }
//! ```

mod canned;
mod dead;
mod door;
mod fault;
mod seen;
mod server;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use canned::Canned;
pub use dead::DeadPort;
pub use door::Door;
pub use fault::Fault;
pub use seen::Seen;
pub use server::{Server, Tally};
pub use tls::{Authority, Certified};
