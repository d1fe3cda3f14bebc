//! What the tests of this module share.

mod answers;
mod exchanges;
mod setup;
mod troubles;

use keycap_base::{ManualClock, Timestamp};
use keycap_standins::faults::{Canned, Fault};
use keycap_verify::Secret;

use super::{Algorithm, Introspection, IntrospectionBuilder, SigningKey};

/// What every clock shows, in seconds.
const NOW_S: i64 = 1_773_144_000;

const TOKEN: &str = "a-token/of+alice~._=";

const ACTIVE: &str = r#"{"active":true,"token_type":"Bearer","sub":"alice"}"#;
const INACTIVE: &str = r#"{"active":false}"#;

const PRIVATE_KEY: &str = include_str!("../../../../../tests/peers/keys/app-key-eddsa.pem");

fn signing_key() -> SigningKey {
    SigningKey::from_pem(Algorithm::EdDsa, PRIVATE_KEY).unwrap().with_key_id("one").unwrap()
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(NOW_S * 1_000))
}

fn token() -> Secret {
    Secret::parse(TOKEN).unwrap()
}

/// A builder that lacks nothing.
fn whole(endpoint: impl Into<String>) -> IntrospectionBuilder {
    Introspection::endpoint(endpoint).client_secret_basic("api", "secret").clock(clock())
}

/// An answer that is none of the server's faults.
fn says(json: &str) -> Fault {
    Fault::Answer(Canned::json(200, json))
}
