//! JSON Web Tokens (RFC 7519), verified with the keys that their issuer publishes.

pub use crate::jose::Algorithm;
