//! What a provider says of a key reaches the caller, and how long it is believed.

use keycap_standins::faults::{Canned, Fault};

use crate::peer::Peer;
use crate::world::{MOMENT, REJECTED_TTL, TTL, ask, assert_refused, for_each};

fn unknown(peer: &Peer) -> Fault {
    Fault::Answer(peer.unknown())
}

fn good(peer: &Peer) -> Fault {
    Fault::Answer(peer.good("free"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_key_stays_so_for_a_while_and_is_accepted_once_it_was_created() {
    for_each(unknown, async |peer, world, framework| {
        let site = world.site(framework).await;
        let secret = peer.secret("free");
        assert_refused(&ask(&site, "/chat", &secret).await, 401, "invalid_key");
        let asked = world.server.seen().len();
        world.server.set(Fault::Answer(peer.good("free")));
        world.clock.advance(REJECTED_TTL - MOMENT);
        assert_refused(&ask(&site, "/chat", &secret).await, 401, "invalid_key");
        assert_eq!(world.server.seen().len(), asked, "rejected without asking again");
        world.clock.advance(MOMENT + MOMENT);
        assert_eq!(ask(&site, "/chat", &secret).await.status(), 200);
        assert_eq!(world.server.seen().len(), asked + 1);
        site.close().await;
    })
    .await;
}

/// An outage comes between: the rejection is not renewed by it, and it is not taken for one.
#[tokio::test(flavor = "multi_thread")]
async fn p6_an_outage_after_a_rejection_is_no_rejection() {
    for_each(unknown, async |peer, world, framework| {
        let site = world.site(framework).await;
        let secret = peer.secret("free");
        assert_refused(&ask(&site, "/chat", &secret).await, 401, "invalid_key");
        world.server.set(Fault::Answer(Canned::status(500)));
        world.clock.advance(REJECTED_TTL + MOMENT);
        for _ in 0..2 {
            assert_refused(&ask(&site, "/chat", &secret).await, 503, "auth_unavailable");
        }
        world.server.set(Fault::Answer(peer.good("free")));
        // An issuer is asked for a key that is unknown only so often, failed attempts included.
        world.clock.advance(REJECTED_TTL);
        assert_eq!(ask(&site, "/chat", &secret).await.status(), 200);
        site.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_plan_reaches_the_account_at_the_next_verification() {
    for_each(good, async |peer, world, framework| {
        let site = world.site(framework).await;
        let chat = async |plan: &str| ask(&site, "/chat", &peer.secret(plan)).await;
        for _ in 0..2 {
            assert_eq!(chat("free").await.status(), 200);
        }
        assert_refused(&chat("free").await, 429, "budget_exceeded");

        world.server.set(Fault::Answer(peer.good("pro")));
        assert_refused(&chat("free").await, 429, "budget_exceeded");
        world.clock.advance(TTL + MOMENT);
        for _ in 0..3 {
            assert_eq!(chat("pro").await.status(), 200, "what was spent still counts");
        }
        assert_refused(&chat("pro").await, 429, "budget_exceeded");
        site.close().await;
    })
    .await;
}
