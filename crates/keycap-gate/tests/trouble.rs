//! When the ledger or the provider cannot answer: 503, nothing kept, recovery without a restart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use keycap_base::{Labels, Scopes, Timestamp};
use keycap_budget::{Ledger, Meter, audit, usd};
use keycap_gate::{Code, Decision, Denial, Gate, Guard, Invalid, TrackError, Usage, track_usage};
use keycap_verify::{
    Answer, Identity, IdentityProvider, Malformed, NewKey, Rejection, Secret, Subject, Unavailable,
};
use parking_lot::Mutex;
use support::{Mood, Sent, World, finish};

const TROUBLES: [Mood; 3] = [Mood::Fails, Mood::Hangs, Mood::Panics];

fn impatient(builder: keycap_gate::GateBuilder) -> keycap_gate::GateBuilder {
    builder
        .limit("$1 per day".parse().unwrap())
        .ledger_timeout(Duration::from_millis(50))
        .verify_timeout(Duration::from_millis(200))
        .confirm_timeout(Duration::from_millis(50))
}

#[tokio::test]
async fn p6_a_ledger_in_trouble_is_503_and_recovers_without_a_restart() {
    for mood in TROUBLES {
        let world = World::built(impatient).await;
        finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
        world.ledger.set(mood);
        assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::LedgerUnavailable);
        world.ledger.set(Mood::Well);
        finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
        world.at_rest().await;
    }
}

#[tokio::test]
async fn p6_a_ledger_in_trouble_at_first_sight_is_503_and_nothing_is_kept() {
    for mood in TROUBLES {
        let world = World::built(impatient).await;
        world.ledger.set(mood);
        let code = world.code(Guard::free()).await;
        assert!(matches!(code, Code::LedgerUnavailable | Code::AuthUnavailable), "{code}");
        world.ledger.set(Mood::Well);
        finish(world.admitted(Guard::free()).await, 200);
    }
}

#[tokio::test]
async fn p2_a_cost_tracked_while_the_ledger_is_away_is_recorded_when_it_is_back() {
    for mood in [Mood::Fails, Mood::Panics, Mood::Mumbles] {
        let world = World::built(impatient).await;
        let key = world.admitted(Guard::fixed(usd!(0.05))).await;
        world.ledger.set(mood);
        let tracked = key.track(usd!(0.01)).await;
        assert!(matches!(tracked, Err(TrackError::Unconfirmed)), "{tracked:?}");
        finish(key, 200);
        world.ledger.set(Mood::Well);
        assert_eq!(world.at_rest().await.0, "$0.01");
        assert_eq!(world.charges().await.len(), 1);
    }
}

/// A cost that was alone on its way when the ledger failed went to the end of the queue, behind the end
/// of its own request: what the request had reserved was given back first, and did not pay for it.
#[tokio::test(start_paused = true)]
async fn p1_a_cost_that_failed_alone_is_paid_before_its_request_gives_back() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.5))).await;
    world.ledger.set(Mood::Fails);
    let told = key.track(Usage::of(usd!(0.2)).once(key.charge_id()));
    tokio::time::sleep(Duration::from_millis(5)).await;
    finish(key, 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.ledger.set(Mood::Well);
    assert!(told.await.unwrap().uncovered.is_nothing());
    assert_eq!(world.at_rest().await, ("$0.20".into(), "$0.00".into()));
}

