//! Names of accounts, and ids that carry their age.
//!
//! A hold's and a charge's id is a UUID version 7 (RFC 9562 §5.7): its first 48 bits are the
//! millisecond it was made in. That is what lets a ledger refuse an id it may have forgotten instead
//! of counting it a second time (P3).

mod fresh;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use keycap_base::Timestamp;
use uuid::Uuid;

/// The longest account id, in bytes: room for the text of any subject.
pub const MAX_ACCOUNT_ID: usize = 2_048;

/// The name of an account: 1 to 2,048 bytes without white space or control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// When it is empty, too long, or has white space or control characters.
    pub fn new(name: impl AsRef<str>) -> Result<Self, BadId> {
        let name = name.as_ref();
        let sound = !name.is_empty()
            && name.len() <= MAX_ACCOUNT_ID
            && !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if sound { Ok(Self(name.into())) } else { Err(BadId::account(name)) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl FromStr for AccountId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::new(text)
    }
}

impl TryFrom<String> for AccountId {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        Self::new(text)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.as_str().to_owned()
    }
}

/// A text that is not an id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {given:?} is not one; it should be {should}")]
pub struct BadId {
    what: &'static str,
    given: String,
    should: &'static str,
}

impl BadId {
    fn account(given: &str) -> Self {
        Self {
            what: "account id",
            given: given.chars().take(80).collect(),
            should: "1 to 2,048 bytes without white space or control characters",
        }
    }

    fn timed(what: &'static str, given: &str) -> Self {
        Self {
            what,
            given: given.chars().take(80).collect(),
            should: "a UUID version 7, such as 01890a5d-ac96-774b-bcce-b302099a8057",
        }
    }
}

macro_rules! timed_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "Uuid", into = "Uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id that says it was made at `now`; the rest is random.
            #[must_use]
            pub fn generate(now: Timestamp) -> Self {
                Self(fresh::uuid(now))
            }

            /// The instant the id says it was made.
            #[must_use]
            pub fn made_at(self) -> Timestamp {
                made_at(self.0)
            }

            /// The sixteen bytes, in the order of RFC 9562.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the sixteen bytes of a UUID version 7.
            ///
            /// # Errors
            /// When the bytes are of another version.
            pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, BadId> {
                Self::try_from(Uuid::from_bytes(bytes))
            }
        }

        impl TryFrom<Uuid> for $name {
            type Error = BadId;
            fn try_from(uuid: Uuid) -> Result<Self, BadId> {
                match uuid.get_version_num() {
                    7 => Ok(Self(uuid)),
                    _ => Err(BadId::timed($what, &uuid.to_string())),
                }
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::parse_str(text)
                    .map_err(|_| BadId::timed($what, text))
                    .and_then(Self::try_from)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

timed_id! {
    /// The id of a charge or a refund. Give a retried charge the id of the first try and it counts
    /// once (P3).
    ///
    /// ```
    /// use keycap_base::Timestamp;
    /// use keycap_budget::ChargeId;
    ///
    /// let id = ChargeId::generate(Timestamp::from_millis(1_700_000_000_000));
    /// assert_eq!(id.made_at().as_millis(), 1_700_000_000_000);
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// ```
    ChargeId, "charge id"
}
timed_id! {
    /// The id of a hold.
    HoldId, "hold id"
}

/// The id of the charge that ends a hold. A settle that only counts the hold's requests and bears
/// this id writes no row: the hold's end remembers it.
impl From<HoldId> for ChargeId {
    fn from(hold: HoldId) -> Self {
        Self(hold.0)
    }
}

impl ChargeId {
    /// The hold that a charge of this id ends without a row, if there is one.
    pub(crate) fn hold(self) -> HoldId {
        HoldId(self.0)
    }
}

timed_id! {
    /// The id of one start of one process that takes holds.
    OwnerId, "owner id"
}

fn made_at(uuid: Uuid) -> Timestamp {
    let millis = uuid.as_u128() >> 80;
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{AccountId, MAX_ACCOUNT_ID};

    #[test]
    fn an_account_id_has_one_byte_to_the_most_and_no_white_space() {
        let name = |bytes| "a".repeat(bytes);
        for fits in [name(1), name(MAX_ACCOUNT_ID), "team/ä".to_owned()] {
            assert_eq!(AccountId::new(&fits).unwrap().as_str(), fits);
        }
        for wrong in ["", "a b", "a\u{a0}b", "a\tb", "a\0", &name(MAX_ACCOUNT_ID + 1)] {
            assert!(AccountId::new(wrong).is_err(), "{wrong:?}");
        }
        let wide = "ä".repeat(MAX_ACCOUNT_ID / 2);
        assert!(AccountId::new(&wide).is_ok());
        assert!(AccountId::new(wide + "a").is_err(), "bytes count, not letters");
    }
}
