//! Many live keys against few, in random order with a fixed seed, the hand-written floor under the same
//! requests beside them. Every request is admitted and its hold given back.
//!
//! A key of 100,000 is used some ten times a second here: whether its limits have leases then is for
//! the gate to say, and *asked* tells.

#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, reason = "a program")]

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use keycap::Guard;
use keycap::gate::Guarded;
use keycap_bench::{
    Contender, Counter, Entry, KEYS_A_USER, KEYS_AN_ORGANISATION, Node, ROOMY, Random, Reference,
    ReferenceEntry, Sent, admit, contest, finish, price, released, secret, until_steady,
};
use quanta::Clock;

const FEW: usize = 1_000;
const MANY: usize = 100_000;
const CHAT: u64 = 1;

fn main() {
    contest(&[
        &[
            Entry { name: "reference, 1,000 keys", make: || reference(FEW) },
            Entry { name: "reference, 100,000 keys", make: || reference(MANY) },
        ],
        &[
            Entry { name: "Keycap, free, 1,000 keys", make: || keycap(FEW, Guard::free) },
            Entry { name: "Keycap, free, 100,000 keys", make: || keycap(MANY, Guard::free) },
        ],
        &[
            Entry { name: "Keycap, hold, released, 1,000 keys", make: || keycap(FEW, hold) },
            Entry { name: "Keycap, hold, released, 100,000 keys", make: || keycap(MANY, hold) },
        ],
    ]);
}

fn hold() -> Guard {
    released(price())
}

fn reference(keys: usize) -> Contender {
    let clock = Clock::new();
    let until = clock.now() + Duration::from_secs(86_400);
    let shared = |count: usize| (0..count).map(|_| Counter::shared(u64::MAX)).collect::<Vec<_>>();
    let users = shared(keys.div_ceil(KEYS_A_USER));
    let organisations = shared(keys.div_ceil(KEYS_AN_ORGANISATION));
    let secrets: Vec<String> = (0..keys).map(secret).collect();
    let entries = secrets.iter().enumerate().map(|(key, secret)| {
        let user = users[key / KEYS_A_USER].clone();
        let above = [user, organisations[key / KEYS_AN_ORGANISATION].clone()];
        (secret.as_str(), ReferenceEntry::new(until, CHAT, Counter::new(u64::MAX), above))
    });
    let (table, mut sent, mut random) = (Reference::of(entries), Sent::by(0), Random::default());
    Contender::new(move |requests| {
        for _ in 0..requests {
            sent.change_to(random.below(keys));
            let admitted = table.admit(black_box(sent.0.as_bytes()), || clock.now(), CHAT, 1);
            assert!(admitted, "admitted");
        }
    })
}

fn keycap(keys: usize, guard: fn() -> Guard) -> Contender {
    let node = Rc::new(Node::new(ROOMY));
    (0..keys).for_each(|key| node.know(key));
    let (guarded, mut sent) = (node.guarded(guard()), Sent::by(0));
    let mut random = Random::default();
    let mut turn = move |requests| {
        for _ in 0..requests {
            sent.change_to(random.below(keys));
            request(&guarded, &sent);
        }
    };
    let rest = move || node.wait_for(0, 0, &keycap::Cost::none());
    until_steady(|requests| {
        turn(requests);
        rest();
    });
    Contender::new(turn).resting(rest)
}

fn request(guarded: &Guarded, sent: &Sent) {
    finish(admit(guarded, black_box(sent)));
}
