//! A provider in every kind of trouble: 503 and never 401, nothing kept of it, and all is well as soon
//! as the provider is.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keycap::clerk::HttpSettings;
use keycap_standins::faults::{Canned, DeadPort, Fault};
use keycap_tests::Framework;
use keycap_tests::log::Log;

use crate::peer::{OWN_SECRETS, Peer};
use crate::world::{World, ask, assert_unavailable, for_each, patient, table};

/// Too short to wait for a provider that does not answer, and enough for one that does.
const HASTE: Duration = Duration::from_secs(1);

fn hasty() -> HttpSettings {
    patient().connect_timeout(HASTE).total_timeout(HASTE)
}

fn broken(good: &Canned) -> Vec<(&'static str, Fault)> {
    let moved = Canned::status(302).header("location", "https://example.com/");
    vec![
        ("garbage", Fault::Garbage),
        ("no JSON", Fault::Answer(Canned::json(200, "<html>"))),
        ("half JSON", Fault::Answer(Canned::json(200, r#"{"active": false"#))),
        ("no body", Fault::Answer(Canned::status(200))),
        ("204", Fault::Answer(Canned::status(204))),
        ("401", Fault::Answer(Canned::json(401, "{}"))),
        ("403", Fault::Answer(Canned::json(403, "{}"))),
        ("404 of a proxy", Fault::Answer(Canned::status(404).body("nothing here"))),
        ("500", Fault::Answer(Canned::json(500, "{}"))),
        ("502", Fault::Answer(Canned::status(502).body("<html>"))),
        ("redirect", Fault::Answer(moved)),
        ("closed", Fault::Close),
        ("closed in the head", Fault::CloseInHead(good.clone())),
        ("truncated", Fault::Truncated(good.clone())),
        ("10 MB", Fault::Chunked(10 * 1024 * 1024)),
        ("headers without end", Fault::EndlessHeaders),
    ]
}

/// The provider misbehaves so, and then is well.
async fn in_trouble(peer: &Peer, framework: Framework, name: &str, fault: Fault) {
    println!("{peer}, {framework}: {name}");
    let slow = matches!(fault, Fault::Hang | Fault::Deaf);
    let http = if slow { hasty() } else { patient() };
    let world = World::named("remote", peer, fault, http).await;
    let site = world.site(framework).await;
    let secret = peer.secret("free");
    for _ in 0..2 {
        assert_unavailable(&ask(&site, "/chat", &secret).await);
    }
    world.server.set(Fault::Answer(peer.good("free")));
    let answer = ask(&site, "/chat", &secret).await;
    assert_eq!(answer.status(), 200, "nothing was kept of {name}: {answer:?}");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_provider_that_answers_nonsense_is_unavailable() {
    for peer in Peer::all() {
        for framework in Framework::ALL {
            for (name, fault) in broken(&peer.good("free")) {
                in_trouble(&peer, framework, name, fault).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_provider_that_does_not_answer_is_unavailable() {
    let each = Peer::all().map(async |peer| {
        for framework in Framework::ALL {
            in_trouble(&peer, framework, "hangs", Fault::Hang).await;
            in_trouble(&peer, framework, "is deaf", Fault::Deaf).await;
        }
    });
    join_all(each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_provider_that_is_dead_is_unavailable() {
    for_each(
        |_| Fault::Close,
        async |peer, world, framework| {
            let port = DeadPort::new();
            let provider = peer.provider("dead", &port.origin(), &world.clock, patient());
            let site = world.app(table()).gate(move |gate| gate.provider(Arc::clone(&provider)));
            let site = site.on(framework).await;
            for _ in 0..2 {
                assert_unavailable(&ask(&site, "/chat", &peer.secret("free")).await);
            }
            site.close().await;
        },
    )
    .await;
}

/// Our own key is wrong: that is broken, loudly, and never the caller's fault.
#[tokio::test(flavor = "multi_thread")]
async fn p6_p9_a_provider_that_refuses_our_own_key_is_unavailable_and_loud() {
    let log = Log::capture();
    for peer in Peer::all() {
        let name = format!("refusing-{peer}");
        let refusal = Fault::Answer(Canned::json(401, "{}"));
        let world = World::named(&name, &peer, refusal, patient()).await;
        let site = world.site(Framework::Axum).await;
        let secret = peer.secret("free");
        assert_unavailable(&ask(&site, "/chat", &secret).await);
        let text = log.text();
        let loud = |line: &&str| line.contains("ERROR") && line.contains(&name);
        let line = text.lines().find(loud).unwrap_or_else(|| panic!("{peer} was silent"));
        assert!(line.contains("our own credentials"), "{line}");
        for hidden in OWN_SECRETS.into_iter().chain([&*secret]) {
            assert!(!text.contains(hidden), "{hidden} was logged");
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_provider_that_asks_for_fewer_calls_is_left_alone_for_so_long() {
    let throttled = |_: &Peer| Fault::Answer(Canned::json(429, "{}").header("retry-after", "7"));
    for_each(throttled, async |peer, world, framework| {
        let site = world.site(framework).await;
        let secret = peer.secret("free");
        let first = ask(&site, "/chat", &secret).await;
        assert_unavailable(&first);
        assert_eq!(first.header("retry-after"), Some("7"));
        world.server.set(Fault::Answer(peer.good("free")));
        world.clock.advance(Duration::from_secs(4));
        for secret in [&secret, &peer.another()] {
            let told = ask(&site, "/chat", secret).await;
            assert_unavailable(&told);
            assert_eq!(told.header("retry-after"), Some("3"));
        }
        assert_eq!(world.server.seen().len(), 1, "nobody asked in between");
        world.clock.advance(Duration::from_secs(3));
        assert_eq!(ask(&site, "/chat", &secret).await.status(), 200);
        site.close().await;
    })
    .await;
}
