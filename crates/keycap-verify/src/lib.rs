//! Who is calling: secrets, key format, identity providers, issued keys and the table of live keys.
//!
//! A caller presents a [`Secret`]. An [`IdentityProvider`] answers with an [`Identity`], a
//! [`Rejection`], or that it could not tell. [`IssuedKeys`] is Keycap's own provider over a
//! [`KeyStore`]; [`StaticKeys`] takes digests from configuration; [`Routes`] and [`FirstOf`] make one
//! provider of several. [`KeyTable`] remembers answers on the hot path, and [`FailureGuard`] stops
//! floods of bad keys before any provider is asked.
//!
//! Nothing here knows budgets, HTTP or a framework.

mod bounded;
mod compose;
mod digest;
mod format;
mod guard;
mod identity;
mod issued;
mod key_id;
mod news;
mod provider;
mod secret;
mod sha256;
mod static_keys;
mod store;
mod subject;
mod table;

pub use compose::{
    ComposeError, DEFAULT_TURN, FirstOf, FirstOfBuilder, MAX_ROUTE_PREFIX_BYTES, MAX_ROUTES,
    MAX_TURN, MAX_TURNS, Routes, RoutesBuilder, Shape,
};
pub use digest::{Digest, DigestError};
pub use format::{FormatCheck, KeyFormat, MAX_PREFIX_BYTES, PrefixError, RandomnessError};
pub use guard::{
    DEFAULT_FAILURES_PER_MINUTE, DEFAULT_KNOWN_GOOD, DEFAULT_TRACKED_ADDRESSES, FailureGuard,
    FailureGuardBuilder, FailureGuardError, KNOWN_GOOD_FOR, TooMany,
};
pub use identity::Identity;
pub use issued::{
    DEFAULT_DEBOUNCE, DEFAULT_PENDING_USES, Import, IssuedKeys, IssuedKeysBuilder, IssuedKeysError,
    MintError, MintedKey, NewKey, NewKeyError,
};
pub use key_id::{DisplayPrefix, DisplayPrefixError, KeyId, KeyIdError};
pub use news::{KeyAudience, KeyChange, KeyListener, KeyNews};
pub use provider::{Answer, IdentityProvider, Rejection, Unavailable};
pub use secret::{MAX_SECRET_BYTES, Malformed, Secret};
pub use static_keys::{MAX_STATIC_KEYS, StaticKey, StaticKeys, StaticKeysBuilder, StaticKeysError};
pub use store::conformance;
pub use store::{
    ExpirySetting, Insertion, KeyPage, KeyRecord, KeyStore, KeyStoreError, MAX_PAGE, MAX_TOUCHES,
    MemoryKeyStore, Page, PageError, Revocation,
};
pub use subject::{MAX_NAME_BYTES, NameError, Owner, Subject};
pub use table::{
    DEFAULT_LIVE_CAPACITY, DEFAULT_LIVE_TTL, DEFAULT_LOAD_TIMEOUT, DEFAULT_LOADS_IN_FLIGHT,
    DEFAULT_REJECTED_CAPACITY, DEFAULT_REJECTED_TTL, DeniedUntil, Entry, Found, GRACE_PAUSE,
    KeyTable, KeyTableBuilder, KeyTableError, LoadError, Loaded, MAX_DENIED, MAX_GRACE,
    MAX_LOAD_ATTEMPTS, Outage, Peek, Reading, TooManyDenied,
};
