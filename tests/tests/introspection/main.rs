//! Tokens that a real OpenID provider introspects (RFC 7662), asked about as every kind of client and
//! presented to both adapters.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "how tests fail")]

mod clients;
mod gates;

use keycap::Secret;
use keycap::introspection::{Algorithm, Introspection, IntrospectionBuilder, SigningKey};
use keycap_tests::peers::{Client, OPAQUE_RESOURCE, Oidc, Wish};

const INTROSPECT: &str = "/token/introspection";

/// Private keys of the client `app-key`, by the name of their public halves.
const KEYS: [(Algorithm, &str, &str); 3] = [
    (Algorithm::Es256, "app-key-es256", include_str!("../../peers/keys/app-key-es256.pem")),
    (Algorithm::Rs256, "app-key-rs256", include_str!("../../peers/keys/app-key-rs256.pem")),
    (Algorithm::EdDsa, "app-key-eddsa", include_str!("../../peers/keys/app-key-eddsa.pem")),
];

fn key(which: usize) -> SigningKey {
    let (algorithm, name, pem) = KEYS[which];
    SigningKey::from_pem(algorithm, pem).unwrap().with_key_id(name).unwrap()
}

/// What every test says of the provider, but for who asks.
fn asking(oidc: &Oidc) -> IntrospectionBuilder {
    Introspection::endpoint(oidc.url(INTROSPECT))
        .issuer(oidc.issuer())
        .audience(OPAQUE_RESOURCE)
        .client_as_subject()
}

/// One provider for each way to authenticate.
fn every_client(oidc: &Oidc) -> Vec<(&'static str, Introspection)> {
    let with = |client: Client| (client.id(), client.secret());
    let ((basic, secret), (odd, odd_secret)) = (with(Client::Basic), with(Client::Odd));
    let (post, post_secret) = with(Client::Post);
    let to_token = oidc.url("/token");
    let builders = [
        ("basic", asking(oidc).client_secret_basic(basic, secret)),
        ("basic, encoded", asking(oidc).client_secret_basic(odd, odd_secret)),
        ("post", asking(oidc).client_secret_post(post, post_secret)),
        ("ES256", asking(oidc).private_key_jwt("app-key", key(0))),
        ("RS256", asking(oidc).private_key_jwt("app-key", key(1)).assertion_audience(to_token)),
        ("EdDSA", asking(oidc).private_key_jwt("app-key", key(2))),
        (
            "for the endpoint",
            Introspection::endpoint(oidc.url(INTROSPECT))
                .client_as_subject()
                .private_key_jwt("app-key", key(0)),
        ),
    ];
    builders.map(|(name, builder)| (name, builder.build().unwrap())).into()
}

fn opaque() -> Wish {
    Wish::of(OPAQUE_RESOURCE).scope("chat")
}

fn secret(token: &str) -> Secret {
    Secret::parse(token).unwrap()
}
