//! What a layer adds to an axum router with one route, in process and without a socket, from building
//! the request to the end of the response body: Keycap beside others, each mounted the same way.
//!
//! The first table mounts through `Router::layer`, the second puts the layer outside the router.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

mod app;
mod others;
mod ours;

use app::{Idle, contender, router};
use keycap::{Cost, Guard};
use keycap_bench::{Entry, contest};
use keycap_bench::{price, released};
use others::{authorized, governed, jwt};
use ours::{inside, outside, tracking};
use tower::Layer as _;

fn main() {
    contest(&[
        &[
            Entry { name: "bare", make: || contender(router(), app::bearer()) },
            Entry {
                name: "a layer that does nothing",
                make: || contender(router().layer(Idle), app::bearer()),
            },
            Entry { name: "Keycap, free", make: || inside(Guard::free(), Cost::none(), router) },
            Entry {
                name: "Keycap, hold, released",
                make: || inside(released(price()), Cost::none(), router),
            },
            Entry {
                name: "Keycap, priced",
                make: || inside(Guard::priced(price()), price(), router),
            },
            Entry {
                name: "Keycap, tracked in the handler",
                make: || inside(Guard::fixed(price()), price(), tracking),
            },
            Entry {
                name: "tower_governor by bearer",
                make: || contender(router().layer(governed()), app::bearer()),
            },
            Entry {
                name: "authorization over moka",
                make: || contender(router().layer(authorized()), app::bearer()),
            },
            Entry {
                name: "the same, then tower_governor",
                make: || contender(router().layer(governed()).layer(authorized()), app::bearer()),
            },
            Entry {
                name: "jsonwebtoken, HS256",
                make: || contender(router().layer(jwt::layer()), jwt::bearer()),
            },
        ],
        &[
            Entry { name: "bare router", make: || contender(router(), app::bearer()) },
            Entry { name: "outside: Keycap, free", make: || outside(Guard::free(), Cost::none()) },
            Entry {
                name: "outside: Keycap, hold, released",
                make: || outside(released(price()), Cost::none()),
            },
            Entry {
                name: "outside: Keycap, priced",
                make: || outside(Guard::priced(price()), price()),
            },
            Entry {
                name: "outside: tower_governor by bearer",
                make: || contender(governed().layer(router()), app::bearer()),
            },
            Entry {
                name: "outside: authorization over moka",
                make: || contender(authorized().layer(router()), app::bearer()),
            },
            Entry {
                name: "outside: the same, then tower_governor",
                make: || contender(authorized().layer(governed().layer(router())), app::bearer()),
            },
            Entry {
                name: "outside: jsonwebtoken, HS256",
                make: || contender(jwt::layer().layer(router()), jwt::bearer()),
            },
        ],
    ]);
}
