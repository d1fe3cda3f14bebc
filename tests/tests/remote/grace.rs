//! Keys that are known, while their provider is dead: refused by default, served if that was chosen.

use std::time::Duration;

use keycap_standins::faults::{Canned, Fault};

use crate::peer::Peer;
use crate::world::{MOMENT, TTL, ask, assert_unavailable, for_each, table};

const GRACE: Duration = Duration::from_secs(300);

fn good(peer: &Peer) -> Fault {
    Fault::Answer(peer.good("free"))
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_without_a_grace_a_known_key_is_unavailable_once_its_time_to_live_ends() {
    for_each(good, async |peer, world, framework| {
        let site = world.site(framework).await;
        let secret = peer.secret("free");
        assert_eq!(ask(&site, "/me", &secret).await.status(), 200);
        world.server.set(Fault::Close);
        assert_eq!(ask(&site, "/me", &secret).await.status(), 200, "it is still believed");
        world.clock.advance(TTL + MOMENT);
        for _ in 0..2 {
            assert_unavailable(&ask(&site, "/me", &secret).await);
        }
        site.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_with_a_grace_a_known_key_is_served_for_so_long_and_a_new_one_never() {
    for_each(good, async |peer, world, framework| {
        let table = table().serve_unverified_in_outage(GRACE);
        let site = world.app(table).on(framework).await;
        let secret = peer.secret("free");
        assert_eq!(ask(&site, "/me", &secret).await.status(), 200);
        world.server.set(Fault::Answer(Canned::status(503)));
        world.clock.advance(TTL + MOMENT);
        assert_eq!(ask(&site, "/me", &secret).await.status(), 200);
        assert_unavailable(&ask(&site, "/me", &peer.another()).await);
        world.clock.advance(GRACE - MOMENT - MOMENT);
        assert_eq!(ask(&site, "/me", &secret).await.status(), 200);
        world.clock.advance(MOMENT + MOMENT);
        assert_unavailable(&ask(&site, "/me", &secret).await);
        site.close().await;
    })
    .await;
}

/// The grace is for outages: a provider's word that a key is no more ends it at once.
#[tokio::test(flavor = "multi_thread")]
async fn p7_a_grace_does_not_serve_a_key_that_its_provider_knows_no_more() {
    for_each(good, async |peer, world, framework| {
        let table = table().serve_unverified_in_outage(GRACE);
        let site = world.app(table).on(framework).await;
        let secret = peer.secret("free");
        assert_eq!(ask(&site, "/me", &secret).await.status(), 200);
        world.server.set(Fault::Answer(peer.unknown()));
        world.clock.advance(TTL + MOMENT);
        let answer = ask(&site, "/me", &secret).await;
        assert_eq!((answer.status(), answer.code().as_str()), (401, "invalid_key"), "{answer:?}");
        site.close().await;
    })
    .await;
}
