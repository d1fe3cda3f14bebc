//! What a client says of itself and signs (RFC 7523 §2.2, §3; OpenID Connect Core §9,
//! `private_key_jwt`).
//!
//! Each is for one sending: servers refuse an assertion whose `jti` they have seen (§3, 7).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use keycap_base::Clock;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::http::CallError;
use crate::jose::SigningKey;

/// How long an assertion lives: longer than a call may take and than clocks differ, and no more.
pub(super) const ASSERTION_LIFE: Duration = Duration::from_secs(60);

/// Random bytes in a `jti`.
const JTI_BYTES: usize = 16;

/// Makes assertions of one client.
pub(super) struct ClientAssertions {
    pub(super) client_id: String,
    pub(super) audience: String,
    pub(super) key: SigningKey,
    pub(super) clock: Arc<dyn Clock>,
}

impl ClientAssertions {
    /// A new assertion.
    pub(super) fn next(&self) -> Result<Zeroizing<String>, CallError> {
        let mut id = [0; JTI_BYTES];
        getrandom::fill(&mut id).map_err(|_| CallError::Unsigned("no randomness"))?;
        let issued_s = self.clock.now().as_millis().div_euclid(1_000);
        let life_s = i64::try_from(ASSERTION_LIFE.as_secs()).unwrap_or(i64::MAX);
        let claims = Map::from_iter([
            ("iss".to_owned(), Value::from(&*self.client_id)),
            ("sub".to_owned(), Value::from(&*self.client_id)),
            ("aud".to_owned(), Value::from(&*self.audience)),
            ("jti".to_owned(), Value::from(BASE64_URL_SAFE_NO_PAD.encode(id))),
            ("iat".to_owned(), Value::from(issued_s)),
            ("exp".to_owned(), Value::from(issued_s.saturating_add(life_s))),
        ]);
        let signed = self.key.sign(&claims);
        signed.map(Zeroizing::new).map_err(|_| CallError::Unsigned("the key does not sign"))
    }
}

impl fmt::Debug for ClientAssertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertions")
            .field("client_id", &self.client_id)
            .field("audience", &self.audience)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
