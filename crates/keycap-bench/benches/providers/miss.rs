//! What a gate asks of its provider when the table does not know a key: whether it can be one, who is
//! asked, and whose it is. The key is one of our own; what differs is what stands before its provider.

use std::hint::black_box;

use keycap::verify::Answer;
use keycap::{IdentityProvider, IssuedKeys, Secret};
use keycap_bench::{BURST, Case, Load, drive, issued, tokio_runtime};

use crate::routed::{routes, turns};

pub(crate) const CASES: [Case; 6] = [
    Case { name: "no composition", prepare: || missed(|keys| keys) },
    Case { name: "1 route, passed by", prepare: || routed(1) },
    Case { name: "8 routes, passed by", prepare: || routed(8) },
    Case { name: "64 routes, passed by", prepare: || routed(64) },
    Case { name: "second of 2 asked in turn", prepare: || asked_last(2) },
    Case { name: "last of 8 asked in turn", prepare: || asked_last(8) },
];

fn routed(count: usize) -> Load {
    missed(|keys| routes(count).otherwise(keys).build().expect("routes"))
}

fn asked_last(count: usize) -> Load {
    missed(|keys| turns(count - 1).provider(keys).build().expect("turns"))
}

fn missed<P: IdentityProvider + 'static>(compose: impl FnOnce(IssuedKeys) -> P) -> Load {
    let runtime = tokio_runtime();
    let (keys, secret) = runtime.block_on(issued());
    let provider = compose(keys);
    Box::new(move |bursts| {
        runtime.block_on(drive(bursts, || async {
            for _ in 0..BURST {
                miss(&provider, black_box(&secret)).await;
            }
        }));
    })
}

async fn miss(provider: &dyn IdentityProvider, secret: &Secret) {
    assert_eq!(provider.screen(secret), None, "it may be a key");
    black_box(provider.names_for(secret));
    match provider.verify(secret).await {
        Answer::Known(identity) => drop(black_box(identity)),
        other => panic!("not known: {other:?}"),
    }
}
