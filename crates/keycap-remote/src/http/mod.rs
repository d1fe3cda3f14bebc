//! The one way to a provider's HTTP API.
//!
//! A [`Client`] is built for one provider and one origin. What it answers is either a [`Reply`] that
//! the provider's own code reads, or a [`CallError`], which always means "could not ask" and becomes
//! [`Unavailable`](keycap_verify::Unavailable): a status that says the provider is in trouble, or that
//! it does not accept *us*, never comes back as a reply.

mod breaker;
mod call;
mod circuit;
mod client;
mod exchange;
mod failure;
mod origin;
mod own_secret;
mod places;
mod record;
mod rest;
mod retry;
mod retry_after;
mod settings;
mod settings_error;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use call::{About, Call, Repeat, Reply};
pub(crate) use client::Client;
pub(crate) use failure::CallError;
pub(crate) use own_secret::OwnSecret;
pub use settings::HttpSettings;
pub use settings_error::HttpSettingsError;
