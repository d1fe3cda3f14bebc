//! Refusing what is nobody's by looking at it, before anybody is asked.

use std::hint::black_box;
use std::rc::Rc;

use keycap::gate::Decision;
use keycap::{Code, Guard, IdentityProvider, Rejection, Secret};
use keycap_bench::{BURST, Case, Load, World, drive, issued, tokio_runtime};
use keycap_standins::issuer::Algorithm;

use crate::routed::routes;
use crate::tokens::{foreign, signed};

/// How much longer than usual a token is made, to come near to the longest secret.
const PADDING: usize = 3_300;

pub(crate) const CASES: [Case; 7] = [
    Case { name: "mistyped key", prepare: || screened(own, mistyped) },
    Case { name: "no route of 1 takes it", prepare: || screened(|| bare(1), mistyped) },
    Case { name: "no route of 64 takes it", prepare: || screened(|| bare(64), mistyped) },
    Case { name: "three parts that are no token", prepare: || screened(tokens, || text("a.b.c")) },
    Case { name: "another issuer's token", prepare: || screened(tokens, || foreign(0)) },
    Case {
        name: "another issuer's, near 4,096 bytes",
        prepare: || screened(tokens, || foreign(PADDING)),
    },
    Case { name: "the same, refused by the gate", prepare: refused },
];

type Provider = Box<dyn IdentityProvider>;

fn own() -> Provider {
    Box::new(tokio_runtime().block_on(issued()).0)
}

/// Routes that take their own prefixes only.
fn bare(count: usize) -> Provider {
    Box::new(routes(count).build().expect("routes"))
}

/// Tokens behind 63 other routes.
fn tokens() -> Provider {
    Box::new(routes(63).jwt(signed(Algorithm::Rs256).provider).build().expect("routes"))
}

fn text(secret: &str) -> Secret {
    Secret::parse(secret).expect("a secret")
}

/// A key of our own whose last character is another one.
fn mistyped() -> Secret {
    let (_, secret) = tokio_runtime().block_on(issued());
    let mut written = secret.expose().to_owned();
    let last = written.pop();
    written.push(if last == Some('a') { 'b' } else { 'a' });
    text(&written)
}

fn screened(provider: impl FnOnce() -> Provider, secret: impl FnOnce() -> Secret) -> Load {
    let (provider, secret) = (provider(), secret());
    let expected = provider.screen(&secret);
    assert!(matches!(expected, Some(Rejection::Unknown | Rejection::Malformed)));
    Box::new(move |bursts| {
        for _ in 0..bursts * BURST {
            assert_eq!(provider.screen(black_box(&secret)), expected);
        }
    })
}

/// The dearest of it through the whole gate, which counts failed attempts.
fn refused() -> Load {
    let runtime = tokio_runtime();
    let provider: std::sync::Arc<dyn IdentityProvider> = tokens().into();
    let world = Rc::new(runtime.block_on(World::knowing(provider, &foreign(PADDING))));
    let guarded = runtime.block_on(async { world.gate.guarded(Guard::free()).expect("a guard") });
    Box::new(move |bursts| {
        runtime.block_on(drive(bursts, || async {
            for _ in 0..BURST {
                match guarded.decide(black_box(&world.sent), None).await {
                    Decision::Refused(refusal) if refusal.code() == Code::InvalidKey => {}
                    other => panic!("not refused as no key: {other:?}"),
                }
            }
        }));
    })
}
