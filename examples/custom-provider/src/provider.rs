//! The application's table as an identity provider: all that Keycap has to be told about it.
//!
//! Three answers, never mixed up: the table knows the key, the table says no (and whether it was
//! revoked or has expired), or nobody could ask the table. The last is [`Answer::Unavailable`]
//! whatever went wrong, so that a broken disk is a 503 and not "your key is invalid".
//!
//! SQLite blocks, so a look-up runs on a thread made for that ([`spawn_blocking`]) and not on one that
//! serves requests. It happens once a minute for each key in use: between look-ups the gate knows the
//! key itself. That minute is also how long a key that was revoked in the table may go on.

use async_trait::async_trait;
use keycap::verify::{Answer, Unavailable};
use keycap::{Clock as _, IdentityProvider, Rejection, Secret, SystemClock};
use tokio::task::spawn_blocking;

use crate::table::{ApiKeys, Fault, PROVIDER};

/// Verifies keys by their digests in the application's table.
pub(crate) struct OwnKeys(pub(crate) ApiKeys);

#[async_trait]
impl IdentityProvider for OwnKeys {
    fn name(&self) -> &str {
        PROVIDER
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        let (table, digest, now) = (self.0.clone(), secret.digest(), SystemClock.now());
        let found = spawn_blocking(move || table.find(&digest)).await;
        match found.map_err(Fault::from).flatten() {
            Ok(Some(key)) if key.is_revoked() => Answer::Rejected(Rejection::Revoked),
            Ok(Some(key)) if key.has_expired(now) => Answer::Rejected(Rejection::Expired),
            Ok(Some(key)) => Answer::Known(key.identity(now)),
            Ok(None) => Answer::Rejected(Rejection::Unknown),
            Err(fault) => Answer::Unavailable(Unavailable::because("the key table", fault)),
        }
    }
}