/// One operation that the ledger fails at kept every other in its batch, and all that came after,
/// from being recorded: nothing was lost, but admission stopped for everybody.
#[tokio::test(start_paused = true)]
async fn p2_a_damaged_account_does_not_stop_the_billing_of_others() {
    let world = World::built(impatient).await;
    let minted = world.keys.mint(NewKey::for_owner("bob").own_account()).await.unwrap();
    let bob = Sent(format!("Bearer {}", minted.secret.expose()));
    let guarded = world.guarded(Guard::fixed(usd!(0.05)));
    let Decision::Admitted(theirs) = guarded.decide(&bob, None).await else { panic!("refused") };
    let ours = world.admitted(Guard::fixed(usd!(0.05))).await;
    *world.ledger.damaged.lock() = Some(theirs.account().clone());
    for (key, cost) in [(&theirs, usd!(0.01)), (&ours, usd!(0.02))] {
        drop(key.track(cost));
    }
    finish(theirs, 200);
    finish(ours, 200);
    let recorded = async {
        while world.shown().await.0 != "$0.02" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.unwrap();
    for _ in 0..20 {
        let key = world.admitted(Guard::fixed(usd!(0.01))).await;
        drop(key.track(usd!(0.01)));
        finish(key, 200);
    }
    let busy = world.gate.shutdown(Duration::from_secs(5)).await;
    assert_eq!(busy.unwrap_err().requests, 1);
    assert_eq!(world.shown().await.0, "$0.22");
    let account = world.ledger.damaged.lock().take().unwrap();
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let standings = world.ledger.inner.standings(&account).await.unwrap();
    assert_eq!(Meter::USD.format(standings[0].spent), "$0.01");
    audit(&world.ledger.inner.snapshot().await.unwrap()).unwrap();
}

/// What ended requests give back is waited for, but not for longer than 50 ms: here the ledger cannot
/// record the end of another account's request, so the queue is never caught up with.
#[tokio::test(start_paused = true)]
async fn p4_the_wait_for_ended_requests_is_bounded() {
    const CATCH_UP: Duration = Duration::from_millis(50);
    let world = World::built(impatient).await;
    let minted = world.keys.mint(NewKey::for_owner("bob").own_account()).await.unwrap();
    let bob = Sent(format!("Bearer {}", minted.secret.expose()));
    let guarded = world.guarded(Guard::fixed(usd!(0.6)));
    let Decision::Admitted(theirs) = guarded.decide(&bob, None).await else { panic!("refused") };
    let ours = world.admitted(Guard::fixed(usd!(0.6))).await;
    *world.ledger.damaged.lock() = Some(theirs.account().clone());
    finish(theirs, 200);
    let begun = tokio::time::Instant::now();
    assert_eq!(world.code(Guard::fixed(usd!(0.6))).await, Code::BudgetReserved);
    let waited = begun.elapsed();
    assert!(waited >= CATCH_UP && waited < 2 * CATCH_UP, "{waited:?}");
    finish(ours, 500);
}

#[tokio::test]
async fn p4_a_hold_whose_answer_was_lost_is_given_back() {
    let world = World::built(impatient).await;
    finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
    world.at_rest().await;
    world.ledger.set(Mood::Mumbles);
    assert_eq!(world.code(Guard::fixed(usd!(1))).await, Code::LedgerUnavailable);
    world.ledger.set(Mood::Well);
    assert_eq!(world.at_rest().await, ("$0.00".to_owned(), "$0.00".to_owned()));
    finish(world.admitted(Guard::fixed(usd!(1))).await, 500);
}

#[tokio::test]
async fn p4_a_request_dropped_while_its_hold_is_on_the_way_holds_nothing() {
    let world = World::with(&["$1 per day"]).await;
    finish(world.admitted(Guard::free()).await, 200);
    world.ledger.set(Mood::Hangs);
    let guarded = world.guarded(Guard::fixed(usd!(1)));
    let deciding = guarded.decide(&world.request, None);
    assert!(tokio::time::timeout(Duration::from_millis(5), deciding).await.is_err());
    world.ledger.set(Mood::Well);
    finish(world.admitted(Guard::fixed(usd!(1))).await, 500);
    assert_eq!(world.at_rest().await.1, "$0.00");
}

#[tokio::test]
async fn a_full_queue_refuses_admission_and_loses_nothing() {
    let world = World::built(|builder| impatient(builder).places(2)).await;
    let first = world.admitted(Guard::fixed(usd!(0.01))).await;
    let second = world.admitted(Guard::fixed(usd!(0.01))).await;
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::LedgerUnavailable);
    let loose = track_usage(&world.gate, world.account.clone(), usd!(0.5)).await;
    assert!(matches!(loose, Err(TrackError::NoPlace)), "{loose:?}");
    drop(first.track(usd!(0.01)));
    drop(second.track(usd!(0.01)));
    finish(first, 200);
    finish(second, 200);
    assert_eq!(world.at_rest().await.0, "$0.02");
    finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
}

#[tokio::test]
async fn shutdown_stops_admission_waits_for_requests_and_settles_all() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    let busy = world.gate.shutdown(Duration::from_millis(5)).await;
    assert_eq!(busy.unwrap_err().requests, 1);
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::LedgerUnavailable);
    drop(key.track(usd!(0.01)));
    finish(key, 200);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    assert_eq!(world.shown().await, ("$0.01".to_owned(), "$0.00".to_owned()));
}

#[tokio::test]
async fn costs_queued_when_the_last_gate_goes_are_recorded_all_the_same() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    drop(key.track(usd!(0.01)));
    let World { gate, ledger, account, .. } = world;
    drop(gate);
    finish(key, 200);
    let settled = async {
        while ledger.inner.standings(&account).await.unwrap()[0].spent.is_zero() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled).await.unwrap();
    audit(&ledger.inner.snapshot().await.unwrap()).unwrap();
}

