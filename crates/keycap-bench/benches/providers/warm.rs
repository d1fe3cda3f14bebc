//! Admission of secrets that the table knows, through one gate: a key of our own, tokens, and an
//! opaque key as long as a token, which tells what is the token's doing and what its length's.

use std::hint::black_box;
use std::rc::Rc;

use keycap::gate::{Course, Decision};
use keycap::verify::StaticKey;
use keycap::{Cost, Guard, Routes, Secret, StaticKeys};
use keycap_bench::{BURST, Case, Load, World, drive, issued, price, tokio_runtime};
use keycap_standins::issuer::Algorithm;

use crate::tokens::{Signed, signed};

pub(crate) const CASES: [Case; 8] = [
    Case { name: "issued key, free", prepare: || free(Which::Issued) },
    Case { name: "token of EdDSA, free", prepare: || free(Which::EdDsa) },
    Case { name: "token of RS256, free", prepare: || free(Which::Rs256) },
    Case { name: "opaque key of that length, free", prepare: || free(Which::Opaque) },
    Case { name: "issued key, hold, captured", prepare: || held(Which::Issued) },
    Case { name: "token of EdDSA, hold, captured", prepare: || held(Which::EdDsa) },
    Case { name: "token of RS256, hold, captured", prepare: || held(Which::Rs256) },
    Case { name: "opaque key of that length, hold, captured", prepare: || held(Which::Opaque) },
];

/// What of it grows with a secret's length.
pub(crate) const PARTS: [Case; 6] = [
    Case { name: "only reading the issued key", prepare: || read(Which::Issued) },
    Case { name: "only reading the token of EdDSA", prepare: || read(Which::EdDsa) },
    Case { name: "only reading the token of RS256", prepare: || read(Which::Rs256) },
    Case { name: "only the SHA-256 of the issued key", prepare: || hash(Which::Issued) },
    Case { name: "only the SHA-256 of the token of EdDSA", prepare: || hash(Which::EdDsa) },
    Case { name: "only the SHA-256 of the token of RS256", prepare: || hash(Which::Rs256) },
];

/// Which of the gate's secrets is sent.
#[derive(Clone, Copy)]
enum Which {
    Issued,
    EdDsa,
    Rs256,
    Opaque,
}

/// One provider for all, and the secret.
async fn known(which: Which) -> (Routes, Secret) {
    let (issued_keys, issued_key) = issued().await;
    let algorithm = match which {
        Which::EdDsa => Algorithm::EdDsa,
        Which::Issued | Which::Rs256 | Which::Opaque => Algorithm::Rs256,
    };
    let Signed { provider, token, .. } = signed(algorithm);
    let opaque = format!("opaque_{}", "x".repeat(token.expose().len() - "opaque_".len()));
    let opaque = Secret::parse(opaque).expect("a secret");
    let opaque_key = StaticKey::new("long", &opaque.digest().to_hex());
    let opaque_keys = StaticKeys::builder().key(opaque_key).build().expect("keys");
    let routes = Routes::builder().prefix("opaque_", opaque_keys).jwt(provider);
    let secret = match which {
        Which::Issued => issued_key,
        Which::EdDsa | Which::Rs256 => token,
        Which::Opaque => opaque,
    };
    (routes.otherwise(issued_keys).build().expect("routes"), secret)
}

fn free(which: Which) -> Load {
    admitted(which, Guard::free(), Cost::none())
}

fn held(which: Which) -> Load {
    admitted(which, Guard::fixed(price()), price())
}

/// Requests whose handlers do nothing and succeed; each then counts `cost`.
fn admitted(which: Which, guard: Guard, cost: Cost) -> Load {
    let runtime = tokio_runtime();
    let world = runtime.block_on(async {
        let (provider, secret) = known(which).await;
        Rc::new(World::knowing(provider, &secret).await)
    });
    let guarded = runtime.block_on(async { world.gate.guarded(guard).expect("a guard") });
    let mut served = 0;
    Box::new(move |bursts| {
        runtime.block_on(async {
            drive(bursts, || async {
                for _ in 0..BURST {
                    let Decision::Admitted(key) =
                        guarded.decide(black_box(&world.sent), None).await
                    else {
                        panic!("not admitted");
                    };
                    let mut course = Course::begin(key);
                    course.answered(200);
                    course.completed();
                }
            })
            .await;
            served += bursts * BURST;
            world.check(served, &cost).await;
        });
    })
}

/// Reading a secret checks and copies it; when it is dropped it is overwritten.
fn read(which: Which) -> Load {
    let (_, secret) = tokio_runtime().block_on(known(which));
    let text = secret.expose().to_owned();
    Box::new(move |bursts| {
        for _ in 0..bursts * BURST {
            let _ = black_box(Secret::parse(black_box(&text)).expect("a secret"));
        }
    })
}

fn hash(which: Which) -> Load {
    let (_, secret) = tokio_runtime().block_on(known(which));
    Box::new(move |bursts| {
        for _ in 0..bursts * BURST {
            black_box(black_box(&secret).digest());
        }
    })
}
