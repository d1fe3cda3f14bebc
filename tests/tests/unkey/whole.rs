//! Requests over TCP, through both adapters, to a budget for a key that Unkey keeps.

use std::sync::Arc;
use std::time::Duration;

use keycap::unkey::{HttpSettings, Unkey};
use keycap::{Guard, usd};
use keycap_standins::unkey::{Enabled, NewKey, StandIn};
use keycap_tests::log::Log;
use keycap_tests::wire::{Request, Response, answer};
use keycap_tests::{App, Framework, NOW, Route, Site, Work};

use crate::stand_in;

const VERIFY: &str = "/v2/keys.verifyKey";
/// A little longer than a verified key is believed.
const LIVE: Duration = Duration::from_secs(61);

async fn site(framework: Framework, service: &StandIn, root_key: &str) -> Site {
    let unkey = Unkey::root_key(root_key)
        .api_url(service.url())
        .http(HttpSettings::new().total_timeout(Duration::from_secs(2)))
        .clock(keycap::ManualClock::at(NOW));
    let unkey = Arc::new(unkey.build().unwrap());
    let chat = Guard::fixed(usd!(0.05)).scope("chat");
    App::limited("$0.10 per day")
        .gate(move |gate| gate.provider(Arc::clone(&unkey)))
        .route(Route::guarded("/chat", chat, Work::Track(usd!(0.05))))
        .on(framework)
        .await
}

async fn chat(site: &Site, secret: &str) -> Response {
    answer(site.address, &Request::post("/chat").bearer(secret)).await
}

#[track_caller]
fn refused(told: &Response, status: u16, code: &str) {
    assert_eq!((told.status(), told.code().as_str()), (status, code), "{told:?}");
    assert_eq!(told.header("www-authenticate").is_some(), [401, 403].contains(&status), "{told:?}");
}

fn customer(name: &str) -> NewKey {
    NewKey::named(name).owner("user_1").permissions(&["chat"])
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_all_keys_of_a_customer_spend_from_one_budget_and_no_credits() {
    for framework in Framework::ALL {
        let service = stand_in().await;
        let site = site(framework, &service, service.root_key()).await;
        let first = service.create(customer("first").credits(1));
        let second = service.create(customer("second"));
        assert_eq!(chat(&site, &first.secret).await.status(), 200);
        assert_eq!(chat(&site, &second.secret).await.status(), 200);
        refused(&chat(&site, &first.secret).await, 429, "budget_exceeded");
        assert_eq!(site.charges("user_1").await.len(), 2);
        assert_eq!(service.count(VERIFY), 2, "a key that is known needs no call");
        assert_eq!(service.credits(&first.key_id), Some(1), "a verification costs none");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_that_is_no_good_is_told_why() {
    for framework in Framework::ALL {
        let service = stand_in().await;
        let site = site(framework, &service, service.root_key()).await;
        let expired = service.create(customer("expired").expires_ms(NOW.as_millis() - 1));
        let disabled = service.create(customer("disabled"));
        service.enable(&disabled.key_id, Enabled::No);
        let unable = service.create(NewKey::named("unable").permissions(&["chat.*", "*"]));
        refused(&chat(&site, "nobody-issued-this").await, 401, "invalid_key");
        refused(&chat(&site, &expired.secret).await, 401, "expired_key");
        refused(&chat(&site, &disabled.secret).await, 401, "revoked_key");
        refused(&chat(&site, &unable.secret).await, 403, "insufficient_scope");
        refused(&chat(&site, &"x".repeat(600)).await, 401, "invalid_key");
        assert_eq!(service.count(VERIFY), 4, "a key that is too long is not asked about");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_that_is_disabled_stops_within_its_time_to_live_and_serves_again_after_it() {
    for framework in Framework::ALL {
        let service = stand_in().await;
        let site = site(framework, &service, service.root_key()).await;
        let key = service.create(customer("one"));
        assert_eq!(chat(&site, &key.secret).await.status(), 200);
        service.enable(&key.key_id, Enabled::No);
        site.clock.advance(LIVE);
        refused(&chat(&site, &key.secret).await, 401, "revoked_key");
        service.enable(&key.key_id, Enabled::Yes);
        site.clock.advance(LIVE);
        assert_eq!(chat(&site, &key.secret).await.status(), 200);
        service.delete(&key.key_id);
        site.clock.advance(LIVE);
        refused(&chat(&site, &key.secret).await, 401, "invalid_key");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_outage_is_503_and_is_forgotten_once_it_is_over() {
    for framework in Framework::ALL {
        let service = stand_in().await;
        let site = site(framework, &service, service.root_key()).await;
        let (known, new) = (service.create(customer("known")), service.create(customer("new")));
        assert_eq!(chat(&site, &known.secret).await.status(), 200);
        service.fail(503);
        refused(&chat(&site, &new.secret).await, 503, "auth_unavailable");
        refused(&chat(&site, "nobody-issued-this").await, 503, "auth_unavailable");
        assert_eq!(chat(&site, &known.secret).await.status(), 200, "it is known");
        service.heal();
        let of_another = service.create(NewKey::named("other").permissions(&["chat"]));
        assert_eq!(chat(&site, &of_another.secret).await.status(), 200);
        refused(&chat(&site, &new.secret).await, 429, "budget_exceeded");
        refused(&chat(&site, "nobody-issued-this").await, 401, "invalid_key");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_what_is_unkeys_or_ours_is_no_word_about_the_key() {
    for framework in Framework::ALL {
        let service = stand_in().await;
        let good = site(framework, &service, service.root_key()).await;
        let key = service.create(customer("elsewhere"));
        service.forbid(&key.key_id);
        refused(&chat(&good, &key.secret).await, 503, "auth_unavailable");

        let limited = service.create(customer("limited").limit("calls", 1, 30_000));
        assert_eq!(chat(&good, &limited.secret).await.status(), 200);
        good.clock.advance(LIVE);
        let told = chat(&good, &limited.secret).await;
        refused(&told, 503, "auth_unavailable");
        let wait: u64 = told.header("retry-after").unwrap().parse().unwrap();
        assert!((2..=30).contains(&wait), "{wait}");
        good.close().await;

        let wrong = site(framework, &service, "unkey_another").await;
        let key = service.create(customer("one"));
        refused(&chat(&wrong, &key.secret).await, 503, "auth_unavailable");
        wrong.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_neither_key_nor_root_key_is_in_the_log() {
    let log = Log::capture();
    let mut secrets = vec!["nobody-issued-this".to_owned(), "unkey_another".to_owned()];
    for framework in Framework::ALL {
        let service = stand_in().await;
        let key = service.create(customer("logged").prefix("logged"));
        for root_key in [service.root_key(), "unkey_another"] {
            let site = site(framework, &service, root_key).await;
            for status in [None, Some(429), Some(500)] {
                status.map_or_else(|| service.heal(), |status| service.fail(status));
                for secret in [&key.secret, "nobody-issued-this"] {
                    let told = chat(&site, secret).await;
                    assert!(!format!("{told:?}").contains(secret), "{told:?}");
                }
            }
            site.close().await;
        }
        secrets.extend([key.secret, service.root_key().to_owned()]);
    }
    let text = log.text();
    assert!(text.contains("unkey"), "something was logged");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} was logged");
    }
}
