//! Unkey: the whole system over both adapters, and what is spoken held against the official client.
//!
//! `tests/recordings/unkey` keeps the traffic of the official client with the stand-in. Every run
//! replays it both ways without Node: the stand-in must answer the same, and our provider must send
//! the same. `live` runs the client itself where there is Node, and sees that the recording is what it
//! sends today; with `KEYCAP_RECORD=1` it writes the recording anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::indexing_slicing,
    reason = "how tests fail"
)]

mod live;
mod recorded;
mod whole;

use std::path::PathBuf;

use keycap::ManualClock;
use keycap_standins::recording::Recording;
use keycap_standins::unkey::StandIn;
use keycap_tests::NOW;

/// The client whose traffic was recorded; `tests/peers/package.json` pins it.
const CLIENT: &str = "@unkey/api 2.5.1";

/// Its traffic: keys from their making to their end, and what a client is refused.
const RECORDINGS: [&str; 2] = ["keys", "refusals"];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings/unkey").join(format!("{name}.json"))
}

fn recording(name: &str) -> Recording {
    let recording = Recording::load(path(name)).unwrap();
    assert_eq!(recording.client, CLIENT);
    assert!(!recording.exchanges.is_empty());
    recording
}

/// A stand-in as it is when a recording begins.
async fn stand_in() -> StandIn {
    StandIn::start(ManualClock::at(NOW)).await
}
