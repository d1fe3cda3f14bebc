//! The providers, and what they are told of a key.

use std::sync::Arc;

use keycap::clerk::{Clerk, HttpSettings};
use keycap::introspection::Introspection;
use keycap::jwt::Jwt;
use keycap::unkey::Unkey;
use keycap::{IdentityProvider, ManualClock};
use keycap_standins::clerk::{SECRET_KEY, user};
use keycap_standins::faults::Canned;
use keycap_standins::issuer::{AUDIENCE, Algorithm, Key};
use keycap_tests::NOW;
use serde_json::{Value, json};

use crate::world::{REJECTED_TTL, TTL};

const ISSUER: &str = "https://id.example.com";

/// Our own secrets, which nobody is to see.
pub(crate) const OWN_SECRETS: [&str; 3] = [SECRET_KEY, "unkey_hidden", "hidden-client-secret"];

/// A provider, one key that it is asked about, and what it is answered.
pub(crate) struct Peer {
    kind: Kind,
    key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Clerk,
    Introspection,
    Jwt,
    Unkey,
}

impl Peer {
    pub(crate) fn all() -> [Self; 4] {
        let key = Key::generate(Algorithm::EdDsa, 1);
        [Kind::Clerk, Kind::Introspection, Kind::Jwt, Kind::Unkey]
            .map(|kind| Self { kind, key: key.clone() })
    }

    /// The provider, with this name, asking the server at `origin`.
    pub(crate) fn provider(
        &self,
        name: &str,
        origin: &str,
        clock: &ManualClock,
        http: HttpSettings,
    ) -> Arc<dyn IdentityProvider> {
        let (name, clock) = (name.to_owned(), clock.clone());
        let [clerk, root, client] = OWN_SECRETS;
        match self.kind {
            Kind::Clerk => {
                let clerk = Clerk::secret_key(clerk).api_url(origin).name(name);
                Arc::new(clerk.clock(clock).http(http).build().unwrap())
            }
            Kind::Introspection => {
                let tokens = Introspection::endpoint(format!("{origin}/introspect")).name(name);
                let tokens = tokens.client_secret_basic("api", client);
                Arc::new(tokens.clock(clock).http(http).build().unwrap())
            }
            Kind::Jwt => {
                let tokens = Jwt::issuer(ISSUER).audience(AUDIENCE).name(name);
                // The keys end with a token's time to live, so that the issuer is asked as often as
                // the others are; and a key that is unknown, with that of a rejection.
                let tokens = tokens.jwks_url(format!("{origin}/jwks")).keys_ttl(TTL);
                let tokens = tokens.refetch_at_most_every(REJECTED_TTL);
                Arc::new(tokens.clock(clock).http(http).build().unwrap())
            }
            Kind::Unkey => {
                let unkey = Unkey::root_key(root).api_url(origin).name(name);
                Arc::new(unkey.clock(clock).http(http).build().unwrap())
            }
        }
    }

    /// The secret that a caller presents, of a customer with this plan. A token says the plan itself:
    /// with another plan it is another token.
    pub(crate) fn secret(&self, plan: &str) -> String {
        match self.kind {
            Kind::Clerk => "ak_of-a-customer".to_owned(),
            Kind::Introspection => "opaque-of-a-customer".to_owned(),
            Kind::Jwt => self.token(plan),
            Kind::Unkey => "acme_of-a-customer".to_owned(),
        }
    }

    /// Another caller's.
    pub(crate) fn another(&self) -> String {
        match self.kind {
            Kind::Jwt => self.token("another"),
            _ => format!("{}-another", self.secret("free")),
        }
    }

    /// What the server says where that secret is good.
    pub(crate) fn good(&self, plan: &str) -> Canned {
        let good = match self.kind {
            Kind::Clerk => clerk(plan),
            Kind::Introspection => json!({
                "active": true, "token_type": "Bearer", "sub": "alice", "plan": plan,
            }),
            Kind::Jwt => json!({ "keys": [self.key.jwk()] }),
            Kind::Unkey => json!({
                "meta": { "requestId": "req_1" },
                "data": {
                    "valid": true, "code": "VALID", "keyId": "key_1", "meta": { "plan": plan },
                    "identity": { "id": "id_1", "externalId": "alice" },
                },
            }),
        };
        Canned::json(200, good.to_string())
    }

    /// What the server says where there is no such secret.
    pub(crate) fn unknown(&self) -> Canned {
        let (status, body) = match self.kind {
            Kind::Clerk => {
                let error = json!({ "message": "m", "long_message": "m", "code": "not_found" });
                (404, json!({ "errors": [error] }))
            }
            Kind::Introspection => (200, json!({ "active": false })),
            Kind::Jwt => {
                let other = Key::generate(Algorithm::EdDsa, 2);
                (200, json!({ "keys": [other.jwk()] }))
            }
            Kind::Unkey => (
                200,
                json!({
                    "meta": { "requestId": "req_1" },
                    "data": { "valid": false, "code": "NOT_FOUND" },
                }),
            ),
        };
        Canned::json(status, body.to_string())
    }

    fn token(&self, plan: &str) -> String {
        let seconds = NOW.as_millis() / 1_000;
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": seconds + 3_600, "plan": plan,
        });
        self.key.sign(&Value::Object(self.key.header()), &claims)
    }
}

fn clerk(plan: &str) -> Value {
    json!({
        "object": "api_key", "id": "ak_1", "type": "api_key", "subject": user("alice"),
        "name": "a key", "description": null, "claims": { "plan": plan }, "scopes": [],
        "revoked": false, "revocation_reason": null, "expired": false, "expiration": null,
        "created_by": null, "last_used_at": null, "created_at": NOW.as_millis(),
        "updated_at": NOW.as_millis(),
    })
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}
