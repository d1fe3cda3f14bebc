//! What Clerk changes reaches the caller when the key is verified again.

use std::time::Duration;

use keycap::budget::ChainSpec;
use keycap::{Identity, TemplateError, subject_account};
use keycap_standins::clerk::{Ended, NewApiKey, NewToken, machine, user};
use keycap_tests::Framework;
use serde_json::json;

use crate::world::{REJECTED_TTL, TTL, World, assert_refused, capped, chat, on_both};

const MOMENT: Duration = Duration::from_millis(1);

/// The cap goes by the plan that the key's claims tell.
fn by_tier(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    let tier = identity.claims.get("tier").and_then(|tier| tier.as_str());
    let limit = match tier {
        Some("pro") => "$0.05 per day",
        _ => "$0.02 per day",
    };
    Ok(ChainSpec::of(capped(subject_account(identity)?, limit)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tier_reaches_the_account_at_the_next_verification() {
    on_both(by_tier, async |world, site| {
        let key = world.at.create_key(NewApiKey::of(user("alice")).claims(json!({"tier": "free"})));
        for _ in 0..2 {
            assert_eq!(chat(site, &key.secret).await.status(), 200);
        }
        assert_refused(&chat(site, &key.secret).await, 429, "budget_exceeded");
        world.at.set_tier(&key.id, "pro");
        assert_refused(&chat(site, &key.secret).await, 429, "budget_exceeded");
        assert_eq!(world.at.verifications(), 1, "believed until its time to live ends");

        world.clock.advance(TTL + MOMENT);
        for _ in 0..3 {
            assert_eq!(chat(site, &key.secret).await.status(), 200);
        }
        assert_refused(&chat(site, &key.secret).await, 429, "budget_exceeded");

        world.at.set_tier(&key.id, "free");
        world.clock.advance(TTL + MOMENT);
        assert_refused(&chat(site, &key.secret).await, 429, "budget_exceeded");
        assert_eq!(world.cents(&format!("clerk::{}", user("alice"))).await, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_revoked_at_clerk_is_refused_once_its_time_to_live_ends() {
    on_both(by_tier, async |world, site| {
        let worker = machine("worker");
        let _key = world.at.add_machine(&worker, &[]);
        let key = world.at.create_key(NewApiKey::of(user("alice")));
        let token = world.at.create_token(&worker, NewToken::default());
        for created in [&key, &token] {
            assert_eq!(chat(site, &created.secret).await.status(), 200);
            world.at.revoke(&created.id);
        }
        world.clock.advance(TTL + MOMENT);
        for created in [&key, &token] {
            assert_refused(&chat(site, &created.secret).await, 401, "revoked_key");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_is_refused_from_the_instant_it_expires() {
    on_both(by_tier, async |world, site| {
        let life = Duration::from_secs(10);
        let key = world.at.create_key(NewApiKey::of(user("alice")).life(life));
        assert_eq!(chat(site, &key.secret).await.status(), 200);
        world.clock.advance(life - MOMENT);
        assert_eq!(chat(site, &key.secret).await.status(), 200);
        world.clock.advance(MOMENT);
        assert_refused(&chat(site, &key.secret).await, 401, "expired_key");
        world.clock.advance(TTL);
        assert_refused(&chat(site, &key.secret).await, 401, "expired_key");
    })
    .await;
}

/// Clerk may also say 404 of keys that were: then nobody can tell them from keys that never were.
#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_that_clerk_knows_no_more_is_refused_as_unknown() {
    for framework in Framework::ALL {
        let world = World::where_ended(Ended::NotFound).await;
        let site = world.app(&world.provider(), by_tier).on(framework).await;
        let key = world.at.create_key(NewApiKey::of(user("alice")));
        assert_eq!(chat(&site, &key.secret).await.status(), 200);
        world.at.revoke(&key.id);
        world.clock.advance(TTL + MOMENT);
        assert_refused(&chat(&site, &key.secret).await, 401, "invalid_key");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_key_stays_so_for_a_while_and_is_accepted_once_it_was_created() {
    on_both(by_tier, async |world, site| {
        // Secrets are counted: this will be the first one's.
        let secret = "ak_test_secret_0001";
        assert_refused(&chat(site, secret).await, 401, "invalid_key");
        assert_eq!(world.at.create_key(NewApiKey::of(user("alice"))).secret, secret);
        world.clock.advance(REJECTED_TTL - MOMENT);
        assert_refused(&chat(site, secret).await, 401, "invalid_key");
        assert_eq!(world.at.verifications(), 1, "rejected without asking again");
        world.clock.advance(MOMENT + MOMENT);
        assert_eq!(chat(site, secret).await.status(), 200);
        assert_eq!(world.at.verifications(), 2);
    })
    .await;
}
