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
//! actix lets a handler run on when its client has closed only its sending half, which is all that
//! most clients' closing looks like at first; such a request settles as its handler ended. It drops
//! the handler when the connection breaks, and the response body when it can no longer be written:
//! then the request ends as `client_left` or `cut_short`. With
//! `HttpServer::h1_allow_half_closed(false)` any closing drops the handler at once.

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
