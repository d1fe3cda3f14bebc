//! Windows, by tables of expectations computed by hand from the zones' published rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

use keycap_base::Timestamp;
use keycap_budget::{Period, Weekday, Window};

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    Timestamp::from_millis(instant.as_millisecond())
}

fn period(text: &str) -> Period {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn between(start: &str, end: &str) -> Window {
    Window { start: at(start), end: Some(at(end)) }
}

/// Each row: a period, an instant, and the window that holds it.
fn check(rows: &[(&str, &str, &str, &str)]) {
    for (rule, now, start, end) in rows {
        assert_eq!(period(rule).window(at(now)), between(start, end), "{rule} at {now}");
    }
}

#[test]
fn windows_of_utc() {
    let now = "2024-02-29T13:14:15.678Z";
    check(&[
        ("minute", now, "2024-02-29T13:14:00Z", "2024-02-29T13:15:00Z"),
        ("hour", now, "2024-02-29T13:00:00Z", "2024-02-29T14:00:00Z"),
        ("day", now, "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("week", now, "2024-02-26T00:00:00Z", "2024-03-04T00:00:00Z"),
        ("week@thu", now, "2024-02-29T00:00:00Z", "2024-03-07T00:00:00Z"),
        ("week@fri", now, "2024-02-23T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("month", now, "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("quarter", now, "2024-01-01T00:00:00Z", "2024-04-01T00:00:00Z"),
        ("year", now, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
    ]);
}

#[test]
fn an_instant_on_an_edge_belongs_to_the_window_it_starts() {
    check(&[
        ("minute", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z"),
        ("day", "2023-12-31T23:59:59.999Z", "2023-12-31T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("month", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
        (
            "year Europe/Berlin",
            "2023-12-31T23:00:00Z",
            "2023-12-31T23:00:00Z",
            "2024-12-31T23:00:00Z",
        ),
        (
            "year Europe/Berlin",
            "2023-12-31T22:59:59.999Z",
            "2022-12-31T23:00:00Z",
            "2023-12-31T23:00:00Z",
        ),
    ]);
}

#[test]
fn quarters_start_with_january_april_july_and_october() {
    for (month, start, end) in [
        ("03", "2023-01-01", "2023-04-01"),
        ("04", "2023-04-01", "2023-07-01"),
        ("06", "2023-04-01", "2023-07-01"),
        ("09", "2023-07-01", "2023-10-01"),
        ("12", "2023-10-01", "2024-01-01"),
    ] {
        let now = format!("2023-{month}-15T12:00:00Z");
        let window = between(&format!("{start}T00:00:00Z"), &format!("{end}T00:00:00Z"));
        assert_eq!(period("quarter").window(at(&now)), window);
    }
}

#[test]
fn an_anchor_past_the_end_of_a_month_is_its_last_day_and_itself_again_after() {
    for (anchor, starts) in [
        (31, ["2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]),
        (30, ["2023-12-30", "2024-01-30", "2024-02-29", "2024-03-30", "2024-04-30", "2024-05-30"]),
        (29, ["2022-12-29", "2023-01-29", "2023-02-28", "2023-03-29", "2023-04-29", "2023-05-29"]),
        (31, ["1999-12-31", "2000-01-31", "2000-02-29", "2000-03-31", "2000-04-30", "2000-05-31"]),
        (31, ["2099-12-31", "2100-01-31", "2100-02-28", "2100-03-31", "2100-04-30", "2100-05-31"]),
        (28, ["2022-12-28", "2023-01-28", "2023-02-28", "2023-03-28", "2023-04-28", "2023-05-28"]),
        (1, ["2022-12-01", "2023-01-01", "2023-02-01", "2023-03-01", "2023-04-01", "2023-05-01"]),
    ] {
        let month = Period::month().anchored(anchor).unwrap();
        for pair in starts.windows(2) {
            let expected =
                between(&format!("{}T00:00:00Z", pair[0]), &format!("{}T00:00:00Z", pair[1]));
            let last = Timestamp::from_millis(expected.end.unwrap().as_millis() - 1);
            assert_eq!(month.window(expected.start), expected, "{month}");
            assert_eq!(month.window(last), expected, "{month}");
        }
    }
}

#[test]
fn a_week_starts_on_its_chosen_day() {
    // 2024-01-01 was a Monday.
    for (first, start) in [
        (Weekday::Monday, "2024-01-08"),
        (Weekday::Tuesday, "2024-01-09"),
        (Weekday::Wednesday, "2024-01-10"),
        (Weekday::Thursday, "2024-01-04"),
        (Weekday::Friday, "2024-01-05"),
        (Weekday::Saturday, "2024-01-06"),
        (Weekday::Sunday, "2024-01-07"),
    ] {
        let week = Period::week_from(first);
        let now = at("2024-01-10T23:59:59.999Z");
        assert_eq!(week.window(now).start, at(&format!("{start}T00:00:00Z")), "{week}");

        let honolulu = week.in_zone("Pacific/Honolulu").unwrap();
        let now = at("2024-01-11T09:59:59.999Z");
        assert_eq!(honolulu.window(now).start, at(&format!("{start}T10:00:00Z")), "{honolulu}");
    }
}

#[test]
fn days_are_longer_and_shorter_where_clocks_change() {
    for (zone, now, start, minutes) in [
        ("America/New_York", "2024-03-10T12:00:00Z", "2024-03-10T05:00:00Z", 1380),
        ("America/New_York", "2024-11-03T12:00:00Z", "2024-11-03T04:00:00Z", 1500),
        ("Europe/Berlin", "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z", 1380),
        ("Europe/Berlin", "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z", 1500),
        ("Australia/Lord_Howe", "2024-04-07T01:00:00Z", "2024-04-06T13:00:00Z", 1470),
        ("Australia/Lord_Howe", "2024-10-06T01:00:00Z", "2024-10-05T13:30:00Z", 1410),
        ("Pacific/Chatham", "2024-09-28T15:00:00Z", "2024-09-28T11:15:00Z", 1380),
        ("Pacific/Chatham", "2024-04-06T15:00:00Z", "2024-04-06T10:15:00Z", 1500),
        ("Asia/Kathmandu", "2024-01-01T00:00:00Z", "2023-12-31T18:15:00Z", 1440),
    ] {
        let window = Period::day().in_zone(zone).unwrap().window(at(now));
        assert_eq!(window.start, at(start), "{zone}");
        let length = window.end.unwrap().since(window.start);
        assert_eq!(length.as_secs(), minutes * 60, "{zone} at {now}");
    }
}

#[test]
fn a_day_without_a_midnight_starts_when_the_clock_skips_it() {
    check(&[
        // Sao Paulo went from 00:00 -03 to 01:00 -02.
        (
            "day America/Sao_Paulo",
            "2018-11-04T12:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-05T02:00:00Z",
        ),
        (
            "day America/Sao_Paulo",
            "2018-11-04T02:59:59Z",
            "2018-11-03T03:00:00Z",
            "2018-11-04T03:00:00Z",
        ),
        (
            "day America/Havana",
            "2024-03-10T05:00:00Z",
            "2024-03-10T05:00:00Z",
            "2024-03-11T04:00:00Z",
        ),
        (
            "day Atlantic/Azores",
            "2024-03-31T02:00:00Z",
            "2024-03-31T01:00:00Z",
            "2024-04-01T00:00:00Z",
        ),
        // Kathmandu went from 00:00 +05:30 to 00:15 +05:45 with the year.
        (
            "year Asia/Kathmandu",
            "1986-06-01T00:00:00Z",
            "1985-12-31T18:30:00Z",
            "1986-12-31T18:15:00Z",
        ),
    ]);
}

#[test]
fn a_midnight_that_comes_early_ends_the_day_early() {
    check(&[
        // Nuuk went from 23:00 to 00:00, Pyongyang from 23:30 to 00:00.
        (
            "day America/Nuuk",
            "2024-03-30T12:00:00Z",
            "2024-03-30T02:00:00Z",
            "2024-03-31T01:00:00Z",
        ),
        (
            "day Asia/Pyongyang",
            "2018-05-04T12:00:00Z",
            "2018-05-03T15:30:00Z",
            "2018-05-04T15:00:00Z",
        ),
        (
            "hour Asia/Pyongyang",
            "2018-05-04T14:59:00Z",
            "2018-05-04T14:30:00Z",
            "2018-05-04T15:00:00Z",
        ),
        (
            "hour Asia/Pyongyang",
            "2018-05-04T15:00:00Z",
            "2018-05-04T15:00:00Z",
            "2018-05-04T16:00:00Z",
        ),
    ]);
}

#[test]
fn a_midnight_that_comes_twice_starts_its_day_the_first_time() {
    check(&[
        // Havana fell back from 01:00 to 00:00.
        (
            "day America/Havana",
            "2024-11-03T04:30:00Z",
            "2024-11-03T04:00:00Z",
            "2024-11-04T05:00:00Z",
        ),
        // Sao Paulo fell back from 00:00 to 23:00: the day before has 25 hours.
        (
            "day America/Sao_Paulo",
            "2018-02-18T02:30:00Z",
            "2018-02-17T02:00:00Z",
            "2018-02-18T03:00:00Z",
        ),
        // St John's fell back from 00:01 to 23:01: the clock shows the old date in the new day.
        (
            "day America/St_Johns",
            "2006-10-29T02:30:30Z",
            "2006-10-29T02:30:00Z",
            "2006-10-30T03:30:00Z",
        ),
        (
            "day America/St_Johns",
            "2006-10-29T03:00:00Z",
            "2006-10-29T02:30:00Z",
            "2006-10-30T03:30:00Z",
        ),
        (
            "day America/St_Johns",
            "2006-10-29T02:29:59Z",
            "2006-10-28T02:30:00Z",
            "2006-10-29T02:30:00Z",
        ),
    ]);
}

#[test]
fn a_date_that_never_was_has_no_window() {
    let skip = "2011-12-30T10:00:00Z";
    let (before, after) = ("2011-12-30T09:59:59.999Z", "2011-12-30T10:00:00Z");
    check(&[
        ("day Pacific/Apia", before, "2011-12-29T10:00:00Z", skip),
        ("day Pacific/Apia", after, skip, "2011-12-31T10:00:00Z"),
        ("month@30 Pacific/Apia", before, "2011-11-30T10:00:00Z", skip),
        ("month@30 Pacific/Apia", after, skip, "2012-01-29T10:00:00Z"),
        ("week@fri Pacific/Apia", before, "2011-12-23T10:00:00Z", skip),
        ("week@fri Pacific/Apia", after, skip, "2012-01-05T10:00:00Z"),
        (
            "day Pacific/Kwajalein",
            "1993-08-22T00:00:00Z",
            "1993-08-21T12:00:00Z",
            "1993-08-22T12:00:00Z",
        ),
    ]);
}

#[test]
fn hours_are_physical_and_a_repeated_one_is_two() {
    check(&[
        (
            "hour Europe/Berlin",
            "2024-10-27T00:30:00Z",
            "2024-10-27T00:00:00Z",
            "2024-10-27T01:00:00Z",
        ),
        (
            "hour Europe/Berlin",
            "2024-10-27T01:30:00Z",
            "2024-10-27T01:00:00Z",
            "2024-10-27T02:00:00Z",
        ),
        (
            "hour Europe/Berlin",
            "2024-03-31T00:30:00Z",
            "2024-03-31T00:00:00Z",
            "2024-03-31T01:00:00Z",
        ),
        (
            "hour Europe/Berlin",
            "2024-03-31T01:30:00Z",
            "2024-03-31T01:00:00Z",
            "2024-03-31T02:00:00Z",
        ),
    ]);
}

#[test]
fn hours_start_where_the_local_clock_shows_a_full_one() {
    let now = "2024-06-01T12:20:00Z";
    check(&[
        ("hour Asia/Kolkata", now, "2024-06-01T11:30:00Z", "2024-06-01T12:30:00Z"),
        ("hour Asia/Kathmandu", now, "2024-06-01T12:15:00Z", "2024-06-01T13:15:00Z"),
        ("hour Pacific/Chatham", now, "2024-06-01T12:15:00Z", "2024-06-01T13:15:00Z"),
        ("minute Asia/Kathmandu", now, "2024-06-01T12:20:00Z", "2024-06-01T12:21:00Z"),
    ]);
}

#[test]
fn a_change_by_half_an_hour_cuts_an_hour_short() {
    let hour = "hour Australia/Lord_Howe";
    check(&[
        // 02:00 +10:30 became 02:30 +11:00.
        (hour, "2024-10-05T15:00:00Z", "2024-10-05T14:30:00Z", "2024-10-05T15:30:00Z"),
        (hour, "2024-10-05T15:30:00Z", "2024-10-05T15:30:00Z", "2024-10-05T16:00:00Z"),
        (hour, "2024-10-05T16:00:00Z", "2024-10-05T16:00:00Z", "2024-10-05T17:00:00Z"),
        // 02:00 +11:00 became 01:30 +10:30.
        (hour, "2024-04-06T14:30:00Z", "2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z"),
        (hour, "2024-04-06T15:10:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z"),
        (hour, "2024-04-06T15:30:00Z", "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"),
        // Monrovia left -00:44:30 in 1972, in the middle of a minute and of an hour.
        (
            "minute Africa/Monrovia",
            "1972-01-07T00:44:29Z",
            "1972-01-07T00:43:30Z",
            "1972-01-07T00:44:30Z",
        ),
        (
            "minute Africa/Monrovia",
            "1972-01-07T00:44:40Z",
            "1972-01-07T00:44:30Z",
            "1972-01-07T00:45:00Z",
        ),
    ]);
}

#[test]
fn a_lifetime_starts_at_the_epoch_and_never_ends() {
    let window = Window { start: Timestamp::EPOCH, end: None };
    for now in [Timestamp::EPOCH, at("2024-01-01T00:00:00Z"), Period::LATEST] {
        assert_eq!(Period::lifetime().window(now), window);
        assert!(window.contains(now));
    }
    assert_eq!(Period::lifetime().next(&window), None);
    assert_eq!(Period::lifetime().retained_until(&window), None);
}

#[test]
fn a_counter_is_kept_for_one_more_period() {
    for (rule, now, until) in [
        ("minute", "2024-01-01T00:00:30Z", "2024-01-01T00:02:00Z"),
        ("month@31", "2024-02-10T00:00:00Z", "2024-03-31T00:00:00Z"),
        ("day Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-31T10:00:00Z"),
    ] {
        let period = period(rule);
        let window = period.window(at(now));
        assert_eq!(period.retained_until(&window), Some(at(until)), "{rule}");
    }
}

#[test]
fn instants_outside_the_stated_range_count_as_its_ends() {
    assert_eq!(Period::EARLIEST, at("1970-01-01T00:00:00Z"));
    assert_eq!(Period::LATEST, at("9000-01-01T00:00:00Z"));
    let millis = |instant: Timestamp, more| Timestamp::from_millis(instant.as_millis() + more);
    for rule in [
        "minute",
        "hour Asia/Kathmandu",
        "day",
        "week@sun America/New_York",
        "month@31",
        "quarter",
        "year Pacific/Apia",
        "lifetime",
    ] {
        let period = period(rule);
        let (first, last) = (period.window(Period::EARLIEST), period.window(Period::LATEST));
        assert!(first.contains(Period::EARLIEST) && last.contains(Period::LATEST), "{rule}");
        for before in [millis(Period::EARLIEST, -1), Timestamp::from_millis(i64::MIN)] {
            assert_eq!(period.window(before), first, "{rule}");
        }
        for after in [millis(Period::LATEST, 1), Timestamp::from_millis(i64::MAX)] {
            assert_eq!(period.window(after), last, "{rule}");
        }
        let before_last = period.window(millis(last.start, -1));
        assert_eq!(period.next(&before_last), (rule != "lifetime").then_some(last), "{rule}");
        assert_eq!(period.next(&last), None, "{rule}");
        assert_eq!(period.retained_until(&last), last.end, "{rule}");
    }
}
