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
