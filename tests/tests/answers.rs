//! The same script of requests against both adapters: every answer equal byte for byte, and each as
//! the table of refusals says (P8).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

mod script;

use std::time::Duration;

use keycap::budget::{Amendment, ChainSpec, Operation, apply_one};
use keycap::gate::{ClientAddress, ForwardingHeader};
use keycap::verify::FailureGuard;
use keycap::{
    AccountId, AnswerSettings, BudgetStatus, Code, CredentialPlaces, Guard, NewKey, Place, Status,
    TemplateError, TrustedProxies, usd,
};
use keycap_tests::doubles::Mood;
use keycap_tests::wire::{Request, ask};
use keycap_tests::{App, NOW, Route, Site, Work};
use script::{Told, same_on_both};

/// Accounts that are refused, each for a reason of its own; named after their keys.
fn troubled() -> App {
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
                "walled" => account.networks(keycap::Networks::of(["10.0.0.0/8"]).unwrap()),
                "picky" => account.resources(keycap::Resources::of(["tiny-*"]).unwrap()),
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

fn chat() -> Guard {
    Guard::fixed(usd!(0.02)).scope("chat")
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_every_refusal_by_rule_is_told_alike_by_both() {
    let told = same_on_both(
        || troubled(),
        async |site: &Site| {
            site.keys.revoke(&site.record("revoked").id).await.unwrap();
            suspend(site, "asleep").await;
            let mut told = Told::default();
            told.add("missing_key", ask(site.address, &Request::post("/chat")).await);
            for (label, name, path) in [
                ("expired_key", "expired", "/chat"),
                ("revoked_key", "revoked", "/chat"),
                ("account_expired", "bygone", "/chat"),
                ("suspended", "asleep", "/chat"),
                ("address_not_allowed", "walled", "/chat"),
                ("insufficient_scope", "alice", "/admin"),
                ("resource_not_allowed", "picky", "/big"),
                ("hold_exceeds_cap", "small", "/chat"),
                ("hold_exceeds_cap, in the handler", "alice", "/reserve"),
                ("", "slow", "/chat"),
                ("rate_limited", "slow", "/chat"),
                ("", "spent", "/spend"),
                ("budget_exceeded", "spent", "/chat"),
                ("", "gone", "/spend"),
                ("budget_exceeded, for good", "gone", "/chat"),
                ("misconfigured", "alice", "/bare"),
            ] {
                told.add(label, site.ask(name, Request::post(path)).await);
            }
            let unknown = Request::post("/chat").bearer("nobody-issued-this");
            told.add("invalid_key", ask(site.address, &unknown).await);
            told
        },
    )
    .await;
    for (label, answer) in told.answers() {
        let code = label.split(',').next().unwrap();
        assert_eq!(answer.code(), code, "{label}: {answer:?}");
        let row = Code::ALL.iter().find(|known| known.as_str() == code);
        assert_eq!(answer.status(), row.map_or(200, |code| code.status()), "{label}: {answer:?}");
        let kind = if code.is_empty() { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), Some(kind), "{label}");
    }
    told.check(&[
        ("missing_key", "www-authenticate", Some("Bearer")),
        ("expired_key", "www-authenticate", Some("Bearer error=\"invalid_token\"")),
        (
            "insufficient_scope",
            "www-authenticate",
            Some("Bearer error=\"insufficient_scope\", scope=\"chat admin\""),
        ),
        ("hold_exceeds_cap", "retry-after", None),
        ("hold_exceeds_cap", "x-should-retry", Some("false")),
        ("rate_limited", "retry-after", Some("60")),
        ("rate_limited", "x-should-retry", None),
        ("budget_exceeded", "retry-after", Some("43200")),
        ("budget_exceeded", "x-should-retry", Some("false")),
        ("budget_exceeded, for good", "retry-after", None),
        ("budget_exceeded, for good", "x-should-retry", Some("false")),
    ]);
    let limit = &told.answer("budget_exceeded").json()["limit"];
    assert_eq!(limit["account"], "spent");
    assert_eq!(limit["cap"], "$0.05");
    assert_eq!(limit["resets_at"], "2026-03-11T00:00:00Z");
}

async fn suspend(site: &Site, account: &'static str) {
    // The first request opens the account.
    assert_eq!(site.answer(account, Request::post("/chat")).await.status(), 200);
    let amendment = Amendment::new().status(Status::Suspended);
    let account = AccountId::new(account).unwrap();
    let version = site.ledger.chain(&account).await.unwrap().unwrap().leaf().version;
    let amend = Operation::Amend { account, version, amendment };
    apply_one(&*site.ledger, amend).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_what_requests_in_flight_hold_is_told_as_reserved_by_both() {
    let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.01))));
    let route = |latch| Route::guarded("/slowly", chat(), work(latch));
    let told = same_on_both(
        || troubled().route_with_latch(route),
        async |site: &Site| {
            let slow = site.ask("full", Request::post("/slowly"));
            let meanwhile = async {
                site.latch.reached(1).await;
                let mut told = Told::default();
                told.add("budget_reserved", site.ask("full", Request::post("/chat")).await);
                site.latch.open();
                told
            };
            let (slow, mut told) = tokio::join!(slow, meanwhile);
            told.add("", slow);
            site.quiet().await;
            told.add("fits again", site.ask("full", Request::post("/chat")).await);
            told
        },
    )
    .await;
    let reserved = told.answer("budget_reserved");
    assert_eq!((reserved.status(), reserved.code().as_str()), (429, "budget_reserved"));
    assert_eq!(reserved.header("retry-after"), Some("1"));
    assert_eq!(told.answer("fits again").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_outages_are_told_alike_by_both() {
    let told = same_on_both(
        || troubled().route(Route::guarded("/broken", chat(), Work::Show)),
        async |site: &Site| {
            let mut told = Told::default();
            site.provider.set(Mood::Failing);
            told.add("auth_unavailable", site.ask("alice", Request::post("/chat")).await);
            site.provider.set(Mood::Well);
            told.add("", site.ask("alice", Request::post("/chat")).await);
            site.ledger_switch.set(Mood::Failing);
            told.add("ledger_unavailable", site.ask("alice", Request::post("/chat")).await);
            site.ledger_switch.set(Mood::Well);
            told
        },
    )
    .await;
    for code in ["auth_unavailable", "ledger_unavailable"] {
        let answer = told.answer(code);
        assert_eq!((answer.status(), answer.code().as_str()), (503, code));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let failing = || {
        troubled().gate(|gate| {
            gate.template_fn(|_| async { Err(TemplateError::new("no such customer: 4711")) })
        })
    };
    let told = same_on_both(failing, async |site: &Site| {
        let mut told = Told::default();
        told.add("template", site.ask("alice", Request::post("/chat")).await);
        told
    })
    .await;
    let answer = told.answer("template");
    assert_eq!((answer.status(), answer.code().as_str()), (500, "misconfigured"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("4711"), "details only in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_floods_of_bad_keys_are_told_alike_by_both() {
    let guarded = || {
        troubled().gate(|gate| gate.failed_attempts(FailureGuard::builder().failures_per_minute(2)))
    };
    let told = same_on_both(guarded, async |site: &Site| {
        let mut told = Told::default();
        told.add("known good", site.ask("alice", Request::post("/chat")).await);
        for (label, secret) in [("first", "bad-1"), ("second", "bad-2"), ("third", "bad-3")] {
            told.add(label, ask(site.address, &Request::post("/chat").bearer(secret)).await);
        }
        told.add("neighbour", site.ask("alice", Request::post("/chat")).await);
        told
    })
    .await;
    assert_eq!(told.answer("second").code(), "invalid_key");
    let third = told.answer("third");
    assert_eq!((third.status(), third.code().as_str()), (429, "too_many_failures"));
    assert_eq!(third.header("retry-after"), Some("30"));
    assert_eq!(told.answer("neighbour").status(), 200, "garbage does not lock customers out");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_odd_credentials_are_told_alike_by_both() {
    let secret = Site::secret("alice");
    let longest = "a".repeat(4096);
    let too_long = "a".repeat(4097);
    let lines: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("200 lower-case scheme", vec![format!("bearer {secret}").into()]),
        ("200 upper-case scheme", vec![format!("BEARER {secret}").into()]),
        ("200 several spaces", vec![format!("Bearer    {secret}").into()]),
        ("400 two headers", vec![format!("Bearer {secret}").into(); 2]),
        ("200 Basic beside it", vec![b"Basic YTpi".into(), format!("Bearer {secret}").into()]),
        ("401 empty", vec![b"".into()]),
        ("401 scheme only", vec![b"Bearer".into()]),
        ("401 scheme and space", vec![b"Bearer ".into()]),
        ("401 no scheme", vec![secret.clone().into()]),
        ("401 the longest", vec![format!("Bearer {longest}").into()]),
        ("401 over-long", vec![format!("Bearer {too_long}").into()]),
        ("401 non-ASCII", vec!["Bearer schlüssel".into()]),
        ("401 bytes that are no text", vec![b"Bearer \xff\xfe".into()]),
        ("401 a comma from a proxy", vec![format!("Bearer {secret}, Bearer {secret}").into()]),
        ("401 Basic", vec![b"Basic YTpi".into()]),
        ("401 a tab for the space", vec![format!("Bearer\t{secret}").into()]),
        ("401 a tab after the space", vec![format!("Bearer \t{secret}").into()]),
        ("401 something after it", vec![format!("Bearer {secret} x").into()]),
        ("401 quoted", vec![format!("Bearer \"{secret}\"").into()]),
        ("401 another scheme's prefix", vec![format!("BearerX {secret}").into()]),
    ];
    let told = same_on_both(
        || troubled(),
        async |site: &Site| {
            let mut told = Told::default();
            for (label, values) in &lines {
                let request = values.iter().fold(Request::post("/chat"), |request, value| {
                    request.header("Authorization", value)
                });
                told.add(label, ask(site.address, &request).await);
            }
            let query = format!("/chat?access_token={secret}&api_key={secret}");
            told.add("401 in the query", ask(site.address, &Request::post(query)).await);
            told
        },
    )
    .await;
    for (label, answer) in told.answers() {
        assert_eq!(answer.status().to_string(), label[..3], "{label}: {answer:?}");
    }
    assert_eq!(told.answer("400 two headers").code(), "ambiguous_credentials");
    assert_eq!(told.answer("401 Basic").code(), "missing_key");
    assert_eq!(told.answer("401 over-long").code(), "invalid_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_header_of_its_own_carries_the_key_alike_in_both() {
    let places = || CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key").unwrap()]);
    let secret = Site::secret("alice");
    let app = || troubled().gate(move |gate| gate.credentials(places().unwrap()));
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        let in_header = Request::post("/chat").header("x-api-key", &secret);
        told.add("header", ask(site.address, &in_header).await);
        told.add("bearer", site.ask("alice", Request::post("/chat")).await);
        told.add("both", site.ask("alice", in_header.clone()).await);
        told.add("twice", ask(site.address, &in_header.clone().header("X-Api-Key", "x")).await);
        let basic = in_header.clone().header("Authorization", "Basic YTpi");
        told.add("Basic beside it", ask(site.address, &basic).await);
        told.add("none", ask(site.address, &Request::post("/chat")).await);
        told
    })
    .await;
    for (label, status) in [("header", 200), ("bearer", 200), ("Basic beside it", 200)] {
        assert_eq!(told.answer(label).status(), status, "{label}");
    }
    for label in ["both", "twice"] {
        assert_eq!(told.answer(label).code(), "ambiguous_credentials", "{label}");
    }
    for (label, answer) in told.answers() {
        assert_eq!(answer.header("vary"), Some("X-API-Key"), "{label}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("private"), "{label}");
    }
    let challenges: Vec<_> = told.answer("none").headers.iter().filter(is_challenge).collect();
    assert_eq!(challenges.len(), 2, "one for each place");
}

fn is_challenge(header: &&(String, Vec<u8>)) -> bool {
    header.0 == "www-authenticate"
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_the_handler_sees_no_credential_once_it_is_stripped() {
    let routes = || App::default().route(Route::guarded("/", Guard::free(), Work::Show));
    let kept = same_on_both(routes, async |site: &Site| {
        let mut told = Told::default();
        told.add("kept", site.ask("alice", Request::get("/")).await);
        told
    })
    .await;
    let sent = format!("Bearer {}", Site::secret("alice"));
    assert_eq!(kept.answer("kept").json()["seen"][0][1], sent);
    let places = || CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key").unwrap()]);
    let stripping =
        || routes().gate(move |gate| gate.credentials(places().unwrap()).strip_credential());
    let stripped = same_on_both(stripping, async |site: &Site| {
        let mut told = Told::default();
        told.add("bearer", site.ask("alice", Request::get("/")).await);
        let header = Request::get("/").header("X-API-Key", Site::secret("alice"));
        told.add("header", ask(site.address, &header).await);
        told
    })
    .await;
    for (label, answer) in stripped.answers() {
        let shown = answer.json();
        assert_eq!(shown["subject"], "keycap:alice", "{label}: {answer:?}");
        assert_eq!(shown["seen"], serde_json::json!([]), "{label}");
    }
}

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
        told.add("broken", site.ask("spent", Request::post("/chat")).await);
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
async fn p8_observe_mode_lets_everything_through_alike_in_both() {
    let app = || {
        let free = || Guard::fixed(usd!(0.02)).scope("chat");
        troubled()
            .gate(|gate| gate.observe_only())
            .route(Route::guarded("/would", free(), Work::Observed))
            .route(Route::guarded("/maybe", free(), Work::Observed).optional())
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("fine", site.ask("alice", Request::post("/would")).await);
        told.add("too small", site.ask("small", Request::post("/would")).await);
        told.add("nobody", ask(site.address, &Request::post("/maybe")).await);
        told.add("nobody, needed", ask(site.address, &Request::post("/would")).await);
        told.add("small, tracked", site.ask("small", Request::post("/chat")).await);
        site.quiet().await;
        told
    })
    .await;
    assert_eq!(told.answer("fine").json()["would_refuse"], serde_json::Value::Null);
    assert_eq!(told.answer("too small").json()["would_refuse"], "hold_exceeds_cap");
    assert_eq!(told.answer("nobody").status(), 204);
    assert_eq!(told.answer("nobody, needed").code(), "missing_key");
    assert_eq!(told.answer("small, tracked").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_nested_layers_verify_and_hold_once_alike_in_both() {
    let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.01))));
    let inner =
        |latch| Route::guarded("/inner", Guard::fixed(usd!(0.05)).scope("chat"), work(latch));
    let app = || {
        App::limited("$1 per day")
            .outer(Guard::fixed(usd!(0.02)))
            .route_with_latch(inner)
            .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Track(usd!(0.01))))
            .route(Route::open("/plain", Work::Track(usd!(0.01))))
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        let meanwhile = async {
            site.latch.reached(1).await;
            let held = site.counter("alice").await.held.units();
            assert_eq!(held, 50_000_000, "the inner hold tops up the outer one");
            site.latch.open();
        };
        let (inner, ()) = tokio::join!(site.ask("alice", Request::get("/inner")), meanwhile);
        told.add("inner", inner);
        told.add("admin", site.ask("alice", Request::get("/admin")).await);
        told.add("plain", site.ask("alice", Request::get("/plain")).await);
        told.add("404 without a key", ask(site.address, &Request::get("/nowhere")).await);
        told.add("404 with a key", site.ask("alice", Request::get("/nowhere")).await);
        site.quiet().await;
        let spent = site.counter("alice").await.spent.units();
        // Two tracked costs; the refused one and the 404 gave everything back.
        assert_eq!(spent, 20_000_000, "{}", site.framework);
        told
    })
    .await;
    assert_eq!(told.answer("inner").status(), 200);
    assert_eq!(told.answer("admin").code(), "insufficient_scope");
    assert_eq!(told.answer("plain").status(), 200);
    assert_eq!(told.answer("404 without a key").code(), "missing_key");
    assert_eq!(told.answer("404 with a key").status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_head_and_unknown_paths_are_told_alike_by_both() {
    let told = same_on_both(
        || troubled(),
        async |site: &Site| {
            let mut told = Told::default();
            told.add("404", site.ask("alice", Request::get("/nowhere")).await);
            told.add("404 without a key", ask(site.address, &Request::get("/nowhere")).await);
            told.add("HEAD refused", ask(site.address, &Request::new("HEAD", "/chat")).await);
            told.add("HEAD", site.ask("alice", Request::new("HEAD", "/chat")).await);
            site.quiet().await;
            assert_eq!(site.counter("alice").await.spent.units(), 20_000_000, "{}", site.framework);
            told
        },
    )
    .await;
    assert_eq!(told.answer("404").status(), 404);
    assert_eq!(told.answer("404 without a key").status(), 404, "a guarded route keeps 404s 404");
    let refused = told.answer("HEAD refused");
    assert_eq!((refused.status(), refused.body.len()), (401, 0));
    assert!(refused.header("content-length").is_some_and(|length| length != "0"), "{refused:?}");
    assert_eq!(told.answer("HEAD").status(), 200);
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
