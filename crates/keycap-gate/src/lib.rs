//! One decision path: verify, account, policy, hold.

mod address;
mod code;
mod credential;
mod denial;
mod refusal;
mod request;

pub use address::{ClientAddress, ForwardingHeader, MAX_HOPS, TrustedProxies, TrustedProxiesError};
pub use code::Code;
pub use credential::{
    Credential, CredentialPlaces, MAX_PLACE_NAME_BYTES, MAX_PLACES, Place, PlaceError,
};
pub use denial::{Denial, Disclosure, Invalid, OverLimit, RESERVED_RETRY_AFTER};
pub use refusal::{Broken, Refusal};
pub use request::RequestView;
