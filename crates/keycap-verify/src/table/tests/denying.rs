//! P7: a denied digest is refused at once, whatever its provider says and whoever asks meanwhile.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::super::grace::Outage;
use super::*;

const MILLI: Duration = Duration::from_millis(1);

fn is_revoked<E, X>(table: &KeyTable<E, X>, digest: &Digest, now: Timestamp) -> bool {
    matches!(table.peek(digest, now), Peek::Rejected(Rejection::Revoked))
}

async fn load(table: &Table, clock: &ManualClock, key: &Digest) -> Found<&'static str> {
    table.load(key, clock, || async { Ok(live("key")) }).await.unwrap()
}

#[tokio::test]
async fn p7_a_denied_digest_is_refused_at_once_and_not_asked_for() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    put(&table, &clock, &key, live("key")).await;
    put(&table, &clock, &digest("other"), live("other")).await;
    assert_eq!(table.deny(&key, DeniedUntil::Stopped, START), Ok(()));
    assert!(is_revoked(&table, &key, START));
    assert!(is_live(&table, &digest("other"), START), "no other key is");
    assert_eq!((table.len(), table.denied_len(), table.generations.keys_noted()), (1, 1, 1));
    let asking = Asking::default();
    let found = table.load(&key, &clock, || asking.answer::<&str>(live("key"))).await;
    assert!(matches!(found, Ok(Found::Rejected(Rejection::Revoked))));
    assert_eq!(asking.asked(), 0);
    table.clear_rejected();
    clock.advance(Duration::from_secs(1_000_000));
    assert!(is_revoked(&table, &key, clock.now()), "it does not wear off");
}

#[tokio::test]
async fn p7_a_lookup_in_flight_does_not_bring_a_denied_digest_back() {
    let (table, asking) = (Arc::new(Table::default()), Asking::held_back());
    let key = digest("key");
    let flight = {
        let (table, asking) = (table.clone(), asking.clone());
        tokio::spawn(async move {
            table.load(&key, &clock(), || asking.answer(live("key"))).await.map(drop_live)
        })
    };
    settle().await;
    assert_eq!(asking.asked(), 1);
    assert_eq!(table.deny(&key, DeniedUntil::Stopped, START), Ok(()));
    asking.let_one_answer();
    assert_eq!(flight.await.unwrap().unwrap(), Err(Rejection::Revoked));
    assert_eq!((asking.asked(), table.len()), (1, 0));
}

fn drop_live(found: Found<&'static str>) -> Result<&'static str, Rejection> {
    match found {
        Found::Live(entry) | Found::Graced(entry) => Ok(*entry.payload()),
        Found::Rejected(rejection) => Err(rejection),
    }
}

#[tokio::test]
async fn p7_a_denied_digest_is_not_served_by_grace() {
    let table: Table = KeyTable::builder().serve_unverified_in_outage(MAX_GRACE).build().unwrap();
    let (clock, key) = (clock(), digest("key"));
    put(&table, &clock, &key, live("key")).await;
    clock.advance(DEFAULT_LIVE_TTL);
    let failing = async |meanwhile: fn(&Table, &Digest)| {
        let ask = || async {
            meanwhile(&table, &key);
            Err("away")
        };
        table.load_in_outage(&key, &clock, ask, |_, _| Outage::Provider).await
    };
    assert!(matches!(failing(|_, _| ()).await, Ok(Found::Graced(_))));
    clock.advance(GRACE_PAUSE);
    let denied = failing(|table, key| table.deny(key, DeniedUntil::Stopped, START).unwrap()).await;
    assert!(denied.is_err());
    let after = failing(|_, _| panic!("not asked")).await;
    assert!(matches!(after, Ok(Found::Rejected(Rejection::Revoked))));
}

#[tokio::test]
async fn a_denial_ends_when_it_was_said_to_or_is_taken_back() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    let end = START.plus(Duration::from_secs(9));
    assert_eq!(table.deny(&key, DeniedUntil::Time(end), START), Ok(()));
    assert_eq!(table.deny(&key, DeniedUntil::Time(end.minus(MILLI)), START), Ok(()));
    assert!(is_revoked(&table, &key, end.minus(MILLI)), "the longer one stands");
    assert!(matches!(table.peek(&key, end), Peek::Absent));
    clock.set(end);
    assert!(matches!(load(&table, &clock, &key).await, Found::Live(_)));

    assert_eq!(table.deny(&key, DeniedUntil::Stopped, end), Ok(()));
    assert_eq!(table.deny(&key, DeniedUntil::Time(end), end), Ok(()));
    assert!(matches!(load(&table, &clock, &key).await, Found::Rejected(Rejection::Revoked)));
    table.stop_denying(&key);
    assert!(matches!(load(&table, &clock, &key).await, Found::Live(_)), "at once");
    assert_eq!(table.denied_len(), 0);
}

/// A lookup that meets a denial notes a rejection; taking the denial back must not leave that behind.
#[tokio::test]
async fn a_denial_that_is_taken_back_leaves_no_rejection_behind() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    let ask = || async {
        table.deny(&key, DeniedUntil::Stopped, START).unwrap();
        Ok::<_, &str>(live("key"))
    };
    let found = table.load(&key, &clock, ask).await;
    assert!(matches!(found, Ok(Found::Rejected(Rejection::Revoked))));
    table.stop_denying(&key);
    assert!(matches!(load(&table, &clock, &key).await, Found::Live(_)));
}

#[test]
fn denials_are_bounded_and_none_pushes_another_out() {
    let (table, end) = (Table::default(), START.plus(Duration::from_secs(1)));
    let deny = |number, until, now| table.deny(&numbered(number), until, now);
    for number in 1..MAX_DENIED {
        assert_eq!(deny(number, DeniedUntil::Stopped, START), Ok(()));
    }
    assert_eq!(deny(0, DeniedUntil::Time(end), START), Ok(()), "the last place");
    assert_eq!(deny(MAX_DENIED, DeniedUntil::Stopped, START), Err(TooManyDenied));
    assert_eq!(deny(1, DeniedUntil::Stopped, START), Ok(()), "denied already");
    assert!((0..MAX_DENIED).all(|number| is_revoked(&table, &numbered(number), START)));
    assert_eq!(deny(MAX_DENIED, DeniedUntil::Stopped, end), Ok(()), "one has come to its end");
    assert_eq!(deny(MAX_DENIED + 1, DeniedUntil::Stopped, end), Err(TooManyDenied));
    assert_eq!(table.denied_len(), MAX_DENIED);
}

/// Lookups and a denial at once, on real threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p7_no_interleaving_brings_a_denied_digest_back() {
    for _ in 0..200 {
        let table = Arc::new(KeyTable::<&str, Infallible>::default());
        let (key, done) = (digest("key"), Arc::new(AtomicBool::new(false)));
        let racers = [(); 4].map(|()| {
            let (table, done) = (table.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    let ask = || async {
                        tokio::task::yield_now().await;
                        Ok(live("key"))
                    };
                    let _ = table.load(&key, &clock(), ask).await;
                    table.forget_key("key");
                }
            })
        });
        tokio::task::yield_now().await;
        table.deny(&key, DeniedUntil::Stopped, START).unwrap();
        assert!(is_revoked(&table, &key, START));
        done.store(true, Ordering::SeqCst);
        for racer in racers {
            racer.await.unwrap();
        }
        assert!(is_revoked(&table, &key, START), "and it stays away");
    }
}
