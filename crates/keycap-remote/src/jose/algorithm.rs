//! The algorithms.

use std::fmt;

/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1). None is symmetric, so that a published key
/// never signs; there is no `none`.
///
/// ```
/// # #[cfg(feature = "jwt")] {
/// use keycap_remote::jwt::Algorithm;
///
/// assert_eq!(Algorithm::Es256.name(), "ES256");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 to 8192 bits.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a key of 2048 to 8192 bits.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// Its name in a token's header: `RS256`, `PS256`, `ES256`, `EdDSA`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, in exactly this spelling. `Ed25519` is the name that RFC 9864 §2.2
    /// gives to `EdDSA` on that curve.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            name => Self::ALL.into_iter().find(|algorithm| algorithm.name() == name),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_names_name_an_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        let none =
            ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "rs256", "RS256 ", "eddsa"];
        for wrong in none.iter().chain(&["RS384", "RS512", "ES256K", "ES384", "Ed448", "RSA-OAEP"])
        {
            assert_eq!(Algorithm::named(wrong), None, "{wrong:?}");
        }
    }
}
