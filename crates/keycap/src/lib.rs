//! Put a spend cap on every API key.
//!
//! Keycap verifies the key of a request, opens a budget the first time it sees one, enforces scope,
//! expiry, rate and spend before the handler runs, and records what the work really cost. An
//! application adds a layer to an axum router or wraps an actix app, takes a `Key` in its handlers,
//! and tracks costs:
//!
//! - a [`Gate`] is built once, from a [`Ledger`] (where budgets live) and an [`IdentityProvider`]
//!   (who verifies keys);
//! - a [`Guard`] says what a route asks of a key: scopes, and what it holds while it works;
//! - the features `axum`, `actix` and `tower` bring the adapters, `sqlite` the embedded store. None
//!   is on by default.
//!
//! The crates behind this one are for those who build a store or an adapter; applications need only
//! this facade.

#[doc(inline)]
pub use keycap_base::{
    Clock, LabelError, Labels, ManualClock, Moment, Network, NetworkError, Networks, Resource,
    ResourceError, ResourcePattern, Resources, Scope, ScopeError, ScopePattern, Scopes,
    SystemClock, Ticks, Timestamp,
};
#[doc(inline)]
pub use keycap_budget::{
    Account, AccountId, AccountSpec, Amendment, Amount, AmountError, BadId, Chain, ChainSpec,
    Charge, ChargeId, Cost, CostError, Fit, Ledger, LedgerError, Limit, LimitError, LimitKey,
    Limits, MemoryLedger, Meter, MeterError, Operation, Outcome, Period, PeriodError, Reapply,
    Standing, Status, Usd, Window, apply_one, usd,
};
#[doc(inline)]
pub use keycap_gate::{
    Answer, AnswerSettings, BudgetStatus, BuildError, Code, CredentialPlaces, DecisionReport,
    Denial, Ending, Endings, Fate, Gate, GateBuilder, Guard, GuardError, KeyState, LimitReport,
    Mode, Observation, Payer, Place, Receipt, Refusal, RequestView, StillBusy, Template,
    TemplateError, TrackError, Tracking, Trust, TrustedProxies, Usage, default_account,
    key_account, organisation_account, subject_account, track_usage,
};
#[doc(inline)]
pub use keycap_verify::{
    DeniedUntil, Digest, FirstOf, Identity, IdentityProvider, IssuedKeys, KeyFormat, KeyId,
    KeyRecord, KeyStore, MemoryKeyStore, MintedKey, NewKey, Owner, Rejection, Routes, Secret,
    Shape, StaticKeys, Subject,
};

/// The budget core: what a ledger is made of.
pub mod budget {
    pub use keycap_budget::*;
}

/// The gate: what an adapter is made of.
pub mod gate {
    pub use keycap_gate::*;
}

/// The verification core: what a provider or a key store is made of.
pub mod verify {
    pub use keycap_verify::*;
}

/// Keycap in actix-web.
#[cfg(feature = "actix")]
pub mod actix {
    pub use keycap_actix::*;
}

/// Keycap in axum.
#[cfg(feature = "axum")]
pub mod axum {
    pub use keycap_axum::*;
}

/// The embedded store.
#[cfg(feature = "sqlite")]
pub mod sqlite {
    pub use keycap_sqlite::*;
}

/// Keys kept by Clerk.
#[cfg(feature = "clerk")]
pub mod clerk {
    pub use keycap_remote::clerk::*;
    pub use keycap_remote::{HttpSettings, HttpSettingsError};
}

/// Tokens that an OAuth 2 server introspects.
#[cfg(feature = "introspection")]
pub mod introspection {
    pub use keycap_remote::introspection::*;
    pub use keycap_remote::{HttpSettings, HttpSettingsError};
}

/// JSON Web Tokens.
#[cfg(feature = "jwt")]
pub mod jwt {
    pub use keycap_remote::jwt::*;
    pub use keycap_remote::{HttpSettings, HttpSettingsError};
}

/// Keycap as a tower layer.
#[cfg(feature = "tower")]
pub mod tower {
    pub use keycap_tower::*;
}

/// Keys kept by Unkey.
#[cfg(feature = "unkey")]
pub mod unkey {
    pub use keycap_remote::unkey::*;
    pub use keycap_remote::{HttpSettings, HttpSettingsError};
}

/// The README's samples, compiled.
#[cfg(all(doctest, feature = "axum", feature = "actix", feature = "sqlite"))]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// The samples of `docs/migrating.md`, compiled.
#[cfg(all(doctest, feature = "clerk", feature = "sqlite"))]
#[doc = include_str!("../../../docs/migrating.md")]
pub struct Migrating;
