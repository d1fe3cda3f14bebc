//! SIGTERM and Ctrl-C: finish, settle, exit 0.

use std::collections::BTreeSet;

use keycap::budget::HoldState;
use keycap_tests::Framework;
use keycap_tests::wire::{Request, Wire};
use rustix::process::Signal;

use crate::load::{Load, recorded};
use crate::talk::{account, directory, rows, shown, start};

#[tokio::test]
async fn p2_a_signal_lets_a_stream_finish_and_settles_it() {
    for framework in Framework::ALL {
        for signal in [Signal::TERM, Signal::INT] {
            let directory = directory();
            let quickstart = start(framework, &directory).listen().await;
            let key = quickstart.key.clone();
            let account = account(quickstart.address, &key).await;
            let mut idle = Wire::connect(quickstart.address).await;
            let me = idle.ask(&Request::get("/me").bearer(&key)).await.expect("an answer");
            assert_eq!(me.status(), 200);

            let mut wire = Wire::connect(quickstart.address).await;
            wire.send(&Request::post("/stream").bearer(&key).bytes()).await.unwrap();
            assert_eq!(wire.head().await.expect("an answer").status(), 200);
            let mut streamed = wire.chunk().await.expect("a first line");
            let ended = quickstart.stop(signal);
            let rest = async {
                while let Some(chunk) = wire.chunk().await.filter(|chunk| !chunk.is_empty()) {
                    streamed.extend(chunk);
                }
            };
            let (process, ()) = tokio::join!(ended, rest);
            let lines = streamed.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines, 10, "{framework}, {signal:?}: {process:?}");

            let rows = rows(directory.path()).await;
            assert_eq!(shown(&rows, &account), ("$0.01".to_owned(), "$0.00".to_owned()));
            let captured = |hold: &keycap::budget::Hold| hold.state == HoldState::Captured;
            assert!(!rows.holds.iter().any(captured), "{framework}: all was settled");
            drop(idle);
        }
    }
}

#[tokio::test]
async fn p2_a_signal_under_load_loses_no_acknowledged_cost_and_leaves_nothing_held() {
    for framework in Framework::ALL {
        let directory = directory();
        let quickstart = start(framework, &directory).set("QUICKSTART_CAP", "$1000").listen().await;
        let account = account(quickstart.address, &quickstart.key).await;
        let load = Load::default();
        let clients = load.clients(quickstart.address, &quickstart.key);
        load.acknowledged_at_least(50).await;
        quickstart.stop(Signal::TERM).await;
        for client in clients {
            client.await.unwrap();
        }
        let rows = rows(directory.path()).await;
        let costs = recorded(&rows, &account);
        let once: BTreeSet<_> = costs.iter().copied().collect();
        assert_eq!(costs.len(), once.len(), "{framework}: a cost counts once");
        assert!(load.acknowledged().is_subset(&once), "{framework}");
        let captured = |hold: &keycap::budget::Hold| hold.state == HoldState::Captured;
        assert!(!rows.holds.iter().any(captured), "{framework}: all was settled");
        assert_eq!(shown(&rows, &account).1, "$0.00");
    }
}
