//! One decision path: verify, account, policy, hold.

mod address;
mod answer;
mod code;
mod credential;
mod denial;
mod refusal;
mod request;

pub use address::{ClientAddress, ForwardingHeader, MAX_HOPS, TrustedProxies, TrustedProxiesError};
pub use answer::{
    Answer, AnswerError, AnswerSettings, AnswerSettingsError, BudgetStatus,
    DEFAULT_UNAVAILABLE_RETRY_AFTER, Header, MAX_REALM_BYTES, MAX_TYPE_BASE_BYTES,
    MAX_UNAVAILABLE_RETRY_AFTER, PROBLEM_JSON, RateLimitHeaders, Rendering, SOON, admitted_headers,
    answer, rate_limit_headers,
};
pub use code::Code;
pub use credential::{
    Credential, CredentialPlaces, MAX_PLACE_NAME_BYTES, MAX_PLACES, Place, PlaceError,
};
pub use denial::{Denial, Disclosure, Invalid, OverLimit, RESERVED_RETRY_AFTER};
pub use refusal::{Broken, Refusal};
pub use request::RequestView;
