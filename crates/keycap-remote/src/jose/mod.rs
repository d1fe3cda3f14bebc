//! JSON Web Signatures (RFC 7515) by the four algorithms that Keycap knows, for whoever verifies
//! tokens and for whoever signs assertions.
//!
//! What must not change: the algorithm is chosen by a key and its owner, never by a token alone, and
//! there is none that is symmetric or absent. All of the cryptography is `ring`'s.

mod algorithm;
#[cfg(feature = "introspection")]
mod signing_key;

pub use algorithm::Algorithm;
#[cfg(feature = "introspection")]
pub use signing_key::{MAX_KEY_ID_BYTES, SigningKey, SigningKeyError};
