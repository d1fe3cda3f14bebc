//! A new customer whose first requests come all at once, through two gates over one ledger.

use std::sync::Arc;

use futures_util::future::join_all;
use keycap::Ledger as _;
use keycap::budget::{Snapshot, audit};
use keycap_standins::faults::{Door, Fault};
use keycap_tests::awaited::AwaitedProvider;
use keycap_tests::wait::eventually;
use keycap_tests::{Framework, allow_many_connections};

use crate::peer::Peer;
use crate::world::{World, ask};

const REQUESTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn p1_two_hundred_first_requests_make_one_call_and_open_one_account() {
    allow_many_connections();
    for peer in Peer::all() {
        let door = Door::shut();
        let slow = Fault::Slow(peer.good("pro"), door.clone());
        let mut world = World::new(&peer, slow).await;
        let awaited = Arc::new(AwaitedProvider::new(Arc::clone(&world.provider)));
        world.provider = awaited.clone();
        let [axum, actix] = Framework::ALL;
        let sites = [world.site(axum).await, world.site(actix).await];
        let secret = peer.secret("pro");
        let requests = join_all((0..REQUESTS).map(|n| ask(&sites[n % 2], "/chat", &secret)));
        let opened = async {
            // Both gates, each with one verification for all of its requests.
            awaited.until_awaited(2).await;
            door.open();
        };
        let (answers, ()) = tokio::join!(requests, opened);

        let count = |status| answers.iter().filter(|answer| answer.status() == status).count();
        assert_eq!((count(200), count(429)), (5, 195), "{peer}: five cents, a cent each");
        assert_eq!(world.server.seen().len(), 1, "{peer}: one call for both gates");
        let snapshot = async || world.ledger.snapshot().await.unwrap();
        let settled =
            |rows: &Snapshot| rows.counters.iter().all(|(_, counter)| counter.held.is_zero());
        let rows = eventually("all settled", snapshot, settled).await;
        audit(&rows).unwrap();
        assert_eq!(rows.accounts.len(), 1, "{peer}");
        for site in sites {
            site.close().await;
        }
    }
}
