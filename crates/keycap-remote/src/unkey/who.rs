//! From a valid key to an identity.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use keycap_base::{Labels, MAX_LABEL_VALUE_BYTES, Scopes, Timestamp};
use keycap_verify::{Identity, NameError, Subject};

use super::answer::{IdentityData, KeyData, Trouble};

/// The claim with the identity that a key belongs to: an object with its `id`, its `externalId`, and
/// its `meta` if it has any.
pub const IDENTITY_CLAIM: &str = "unkey.identity";
/// The claim with the names of a key's roles, an array.
pub const ROLES_CLAIM: &str = "unkey.roles";
/// The claim with the credits that a key has left at Unkey, a number; absent where they are not
/// counted.
pub const CREDITS_CLAIM: &str = "unkey.credits";
/// The issuer of subjects that are key ids, so that no external id, which the application chooses,
/// can be taken for one.
pub const KEY_SUBJECTS: &str = "keys";

/// The label with a key's name.
const NAME_LABEL: &str = "name";

/// Who the subject of a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnkeySubject {
    /// The external id of the identity that the key belongs to, so that all keys of a customer are
    /// one subject, `unkey::user_1`; for a key that belongs to none, its own id, as in
    /// [`Key`](Self::Key).
    #[default]
    IdentityElseKey,
    /// The key's id, `unkey:keys:key_1`: every key is a subject of its own.
    Key,
}

/// How identities are made.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    pub(super) subject: UnkeySubject,
    pub(super) organisation_claim: Option<Box<str>>,
}

impl Who {
    /// The identity of a valid key.
    pub(super) fn identity(
        &self,
        provider: &str,
        mut key: KeyData,
        now: Timestamp,
    ) -> Result<Identity, Trouble> {
        let Some(key_id) = key.key_id.take() else {
            return Err(Trouble::Unfit("keyId", "a valid key has one"));
        };
        let mut identity = Identity::new(self.subject(provider, &key_id, &key)?, now);
        identity.key_id = Some(Arc::from(key_id));
        identity.organisation = self.organisation(&key)?;
        identity.scopes = Scopes::literal(key.permissions.iter().flatten());
        identity.labels = labels(key.name.as_deref());
        identity.expires_at = key.expires_at();
        identity.claims = claims(key);
        Ok(identity)
    }

    fn subject(&self, provider: &str, key_id: &str, key: &KeyData) -> Result<Subject, Trouble> {
        let unfit = |field| move |_: NameError| Trouble::Unfit(field, "it can name no subject");
        let own = Subject::new(provider, key_id).and_then(|own| own.with_issuer(KEY_SUBJECTS));
        let own = own.map_err(unfit("keyId"))?;
        match (self.subject, &key.identity) {
            (UnkeySubject::IdentityElseKey, Some(identity)) => {
                Subject::new(provider, &identity.external_id).map_err(unfit("identity.externalId"))
            }
            (UnkeySubject::IdentityElseKey, None) | (UnkeySubject::Key, _) => Ok(own),
        }
    }

    /// The named field of the key's metadata, else of its identity's.
    fn organisation(&self, key: &KeyData) -> Result<Option<Arc<str>>, Trouble> {
        let Some(field) = self.organisation_claim.as_deref() else {
            return Ok(None);
        };
        let of_identity = key.identity.as_ref().and_then(|identity| identity.meta.as_ref());
        let mut places = [key.meta.as_ref(), of_identity].into_iter().flatten();
        match places.find_map(|meta| meta.get(field).filter(|value| !value.is_null())) {
            None => Ok(None),
            Some(Value::String(name)) if !name.is_empty() => Ok(Some(name.as_str().into())),
            Some(_) => Err(Trouble::Unfit("organisation", "it should be a string in the metadata")),
        }
    }
}

/// The key's metadata, and beside it what else Unkey said under names of our own, which win.
fn claims(key: KeyData) -> Map<String, Value> {
    let mut claims = key.meta.unwrap_or_default();
    let ours = [
        (IDENTITY_CLAIM, key.identity.map(identity_claim)),
        (ROLES_CLAIM, key.roles.map(Value::from)),
        (CREDITS_CLAIM, key.credits.map(Value::from)),
    ];
    for (name, value) in ours {
        match value {
            Some(value) => claims.insert(name.to_owned(), value),
            None => claims.remove(name),
        };
    }
    claims
}

fn identity_claim(identity: IdentityData) -> Value {
    let mut claim = json!({ "id": identity.id, "externalId": identity.external_id });
    if let (Some(meta), Some(claim)) = (identity.meta, claim.as_object_mut()) {
        claim.insert("meta".to_owned(), Value::Object(meta));
    }
    claim
}

/// The key's name as a label, as much of it as a label holds.
fn labels(name: Option<&str>) -> Labels {
    let mut labels = Labels::new();
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        let ends = name.char_indices().map(|(start, character)| start + character.len_utf8());
        let end = ends.take_while(|end| *end <= MAX_LABEL_VALUE_BYTES).last().unwrap_or(0);
        // A key of our own and a value cut to fit.
        let _ = labels.insert(NAME_LABEL, name.get(..end).unwrap_or_default());
    }
    labels
}
