//! Verifying from scratch, without the table of live keys: what a known key saves.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keycap::verify::Answer;
use keycap::{IdentityProvider, Secret};
use keycap_bench::{BURST, Case, Load, drive, issued, tokio_runtime};
use keycap_standins::issuer::Algorithm;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use crate::tokens::{Signed, signed};

const RS256_TOKEN: Case = Case { name: "token, RS256", prepare: || token(Algorithm::Rs256) };
const PS256_TOKEN: Case = Case { name: "token, PS256", prepare: || token(Algorithm::Ps256) };
const ES256_TOKEN: Case = Case { name: "token, ES256", prepare: || token(Algorithm::Es256) };
const EDDSA_TOKEN: Case = Case { name: "token, EdDSA", prepare: || token(Algorithm::EdDsa) };

/// Tokens beside a key of our own.
pub(crate) const CASES: [Case; 5] = [
    Case { name: "issued key, memory store", prepare: own },
    RS256_TOKEN,
    PS256_TOKEN,
    ES256_TOKEN,
    EDDSA_TOKEN,
];

/// Tokens beside the least that verifying one can cost.
pub(crate) const RS256: [Case; 2] =
    [Case { name: "signature, RS256", prepare: || signature(Algorithm::Rs256) }, RS256_TOKEN];
pub(crate) const PS256: [Case; 2] =
    [Case { name: "signature, PS256", prepare: || signature(Algorithm::Ps256) }, PS256_TOKEN];
pub(crate) const ES256: [Case; 2] =
    [Case { name: "signature, ES256", prepare: || signature(Algorithm::Es256) }, ES256_TOKEN];
pub(crate) const EDDSA: [Case; 2] =
    [Case { name: "signature, EdDSA", prepare: || signature(Algorithm::EdDsa) }, EDDSA_TOKEN];

fn own() -> Load {
    let (keys, secret) = tokio_runtime().block_on(issued());
    verified(keys, secret)
}

fn token(algorithm: Algorithm) -> Load {
    let Signed { provider, token, .. } = signed(algorithm);
    verified(provider, token)
}

fn verified(provider: impl IdentityProvider + 'static, secret: Secret) -> Load {
    let runtime = tokio_runtime();
    Box::new(move |bursts| {
        runtime.block_on(drive(bursts, || async {
            for _ in 0..BURST {
                match provider.verify(black_box(&secret)).await {
                    Answer::Known(identity) => drop(black_box(identity)),
                    other => panic!("not known: {other:?}"),
                }
            }
        }));
    })
}

/// Only the signature of the same token, with the public key as an issuer publishes it.
fn signature(algorithm: Algorithm) -> Load {
    let Signed { token, jwk, .. } = signed(algorithm);
    let (message, signature) = token.expose().rsplit_once('.').expect("a token has parts");
    let (message, signature) = (message.to_owned(), decode(signature));
    let verifies = verifier(algorithm, &jwk);
    Box::new(move |bursts| {
        for _ in 0..bursts * BURST {
            assert!(verifies(black_box(message.as_bytes()), black_box(&signature)));
        }
    })
}

/// Whether a message has this signature.
type Verifier = Box<dyn Fn(&[u8], &[u8]) -> bool>;

fn verifier(algorithm: Algorithm, jwk: &Value) -> Verifier {
    let member = |name: &str| decode(jwk[name].as_str().expect("text"));
    match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => {
            let key = RsaPublicKeyComponents { n: member("n"), e: member("e") };
            let how = match algorithm {
                Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            };
            Box::new(move |message, signature| key.verify(how, message, signature).is_ok())
        }
        Algorithm::Es256 => {
            let point = [vec![4], member("x"), member("y")].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            Box::new(move |message, signature| key.verify(message, signature).is_ok())
        }
        Algorithm::EdDsa => {
            let key = UnparsedPublicKey::new(&ED25519, member("x"));
            Box::new(move |message, signature| key.verify(message, signature).is_ok())
        }
    }
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