/// A provider whose next answers are scripted.
struct Scripted {
    script: Mutex<Vec<Act>>,
    asked: AtomicUsize,
    chores: Act,
}

#[derive(Clone, Copy)]
enum Act {
    Know,
    Reject,
    Fail,
    Hang,
    Panic,
}

#[async_trait]
impl IdentityProvider for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn verify(&self, _secret: &Secret) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let act = self.script.lock().pop().unwrap_or(Act::Know);
        match act {
            Act::Know => {
                let subject = Subject::new("scripted", "alice").unwrap();
                let mut identity = Identity::new(subject, Timestamp::EPOCH);
                identity.scopes = Scopes::all();
                Answer::Known(identity)
            }
            Act::Reject => Answer::Rejected(Rejection::Unknown),
            Act::Fail => Answer::Unavailable(Unavailable::new("the script")),
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("the provider panics"),
        }
    }

    async fn housekeep(&self) {
        match self.chores {
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("the provider panics at its chores"),
            Act::Know | Act::Reject | Act::Fail => {}
        }
    }
}

async fn gate_over(script: &[Act]) -> (Gate, Arc<Scripted>, support::World) {
    let script = script.iter().rev().copied().collect();
    gate_with_chores(script, Act::Know).await
}

async fn gate_with_chores(script: Vec<Act>, chores: Act) -> (Gate, Arc<Scripted>, support::World) {
    let (script, asked) = (Mutex::new(script), AtomicUsize::new(0));
    let provider = Arc::new(Scripted { script, asked, chores });
    let world = World::built(|builder| impatient(builder).provider(Arc::clone(&provider))).await;
    (world.gate.clone(), provider, world)
}

#[tokio::test]
async fn p6_a_provider_in_trouble_is_503_and_nothing_is_kept() {
    for trouble in [Act::Fail, Act::Hang, Act::Panic] {
        let (_gate, provider, world) = gate_over(&[trouble]).await;
        assert_eq!(world.code(Guard::free()).await, Code::AuthUnavailable);
        finish(world.admitted(Guard::free()).await, 200);
        assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_rejection_is_remembered_for_a_short_while_only() {
    let (_gate, provider, world) = gate_over(&[Act::Reject]).await;
    assert_eq!(world.code(Guard::free()).await, Code::InvalidKey);
    assert_eq!(world.code(Guard::free()).await, Code::InvalidKey);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    world.clock.advance(Duration::from_secs(5));
    finish(world.admitted(Guard::free()).await, 200);
}

/// Bytes are looked up before they are looked at. What is no secret is told apart all the same.
#[tokio::test]
async fn what_is_no_secret_is_refused_as_that_counts_as_a_failure_and_is_shown_to_nobody() {
    let over = "a".repeat(keycap_verify::MAX_SECRET_BYTES + 1);
    for (written, why) in [
        ("two words", Malformed::Character),
        ("a=b", Malformed::Character),
        ("", Malformed::Empty),
        (&over, Malformed::TooLong),
    ] {
        let script = Mutex::new(vec![]);
        let provider = Arc::new(Scripted { script, asked: AtomicUsize::new(0), chores: Act::Know });
        let world = World::built(|builder| {
            let failures = keycap_verify::FailureGuard::builder().failures_per_minute(1);
            builder.provider(Arc::clone(&provider)).failed_attempts(failures)
        });
        let world = world.await;
        let guarded = world.gate.guarded(Guard::free()).unwrap();
        let sent = Sent(format!("Bearer {written}"));
        for _ in 0..2 {
            let Decision::Refused(refusal) = guarded.decide(&sent, None).await else { panic!() };
            let denial = Denial::InvalidKey(Invalid::Malformed(why));
            assert_eq!(refusal.to_string(), denial.to_string());
        }
        assert_eq!(world.code(Guard::free()).await, Code::TooManyFailures);
        assert_eq!(provider.asked.load(Ordering::SeqCst), 0);
    }
}

/// Whoever sends made-up keys and hangs up at once had the provider asked for each of them, as often as
/// it liked: only a rejection that was waited for was counted.
#[tokio::test]
async fn a_caller_who_leaves_before_the_answer_counts_as_a_failed_attempt() {
    let script = Mutex::new(vec![Act::Know, Act::Hang]);
    let provider = Arc::new(Scripted { script, asked: AtomicUsize::new(0), chores: Act::Know });
    let world = World::built(|builder| {
        let failures = keycap_verify::FailureGuard::builder().failures_per_minute(1);
        builder.provider(Arc::clone(&provider)).failed_attempts(failures)
    });
    let world = world.await;
    let guarded = world.gate.guarded(Guard::free()).unwrap();
    let made_up = Sent("Bearer made-up".to_owned());
    {
        let mut leaving = std::pin::pin!(guarded.decide(&made_up, None));
        let step = std::future::poll_fn(|context| Poll::Ready(leaving.as_mut().poll(context)));
        assert!(step.await.is_pending());
    }
    assert_eq!(world.code(Guard::free()).await, Code::TooManyFailures);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    world.clock.advance(Duration::from_secs(60));
    finish(world.admitted(Guard::free()).await, 200);
}

#[tokio::test]
async fn a_thousand_first_requests_of_one_key_make_one_call_and_one_account() {
    let (gate, provider, world) = gate_over(&[]).await;
    let guarded = gate.guarded(Guard::fixed(usd!(0.001))).unwrap();
    let request = Sent(world.request.0.clone());
    let all: Vec<_> = (0..1_000).map(|_| guarded.decide(&request, None)).collect();
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|decision| matches!(decision, Decision::Admitted(_))));
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.ledger.inner.snapshot().await.unwrap().accounts.len(), 1);
}

