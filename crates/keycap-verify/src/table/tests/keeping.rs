//! P7 for who keeps an entry and looks it up no more.

use std::sync::Barrier;
use std::time::Duration;

use super::super::grace::Outage;
use super::*;

type Kept = Arc<Entry<&'static str>>;

/// A table with two parts at most, and two keys.
async fn table_of_two() -> (Table, ManualClock, Kept, Kept) {
    let builder = KeyTable::builder().serve_unverified_in_outage(Duration::from_secs(600));
    let (table, clock) = (builder.live_capacity(2).build().unwrap(), clock());
    for name in ["key", "other"] {
        put(&table, &clock, &digest(name), live(name)).await;
    }
    let kept = |name| keep(&table, &digest(name));
    let (key, other) = (kept("key"), kept("other"));
    (table, clock, key, other)
}

fn keep<E, X>(table: &KeyTable<E, X>, digest: &Digest) -> Arc<Entry<E>> {
    let Peek::Live(entry) = table.peek(digest, START) else { panic!("not live") };
    assert_eq!(entry.digest(), digest);
    entry
}

#[tokio::test]
async fn an_entry_is_served_by_itself_for_as_long_as_the_table_serves_it() {
    let (table, _clock, key, _other) = table_of_two().await;
    let end = START.plus(DEFAULT_LIVE_TTL);
    let milli = Duration::from_millis(1);
    for (at, served) in [
        (START.minus(milli), false),
        (START, true),
        (end.minus(milli), true),
        (end, false),
        (end.plus(milli), false),
    ] {
        assert_eq!(key.is_served_at(at), served, "{at}");
        assert_eq!(is_live(&table, key.digest(), at), served, "{at}");
    }
}

/// Whatever takes a key out of the table: who kept its entry sees it with the next request.
#[tokio::test]
async fn p7_an_entry_that_left_the_table_is_not_served_by_who_kept_it() {
    type Change = fn(&Table, &Digest);
    let changes: [(&str, Change); 5] = [
        ("forgotten", |table, _| table.forget_key("key")),
        ("picked", |table, _| assert_eq!(table.forget_where(|payload| *payload == "key"), 1)),
        ("changed", |table, _| {
            assert_eq!(table.forget_readers("acme", |payload| *payload == "key"), 1);
        }),
        ("denied", |table, digest| table.deny(digest, DeniedUntil::Stopped, START).unwrap()),
        ("revoked", |table, _| {
            let news = KeyNews { key_id: "key".into(), change: KeyChange::Revoked };
            table.key_changed(&news);
        }),
    ];
    for (name, change) in changes {
        let (table, _clock, key, other) = table_of_two().await;
        assert!(key.is_served_at(START));
        change(&table, key.digest());
        assert!(!key.is_served_at(START), "{name}");
        assert!(other.is_served_at(START), "{name}: and no other key is concerned");
    }
}

#[tokio::test]
async fn p7_an_entry_is_not_served_any_more_once_its_key_was_asked_for_again() {
    for (again, payload) in [(live("key"), Some("key")), (UNKNOWN, None)] {
        let (table, clock, key, other) = table_of_two().await;
        clock.advance(DEFAULT_LIVE_TTL);
        put(&table, &clock, key.digest(), again).await;
        assert!(!key.is_served_at(START), "also not by a clock that was set back");
        assert!(other.is_served_at(START));
        let found = match table.peek(key.digest(), clock.now()) {
            Peek::Live(newer) => {
                assert!(newer.is_served_at(clock.now()));
                Some(*newer.payload())
            }
            Peek::Rejected(_) | Peek::Absent => None,
        };
        assert_eq!(found, payload);
    }
}

#[tokio::test]
async fn p7_an_entry_that_another_key_pushed_out_is_not_served() {
    let (table, clock, key, other) = table_of_two().await;
    put(&table, &clock, &digest("third"), live("third")).await;
    let left = [&key, &other].map(|entry| !is_live(&table, entry.digest(), START));
    assert_eq!(left.iter().filter(|left| **left).count(), 1);
    assert_eq!([&key, &other].map(|entry| !entry.is_served_at(START)), left);
}

