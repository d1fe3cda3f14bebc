//! The two kinds of secrets, and what Clerk calls what.
//!
//! Prefixes, paths, members and object names are Clerk's, as `@clerk/backend` has them; nothing here is
//! ours to choose.

use bytes::Bytes;

use keycap_verify::Secret;

use crate::http::CallError;

/// What kind of secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ApiKey,
    MachineToken,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::ApiKey, Self::MachineToken];

    /// Whether a secret looks like one of this kind. Looks at nothing else: how long the rest is, and
    /// of what, is Clerk's affair.
    pub(super) fn fits(self, secret: &Secret) -> bool {
        secret.expose().strip_prefix(self.prefix()).is_some_and(|rest| !rest.is_empty())
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "ak_",
            Self::MachineToken => "mt_",
        }
    }

    /// The path under the API's address. Without the `/v1` that other paths have, as the official
    /// client asks; the version goes in a header.
    pub(super) fn path(self) -> [&'static str; 2] {
        match self {
            Self::ApiKey => ["api_keys", "verify"],
            Self::MachineToken => ["m2m_tokens", "verify"],
        }
    }

    /// What the call is named in spans and metrics.
    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::ApiKey => "verify_api_key",
            Self::MachineToken => "verify_machine_token",
        }
    }

    /// The `object` of an answer.
    pub(super) fn object(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::MachineToken => "machine_to_machine_token",
        }
    }

    /// The body of a call.
    pub(super) fn body(self, secret: &Secret) -> Result<Bytes, CallError> {
        let member = match self {
            Self::ApiKey => "secret",
            Self::MachineToken => "token",
        };
        let text =
            serde_json::to_vec(&std::collections::BTreeMap::from([(member, secret.expose())]));
        text.map(Bytes::from).map_err(|_| CallError::Unsigned("the question cannot be written"))
    }
}
