//! Providers that ask somebody else who is calling.
//!
//! Each is a feature of its own: `clerk` (Clerk's API keys and machine tokens), `jwt` (tokens that an
//! issuer signs, verified here with its published keys), `introspection` (RFC 7662) and `unkey`. All
//! feed the same table of live keys, template and budget as Keycap's own keys do.
//!
//! What crosses the network goes through one client, set up by [`HttpSettings`]: bounded in time, in
//! number and in size, with TLS that cannot be switched off. "I could not ask" is never "no" (P6).
//!
//! Nothing here knows budgets or a web framework.
#![cfg_attr(
    not(all(feature = "clerk", feature = "introspection", feature = "jwt", feature = "unkey")),
    allow(dead_code, unused_imports, reason = "each provider needs its part of what they share")
)]

#[cfg(any(feature = "clerk", feature = "introspection", feature = "jwt", feature = "unkey"))]
mod http;

#[cfg(any(feature = "clerk", feature = "introspection", feature = "unkey"))]
mod flights;

#[cfg(any(feature = "clerk", feature = "introspection", feature = "unkey"))]
mod sent;

#[cfg(any(feature = "jwt", feature = "introspection"))]
mod claims;
#[cfg(any(feature = "jwt", feature = "introspection"))]
mod jose;

#[cfg(any(feature = "clerk", feature = "introspection", feature = "jwt", feature = "unkey"))]
mod json;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "clerk")]
pub mod clerk;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "unkey")]
pub mod unkey;

#[cfg(any(feature = "clerk", feature = "introspection", feature = "jwt", feature = "unkey"))]
pub use http::{HttpSettings, HttpSettingsError};
