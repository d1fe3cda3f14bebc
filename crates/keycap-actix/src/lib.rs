//! Keycap for actix-web: wrap an app, a scope or a resource, and take [`Key`] as a handler argument.
//!
//! [`Keycap`] is the middleware. It asks the gate to decide on each request under a guard, answers
//! refusals, hands the handler its [`Key`], and watches the response body to its end. It decides
//! nothing itself.
//!
//! # Workers
//!
//! Build the gate once, before `HttpServer::new`, and clone the middleware into the factory closure:
//! the gate's tasks run where it was built, and all workers share one gate. A gate built inside the
//! closure would be one per worker, and would end with it.
//!
//! # Clients that leave
//!
//! A client that closes may only have closed its sending half, so actix serves it on: its handler
//! runs to the end and the request settles as it ended, and a stream is cut short when something can
//! no longer be written to it. A stream that says nothing keeps its hold until then. Where the
//! connection breaks (a reset), actix drops handler and body at once, and the request ends as
//! `client_left` or `cut_short`. With `HttpServer::h1_allow_half_closed(false)` closing is leaving,
//! too.
//!
//! # Shutting down
//!
//! Stop the server gracefully first (actix does by itself on SIGTERM, not on Ctrl-C), then call
//! [`Gate::shutdown`](keycap_gate::Gate::shutdown), then close the store.

mod body;
mod error;
mod future;
mod key;
mod middleware;
mod observation;
mod response;
mod view;

pub use body::GuardedBody;
pub use error::Error;
pub use future::ResponseFuture;
pub use key::{Key, Tracking};
pub use middleware::{Keycap, KeycapService};
pub use observation::Observation;
