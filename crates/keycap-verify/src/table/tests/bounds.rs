//! The table is bounded, and garbage takes no good key's place.

use std::time::Duration;

use super::*;

fn small() -> Table {
    KeyTable::builder().live_capacity(3).rejected_capacity(2).build().unwrap()
}

#[tokio::test]
async fn live_keys_are_bounded() {
    let (table, clock) = (small(), clock());
    for number in 0..3 {
        put(&table, &clock, &numbered(number), live("key")).await;
    }
    assert_eq!(table.len(), 3);
    assert!((0..3).all(|number| is_live(&table, &numbered(number), START)));
    put(&table, &clock, &numbered(3), live("key")).await;
    assert_eq!(table.len(), 3);
    assert!(is_live(&table, &numbered(3), START), "the newest has a place");
}

#[tokio::test]
async fn rejected_digests_are_bounded() {
    let (table, clock) = (small(), clock());
    for number in 0..3 {
        put(&table, &clock, &numbered(number), UNKNOWN).await;
        assert_eq!(table.rejected_len(), 2.min(number + 1));
    }
}

#[tokio::test]
async fn a_flood_of_garbage_pushes_out_no_good_key() {
    let table: Table = KeyTable::builder().rejected_capacity(100).build().unwrap();
    let clock = clock();
    for number in 0..50 {
        put(&table, &clock, &numbered(number), live("key")).await;
    }
    for number in 50..5_000 {
        put(&table, &clock, &numbered(number), UNKNOWN).await;
    }
    assert!((0..50).all(|number| is_live(&table, &numbered(number), START)));
    assert_eq!(table.rejected_len(), 100);
}

#[tokio::test]
async fn a_table_in_many_parts_stays_within_its_bounds() {
    let table: Table =
        KeyTable::builder().live_capacity(1_000).rejected_capacity(1_000).build().unwrap();
    let clock = clock();
    assert!(table.shards.len() > 1);
    for number in 0..3_000 {
        put(&table, &clock, &numbered(number), live("key")).await;
        put(&table, &clock, &digest(&format!("bad{number}")), UNKNOWN).await;
    }
    assert!((950..=1_000).contains(&table.len()), "{}", table.len());
    assert!((950..=1_000).contains(&table.rejected_len()), "{}", table.rejected_len());
}

#[tokio::test]
async fn a_key_that_left_is_no_longer_noted() {
    let (table, clock) = (small(), clock());
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        put(&table, &clock, &digest(name), live(name)).await;
    }
    assert_eq!((table.len(), table.generations.keys_noted()), (3, 3));
    clock.advance(DEFAULT_LIVE_TTL);
    for name in names {
        put(&table, &clock, &digest("a"), live(name)).await;
        clock.advance(DEFAULT_LIVE_TTL);
    }
    assert!(table.generations.keys_noted() <= table.len(), "one digest is one key");
}

#[tokio::test]
async fn lookups_in_flight_are_bounded() {
    let table: Table = KeyTable::builder().loads_in_flight(2).build().unwrap();
    let (table, clock, asking) = (Arc::new(table), clock(), Asking::held_back());
    let load = |number| {
        let (table, clock, asking) = (table.clone(), clock.clone(), asking.clone());
        tokio::spawn(async move {
            table.load(&numbered(number), &clock, || asking.answer(live("key"))).await
        })
    };
    let loads = [load(0), load(1)];
    settle().await;
    assert!(matches!(load(2).await.unwrap(), Err(LoadError::Busy)));
    let follower = load(0);
    settle().await;
    assert_eq!(asking.asked(), 2, "who follows takes no place");

    asking.let_one_answer();
    asking.let_one_answer();
    for load in loads.into_iter().chain([follower]) {
        assert!(load.await.unwrap().is_ok());
    }
    asking.let_one_answer();
    assert!(load(2).await.unwrap().is_ok(), "places are given back");
}

#[test]
fn a_table_without_room_or_time_is_refused_when_built() {
    let builder = KeyTable::builder;
    let cases = [
        (builder().live_capacity(0), "live capacity"),
        (builder().rejected_capacity(0), "rejected capacity"),
        (builder().live_ttl(Duration::ZERO), "time to live"),
        (builder().rejected_ttl(Duration::ZERO), "time to live of rejected keys"),
        (builder().load_timeout(Duration::ZERO), "time for lookups"),
        (builder().loads_in_flight(0), "number of lookups in flight"),
    ];
    for (builder, what) in cases {
        let error = builder.build::<(), Infallible>().unwrap_err().to_string();
        assert_eq!(error, format!("the table of live keys cannot have a {what} of zero"));
    }
    assert!(builder().live_capacity(1).rejected_capacity(1).build::<(), ()>().is_ok());
}
