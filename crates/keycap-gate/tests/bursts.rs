//! On one node nobody is refused while the account has money: bursts and sizes that nobody knew
//! beforehand, on the clock of the system, with leases coming and going.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by a panic"
)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{
    AccountId, AccountSpec, Amount, ChainSpec, Cost, Ledger, Limit, MemoryLedger, Meter, Period,
    audit,
};
use keycap_gate::{Code, Course, Decision, Gate, Guard, Guarded, RequestView, default_account};
use keycap_sqlite::SqliteStore;
use keycap_verify::{IssuedKeys, MemoryKeyStore, NewKey};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};

const CAP: u32 = 200_000;
const CALLERS: u64 = 8;
const STEADY: usize = 100;
const REQUESTS: usize = 200;

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

    fn peer(&self) -> Option<IpAddr> {
        None
    }
}

/// A small generator of numbers, so that a seed repeats a run as far as threads let it.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(most)).unwrap()
    }

    /// Mostly small, now and then large: what a gateway sees.
    fn size(&mut self) -> u32 {
        let most = [10, 10, 10, 100, 1_000, 20_000][self.up_to(6) as usize];
        1 + self.up_to(most)
    }
}

/// What may be spent or held, at most, as seen from outside; and for each request that asks, the most
/// that others had meanwhile.
#[derive(Default)]
struct Shadow {
    taken: i64,
    asking: BTreeMap<u64, i64>,
    asked: u64,
    refused: u32,
    admitted: u32,
}

impl Shadow {
    fn ask(&mut self, wanted: i64) -> u64 {
        self.asked += 1;
        self.asking.insert(self.asked, 0);
        self.take(wanted);
        self.asked
    }

    fn take(&mut self, amount: i64) {
        self.taken += amount;
        let taken = self.taken;
        self.asking.values_mut().for_each(|most| *most = taken.max(*most));
    }
}

/// A gate, and two keys whose accounts hang under one: its limit is the one that counts.
async fn gate(ledger: Arc<dyn Ledger>) -> (Gate, [Arc<Sent>; 2], AccountId) {
    let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().unwrap();
    let mut sent = Vec::new();
    for _ in 0..2 {
        let minted = keys.mint(NewKey::for_owner("acme").own_account()).await.unwrap();
        sent.push(Arc::new(Sent(format!("Bearer {}", minted.secret.expose()))));
    }
    let tokens =
        |cap| Limit::new(Meter::TOKENS, Amount::from_units(cap), Period::lifetime()).unwrap();
    let org = AccountId::new("org").unwrap();
    let parent = org.clone();
    let gate = Gate::builder().ledger(ledger).provider(keys).template_fn(move |identity| {
        let leaf = AccountSpec::new(default_account(&identity).unwrap());
        let leaf = leaf.limit(tokens(10 * CAP)).unwrap();
        let org = AccountSpec::new(parent.clone()).limit(tokens(CAP)).unwrap();
        async move { Ok(ChainSpec::of(leaf).under(org).unwrap()) }
    });
    let [one, other] = sent.try_into().unwrap_or_else(|_| panic!("two keys"));
    (gate.build().unwrap(), [one, other], org)
}

/// One caller's requests, one after the other.
async fn call(seed: u64, gate: Gate, sent: Arc<Sent>, shadow: Arc<Mutex<Shadow>>) {
    let mut dice = Dice(seed);
    for number in 0..REQUESTS {
        // Steady use first, which is leased; then whatever comes.
        let size = if number < STEADY { 1 + dice.up_to(10) } else { dice.size() };
        let cost = dice.up_to(size + 1);
        let guarded = gate.guarded(Guard::fixed(Cost::tokens(size))).unwrap();
        one(&guarded, &sent, &shadow, size, cost, seed).await;
        if number >= STEADY && dice.up_to(4) == 0 {
            tokio::time::sleep(Duration::from_millis(u64::from(dice.up_to(8)))).await;
        }
    }
}

async fn one(
    guarded: &Guarded,
    sent: &Sent,
    shadow: &Mutex<Shadow>,
    size: u32,
    cost: u32,
    seed: u64,
) {
    let wanted = i64::from(size);
    let number = shadow.lock().ask(wanted);
    match guarded.decide(sent, None).await {
        Decision::Admitted(key) => {
            shadow.lock().admitted += 1;
            shadow.lock().asking.remove(&number);
            let mut course = Course::begin(key.clone());
            let durable = key.track(Cost::tokens(cost));
            course.answered(200);
            course.completed();
            drop((course, key));
            // Until the charge is on record its hold may stand, as without leases.
            durable.await.unwrap();
            shadow.lock().take(i64::from(cost) - wanted);
        }
        Decision::Refused(refusal) => {
            let mut shadow = shadow.lock();
            let most = shadow.asking.remove(&number).unwrap();
            assert!(
                most > i64::from(CAP),
                "seed {seed}: refused {size} ({refusal}) with {most} taken at most, {wanted} of it its own",
            );
            assert!(
                matches!(refusal.code(), Code::BudgetExceeded | Code::BudgetReserved),
                "{refusal}"
            );
            shadow.refused += 1;
            shadow.take(-wanted);
        }
        other => panic!("{other:?}"),
    }
}

async fn burst(seed: u64, ledger: Arc<dyn Ledger>) {
    let (gate, sent, account) = gate(Arc::clone(&ledger)).await;
    let shadow = Arc::new(Mutex::new(Shadow::default()));
    let calls = (1..=CALLERS).map(|caller| {
        let key = usize::try_from(caller % 2).unwrap();
        let (gate, sent, shadow) = (gate.clone(), Arc::clone(&sent[key]), Arc::clone(&shadow));
        tokio::spawn(call(seed * 100 + caller, gate, sent, shadow))
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    gate.shutdown(Duration::from_secs(20)).await.unwrap();
    let standing = ledger.standings(&account).await.unwrap().remove(0);
    assert_eq!(standing.held, Amount::ZERO, "seed {seed}: everything went back");
    assert_eq!(standing.spent.units(), shadow.lock().taken, "seed {seed}: all that was used");
    assert!(standing.spent <= Amount::from_units(CAP), "seed {seed}");
    audit(&ledger.snapshot().await.unwrap()).unwrap();
    let shadow = shadow.lock();
    println!("seed {seed}: {} admitted, {} refused", shadow.admitted, shadow.refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p4_on_one_node_nobody_is_refused_while_there_is_money() {
    for seed in 1..=12 {
        burst(seed, Arc::new(MemoryLedger::new())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p4_nor_on_a_database() {
    for seed in 1..=3 {
        let place = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(place.path().join("keycap.db")).await.unwrap();
        burst(seed, Arc::new(store)).await;
    }
}
