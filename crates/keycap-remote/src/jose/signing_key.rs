//! A private key of the application, with which it signs what it says of itself.
//!
//! What must not change: the key is never shown, neither by `Debug` nor by an error.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::error::KeyRejected;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::Algorithm;

/// The longest id of a signing key, in bytes.
pub const MAX_KEY_ID_BYTES: usize = 255;

/// A private key that signs assertions (RFC 7523 §2.2) for the application.
///
/// Redacted in `Debug`; clones share it.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<Arc<str>>,
    pair: Arc<Pair>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A signing key cannot be used. Shows nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// There is no private key in the PEM text.
    #[error(
        "no private key in the PEM text ({0}); it should have one between `-----BEGIN PRIVATE \
         KEY-----` and its end"
    )]
    Pem(String),
    /// The key is written in a way that is not read.
    #[error(
        "the private key is in SEC1 form; `openssl pkcs8 -topk8 -nocrypt` makes it PKCS#8, which is \
         read"
    )]
    Form,
    /// The key does not fit the algorithm.
    #[error("the private key does not fit {algorithm}: {why}; {algorithm} takes {takes}")]
    Unfit {
        /// Which algorithm.
        algorithm: Algorithm,
        /// What does not fit.
        why: String,
        /// What would.
        takes: &'static str,
    },
    /// The id of the key is empty or too long.
    #[error("the key id has {0} bytes; it should have 1 to {MAX_KEY_ID_BYTES}")]
    KeyId(usize),
    /// The system has no randomness, or the key does not work.
    #[error("signing failed")]
    Failed,
}

impl SigningKey {
    /// The first private key in a PEM text, in PKCS#8 form, or PKCS#1 for RSA.
    ///
    /// # Errors
    /// [`SigningKeyError`] if there is none, or it does not fit the algorithm.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, SigningKeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_ref());
        let der = der.map_err(|error| SigningKeyError::Pem(kind(&error)))?;
        let pair = Pair::read(algorithm, &der)?;
        Ok(Self { algorithm, key_id: None, pair: Arc::new(pair) })
    }

    /// The same key, named so (`kid`) to whoever looks for its public half.
    ///
    /// # Errors
    /// [`SigningKeyError::KeyId`] if it is empty or longer than [`MAX_KEY_ID_BYTES`].
    pub fn with_key_id(self, key_id: impl AsRef<str>) -> Result<Self, SigningKeyError> {
        let key_id = key_id.as_ref();
        if !(1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) {
            return Err(SigningKeyError::KeyId(key_id.len()));
        }
        Ok(Self { key_id: Some(key_id.into()), ..self })
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// These claims as a signed JWT in compact form (RFC 7515 §7.1). It is a credential.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> Result<String, SigningKeyError> {
        let mut header = json!({ "alg": self.algorithm.name(), "typ": "JWT" });
        if let (Some(header), Some(key_id)) = (header.as_object_mut(), &self.key_id) {
            header.insert("kid".into(), Value::from(&**key_id));
        }
        let claims = serde_json::to_vec(claims).map_err(|_| SigningKeyError::Failed)?;
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(&claims));
        let signature = self.pair.sign(self.algorithm, signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Pair {
    fn read(algorithm: Algorithm, der: &PrivateKeyDer<'_>) -> Result<Self, SigningKeyError> {
        let unfit = |why: &str| SigningKeyError::Unfit {
            algorithm,
            why: why.to_owned(),
            takes: taken_by(algorithm),
        };
        let is_rsa = matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256);
        let pair = match der {
            PrivateKeyDer::Pkcs8(der) => Self::from_pkcs8(algorithm, der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) if is_rsa => {
                RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Self::Rsa)
            }
            PrivateKeyDer::Pkcs1(_) => return Err(unfit("it is an RSA key")),
            _ => return Err(SigningKeyError::Form),
        };
        pair.map_err(|error| unfit(&error.to_string()))
    }

    fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyRejected> {
        match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => RsaKeyPair::from_pkcs8(der).map(Self::Rsa),
            Algorithm::Es256 => {
                let kind = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                EcdsaKeyPair::from_pkcs8(kind, der, &SystemRandom::new()).map(Self::Ecdsa)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self::Ed25519),
        }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
        let failed = |_: ring::error::Unspecified| SigningKeyError::Failed;
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => rsa_sign(pair, algorithm, message, &random).map_err(failed),
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn rsa_sign(
    pair: &rsa::KeyPair,
    algorithm: Algorithm,
    message: &[u8],
    random: &SystemRandom,
) -> Result<Vec<u8>, ring::error::Unspecified> {
    let padding: &dyn signature::RsaEncoding = match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        _ => &signature::RSA_PKCS1_SHA256,
    };
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(padding, random, message, &mut signature)?;
    Ok(signature)
}

fn taken_by(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => "an RSA key of 2048 to 4096 bits",
        Algorithm::Es256 => "a P-256 key",
        Algorithm::EdDsa => "an Ed25519 key",
    }
}

/// What kind of error it is. What stands in the text is a secret.
fn kind(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    let kind = match error {
        Error::NoItemsFound => "there is none",
        Error::MissingSectionEnd { .. } => "its end is missing",
        Error::Base64Decode(_) => "it is not base64",
        _ => "it cannot be read",
    };
    kind.to_owned()
}