/// A shutdown waited by acquiring every place of the queue. Whoever waits in a semaphore is served
/// before those who come later, so a request under way that needed one more place (a cost with other
/// tags, a first reservation) could not get one, and the shutdown waited for that request.
#[tokio::test]
async fn p2_requests_admitted_before_a_shutdown_still_track_and_reserve_during_it() {
    let world =
        World::built(|builder| builder.limit("$1 per day".parse().unwrap()).places(8)).await;
    let key = world.admitted(Guard::free()).await;
    let gate = world.gate.clone();
    let closing = tokio::spawn(async move { gate.shutdown(Duration::from_secs(20)).await });
    let guarded = world.guarded(Guard::free());
    while let Decision::Admitted(early) = guarded.decide(&world.request, None).await {
        drop(early);
        tokio::task::yield_now().await;
    }
    key.reserve(usd!(0.1)).await.unwrap();
    let tagged = |model| Usage::of(usd!(0.01)).tagged(Labels::of([("model", model)]).unwrap());
    let costs = [key.track(tagged("a")), key.track(tagged("b")), key.track(tagged("c"))];
    for told in futures_util::future::join_all(costs).await {
        told.unwrap();
    }
    track_usage(&world.gate, world.account.clone(), usd!(0.01)).await.unwrap();
    assert!(!closing.is_finished());
    finish(key, 200);
    closing.await.unwrap().unwrap();
    assert_eq!(world.shown().await, ("$0.04".to_owned(), "$0.00".to_owned()));
    world.gate.shutdown(Duration::ZERO).await.unwrap();
}

/// A cost with tags of its own waited for a place inside its future although the queue had room: a
/// handler that did not await it lost it without a word.
#[tokio::test]
async fn p2_costs_with_tags_of_their_own_are_queued_before_track_returns() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    for model in ["a", "b", "c"] {
        let tags = Labels::of([("model", model)]).unwrap();
        drop(key.track(Usage::of(usd!(0.01)).tagged(tags)));
    }
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.03");
    assert_eq!(world.charges().await.len(), 3);
}

/// With every place taken, a second cost with other tags waited for a place that only the end of its
/// own request could free, although the first was sent long ago and its place stood empty.
#[tokio::test]
async fn p2_a_cost_with_other_tags_takes_its_requests_place_once_that_is_empty() {
    let world =
        World::built(|builder| builder.limit("$1 per day".parse().unwrap()).places(1)).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    let tagged = |model| Usage::of(usd!(0.01)).tagged(Labels::of([("model", model)]).unwrap());
    let both = futures_util::future::join(key.track(tagged("a")), key.track(tagged("b"))).await;
    assert!(matches!(both, (Ok(_), Ok(_))), "{both:?}");
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.02");
}

