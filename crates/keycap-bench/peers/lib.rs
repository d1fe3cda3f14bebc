//! What the programs under `benches` share: Keycap as an application mounts it, ready to be measured.

#![allow(clippy::expect_used, reason = "programs, not a library")]

use std::cell::Cell;
use std::rc::Rc;

use keycap::{Cost, Guard};
use keycap_bench::{Contender, Node, ROOMY, Sent, until_steady};

/// The key that is used.
pub const KEY: usize = 0;

/// One of Keycap's contenders: `app` mounts a guard, `request` makes one request with this value of
/// `Authorization`. Each counts `cost`.
pub fn keycap<S: 'static>(
    guard: Guard,
    cost: Cost,
    app: impl FnOnce(&Node, Guard) -> S,
    request: fn(&S, &str),
) -> Contender {
    let node = Rc::new(Node::new(ROOMY));
    node.know(KEY);
    let (app, sent) = (app(&node, guard.scope("chat")), Sent::by(KEY));
    let served = Rc::new(Cell::new(0));
    let count = Rc::clone(&served);
    let turn = move |requests: usize| {
        for _ in 0..requests {
            request(&app, &sent.0);
        }
        count.set(count.get() + requests as u64);
    };
    let rest = move || node.wait_for(KEY, served.get(), &cost);
    until_steady(|requests| {
        turn(requests);
        rest();
    });
    Contender::new(turn).resting(rest)
}

/// Any other contender.
pub fn other<S: 'static>(app: S, authorization: String, request: fn(&S, &str)) -> Contender {
    Contender::new(move |requests| {
        for _ in 0..requests {
            request(&app, &authorization);
        }
    })
}
