//! What may be asked, as the contract has it: unknown members are refused.

use serde::Deserialize;
use serde_json::Value;

use super::ids::is_subject;
use super::problem::Problem;

/// An API key to create. `Default` gives no subject and no name; see [`NewApiKey::of`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct NewApiKey {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    pub(super) name: String,
    pub(super) subject: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) claims: Option<Value>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) created_by: Option<String>,
    #[serde(default)]
    pub(super) seconds_until_expiration: Option<f64>,
}

/// A machine token to create.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct NewToken {
    #[serde(default)]
    token_format: Option<String>,
    #[serde(default)]
    pub(super) seconds_until_expiration: Option<f64>,
    #[serde(default)]
    pub(super) claims: Option<Value>,
    #[serde(default)]
    min_remaining_ttl_seconds: Option<u64>,
}

/// What may be changed of an API key. A member that is `null` is as one that is not there, but for
/// claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    #[serde(default)]
    pub(super) subject: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default, deserialize_with = "named")]
    pub(super) claims: Option<Value>,
    #[serde(default)]
    pub(super) scopes: Option<Vec<String>>,
    #[serde(default)]
    pub(super) seconds_until_expiration: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyKey {
    pub(super) secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyToken {
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    #[serde(default)]
    pub(super) revocation_reason: Option<String>,
}

fn named<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(reader).map(Some)
}

impl NewApiKey {
    /// A key of this subject, without claims and scopes, that never expires.
    pub fn of(subject: impl Into<String>) -> Self {
        Self { name: "a key".into(), subject: subject.into(), ..Self::default() }
    }

    /// With these claims.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = Some(claims);
        self
    }

    /// With these scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// That expires so much later.
    pub fn life(mut self, life: std::time::Duration) -> Self {
        self.seconds_until_expiration = Some(life.as_secs_f64());
        self
    }

    pub(super) fn check(self) -> Result<Self, Problem> {
        let kinds = self.kind.as_deref().is_none_or(|kind| (3..=25).contains(&kind.len()));
        member("type", kinds)?;
        member("name", self.name.len() >= 3 && self.name.trim() == self.name)?;
        member("subject", is_subject(&self.subject, &["user", "org", "mch", "scim"]))?;
        member("description", self.description.as_ref().is_none_or(|text| text.len() <= 255))?;
        let by = self.created_by.as_deref().is_none_or(|by| is_subject(by, &["user"]));
        member("created_by", by)?;
        member("seconds_until_expiration", is_life(self.seconds_until_expiration))?;
        Ok(self)
    }
}

impl NewToken {
    /// That expires so much later.
    pub fn life(mut self, life: std::time::Duration) -> Self {
        self.seconds_until_expiration = Some(life.as_secs_f64());
        self
    }

    /// With these claims.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = Some(claims);
        self
    }

    pub(super) fn check(self) -> Result<Self, Problem> {
        // Signed tokens are verified without Clerk, so there is nothing to stand in for.
        member("token_format", self.token_format.as_deref().is_none_or(|kind| kind == "opaque"))?;
        member("min_remaining_ttl_seconds", self.min_remaining_ttl_seconds.is_none())?;
        member("seconds_until_expiration", is_life(self.seconds_until_expiration))?;
        Ok(self)
    }
}

impl Update {
    pub(super) fn check(self) -> Result<Self, Problem> {
        let subject = self.subject.as_deref();
        member(
            "subject",
            subject.is_none_or(|id| is_subject(id, &["user", "org", "mch", "scim"])),
        )?;
        member("description", self.description.as_ref().is_none_or(|text| text.len() <= 255))?;
        member("seconds_until_expiration", is_life(self.seconds_until_expiration))?;
        Ok(self)
    }
}

fn is_life(seconds: Option<f64>) -> bool {
    seconds.is_none_or(|seconds| seconds > 0.0)
}

fn member(name: &str, fits: bool) -> Result<(), Problem> {
    match fits {
        true => Ok(()),
        false => Err(Problem::BadRequest(format!("Invalid 'body.{name}': Failed check"))),
    }
}
