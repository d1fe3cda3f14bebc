//! Names of accounts by what an identity says: the choices a template has for who pays.
//!
//! What must not change: two identities that are not the same payer never share a name, whatever
//! providers, issuers and ids are called, and names of different kinds never meet. Budgets hang on
//! these names, so what is written for an identity today is written for it for ever.

use keycap_budget::AccountId;
use keycap_verify::Identity;

use crate::TemplateError;

/// The account an identity spends from unless the application says otherwise: the one its key's row
/// names, else its subject's.
///
/// # Errors
/// When neither can be an account's name.
pub fn default_account(identity: &Identity) -> Result<AccountId, TemplateError> {
    match &identity.account {
        Some(account) => AccountId::new(account).map_err(TemplateError::new),
        None => subject_account(identity),
    }
}

/// The account of an identity's subject: `provider:issuer:id`, as [`Subject`](keycap_verify::Subject)
/// displays itself. All keys of one subject share it.
///
/// # Errors
/// When it cannot be an account's name.
pub fn subject_account(identity: &Identity) -> Result<AccountId, TemplateError> {
    AccountId::new(identity.subject.to_string()).map_err(TemplateError::new)
}

/// The account of an identity's key alone: `key:provider/issuer/id`, with `%`, `:` and `/` of each
/// part percent-encoded. For an issued key whose row names an account of its own, that one: `key:id`.
///
/// Only for providers whose key ids outlive a token. A JWT that is refreshed every hour would open a
/// fresh budget every hour.
///
/// # Errors
/// When the provider names no key, or the name cannot be an account's.
pub fn key_account(identity: &Identity) -> Result<AccountId, TemplateError> {
    let provider = || identity.subject.provider().to_owned();
    let id = told(identity.key_id.as_deref()).ok_or_else(|| Missing::Key(provider()))?;
    let own = format!("{KEY}:{id}");
    if identity.account.as_deref() == Some(&*own) {
        return AccountId::new(own).map_err(TemplateError::new);
    }
    account_of(KEY, identity, id)
}

/// The account of the organisation that an identity acts for: `org:provider/issuer/id`, with `%`, `:`
/// and `/` of each part percent-encoded. All its subjects and keys share it.
///
/// # Errors
/// When the identity acts for no organisation, or the name cannot be an account's.
pub fn organisation_account(identity: &Identity) -> Result<AccountId, TemplateError> {
    let subject = || identity.subject.to_string();
    let id = told(identity.organisation.as_deref());
    account_of(ORGANISATION, identity, id.ok_or_else(|| Missing::Organisation(subject()))?)
}

const KEY: &str = "key";
const ORGANISATION: &str = "org";

/// What an identity does not say. An empty id says nothing.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(
        "the provider `{0}` names no key that outlives a token, so there is no account by key; use \
         `subject_account` or `organisation_account` for its identities"
    )]
    Key(String),
    #[error(
        "`{0}` acts for no organisation; use `subject_account` or `key_account` where \
         `identity.organisation` is none"
    )]
    Organisation(String),
}

impl From<Missing> for TemplateError {
    fn from(missing: Missing) -> Self {
        Self::new(missing)
    }
}

fn told(id: Option<&str>) -> Option<&str> {
    id.filter(|id| !id.is_empty())
}

