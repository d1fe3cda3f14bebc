//! What an application may choose about answers and addresses.

use std::time::Duration;

use keycap::gate::{ClientAddress, ForwardingHeader, RateLimitHeaders};
use keycap::{AnswerSettings, BudgetStatus, Guard, TrustedProxies, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::wire::{Request, ask};
use keycap_tests::{App, Route, Site, Told, Work, same_on_both};

use crate::troubled::troubled;

#[tokio::test(flavor = "multi_thread")]
async fn p8_settings_of_answers_hold_alike_in_both() {
    let settings = || {
        AnswerSettings::default()
            .budget_status(BudgetStatus::PaymentRequired)
            .types_under("https://docs.example.com/errors/")
            .and_then(|settings| settings.realm("chat api"))
            .and_then(|settings| settings.unavailable_retry_after(Duration::from_millis(6_500)))
            .unwrap()
    };
    let app = || troubled().gate(move |gate| gate.answers(settings()));
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("", site.ask("spent", Request::post("/spend")).await);
        told.add("spent", site.ask("spent", Request::post("/chat")).await);
        told.add("missing", ask(site.address, &Request::post("/chat")).await);
        site.ledger_switch.set(Mood::Failing);
        told.add("broken", site.ask("alice", Request::post("/chat")).await);
        site.ledger_switch.set(Mood::Well);
        told
    })
    .await;
    let spent = told.answer("spent");
    assert_eq!(spent.line, "HTTP/1.1 402 Payment Required");
    assert_eq!(spent.json()["type"], "https://docs.example.com/errors/budget_exceeded");
    let challenge = told.answer("missing").header("www-authenticate").unwrap();
    assert_eq!(challenge, "Bearer realm=\"chat api\"");
    assert_eq!(told.answer("broken").header("retry-after"), Some("7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_rendering_of_the_applications_own_holds_alike_in_both() {
    let app = || {
        troubled().gate(|gate| {
            gate.render(|refusal, answer| {
                let page = answer.with_header("content-type", "text/plain").unwrap();
                page.with_body(format!("no: {}", refusal.code()))
            })
        })
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("by the layer", ask(site.address, &Request::post("/chat")).await);
        told.add("in the handler", site.ask("alice", Request::post("/reserve")).await);
        told
    })
    .await;
    let by_layer = told.answer("by the layer");
    assert_eq!((by_layer.status(), &*by_layer.body), (401, &b"no: missing_key"[..]));
    assert_eq!(by_layer.header("content-type"), Some("text/plain"));
    let in_handler = told.answer("in the handler");
    assert_eq!((in_handler.status(), &*in_handler.body), (429, &b"no: hold_exceeds_cap"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_the_address_behind_trusted_proxies_counts_alike_in_both() {
    let proxies = || TrustedProxies::new(ForwardingHeader::XForwardedFor, ["127.0.0.0/8"]).unwrap();
    let app = || troubled().gate(move |gate| gate.client_address(ClientAddress::behind(proxies())));
    let forwarded = |hops: &'static str| Request::post("/chat").header("X-Forwarded-For", hops);
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("200 inside", site.ask("walled", forwarded("10.1.2.3")).await);
        told.add("403 outside", site.ask("walled", forwarded("192.0.2.1")).await);
        told.add("403 forged", site.ask("walled", forwarded("10.1.2.3, 192.0.2.1")).await);
        told.add("200 two proxies", site.ask("walled", forwarded("10.1.2.3, 127.0.0.9")).await);
        let lines = forwarded("192.0.2.1").header("X-Forwarded-For", "10.1.2.3");
        told.add("200 two lines", site.ask("walled", lines).await);
        told.add("403 unreadable", site.ask("walled", forwarded("somebody")).await);
        told.add("403 none", site.ask("walled", Request::post("/chat")).await);
        told
    })
    .await;
    for (label, answer) in told.answers() {
        assert_eq!(answer.status().to_string(), label[..3], "{label}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_rate_limit_headers_are_sent_alike_by_both_where_they_are_wanted() {
    let settings = || AnswerSettings::default().rate_limit_headers(RateLimitHeaders::On);
    let app = || {
        App::limited("3 requests per minute")
            .gate(move |gate| gate.answers(settings()))
            .route(Route::guarded("/chat", Guard::fixed(usd!(0.01)), Work::Track(usd!(0.01))))
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        for label in ["first", "second", "third", "fourth"] {
            told.add(label, site.ask("alice", Request::post("/chat")).await);
            site.quiet().await;
        }
        site.clock.advance(Duration::from_secs(60));
        told.add("a minute later", site.ask("alice", Request::post("/chat")).await);
        told
    })
    .await;
    told.check(&[
        ("first", "ratelimit-policy", Some("\"minute\";q=3;w=60")),
        ("first", "ratelimit", Some("\"minute\";r=2;t=60")),
        ("third", "ratelimit", Some("\"minute\";r=0;t=60")),
        ("fourth", "retry-after", Some("60")),
        ("a minute later", "ratelimit", Some("\"minute\";r=2;t=60")),
    ]);
    assert_eq!(told.answer("fourth").code(), "rate_limited");
}
