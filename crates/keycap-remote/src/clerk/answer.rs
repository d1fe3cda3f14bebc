//! What Clerk says about a secret.
//!
//! A rejection is only what is known to be one: `revoked`, `expired`, or a 404 in Clerk's own words.
//! Whatever else comes, however much it looks like "no", does not say so.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use keycap_base::{Labels, Scopes, Timestamp};
use keycap_verify::{Identity, MAX_NAME_BYTES, Rejection, Subject};

use super::Kind;
use crate::http::{CallError, Reply};
use crate::json;

/// The earliest time Clerk can mean, 2001-09-09: times are in milliseconds, and one that was meant in
/// seconds lies before it.
const EARLIEST_MS: i64 = 1_000_000_000_000;
/// The latest, the end of the year 9999.
const LATEST_MS: i64 = 253_402_300_799_999;

/// What was said, as far as it decides anything.
#[derive(Deserialize)]
struct Told {
    object: String,
    id: String,
    subject: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    claims: Option<Map<String, Value>>,
    revoked: bool,
    expired: bool,
    #[serde(deserialize_with = "present")]
    expiration: Option<i64>,
}

/// A member that may be null and may not be left out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::deserialize(deserializer)
}

/// How Clerk says that something is wrong.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

/// What an answer says about a secret.
pub(super) type Verdict = Result<Identity, Rejection>;

/// What a reply says about the secret that was asked about, at `now`.
///
/// # Errors
/// An answer that says nothing about it. One with a status of 400 to 499 is [`CallError::Status`], which
/// is not held against Clerk: a caller's odd secret may be what it did not like.
pub(super) fn read(
    kind: Kind,
    reply: &Reply,
    provider: &str,
    now: Timestamp,
) -> Result<Verdict, CallError> {
    match reply.status {
        200 => judge(kind, told(&reply.body)?, provider, now),
        404 if is_clerks_no(reply) => Ok(Err(Rejection::Unknown)),
        status => Err(CallError::Status(status)),
    }
}

/// Whether it is Clerk who says that there is no such thing, and not something between, or a server that
/// knows no such path.
fn is_clerks_no(reply: &Reply) -> bool {
    reply.json::<Errors>().is_ok_and(|told| {
        !told.errors.is_empty() && told.errors.iter().all(|problem| !problem.code.is_empty())
    })
}

fn told(body: &[u8]) -> Result<Told, CallError> {
    let members = json::object(body)?;
    let unfit = |_| unreadable("a member that decides is missing or of another type".into());
    Told::deserialize(Value::Object(members)).map_err(unfit)
}

fn judge(kind: Kind, told: Told, provider: &str, now: Timestamp) -> Result<Verdict, CallError> {
    if told.object != kind.object() {
        return Err(unreadable(format!("`object` is not `{}`", kind.object())));
    }
    let expires_at = told.expiration.map(instant).transpose()?;
    let mut identity = identity(kind, &told, provider, now)?;
    if told.revoked {
        return Ok(Err(Rejection::Revoked));
    }
    if told.expired || expires_at.is_some_and(|expiry| expiry <= now) {
        return Ok(Err(Rejection::Expired));
    }
    identity.claims = told.claims.unwrap_or_default();
    identity.expires_at = expires_at;
    Ok(Ok(identity))
}

fn identity(
    kind: Kind,
    told: &Told,
    provider: &str,
    now: Timestamp,
) -> Result<Identity, CallError> {
    let subject = Subject::new(provider, &told.subject);
    let subject = subject.map_err(|_| unfit("`subject` cannot be one".into()))?;
    if !(1..=MAX_NAME_BYTES).contains(&told.id.len()) {
        return Err(unfit(format!("`id` has not 1 to {MAX_NAME_BYTES} bytes")));
    }
    let mut identity = Identity::new(subject, now);
    identity.scopes = Scopes::literal(told.scopes.iter().flatten());
    if kind == Kind::ApiKey {
        identity.key_id = Some(told.id.as_str().into());
        identity.organisation =
            told.subject.starts_with("org_").then(|| told.subject.as_str().into());
        identity.labels = labels(told);
    }
    Ok(identity)
}

/// The name that whoever made the key gave it; a name too long for a label is left out.
fn labels(told: &Told) -> Labels {
    let name = told.name.as_deref().map(|name| ("name", name));
    Labels::of(name).unwrap_or_default()
}

fn instant(millis: i64) -> Result<Timestamp, CallError> {
    match (EARLIEST_MS..=LATEST_MS).contains(&millis) {
        true => Ok(Timestamp::from_millis(millis)),
        false => Err(unfit("`expiration` is no time in milliseconds".into())),
    }
}

fn unreadable(reason: String) -> CallError {
    CallError::Unreadable(reason)
}

/// The answer makes sense, and what it says of this one key does not.
fn unfit(reason: String) -> CallError {
    CallError::Unfit(reason)
}

/// Reads any bytes as an answer of any status.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(status: u16, body: &[u8]) {
    let now = Timestamp::from_millis(EARLIEST_MS);
    let body = bytes::Bytes::copy_from_slice(body);
    let reply = Reply { status, body };
    for kind in Kind::ALL {
        if let Ok(Ok(identity)) = read(kind, &reply, "clerk", now) {
            assert!(status == 200 && identity.expires_at.is_none_or(|expiry| expiry > now));
        }
    }
}
