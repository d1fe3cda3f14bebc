//! How long an answer is trusted.

use std::time::Duration;

use super::*;

const TTL: Duration = DEFAULT_LIVE_TTL;
const MILLI: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_live_key_is_trusted_for_its_time_and_no_longer() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    assert!(matches!(table.peek(&key, START), Peek::Absent));
    put(&table, &clock, &key, live("key")).await;
    let Peek::Live(entry) = table.peek(&key, START.plus(TTL - MILLI)) else { panic!("absent") };
    assert_eq!((*entry.payload(), entry.key_id()), ("key", Some("key")));
    assert_eq!(entry.serves_until(), START.plus(TTL));
    assert!(matches!(table.peek(&key, START.plus(TTL)), Peek::Absent));
}

#[tokio::test]
async fn a_key_is_trusted_until_its_own_expiry_if_that_is_sooner() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    let expiry = START.plus(Duration::from_secs(1));
    put(&table, &clock, &key, live_until(expiry)).await;
    assert!(is_live(&table, &key, expiry.minus(MILLI)));
    assert!(matches!(table.peek(&key, expiry), Peek::Absent));
}

#[tokio::test]
async fn the_time_counts_from_before_the_question() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    let slow = || async {
        clock.advance(Duration::from_secs(2));
        Ok(live("key"))
    };
    let Ok(Found::Live(entry)) = table.load(&key, &clock, slow).await else { panic!("rejected") };
    assert_eq!(entry.serves_until(), START.plus(TTL));
}

#[tokio::test]
async fn a_key_that_expired_on_the_way_is_rejected() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    let found = table.load(&key, &clock, || async { Ok(live_until(START)) }).await;
    assert!(matches!(found, Ok(Found::Rejected(Rejection::Expired))));
    assert!(matches!(table.peek(&key, START), Peek::Rejected(Rejection::Expired)));
}

#[tokio::test]
async fn a_rejection_is_trusted_for_a_shorter_time() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    put(&table, &clock, &key, UNKNOWN).await;
    let end = START.plus(DEFAULT_REJECTED_TTL);
    assert!(matches!(table.peek(&key, end.minus(MILLI)), Peek::Rejected(Rejection::Unknown)));
    assert!(matches!(table.peek(&key, end), Peek::Absent));
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_the_table_ask_again() {
    let (table, clock) = (Table::default(), clock());
    put(&table, &clock, &digest("good"), live("key")).await;
    put(&table, &clock, &digest("bad"), UNKNOWN).await;
    let before = START.minus(Duration::from_secs(60 * 60));
    assert!(matches!(table.peek(&digest("good"), before), Peek::Absent));
    assert!(matches!(table.peek(&digest("bad"), before), Peek::Absent));
}

#[tokio::test]
async fn what_is_known_is_not_asked_for() {
    let (table, clock) = (Table::default(), clock());
    put(&table, &clock, &digest("good"), live("key")).await;
    put(&table, &clock, &digest("bad"), UNKNOWN).await;
    for key in ["good", "bad"] {
        let asking = Asking::default();
        let found = table.load(&digest(key), &clock, || asking.answer(live("other"))).await;
        assert_eq!((found.is_ok(), asking.asked()), (true, 0), "{key}");
    }
}

#[tokio::test]
async fn a_key_that_lapsed_and_is_rejected_now_is_no_longer_kept() {
    let (table, clock, key) = (Table::default(), clock(), digest("key"));
    put(&table, &clock, &key, live("key")).await;
    clock.advance(TTL);
    put(&table, &clock, &key, UNKNOWN).await;
    assert_eq!((table.len(), table.rejected_len()), (0, 1));
    clock.advance(DEFAULT_REJECTED_TTL);
    put(&table, &clock, &key, live("key")).await;
    assert_eq!((table.len(), table.rejected_len()), (1, 0));
    assert_eq!(table.generations.keys_noted(), 1);
}

#[tokio::test]
async fn lapsed_keys_can_be_let_go_of() {
    let (table, clock) = (Table::default(), clock());
    put(&table, &clock, &digest("old"), live("old")).await;
    clock.advance(TTL / 2);
    put(&table, &clock, &digest("young"), live("young")).await;
    assert_eq!(table.drop_lapsed(START.plus(TTL - MILLI)), 0);
    assert_eq!(table.drop_lapsed(START.plus(TTL)), 1);
    assert_eq!((table.len(), table.generations.keys_noted()), (1, 1));
    assert!(is_live(&table, &digest("young"), START.plus(TTL)));
}
