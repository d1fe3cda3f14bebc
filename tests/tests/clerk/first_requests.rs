//! A new customer whose first requests come all at once, through two gates over one ledger.

use std::sync::Arc;

use futures_util::future::join_all;
use keycap::budget::{ChainSpec, audit};
use keycap::{Identity, Ledger as _, TemplateError, key_account};
use keycap_standins::clerk::{NewApiKey, user};
use keycap_tests::awaited::AwaitedProvider;
use keycap_tests::wait::eventually;
use keycap_tests::{Framework, allow_many_connections};

use crate::world::{World, capped, chat};

const REQUESTS: usize = 200;

fn by_key(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    Ok(ChainSpec::of(capped(key_account(identity)?, "$1.50 per day")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_two_hundred_first_requests_make_one_call_and_open_one_account() {
    allow_many_connections();
    let world = World::new().await;
    let provider = Arc::new(AwaitedProvider::new(world.provider()));
    let [axum, actix] = Framework::ALL;
    let sites =
        [world.app(&provider, by_key).on(axum).await, world.app(&provider, by_key).on(actix).await];
    let key = world.at.create_key(NewApiKey::of(user("new")));

    world.at.shut();
    let requests = join_all((0..REQUESTS).map(|n| chat(&sites[n % 2], &key.secret)));
    let door = async {
        // Both gates, each with one verification for all of its requests.
        provider.until_awaited(2).await;
        world.at.open();
    };
    let (answers, ()) = tokio::join!(requests, door);

    let count = |status| answers.iter().filter(|answer| answer.status() == status).count();
    assert_eq!((count(200), count(429)), (150, 50), "the cap is $1.50 and a request costs a cent");
    assert_eq!(world.at.verifications(), 1, "one call for both gates");
    let snapshot = async || world.ledger.snapshot().await.unwrap();
    let settled = |rows: &keycap::budget::Snapshot| {
        rows.counters.iter().all(|(_, counter)| counter.held.is_zero())
    };
    let rows = eventually("all settled", snapshot, settled).await;
    audit(&rows).unwrap();
    assert_eq!(rows.accounts.len(), 1);
    assert_eq!(rows.accounts[0].version, 1, "opened, and not touched since");
    assert_eq!(world.cents(&format!("key:clerk//{}", key.id)).await, 150);
    for site in sites {
        site.close().await;
    }
}

/// One answer for all who wait, whatever it is; and who comes later asks again where nothing was learnt.
#[tokio::test(flavor = "multi_thread")]
async fn p6_an_outage_during_first_requests_is_told_to_all_and_kept_by_nobody() {
    allow_many_connections();
    let world = World::new().await;
    let provider = world.provider();
    let [axum, actix] = Framework::ALL;
    let sites =
        [world.app(&provider, by_key).on(axum).await, world.app(&provider, by_key).on(actix).await];
    let key = world.at.create_key(NewApiKey::of(user("new")));
    world.at.throttle(std::time::Duration::from_secs(3));
    let answers = join_all((0..REQUESTS).map(|n| chat(&sites[n % 2], &key.secret))).await;
    for answer in &answers {
        assert_eq!((answer.status(), answer.code().as_str()), (503, "auth_unavailable"));
        assert_eq!(answer.header("retry-after"), Some("3"), "{answer:?}");
    }
    assert_eq!(world.at.verifications(), 1, "Clerk asked to be left alone");
    world.at.relent();
    world.clock.advance(std::time::Duration::from_secs(3));
    for site in sites {
        assert_eq!(chat(&site, &key.secret).await.status(), 200);
        site.close().await;
    }
}
