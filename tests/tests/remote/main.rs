//! What holds for every provider that asks somebody else, through both adapters.
//!
//! Each is set before a server that misbehaves on command. What only one of them does is tested where
//! that one is; here a provider is added by a [`Peer`](peer::Peer), and meets all that the others meet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "how tests fail")]

mod composition;
mod first_requests;
mod grace;
mod outages;
mod peer;
mod verdicts;
mod world;
