//! What the handles on one request share is used again for the next: no two requests are ever mixed,
//! whichever thread drops which handle when, and a gate that is dropped is gone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails says so by a panic"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use keycap_budget::{Cost, Ledger, Meter, audit};
use keycap_gate::{Course, Decision, Guard, Guarded, KeyState};
use support::{World, finish};

const HELD: u32 = 10;
const THREADS: u64 = 3;
const REQUESTS: u32 = 2_000;

/// A small generator of numbers, so that a seed repeats a run as far as threads let it.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(most)).unwrap()
    }
}

fn request(world: &World, guarded: &Guarded) -> KeyState {
    let deciding = guarded.decide(&world.request, None);
    match now(deciding) {
        Decision::Admitted(key) => key,
        other => panic!("not admitted: {other:?}"),
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(future)
}

/// Does what a handler may do with a key, and says what that must cost.
fn work(key: KeyState, dice: &mut Dice, elsewhere: &SyncSender<KeyState>) -> u32 {
    let clones: Vec<KeyState> = (0..dice.up_to(3)).map(|_| key.clone()).collect();
    let cost = match dice.up_to(5) {
        // Never begun: costs nothing.
        0 => {
            drop(key);
            0
        }
        1 => {
            let mut course = Course::begin(key);
            course.failed();
            0
        }
        2 => {
            finish(key, 200);
            HELD
        }
        3 => {
            let cost = 1 + dice.up_to(2 * HELD);
            drop(key.track(Cost::tokens(cost)));
            finish(key, 500);
            cost
        }
        _ => {
            assert!(key.remaining(&Meter::TOKENS).is_some());
            finish(key, 404);
            0
        }
    };
    for clone in clones {
        match dice.up_to(2) {
            0 => drop(clone),
            _ => elsewhere.send(clone).unwrap(),
        }
    }
    cost
}

#[test]
fn p2_no_two_requests_are_mixed_whoever_drops_their_handles() {
    let seed: u64 = std::env::var("KEYCAP_PASSES_SEED").map_or(0x5eed, |it| it.parse().unwrap());
    println!("KEYCAP_PASSES_SEED={seed}");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = Arc::new(runtime.block_on(World::with(&["2000000 tokens per day"])));
    let expected = Arc::new(AtomicI64::new(0));
    let (elsewhere, dropped) = sync_channel::<KeyState>(64);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (world, expected, elsewhere) = (world.clone(), expected.clone(), elsewhere.clone());
            let handle = runtime.handle().clone();
            std::thread::spawn(move || {
                let _entered = handle.enter();
                let guarded = world.guarded(Guard::fixed(Cost::tokens(HELD)));
                let mut dice = Dice(seed.wrapping_add(thread).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for _ in 0..REQUESTS {
                    let cost = work(request(&world, &guarded), &mut dice, &elsewhere);
                    expected.fetch_add(i64::from(cost), Ordering::Relaxed);
                }
            })
        })
        .collect();
    drop(elsewhere);
    dropped.into_iter().for_each(drop);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    runtime.block_on(async {
        world.gate.shutdown(Duration::from_secs(20)).await.unwrap();
        let standings = world.ledger.inner.standings(&world.account).await.unwrap();
        let standing = standings.first().unwrap();
        assert_eq!(standing.held.units(), 0);
        assert_eq!(standing.spent.units(), expected.load(Ordering::Relaxed));
        audit(&world.ledger.inner.snapshot().await.unwrap()).unwrap();
    });
}

/// A thread keeps keys at hand, and passes to be used again. Neither may keep a gate, or its ledger's
/// file would stay locked.
#[tokio::test]
async fn a_gate_that_is_dropped_is_gone_although_threads_live_on() {
    let world = World::with(&["1000000 tokens per day"]).await;
    let guarded = world.guarded(Guard::fixed(Cost::tokens(HELD)));
    for _ in 0..20 {
        match guarded.decide(&world.request, None).await {
            Decision::Admitted(key) => finish(key, 404),
            other => panic!("not admitted: {other:?}"),
        }
    }
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let ledger = Arc::downgrade(&world.ledger);
    drop((guarded, world));
    let gone = async {
        while ledger.strong_count() > 0 {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("nothing keeps the ledger");
}