/// Two costs at the bound of what one charge can be were refused because their sum is above it.
#[tokio::test]
async fn p2_costs_that_cannot_be_one_charge_become_two() {
    let world = World::with(&["$3000000 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(1000000))).await;
    let both = [key.track(usd!(1000000)), key.track(usd!(1000000))];
    for told in futures_util::future::join_all(both).await {
        told.unwrap();
    }
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$2000000.00");
    assert_eq!(world.charges().await.len(), 2);
}

/// A hold whose answer was lost was given back by a release alone. A store of many connections may
/// apply the release first, find nothing, and take the hold after it: it stood until its expiry and
/// was then counted as spent.
#[tokio::test]
async fn p4_a_hold_that_lands_after_its_release_holds_nothing() {
    let world = World::built(impatient).await;
    finish(world.admitted(Guard::free()).await, 200);
    world.ledger.set(Mood::Late);
    assert_eq!(world.code(Guard::fixed(usd!(1))).await, Code::LedgerUnavailable);
    let asked = std::mem::take(&mut *world.ledger.late.lock());
    world.ledger.set(Mood::Well);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    for batch in asked {
        world.ledger.inner.apply(batch).await.unwrap();
    }
    assert_eq!(world.shown().await, ("$0.00".to_owned(), "$0.00".to_owned()));
}

/// A ledger that needed longer for a batch than the time-out was asked for the same batch again and
/// again, and never heard out.
#[tokio::test(start_paused = true)]
async fn p2_a_ledger_slower_than_its_time_out_is_heard_out_in_the_end() {
    let world =
        World::built(|builder| impatient(builder).confirm_timeout(Duration::from_secs(60))).await;
    let key = world.admitted(Guard::fixed(usd!(0.05))).await;
    world.ledger.set(Mood::Slow);
    key.track(usd!(0.01)).await.unwrap();
    world.ledger.set(Mood::Well);
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.01");
}

/// A provider that hung or panicked at its own chores ended the gate's housekeeping for good: holds
/// of long requests were not renewed any more, dead ones not swept, and a shutdown never returned.
#[tokio::test(start_paused = true)]
async fn a_provider_in_trouble_at_its_chores_does_not_end_housekeeping() {
    for chores in [Act::Hang, Act::Panic] {
        let (gate, _provider, world) = gate_with_chores(Vec::new(), chores).await;
        finish(world.admitted(Guard::free()).await, 200);
        let key = world.admitted(Guard::fixed(usd!(0.5))).await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(100)).await;
            world.clock.advance(Duration::from_secs(800));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let open = world.ledger.inner.snapshot().await.unwrap();
        assert!(open.holds.iter().any(keycap_budget::Hold::is_open));
        finish(key, 500);
        gate.shutdown(Duration::from_secs(30)).await.unwrap();
    }
}

/// After a pause of the process, or a jump of the clock, a sweep could come before the renewals that
/// were due as well: it captured the holds of requests that were alive.
#[tokio::test(start_paused = true)]
async fn p4_living_holds_are_renewed_before_dead_ones_are_swept() {
    for _ in 0..8 {
        let world = World::with(&["$1 per lifetime"]).await;
        let key = world.admitted(Guard::fixed(usd!(0.5))).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.clock.advance(Duration::from_secs(3_600));
        tokio::time::sleep(Duration::from_secs(400)).await;
        assert_eq!(world.shown().await, ("$0.00".to_owned(), "$0.50".to_owned()));
        finish(key, 500);
        assert_eq!(world.at_rest().await.1, "$0.00");
    }
}

/// The end of a request that only counted requests bore its hold's id. A stream of more than a day
/// came with an id that the ledger had forgotten: it was not counted, and its hold not given back.
#[tokio::test]
async fn p4_a_request_of_more_than_a_day_is_counted_and_gives_its_hold_back() {
    let world = World::with(&["$1 per lifetime", "8 requests per lifetime"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.5))).await;
    world.clock.advance(Duration::from_secs(25 * 60 * 60));
    finish(key, 500);
    assert_eq!(world.at_rest().await, ("$0.00".to_owned(), "$0.00".to_owned()));
    let standings = world.ledger.inner.standings(&world.account).await.unwrap();
    assert_eq!(standings[1].spent.units(), 1);
}

/// A runtime that ended with costs in the queue left requests, gate and queue holding each other, and
/// with them the ledger and its file, for as long as the process lived.
#[test]
fn a_runtime_that_ends_lets_go_of_the_ledger() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ledger, key, tracked) = runtime.block_on(async {
        let world = World::built(impatient).await;
        let key = world.admitted(Guard::fixed(usd!(0.05))).await;
        world.ledger.set(Mood::Hangs);
        drop(world.admitted(Guard::free()).await.track(usd!(0.01)));
        tokio::task::yield_now().await;
        let tracked = key.track(usd!(0.01));
        (Arc::clone(&world.ledger), key, tracked)
    });
    drop(runtime);
    drop(key.track(usd!(0.01)));
    drop((key, tracked));
    assert_eq!(Arc::strong_count(&ledger), 1);
}
