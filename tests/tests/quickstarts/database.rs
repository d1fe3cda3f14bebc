//! A process that died, and then speaks: what it spent replaces what was captured for it.

use keycap::budget::{
    ChargeId, Hold, HoldState, NewCharge, Operation, Outcome, Rest, apply_one, audit,
};
use keycap::sqlite::SqliteStore;
use keycap::{Clock as _, Labels, Ledger as _, SystemClock, usd};
use keycap_tests::Framework;
use keycap_tests::wait::eventually;
use keycap_tests::wire::Wire;

use crate::talk::{account, chat, directory, limit, shown, start};

#[tokio::test]
async fn p1_p3_a_late_settle_of_a_captured_hold_replaces_the_capture() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).listen().await;
        let (address, key) = (quickstart.address, quickstart.key.clone());
        let account = account(address, &key).await;
        let mut wire = Wire::connect(address).await;
        wire.send(&chat(&key, "$0.01", 60_000).bytes()).await.unwrap();
        eventually(
            "the hold",
            async || limit(address, &key).await,
            |limit| limit["held"] == "$0.02",
        )
        .await;
        quickstart.kill().await;

        // Opening takes over from the dead process.
        let store = SqliteStore::open(directory.path().join("keycap.db")).await.unwrap();
        let rows = store.snapshot().await.unwrap();
        assert_eq!(shown(&rows, &account), ("$0.02".to_owned(), "$0.00".to_owned()));
        let captured = |hold: &&Hold| hold.state == HoldState::Captured;
        let hold = rows.holds.iter().find(captured).expect("a captured hold").clone();

        let id = ChargeId::generate(SystemClock.now());
        let cost = usd!(0.005).into();
        let charge = NewCharge { id, account: hold.account.clone(), cost, tags: Labels::new() };
        let settle = Operation::Settle { charge, holds: vec![hold.id], rest: Rest::Release };
        for _ in 0..2 {
            // The second time it is a retry, which changes nothing.
            let outcome = apply_one(&store, settle.clone()).await.unwrap().unwrap();
            assert!(matches!(outcome, Outcome::Recorded(_)), "{outcome:?}");
            let rows = store.snapshot().await.unwrap();
            audit(&rows).unwrap();
            assert_eq!(shown(&rows, &account), ("$0.005".to_owned(), "$0.00".to_owned()));
        }
        let replaced = store.hold(&hold.account, hold.id).await.unwrap().unwrap();
        assert!(matches!(replaced.state, HoldState::Replaced { by, .. } if by == id));
        store.close().await;
        drop(wire);
    }
}
