//! Keys that are known, while Clerk is dead: refused by default, served if that was chosen.

use std::time::Duration;

use keycap::budget::ChainSpec;
use keycap::{Identity, TemplateError, subject_account};
use keycap_standins::clerk::{NewApiKey, user};
use keycap_standins::faults::{Fault, Server};
use keycap_tests::Framework;

use crate::outages::{good, patient, provider};
use crate::world::{TTL, World, assert_refused, capped, chat, table};

const MOMENT: Duration = Duration::from_millis(1);
const GRACE: Duration = Duration::from_secs(300);
const SECRET: &str = "ak_test_known";

fn by_subject(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    Ok(ChainSpec::of(capped(subject_account(identity)?, "$1 per day")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_without_a_grace_a_known_key_is_unavailable_once_its_time_to_live_ends() {
    for framework in Framework::ALL {
        let world = World::new().await;
        let server = Server::start(Fault::Answer(good())).await;
        let clerk = provider(&server.origin(), &world, patient());
        let site = world.app(&clerk, by_subject).on(framework).await;
        assert_eq!(chat(&site, SECRET).await.status(), 200);
        drop(server);
        assert_eq!(chat(&site, SECRET).await.status(), 200, "it is still believed");
        world.clock.advance(TTL + MOMENT);
        for _ in 0..2 {
            assert_refused(&chat(&site, SECRET).await, 503, "auth_unavailable");
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_with_a_grace_a_known_key_is_served_for_so_long_and_a_new_one_never() {
    for framework in Framework::ALL {
        let world = World::new().await;
        let server = Server::start(Fault::Answer(good())).await;
        let clerk = provider(&server.origin(), &world, patient());
        let app = world.app(&clerk, by_subject);
        let app = app.gate(|gate| gate.live_keys(table().serve_unverified_in_outage(GRACE)));
        let site = app.on(framework).await;
        assert_eq!(chat(&site, SECRET).await.status(), 200);
        drop(server);
        world.clock.advance(TTL + MOMENT);
        assert_eq!(chat(&site, SECRET).await.status(), 200);
        assert_refused(&chat(&site, "ak_test_new").await, 503, "auth_unavailable");
        world.clock.advance(GRACE - MOMENT - MOMENT);
        assert_eq!(chat(&site, SECRET).await.status(), 200);
        world.clock.advance(MOMENT + MOMENT);
        assert_refused(&chat(&site, SECRET).await, 503, "auth_unavailable");
        site.close().await;
    }
}

/// The grace is for outages: Clerk's word that a key was revoked ends it at once.
#[tokio::test(flavor = "multi_thread")]
async fn p7_a_grace_does_not_serve_a_key_that_clerk_revoked() {
    for framework in Framework::ALL {
        let world = World::new().await;
        let key = world.at.create_key(NewApiKey::of(user("alice")));
        let app = world.app(&world.provider(), by_subject);
        let app = app.gate(|gate| gate.live_keys(table().serve_unverified_in_outage(GRACE)));
        let site = app.on(framework).await;
        assert_eq!(chat(&site, &key.secret).await.status(), 200);
        world.at.revoke(&key.id);
        world.clock.advance(TTL + MOMENT);
        assert_refused(&chat(&site, &key.secret).await, 401, "revoked_key");
        site.close().await;
    }
}