/// A name with exactly one colon, where a subject's has two or more: so kinds never meet. Parts are
/// encoded and parted by two slashes, where the account of an issued key has none.
fn account_of(kind: &str, identity: &Identity, id: &str) -> Result<AccountId, TemplateError> {
    let subject = &identity.subject;
    let encoded = |part: &str| part.replace('%', "%25").replace(':', "%3A").replace('/', "%2F");
    let provider = encoded(subject.provider());
    let issuer = encoded(subject.issuer().unwrap_or_default());
    AccountId::new(format!("{kind}:{provider}/{issuer}/{}", encoded(id)))
        .map_err(TemplateError::new)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::error::Error;

    use keycap_base::Timestamp;
    use keycap_verify::Subject;
    use proptest::prelude::*;

    use super::*;

    fn identity(provider: &str, issuer: Option<&str>, id: &str) -> Identity {
        let subject = Subject::new(provider, id).unwrap();
        let subject = match issuer {
            Some(issuer) => subject.with_issuer(issuer).unwrap(),
            None => subject,
        };
        let mut identity = Identity::new(subject, Timestamp::EPOCH);
        identity.key_id = Some(id.into());
        identity.organisation = Some(id.into());
        identity
    }

    fn names(identity: &Identity) -> [String; 3] {
        [subject_account, key_account, organisation_account]
            .map(|account| account(identity).unwrap().to_string())
    }

    #[test]
    fn names_are_written_as_documented() {
        let foreign = identity("jwt", Some("https://id.example.com"), "50%:a/b");
        assert_eq!(
            names(&foreign),
            [
                "jwt:https%3A//id.example.com:50%:a/b",
                "key:jwt/https%3A%2F%2Fid.example.com/50%25%3Aa%2Fb",
                "org:jwt/https%3A%2F%2Fid.example.com/50%25%3Aa%2Fb",
            ]
        );
        let [_, key, org] = names(&identity("clerk", None, "x_1"));
        assert_eq!((&*key, &*org), ("key:clerk//x_1", "org:clerk//x_1"));
    }

    #[test]
    fn an_issued_key_keeps_the_account_of_its_own() {
        let mut own = identity("keycap", None, "0197");
        own.account = Some("key:0197".into());
        assert_eq!(key_account(&own).unwrap().as_str(), "key:0197");
        assert_eq!(default_account(&own).unwrap(), key_account(&own).unwrap());
        own.account = Some("keycap::acme".into());
        assert_eq!(key_account(&own).unwrap().as_str(), "key:keycap//0197");
        own.account = None;
        assert_eq!(default_account(&own).unwrap(), subject_account(&own).unwrap());
    }

    #[test]
    fn p8_what_is_missing_is_named_with_a_way_out() {
        let mut bare = identity("jwt", None, "alice");
        for nothing in [None, Some("".into())] {
            bare.key_id.clone_from(&nothing);
            bare.organisation = nothing;
            for (account, needles) in [
                (key_account(&bare), ["`jwt`", "use `subject_account`"]),
                (organisation_account(&bare), ["`jwt::alice`", "use `subject_account`"]),
            ] {
                let error = account.unwrap_err();
                let source = error.source().unwrap().to_string();
                assert!(needles.iter().all(|needle| source.contains(needle)), "{source}");
            }
        }
        let mut unfit = identity("jwt", None, "alice");
        unfit.key_id = Some("two words".into());
        assert!(key_account(&unfit).is_err());
        unfit.organisation = Some("o".repeat(keycap_budget::MAX_ACCOUNT_ID).into());
        assert!(organisation_account(&unfit).is_err());
    }

    /// Few cases by default; as many as `PROPTEST_CASES` says otherwise.
    fn config() -> ProptestConfig {
        match std::env::var_os("PROPTEST_CASES") {
            Some(_) => ProptestConfig::default(),
            None => ProptestConfig::with_cases(128),
        }
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![Just("key".to_owned()), Just("org".to_owned()), "[ak:/%]{1,3}|%3A|%2F|%25"]
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn p1_no_two_payers_share_a_name(
            all in prop::collection::vec((part(), prop::option::of(part()), part()), 1..24),
        ) {
            let mut owners = HashMap::new();
            for (provider, issuer, id) in all {
                let names = names(&identity(&provider, issuer.as_deref(), &id));
                for (kind, name) in ["subject", "key", "org"].into_iter().zip(names) {
                    // The account of an issued key, whose ids are UUIDs.
                    prop_assert!(kind != "key" || name.matches('/').count() == 2);
                    let payer = (kind, provider.clone(), issuer.clone(), id.clone());
                    let owner = owners.entry(name).or_insert_with(|| payer.clone());
                    prop_assert_eq!(&*owner, &payer);
                }
            }
        }
    }
}
