//! Tokens that others sign, and the keys that they publish.

use keycap_remote::fuzzing;

/// The header of a token, decoded.
pub fn jwt_header(input: &[u8]) {
    fuzzing::jwt_header(input);
}

/// The claims of a token, decoded.
pub fn jwt_claims(input: &[u8]) {
    fuzzing::jwt_claims(input);
}

/// The keys of an issuer.
pub fn jwks(input: &[u8]) {
    fuzzing::jwks(input);
}
