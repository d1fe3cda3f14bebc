//! Any bytes as an answer, for fuzz targets: what must hold whatever Unkey says.

use serde_json::Value;

use keycap_base::{MAX_SCOPES, Timestamp};

use super::answer::{self, Verdict};
use super::who::{UnkeySubject, Who};

/// A text that an input may hold where a secret could be; no error repeats it.
const MARK: &str = "s3cret-mark";
const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

pub(crate) fn fuzz(status: u16, body: &[u8]) {
    let told = match answer::read(status, body) {
        Ok(told) => told,
        Err(error) => return assert!(!format!("{error} {error:?}").contains(MARK), "{error}"),
    };
    assert_eq!(status, 200, "only an answer says something about a key");
    match told.verdict(NOW) {
        Verdict::Rejected(_) => {}
        Verdict::Cannot(trouble) => {
            assert!(!format!("{trouble} {trouble:?}").contains(MARK), "{trouble}");
        }
        Verdict::Valid(key) => {
            let said: Option<Value> = serde_json::from_slice(body).ok();
            let said = said.as_ref().and_then(|said| said.get("data"));
            assert_eq!(said.and_then(|data| data.get("valid")), Some(&Value::Bool(true)));
            assert_eq!(said.and_then(|data| data.get("code")), Some(&"VALID".into()));
            valid(*key);
        }
    }
}

fn valid(key: answer::KeyData) {
    let subject = UnkeySubject::IdentityElseKey;
    let who = Who { subject, organisation_claim: Some("org".into()) };
    let Ok(identity) = who.identity("unkey", key, NOW) else { return };
    assert!(identity.expires_at.is_none_or(|expiry| expiry > NOW));
    assert!(identity.key_id.is_some() && identity.labels.len() <= 1);
    let scopes = identity.scopes.patterns();
    assert!(scopes.is_some_and(|scopes| scopes.len() <= MAX_SCOPES), "never everything");
}
