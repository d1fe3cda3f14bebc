//! Accounts that are refused, each for a reason of its own.

use keycap::budget::ChainSpec;
use keycap::{Guard, Networks, NewKey, Resources, usd};
use keycap_tests::{App, NOW, Route, Work};

/// Accounts that are refused, each for a reason of its own; named after their keys.
pub(crate) fn troubled() -> App {
    let owners = ["bygone", "walled", "picky", "small", "slow", "spent", "gone", "asleep", "full"];
    let keys = owners.into_iter().fold(App::default(), |app, owner| {
        app.key(owner, NewKey::for_owner(owner).scopes(["chat"]))
    });
    keys.key("expired", NewKey::for_owner("alice").scopes(["chat"]).expires_at(NOW))
        .key("revoked", NewKey::for_owner("alice").scopes(["chat"]))
        .terms(|account| {
            let limit = match account.id().as_str() {
                "small" => "$0.01 per day",
                "slow" => "1 requests per minute",
                "spent" => "$0.05 per day",
                "gone" => "$0.05 per lifetime",
                "full" => "$0.03 per day",
                _ => "$1 per day",
            };
            let account = account.limit(limit.parse().unwrap()).unwrap();
            ChainSpec::of(match account.id().as_str() {
                "bygone" => account.expires_at(NOW),
                "walled" => account.networks(Networks::of(["10.0.0.0/8"]).unwrap()),
                "picky" => account.resources(Resources::of(["tiny-*"]).unwrap()),
                _ => account,
            })
        })
        .route(Route::guarded("/chat", chat(), Work::Track(usd!(0.02))))
        .route(Route::guarded("/admin", chat().scope("admin"), Work::Track(usd!(0.02))))
        .route(Route::guarded("/big", chat().resource("big-1"), Work::Track(usd!(0.02))))
        .route(Route::guarded("/spend", chat(), Work::Track(usd!(0.05))))
        .route(Route::guarded("/reserve", Guard::by_handler(), Work::Reserve(usd!(2), usd!(1))))
        .route(Route::open("/bare", Work::Show))
}

pub(crate) fn chat() -> Guard {
    Guard::fixed(usd!(0.02)).scope("chat")
}
