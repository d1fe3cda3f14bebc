//! One decision path: verify, account, policy, hold.
//!
//! A [`Gate`] is built once from a ledger and an identity provider. An adapter asks it to decide on a
//! request under a [`Guard`], runs the handler with the [`KeyState`] and tells a [`Course`] how the
//! request went. No web framework and no `http` types here: adapters translate, and decide nothing.

mod accounts;
mod acquaint;
mod address;
mod admission;
mod alike_terms;
mod ancestors;
mod answer;
mod builder;
mod code;
mod core;
mod course;
mod credential;
mod denial;
mod desk;
mod ending;
mod gate;
mod guard;
mod housekeeping;
mod key_state;
mod known_key;
mod leases;
mod nesting;
mod observe;
mod over_limit;
mod pass;
mod patience;
mod policy;
mod post;
mod queue;
mod refusal;
mod report;
mod request;
mod settler;
mod shield;
mod tab;
mod template;
mod told;
mod tracking;
mod usage;

pub use accounts::{default_account, key_account, organisation_account, subject_account};
pub use address::{ClientAddress, ForwardingHeader, MAX_HOPS, TrustedProxies, TrustedProxiesError};
pub use answer::{
    Answer, AnswerError, AnswerSettings, AnswerSettingsError, BudgetStatus,
    DEFAULT_UNAVAILABLE_RETRY_AFTER, Header, MAX_REALM_BYTES, MAX_TYPE_BASE_BYTES,
    MAX_UNAVAILABLE_RETRY_AFTER, PROBLEM_JSON, RateLimitHeaders, Rendering, SOON, admitted_headers,
    answer, rate_limit_headers,
};
pub use builder::{
    BuildError, DEFAULT_CONFIRM_TIMEOUT, DEFAULT_LEDGER_TIMEOUT, DEFAULT_VERIFY_TIMEOUT,
    GateBuilder, MAX_HOLD_LIFE, MAX_TIMEOUT, MIN_HOLD_LIFE,
};
pub use code::Code;
pub use course::Course;
pub use credential::{
    Credential, CredentialPlaces, MAX_PLACE_NAME_BYTES, MAX_PLACES, Place, PlaceError, Presented,
};
pub use denial::{Denial, Invalid};
pub use ending::{Ending, Endings, Fate};
pub use gate::{Deciding, Gate, Guarded, Payer, StillBusy, track_usage};
pub use guard::{Guard, GuardError, MAX_REQUIRED_SCOPES, MAX_WAIT};
pub use key_state::KeyState;
pub use observe::{Decision, DecisionReport, Mode, Observation, Observer, Trust};
pub use over_limit::{Disclosure, OverLimit, RESERVED_RETRY_AFTER};
pub use queue::{DEFAULT_PLACES, MAX_PLACES as MAX_QUEUE_PLACES};
pub use refusal::{Broken, MAX_PROVIDER_RETRY_AFTER, Refusal};
pub use report::LimitReport;
pub use request::RequestView;
pub use template::{DefaultTemplate, Template, TemplateError};
pub use told::Told;
pub use tracking::Tracking;
pub use usage::{Receipt, TrackError, Usage};
