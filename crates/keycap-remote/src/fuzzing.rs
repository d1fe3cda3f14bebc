//! What is read from others, for fuzz targets: any bytes may come in, and nothing may panic.
//!
//! Not part of the public API.

/// Reads a body as what Clerk answers with this status.
#[cfg(feature = "clerk")]
pub fn clerk_answer(status: u16, body: &[u8]) {
    crate::clerk::fuzz(status, body);
}

/// Reads a body as what an introspection endpoint answers with this status.
#[cfg(feature = "introspection")]
pub fn introspection_answer(status: u16, body: &[u8]) {
    crate::introspection::fuzz(status, body);
}

/// Reads bytes as the header of a token.
#[cfg(feature = "jwt")]
pub fn jwt_header(bytes: &[u8]) {
    crate::jwt::fuzz::header(bytes);
}

/// Reads bytes as the claims of a token, and judges them.
#[cfg(feature = "jwt")]
pub fn jwt_claims(bytes: &[u8]) {
    crate::jwt::fuzz::claims(bytes);
}

/// Reads bytes as the keys of an issuer.
#[cfg(feature = "jwt")]
pub fn jwks(bytes: &[u8]) {
    crate::jwt::fuzz::key_set(bytes);
}

/// Reads a body as what Unkey answers with this status.
#[cfg(feature = "unkey")]
pub fn unkey_answer(status: u16, body: &[u8]) {
    crate::unkey::fuzz(status, body);
}
