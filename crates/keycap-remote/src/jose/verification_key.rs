//! A public key of an issuer (RFC 7517, RFC 7518 §6, RFC 8037 §2).

mod small_order;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

use super::{Algorithm, Compact};

/// Bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// The most bytes of an RSA key's exponent.
const MAX_EXPONENT_BYTES: usize = 4;

/// A key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerificationKey {
    key_id: Option<Box<str>>,
    /// The one algorithm that the issuer has it for, if it says so.
    only_for: Option<Algorithm>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
    },
    /// An uncompressed point: 4, x, y.
    P256(Box<[u8]>),
    Ed25519(Box<[u8]>),
}

/// Why a key verifies nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(&'static str);

impl VerificationKey {
    /// Reads a JWK.
    pub(crate) fn read(jwk: &Value) -> Result<Self, Unusable> {
        check_purpose(jwk)?;
        let key_id = match jwk.get("kid") {
            None | Some(Value::Null) => None,
            Some(id) => Some(id.as_str().ok_or(Unusable("its `kid` is no text"))?.into()),
        };
        let material = Material::read(jwk)?;
        let only_for = match jwk.get("alg") {
            None | Some(Value::Null) => None,
            Some(name) => Some(
                name.as_str()
                    .and_then(Algorithm::named)
                    .filter(|algorithm| material.fits(*algorithm))
                    .ok_or(Unusable("its `alg` is not one that is known for its kind of key"))?,
            ),
        };
        Ok(Self { key_id, only_for, material })
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether signatures by this algorithm may be the key's: by its kind, and by what it is for.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm) && self.only_for.is_none_or(|only| only == algorithm)
    }

    /// Whether the key has signed the token.
    pub(super) fn has_signed(&self, token: &Compact<'_>) -> bool {
        let algorithm = token.header.algorithm;
        let (message, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        let verified = match (&self.material, algorithm) {
            _ if !self.fits(algorithm) => return false,
            (Material::Rsa { modulus, exponent }, algorithm) => {
                let how = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    _ => &signature::RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(how, message, signature)
            }
            (Material::P256(point), _) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
            }
            (Material::Ed25519(point), _) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

impl Material {
    fn read(jwk: &Value) -> Result<Self, Unusable> {
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        match (member("kty"), member("crv")) {
            (Some("RSA"), _) => rsa(number(jwk, "n")?, number(jwk, "e")?),
            (Some("EC"), Some("P-256")) => {
                let (x, y) = (bytes_32(jwk, "x")?, bytes_32(jwk, "y")?);
                Ok(Self::P256([&[4], x.as_slice(), y.as_slice()].concat().into()))
            }
            (Some("OKP"), Some("Ed25519")) => ed25519(bytes_32(jwk, "x")?),
            _ => Err(Unusable("it is none of an RSA, a P-256 and an Ed25519 key")),
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Self::P256(_), Algorithm::Es256)
                | (Self::Ed25519(_), Algorithm::EdDsa)
        )
    }
}

/// RFC 7517 §4.2 and §4.3: a key for something else does not verify.
fn check_purpose(jwk: &Value) -> Result<(), Unusable> {
    match jwk.get("use") {
        None | Some(Value::Null) => {}
        Some(purpose) if purpose == "sig" => {}
        Some(_) => return Err(Unusable("its `use` is not `sig`")),
    }
    match jwk.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|one| one == "verify") => Ok(()),
        Some(_) => Err(Unusable("its `key_ops` have no `verify`")),
    }
}

fn rsa(modulus: Box<[u8]>, exponent: Box<[u8]>) -> Result<Material, Unusable> {
    let unused = modulus.first().map_or(0, |byte| byte.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or(0));
    if !RSA_BITS.contains(&bits) {
        return Err(Unusable("it is an RSA key that does not have 2048 to 8192 bits"));
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    let fits = is_odd(&modulus) && is_odd(&exponent) && *exponent != [1];
    if !fits || exponent.len() > MAX_EXPONENT_BYTES {
        return Err(Unusable("it is an RSA key whose modulus or exponent no RSA key has"));
    }
    Ok(Material::Rsa { modulus, exponent })
}

fn ed25519(point: [u8; 32]) -> Result<Material, Unusable> {
    match small_order::is_of_small_order(&point) {
        true => Err(Unusable("it is an Ed25519 key of small order")),
        false => Ok(Material::Ed25519(point.into())),
    }
}

fn decode(jwk: &Value, member: &str) -> Result<Vec<u8>, Unusable> {
    let text = jwk.get(member).and_then(Value::as_str);
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.ok_or(Unusable("a number in it is missing or not base64url without padding"))
}

/// An unsigned number, without the leading zeros that some add although RFC 7518 §2 does not.
fn number(jwk: &Value, member: &str) -> Result<Box<[u8]>, Unusable> {
    Ok(decode(jwk, member)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bytes_32(jwk: &Value, member: &str) -> Result<[u8; 32], Unusable> {
    let bytes = decode(jwk, member)?;
    bytes.try_into().map_err(|_| Unusable("a coordinate in it does not have 32 bytes"))
}
