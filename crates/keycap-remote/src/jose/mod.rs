//! JSON Web Signatures (RFC 7515) by the four algorithms that Keycap knows, for whoever verifies
//! tokens and for whoever signs assertions.
//!
//! A [`Compact`] is a token that is written right; a [`KeySet`] says whether one of an issuer's keys
//! has signed it. What must not change: the algorithm is chosen by a key and its owner, never by a
//! token alone, and there is none that is symmetric or absent. A key that travels in a token's header
//! is never looked at. All of the cryptography is `ring`'s.

mod algorithm;
#[cfg(feature = "jwt")]
mod compact;
#[cfg(feature = "jwt")]
mod header;
#[cfg(feature = "jwt")]
mod key_set;
#[cfg(feature = "introspection")]
mod signing_key;
#[cfg(all(test, feature = "jwt"))]
pub(crate) mod vectors;
#[cfg(feature = "jwt")]
mod verification_key;

pub use algorithm::Algorithm;
#[cfg(feature = "jwt")]
pub(crate) use compact::{Compact, CompactError};
#[cfg(feature = "jwt")]
pub(crate) use header::{Header, HeaderError};
#[cfg(feature = "jwt")]
pub(crate) use key_set::{KeySet, Verdict};
#[cfg(feature = "introspection")]
pub use signing_key::{MAX_KEY_ID_BYTES, SigningKey, SigningKeyError};
#[cfg(feature = "jwt")]
pub(crate) use verification_key::VerificationKey;
