//! What is left of accounts that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use keycap_base::{ManualClock, Timestamp};
use keycap_budget::lease::LimitAt;
use keycap_budget::{
    AccountId, Amount, Cost, Ledger, LimitKey, MemoryLedger, Meter, Period, Retention,
};
use keycap_verify::{IssuedKeys, KeyTable, MemoryKeyStore, NewKey};
use smallvec::{SmallVec, smallvec};

use super::*;
use crate::{Course, Decision, Gate, Guard, RequestView};

const START: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// So many keys are live at once.
const LIVE: usize = 64;

struct Sent(String);

impl RequestView for Sent {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        "/chat"
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        match name {
            "authorization" => smallvec![self.0.as_bytes()],
            _ => smallvec![],
        }
    }

    fn peer(&self) -> Option<std::net::IpAddr> {
        None
    }
}

struct Node {
    gate: Gate,
    ledger: Arc<MemoryLedger>,
    keys: IssuedKeys,
    clock: ManualClock,
}

impl Node {
    fn new() -> Self {
        let clock = ManualClock::at(START);
        let ledger = Arc::new(MemoryLedger::with_clock(clock.clone(), Retention::default()));
        let store = Arc::new(MemoryKeyStore::new());
        let keys = IssuedKeys::builder(store).clock(clock.clone()).build().unwrap();
        let table = KeyTable::<()>::builder().live_capacity(LIVE);
        let gate = Gate::builder()
            .ledger(Arc::clone(&ledger))
            .provider(keys.clone())
            .clock(clock.clone())
            .live_keys(table)
            .limit("1000000 tokens per day".parse().unwrap())
            .build()
            .unwrap();
        Self { gate, ledger, keys, clock }
    }

    async fn key(&self) -> Sent {
        let minted = self.keys.mint(NewKey::for_owner("acme").own_account()).await.unwrap();
        Sent(format!("Bearer {}", minted.secret.expose()))
    }

    async fn serve(&self, sent: &Sent) {
        let guarded = self.gate.guarded(Guard::fixed(Cost::tokens(1))).unwrap();
        let Decision::Admitted(key) = guarded.decide(sent, None).await else {
            panic!("not admitted")
        };
        let mut course = Course::begin(key);
        course.answered(200);
        course.completed();
    }

    fn leasing(&self) -> &Leasing {
        &self.gate.0.leasing
    }
}

#[tokio::test(start_paused = true)]
async fn p5_an_account_that_is_seen_now_and_then_has_no_lease_and_leaves_nothing() {
    let node = Node::new();
    for _ in 0..LIVE * 8 {
        let sent = node.key().await;
        for _ in 0..3 {
            node.serve(&sent).await;
        }
        node.clock.advance(Duration::from_secs(2));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let holds = node.ledger.snapshot().await.unwrap().holds;
    assert!(holds.iter().all(|hold| hold.exposure.is_none()), "somebody was leased to");
    let tills = node.leasing().tills.count();
    assert!(tills <= LIVE * 4, "{tills} tills for {LIVE} live keys");
}

#[tokio::test(start_paused = true)]
async fn p5_what_is_idle_again_has_neither_lease_nor_timer() {
    let node = Node::new();
    let all = [node.key().await, node.key().await];
    for _ in 0..50 {
        for sent in &all {
            node.serve(sent).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let leased = || async {
        let holds = node.ledger.snapshot().await.unwrap().holds;
        holds.iter().filter(|hold| hold.exposure.is_some() && hold.is_open()).count()
    };
    assert!(leased().await >= 2);
    for _ in 0..6 {
        node.clock.advance(Duration::from_secs(4));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(leased().await, 0);
    let rounds = node.leasing().inbox.rounds();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(node.leasing().inbox.rounds(), rounds, "the driver woke up for nothing");
}

/// To the clock that a sweep looks by, leases that nobody looked at for a third of their life may be dead
/// ones before the next look; so may all of them where that clock was set back.
#[tokio::test(start_paused = true)]
async fn p1_leases_are_renewed_before_a_sweep_a_third_of_a_life_after_the_last_look() {
    let ms = Duration::from_millis;
    let leasing = Leasing::new(Switch::On, ms(9_000));
    for (now, is_renewed) in [
        (START, false),
        (START.plus(ms(2_999)), false),
        (START.plus(ms(3_000)), true),
        (START.minus(ms(1)), true),
    ] {
        leasing.outlive_sweep(START, now, ms(1)).await;
        assert_eq!(leasing.inbox.take().renew.is_some(), is_renewed, "{now:?}");
    }
}

#[test]
fn a_till_is_one_for_all_who_share_its_limit_and_gone_when_they_are() {
    let tills = Arc::new(Tills::default());
    let limit = LimitKey { meter: Meter::TOKENS, period: Period::day() };
    let at = |name: &str| LimitAt { account: AccountId::new(name).unwrap(), limit: limit.clone() };
    let (one, same, other) = (tills.at(&at("a")), tills.at(&at("a")), tills.at(&at("b")));
    assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
    assert_eq!(tills.of(&at("a").account).len(), 1);
    drop((one, other));
    assert_eq!(tills.count(), 1);
    drop(same);
    assert_eq!(tills.count(), 0);
    assert!(tills.find(&at("a").account, &limit).is_none());
}

#[test]
fn what_says_the_same_is_merged() {
    let (tills, inbox) = (Arc::new(Tills::default()), Inbox::default());
    let limit = LimitKey { meter: Meter::TOKENS, period: Period::day() };
    let till = tills.at(&LimitAt { account: AccountId::new("a").unwrap(), limit });
    for amount in 0..1_000 {
        let amount = Amount::from_units(amount);
        inbox.asked(&till, amount, amount);
    }
    let letters = inbox.take();
    assert_eq!(letters.asked.len(), 1);
    let asked = &letters.asked[&till.at];
    assert_eq!((asked.times, asked.largest), (16, Amount::from_units(999)));
    assert!(inbox.take().asked.is_empty());
}
