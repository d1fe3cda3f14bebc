//! kill -9 under load, and what the next start finds.
//!
//! `KEYCAP_CHAOS_ROUNDS` says how often each quickstart is killed (default 2).

use std::collections::BTreeSet;

use keycap::budget::{Hold, HoldState, Snapshot};
use keycap_tests::Framework;
use keycap_tests::process::Quickstart;
use keycap_tests::wait::eventually;
use keycap_tests::wire::{Request, Wire, ask};
use rustix::process::Signal;

use crate::load::{Load, recorded};
use crate::talk::{account, chat, directory, limit, rows, start};

/// How many costs are acknowledged before the process is killed.
const ENOUGH: usize = 100;

fn rounds() -> usize {
    std::env::var("KEYCAP_CHAOS_ROUNDS").map_or(2, |rounds| rounds.parse().expect("a number"))
}

fn captured<'a>(rows: &'a Snapshot, account: &'a str) -> impl Iterator<Item = &'a Hold> {
    let own = move |hold: &&Hold| hold.account.as_str() == account;
    rows.holds.iter().filter(own).filter(|hold| hold.state == HoldState::Captured)
}

/// A request that is still under way when the process dies: its hold must not be lost.
async fn leave_open(quickstart: &Quickstart, key: &str) -> Wire {
    let mut wire = Wire::connect(quickstart.address).await;
    wire.send(&chat(key, "$0.01", 60_000).bytes()).await.unwrap();
    let shown = async || limit(quickstart.address, key).await;
    eventually("the hold", shown, |limit| limit["held"] == "$0.02").await;
    wire
}

#[tokio::test]
async fn p1_p2_p3_after_kill_9_every_acknowledged_cost_is_there_once() {
    for framework in Framework::ALL {
        let directory = directory();
        let start = start(framework, &directory).set("QUICKSTART_CAP", "$1000");
        let load = Load::default();
        let mut quickstart = start.listen().await;
        let key = quickstart.key.clone();
        let account = account(quickstart.address, &key).await;
        for _ in 0..rounds() {
            let open = leave_open(&quickstart, &key).await;
            let clients = load.clients(quickstart.address, &key);
            load.acknowledged_at_least(load.acknowledged().len() + ENOUGH).await;
            quickstart.kill().await;
            for client in clients {
                client.await.unwrap();
            }
            drop(open);
            quickstart = start.listen().await;
            let shown = limit(quickstart.address, &key).await;
            assert_eq!(shown["held"], "$0.00", "the dead one's holds end at the start: {shown}");
        }
        quickstart.stop(Signal::TERM).await;

        let rows = rows(directory.path()).await;
        let costs = recorded(&rows, &account);
        let once: BTreeSet<_> = costs.iter().copied().collect();
        assert_eq!(costs.len(), once.len(), "{framework}: a cost counts once");
        let acknowledged = load.acknowledged();
        let lost: Vec<_> = acknowledged.difference(&once).collect();
        assert!(lost.is_empty(), "{framework}: acknowledged and lost: {lost:?}");
        assert!(once.iter().all(|cost| (1..=load.sent()).contains(cost)));
        let captures: Vec<_> = captured(&rows, &account).collect();
        assert!(captures.len() >= rounds(), "{framework}: one request was open in each round");
    }
}

#[tokio::test]
async fn p1_a_key_stays_capped_however_often_its_process_is_killed() {
    for framework in Framework::ALL {
        let directory = directory();
        let start = start(framework, &directory).set("QUICKSTART_CAP", "$1.00");
        let mut quickstart = start.listen().await;
        let key = quickstart.key.clone();
        let account = account(quickstart.address, &key).await;
        let mut acknowledged = 0;
        // Each round spends and captures $0.04, so that there is something left for the end.
        for _ in 0..rounds().min(20) {
            let open = leave_open(&quickstart, &key).await;
            for _ in 0..2 {
                let answer = ask(quickstart.address, &chat(&key, "$0.01", 0)).await.unwrap();
                acknowledged += usize::from(answer.status() == 200);
            }
            quickstart.kill().await;
            drop(open);
            quickstart = start.listen().await;
        }
        loop {
            let request = chat(&key, "$0.01", 0);
            let at_once = (0..20).map(|_| ask(quickstart.address, &request));
            let answers = futures_util::future::join_all(at_once);
            let answers: Vec<_> = answers.await.into_iter().flatten().collect();
            let served = answers.iter().filter(|answer| answer.status() == 200).count();
            acknowledged += served;
            if served == 0 && answers.iter().all(|answer| answer.code() == "budget_exceeded") {
                break;
            }
        }
        quickstart.stop(Signal::TERM).await;
        let rows = rows(directory.path()).await;
        let costs: usize = recorded(&rows, &account).iter().sum();
        let legs = captured(&rows, &account).flat_map(|hold| &hold.legs);
        let captures: usize = legs.map(|leg| usize::try_from(leg.captured.units()).unwrap()).sum();
        assert_eq!(costs, acknowledged * 10_000_000, "{framework}");
        assert!(costs + captures <= 1_000_000_000, "{framework}: {costs} and {captures}");
        assert!(costs + captures > 980_000_000, "{framework}: used up to the last whole hold");
    }
}

#[tokio::test]
async fn p1_a_stream_that_was_cut_by_kill_9_is_settled_and_captured() {
    for framework in Framework::ALL {
        let directory = directory();
        let start = start(framework, &directory);
        let quickstart = start.listen().await;
        let key = quickstart.key.clone();
        let account = account(quickstart.address, &key).await;
        let mut wire = Wire::connect(quickstart.address).await;
        wire.send(&Request::post("/stream").bearer(&key).bytes()).await.unwrap();
        assert_eq!(wire.head().await.expect("an answer").status(), 200);
        let lines = wire.chunk().await.expect("a line");
        let lines = lines.iter().filter(|byte| **byte == b'\n').count();
        quickstart.kill().await;
        let quickstart = start.listen().await;
        assert_eq!(limit(quickstart.address, &key).await["spent"], "$0.05", "{framework}");
        quickstart.stop(Signal::TERM).await;
        let rows = rows(directory.path()).await;
        let costs: usize = recorded(&rows, &account).iter().sum();
        assert!(costs >= lines * 1_000_000 && costs < 10_000_000, "{framework}: {costs}");
    }
}
