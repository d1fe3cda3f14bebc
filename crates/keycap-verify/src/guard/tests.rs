use super::*;
use crate::Secret;

fn digest(text: &str) -> Digest {
    Secret::parse(text).unwrap().digest()
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn guard(per_minute: u32) -> FailureGuard {
    FailureGuard::builder().failures_per_minute(per_minute).build().unwrap()
}

#[test]
fn the_limit_is_reached_at_the_bound_and_not_before() {
    let (guard, bad, here) = (FailureGuard::default(), digest("bad"), ip("192.0.2.1"));
    for _ in 0..DEFAULT_FAILURES_PER_MINUTE {
        assert_eq!(guard.allow(&bad, here, at(0)), Ok(()));
        guard.record(here, at(0));
    }
    let too_many = guard.allow(&bad, here, at(0)).unwrap_err();
    assert_eq!(too_many.retry_after, Duration::from_millis(100));
    assert_eq!(guard.allow(&bad, ip("192.0.2.2"), at(0)), Ok(()), "a neighbour is not stopped");
}

#[test]
fn failures_drain_with_time() {
    let (guard, bad, here) = (guard(7), digest("bad"), ip("192.0.2.1"));
    (0..1_000).for_each(|_| guard.record(here, at(0)));
    let wait = guard.allow(&bad, here, at(0)).unwrap_err().retry_after;
    assert_eq!(wait, Duration::from_millis(8_572), "a seventh of a minute, rounded up");
    assert!(guard.allow(&bad, here, at(8_571)).is_err());
    assert_eq!(guard.allow(&bad, here, at(8_572)), Ok(()));
    guard.record(here, at(8_572));
    assert!(guard.allow(&bad, here, at(8_572)).is_err(), "one was allowed, not a new burst");
    assert_eq!(guard.allow(&bad, here, at(120_000)), Ok(()));
}

#[test]
fn a_clock_that_goes_back_neither_drains_nor_locks_out() {
    let (guard, bad, here) = (guard(2), digest("bad"), ip("192.0.2.1"));
    guard.record(here, at(60_000));
    guard.record(here, at(0));
    assert!(guard.allow(&bad, here, at(0)).is_err());
    assert_eq!(guard.allow(&bad, here, at(90_000)), Ok(()));
}

#[test]
fn clients_that_are_one_are_counted_as_one() {
    let cases = [
        (ip("192.0.2.1"), ip("::ffff:192.0.2.1"), true),
        (ip("2001:db8::1"), ip("2001:db8::ffff:0:0:2"), true),
        (ip("2001:db8::1"), ip("2001:db8:0:1::1"), false),
        (ip("192.0.2.1"), ip("192.0.2.2"), false),
        (None, None, true),
        (None, ip("0.0.0.0"), false),
        (None, ip("::"), false),
    ];
    for (fails, asks, same) in cases {
        let guard = guard(1);
        guard.record(fails, at(0));
        assert_eq!(guard.allow(&digest("bad"), asks, at(0)).is_err(), same, "{fails:?} {asks:?}");
    }
}

#[test]
fn a_digest_known_good_within_the_hour_is_never_stopped() {
    let (guard, good, here) = (guard(1), digest("good"), ip("192.0.2.1"));
    let hour = at(60 * 60 * 1_000);
    guard.remember(&good, at(0));
    for now in [at(0), hour] {
        (0..10).for_each(|_| guard.record(here, now));
        assert_eq!(guard.allow(&good, here, now), Ok(()));
        assert!(guard.allow(&digest("bad"), here, now).is_err());
    }
    let later = hour.plus(Duration::from_millis(1));
    assert!(guard.allow(&good, here, later).is_err(), "an hour is over");
}

#[test]
fn both_memories_are_bounded() {
    let guard = FailureGuard::builder().failures_per_minute(1).tracked_addresses(2).known_good(2);
    let guard = guard.build().unwrap();
    let addresses = [ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3")];
    addresses.iter().for_each(|address| guard.record(*address, at(0)));
    let stopped = |address| guard.allow(&digest("bad"), address, at(0)).is_err();
    assert_eq!(addresses.map(stopped), [false, true, true], "the first is forgotten");

    let goods = ["a", "b", "c"].map(digest);
    goods.iter().for_each(|good| guard.remember(good, at(0)));
    guard.good.run_pending_tasks();
    let passes = |good: &Digest| guard.allow(good, addresses[1], at(0)).is_ok();
    assert_eq!(goods.each_ref().map(passes), [false, true, true]);
}

#[test]
fn a_guard_without_room_is_refused_when_built() {
    let builder = FailureGuard::builder;
    assert!(builder().failures_per_minute(0).build().is_err());
    assert!(builder().tracked_addresses(0).build().is_err());
    let error = builder().known_good(0).build().unwrap_err().to_string();
    assert_eq!(error, "the failure guard cannot have 0 known good digests; give at least 1");
    assert!(builder().failures_per_minute(u32::MAX).build().is_ok());
}
