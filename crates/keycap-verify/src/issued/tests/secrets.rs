//! P9: no `Debug`, `Display` or error shows a secret.

use std::fmt::{Debug, Display};

use super::*;
use crate::{FailureGuard, Found, KeyTable, Loaded, MemoryKeyStore, StaticKey, StaticKeys};

/// Fails if `shown` has eight characters of the secret's random part in a row, or 16 hexadecimal
/// digits of its digest: the first eight may be shown, no more.
fn check(what: &str, shown: &str, secret: &Secret) {
    let random = secret.expose().split_once('_').unwrap().1.as_bytes();
    for part in random.windows(8) {
        let part = str::from_utf8(part).unwrap();
        assert!(!shown.contains(part), "{what} shows its secret: {shown}");
    }
    let digest = &secret.digest().to_hex()[..16];
    assert!(!shown.contains(digest), "{what} shows its digest: {shown}");
}

#[tokio::test]
async fn p9_no_secret_is_shown() {
    let store = Arc::new(MemoryKeyStore::new());
    let keys = IssuedKeys::builder(store.clone()).build().unwrap();
    let wanted = NewKey::for_owner("acme").label("team", "search");
    let minted = keys.mint(wanted).await.unwrap();
    let secret = minted.secret.clone();
    let sees = |what: &str, shown: &dyn Debug| {
        check(what, &format!("{shown:?}"), &secret);
        check(what, &format!("{shown:#?}"), &secret);
    };

    sees("the secret", &secret);
    sees("its digest", &secret.digest());
    sees("the minted key", &minted);
    sees("the record", &minted.record);
    sees("the store", &store);
    sees("the provider", &keys);
    sees("a page", &keys.list(&minted.record.owner, Page::first()).await.unwrap());
    sees("the answer", &keys.verify(&secret).await);

    let table: KeyTable<Identity> = KeyTable::default();
    let digest = secret.digest();
    let found = table.load(&digest, &keycap_base::SystemClock, || async {
        let identity = known(keys.verify(&secret).await);
        Ok(Loaded::Live { payload: identity, key_id: None, expires_at: None, reading: None })
    });
    let found = found.await.unwrap();
    sees("what is found", &found);
    let Found::Live(entry) = found else { panic!("rejected") };
    sees("an entry", &entry);
    sees("the table", &table);

    let guard = FailureGuard::default();
    guard.remember(&digest, START);
    sees("the guard", &guard);
    let fixed = StaticKey::new("ci", &digest.to_hex());
    sees("a static key", &fixed);
    let fixed = StaticKeys::builder().key(fixed);
    sees("static keys in the making", &fixed);
    sees("static keys", &fixed.build().unwrap());
}

#[test]
fn p9_no_error_repeats_a_secret() {
    let secret = KeyFormat::default().mint().unwrap();
    let text = secret.expose();
    let sees = |what: &str, error: &dyn Display| check(what, &error.to_string(), &secret);
    let malformed = Secret::parse(format!("{text},{text}")).unwrap_err();
    sees("a malformed secret", &malformed);
    sees("a digest that is none", &Digest::from_hex(text).unwrap_err());
    sees("a key id that is none", &text.parse::<KeyId>().unwrap_err());
    sees("a display prefix that is a key", &crate::DisplayPrefix::new(text).unwrap_err());
}

#[test]
fn p9_claims_are_not_shown() {
    let mut identity = Identity::new(Subject::new("jwt", "user_1").unwrap(), START);
    identity.claims.insert("email".into(), "a@example.com".into());
    let shown = format!("{identity:?}");
    assert!(shown.contains("email") && !shown.contains("example.com"), "{shown}");
}
