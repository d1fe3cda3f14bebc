//! Providers made of others.

use keycap::verify::{FirstOfBuilder, RoutesBuilder, StaticKey};
use keycap::{FirstOf, Routes, Secret, StaticKeys};

/// So many routes, each by a prefix of its own to a provider of its own.
pub(crate) fn routes(count: usize) -> RoutesBuilder {
    let route = |routes: RoutesBuilder, number| {
        let prefix = format!("tenant{number:02}_");
        routes.prefix(prefix, other_keys(number))
    };
    (0..count).fold(Routes::builder(), route)
}

/// So many providers to ask in turn.
pub(crate) fn turns(count: usize) -> FirstOfBuilder {
    let turn = |turns: FirstOfBuilder, number| turns.provider(other_keys(number));
    (0..count).fold(FirstOf::builder(), turn)
}

/// Keys that nobody presents here.
fn other_keys(number: usize) -> StaticKeys {
    let secret = Secret::parse(format!("tenant{number:02}_key")).expect("a secret");
    let key = StaticKey::new("key", &secret.digest().to_hex());
    let keys = StaticKeys::builder().name(format!("tenant-{number}")).key(key).build();
    keys.expect("keys")
}
