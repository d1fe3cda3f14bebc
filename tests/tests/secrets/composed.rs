//! Providers made of several, keys that are served by grace, and keys that are denied.

use std::sync::Arc;
use std::time::Duration;

use keycap::verify::{DeniedUntil, FirstOf, Routes};
use keycap::{ManualClock, Secret};
use keycap_standins::faults::{Canned, Fault, Server};
use keycap_tests::sought::Sought;
use keycap_tests::{Framework, NOW};
use serde_json::json;

use crate::parties::{Party, parties, token};
use crate::site::{Provider, Search, serve};
use crate::weather::{self, Place, Weather};

/// One of each provider, in this order.
const NAMES: [&str; 4] = ["clerk", "unkey", "basic", "jwks"];

fn each() -> [Party; 4] {
    NAMES.map(|name| parties().into_iter().find(|party| party.name == name).unwrap())
}

fn callers() -> [String; 5] {
    [
        "ak_7caller2Of3four".to_owned(),
        "acme_4callerOf5four".to_owned(),
        "opaque6callerOf7four".to_owned(),
        token(&json!({ "sub": "one_of_four" })),
        "stranger9To0All".to_owned(),
    ]
}

fn sought() -> Sought {
    let own = each().into_iter().fold(Sought::default(), |sought, party| sought.with(&party.own));
    callers().iter().fold(own, |sought, secret| sought.token("a caller's", secret))
}

fn routes(places: &[Place], clock: &ManualClock) -> (Provider, String) {
    let [clerk, unkey, introspection, jwt] = build(places, clock);
    let builder = Routes::builder().prefix("ak_", clerk).prefix("acme_", unkey).jwt(jwt);
    let builder = builder.otherwise(introspection);
    let shown = format!("{builder:?}");
    let routes = builder.build().unwrap();
    let shown = format!("{shown} {routes:?} {routes:#?}");
    (Arc::new(routes), shown)
}

fn first_of(places: &[Place], clock: &ManualClock) -> (Provider, String) {
    let members = build(places, clock);
    let builder = members.into_iter().fold(FirstOf::builder(), |all, one| all.provider(one));
    let shown = format!("{builder:?}");
    let first_of = builder.turn(Duration::from_secs(1)).build().unwrap();
    let shown = format!("{shown} {first_of:?} {first_of:#?}");
    (Arc::new(first_of), shown)
}

fn build(places: &[Place], clock: &ManualClock) -> [Provider; 4] {
    let mut places = places.iter();
    each().map(|party| {
        let place = places.next().unwrap();
        (party.build)(&place.origin, place.http.clone(), clock).provider
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_composition_makes_a_secret_show() {
    let search = Search::begin(sought());
    let echo: Vec<_> = search.sought.texts().map(str::to_owned).collect();
    let echo = echo.join(" ");
    let clock = ManualClock::at(NOW);
    type Compose = fn(&[Place], &ManualClock) -> (Provider, String);
    for (name, compose) in [("routes", routes as Compose), ("first of", first_of)] {
        for which in [0, 3, 8, 9] {
            let mut places = Vec::new();
            for _ in NAMES {
                places.push(weather::all(&echo).swap_remove(which).come().await);
            }
            trouble(name, compose(&places, &clock), &search, &clock).await;
        }
        let mut places = Vec::new();
        for weather in [Weather::Dead, Weather::Slow(Fault::Hang), Weather::Dead, Weather::Dead] {
            places.push(weather.come().await);
        }
        trouble(name, compose(&places, &clock), &search, &clock).await;
    }
    search.finish(&["a provider was passed by", "provider_call", "cannot decide"], &["refuses_us"]);
}

async fn trouble(
    name: &str,
    (provider, shown): (Provider, String),
    search: &Search,
    clock: &ManualClock,
) {
    search.sought.assert_hidden(name, &shown);
    for framework in Framework::ALL {
        let site = serve(&provider, clock, framework).await;
        for secret in callers() {
            search.verdict(&provider, &secret).await;
            search.present(&site, &secret).await;
        }
        search.end(site, &callers()[0]).await;
    }
}

/// A key that was known outlives its provider for a while; a key that is denied ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn p9_neither_grace_nor_denial_makes_a_secret_show() {
    let search = Search::begin(sought());
    let [clerk, ..] = each();
    let [known, ..] = callers();
    for framework in Framework::ALL {
        let clock = ManualClock::at(NOW);
        let (good, bad) = (good_key(), Canned::status(401).header("x-echo", known.clone()));
        let server = Server::start(Fault::Answer(good)).await;
        let http = keycap::clerk::HttpSettings::new().attempts(1);
        let provider = (clerk.build)(&server.origin(), http, &clock).provider;
        let site = serve(&provider, &clock, framework).await;
        assert_eq!(search.present(&site, &known).await.status(), 200);
        server.set(Fault::Answer(bad.body(known.clone())));
        clock.advance(Duration::from_secs(61));
        site.clock.advance(Duration::from_secs(61));
        assert_eq!(search.chat(&site, &known).await.status(), 200, "by grace");
        let digest = Secret::parse(&known).unwrap().digest();
        site.gate.deny(&digest, DeniedUntil::Stopped).unwrap();
        search.sought.assert_not_in_debug("a digest", &digest);
        let denied = search.present(&site, &known).await;
        assert_eq!((denied.status(), denied.code().as_str()), (401, "revoked_key"));
        search.end(site, &known).await;
    }
    search.finish(&["does not accept our own credentials"], &["keycap_provider_calls_total"]);
}

fn good_key() -> Canned {
    let key = json!({
        "object": "api_key", "id": "ak_1", "subject": "user_1", "name": "a", "scopes": [],
        "claims": null, "revoked": false, "expired": false, "expiration": null,
    });
    Canned::json(200, key.to_string())
}