#[tokio::test]
async fn p7_entries_are_not_served_once_they_were_dropped_for_their_age() {
    let (table, clock, key, other) = table_of_two().await;
    clock.advance(DEFAULT_LIVE_TTL + Duration::from_secs(600));
    assert_eq!(table.drop_lapsed(clock.now()), 2);
    assert!(!key.is_served_at(START) && !other.is_served_at(START));
}

/// A table that is gone hears of no revocation.
#[tokio::test]
async fn p7_entries_are_not_served_once_their_table_is_gone() {
    let (table, _clock, key, other) = table_of_two().await;
    drop(table);
    assert!(!key.is_served_at(START) && !other.is_served_at(START));
}

/// Grace is the table's to give: an entry alone cannot know that its provider is silent.
#[tokio::test]
async fn p6_grace_is_not_reached_through_an_entry() {
    for (outage, graced) in [(Outage::Provider, true), (Outage::Elsewhere, false)] {
        let (table, clock, key, _other) = table_of_two().await;
        clock.advance(DEFAULT_LIVE_TTL);
        let fails = || async { Err("silent") };
        let found = table.load_in_outage(key.digest(), &clock, fails, |_, _| outage).await;
        assert_eq!(matches!(found, Ok(Found::Graced(_))), graced);
        assert!(!key.is_served_at(clock.now()));
        assert_eq!(key.is_served_at(START), graced, "it is in the table, or it is not");
    }
}

/// On real threads: whoever finds the table without the key, or knows that the revocation is over,
/// finds the entry not served either.
#[test]
fn p7_no_interleaving_serves_an_entry_whose_key_is_gone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for round in 0..500 {
        let table = Table::default();
        runtime.block_on(put(&table, &clock(), &digest("key"), live("key")));
        let key = keep(&table, &digest("key"));
        let (at_once, is_over) = (Barrier::new(2), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                at_once.wait();
                match round % 2 {
                    0 => table.forget_key("key"),
                    _ => table.deny(key.digest(), DeniedUntil::Stopped, START).unwrap(),
                }
                is_over.store(1, Ordering::Release);
            });
            at_once.wait();
            while is_live(&table, key.digest(), START) {
                std::thread::yield_now();
            }
            assert!(!key.is_served_at(START), "the table is without it");
            while is_over.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            assert!(!key.is_served_at(START), "the call has returned");
        });
    }
}

/// More keys than are looked at with one lock held.
#[tokio::test]
async fn p7_keys_are_forgotten_by_what_is_kept_with_them_however_many_there_are() {
    let table: Table = KeyTable::builder().rejected_capacity(1).build().unwrap();
    assert_eq!(table.shards.len(), 1);
    let (clock, count) = (clock(), 2 * MOST_AT_ONCE + 1);
    for number in 0..count {
        let payload = if number % 2 == 0 { "even" } else { "odd" };
        put(&table, &clock, &numbered(number), live(payload)).await;
    }
    let kept: Vec<_> = (0..count).map(|number| keep(&table, &numbered(number))).collect();
    assert_eq!(table.forget_readers("acme", |payload| *payload == "even"), MOST_AT_ONCE + 1);
    for (number, entry) in kept.iter().enumerate() {
        assert_eq!(entry.is_served_at(START), number % 2 == 1);
    }
    assert_eq!((table.len(), table.generations.keys_noted()), (MOST_AT_ONCE, 1));
    table.forget_key("odd");
    assert!(kept.iter().all(|entry| !entry.is_served_at(START)));
    assert_eq!((table.len(), table.generations.keys_noted()), (0, 0));
}

/// A million of them are kept: what an entry takes is looked at before it grows.
#[test]
fn an_entry_is_lean() {
    assert_eq!(size_of::<Entry<()>>(), 96);
}
