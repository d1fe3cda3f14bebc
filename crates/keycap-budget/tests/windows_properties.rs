//! Windows tile time, whatever the zone, the period and the instant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

mod properties;

use std::ops::Range;

use keycap_base::Timestamp;
use keycap_budget::{Period, Weekday, Window};
use proptest::prelude::*;

/// Clocks that change in both hemispheres, by less than an hour, at midnight, across the date line,
/// for Ramadan, or never, and offsets that are no whole hours.
const ZONES: [&str; 30] = [
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/Adak",
    "America/Asuncion",
    "America/Caracas",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
];

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ZONES[..])
}

fn cycles() -> impl Strategy<Value = Period> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let week =
        prop::sample::select(vec![Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]);
    prop_oneof![
        1 => Just(Period::minute()),
        2 => Just(Period::hour()),
        3 => Just(Period::day()),
        2 => week.prop_map(Period::week_from),
        3 => prop_oneof![1..=31_u8, 28..=31_u8]
            .prop_map(|day| Period::month().anchored(day).unwrap()),
        1 => Just(Period::quarter()),
        1 => Just(Period::year()),
    ]
}

fn periods() -> impl Strategy<Value = Period> {
    (cycles(), zones()).prop_map(|(cycle, zone)| cycle.in_zone(zone).unwrap())
}

/// The first change of the zone's clock after `from`, or `from` where there is none.
fn change_after(zone: &str, from: i64) -> i64 {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let from = jiff::Timestamp::from_millisecond(from).unwrap();
    zone.following(from).next().map_or(from, |change| change.timestamp()).as_millisecond()
}

fn range() -> Range<i64> {
    Period::EARLIEST.as_millis()..Period::LATEST.as_millis()
}

/// A period and an instant: anywhere, in our time, or within two days of a change of the clock.
fn cases() -> impl Strategy<Value = (Period, Timestamp)> {
    let our_time = 0..100 * 365 * DAY;
    let near = prop_oneof![Just(-1), Just(0), Just(1), -2 * HOUR..2 * HOUR, -2 * DAY..2 * DAY];
    let anywhere = (periods(), prop_oneof![range(), our_time.clone()]);
    let at_a_change = (periods(), our_time, near).prop_map(|(period, from, near)| {
        let change = change_after(period.zone(), from);
        (period, (change + near).max(range().start))
    });
    prop_oneof![1 => anywhere, 3 => at_a_change]
        .prop_map(|(period, millis)| (period, Timestamp::from_millis(millis)))
}

fn end(window: &Window) -> Timestamp {
    window.end.expect("only a lifetime has no end")
}

fn shifted(instant: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(instant.as_millis() + millis)
}

/// What the zone's clock shows at `instant`, and whether it was just changed.
fn clock(zone: &str, instant: Timestamp) -> (jiff::civil::DateTime, bool) {
    let offset_at = |millis| {
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap();
        let zone = jiff::tz::TimeZone::get(zone).unwrap();
        (zone.to_offset(instant), zone.to_datetime(instant))
    };
    let (offset, shown) = offset_at(instant.as_millis());
    (shown, offset != offset_at(instant.as_millis() - 1).0)
}

/// How short and how long a window can be, in milliseconds.
fn lengths(period: &Period) -> (i64, i64) {
    match period.to_string().split([' ', '@']).next().unwrap() {
        "minute" => (1, 60 * SECOND),
        "hour" => (1, HOUR),
        "day" => (22 * HOUR, 26 * HOUR),
        "week" => (6 * DAY - 2 * HOUR, 7 * DAY + 2 * HOUR),
        "month" => (27 * DAY - 2 * HOUR, 31 * DAY + 2 * HOUR),
        "quarter" => (89 * DAY, 93 * DAY),
        _ => (364 * DAY - 2 * HOUR, 366 * DAY + 2 * HOUR),
    }
}

proptest! {
    #![proptest_config(properties::quick())]

    #[test]
    fn a_window_holds_its_instant_and_is_not_empty((period, now) in cases()) {
        let window = period.window(now);
        prop_assert!(window.contains(now), "{period}: {window:?} at {now:?}");
        prop_assert!(window.start < end(&window));
        prop_assert!(!window.contains(end(&window)));
    }

    #[test]
    fn every_instant_of_a_window_gives_that_window((period, now) in cases(), part in 0..1_000_i64) {
        let window = period.window(now);
        let length = end(&window).as_millis() - window.start.as_millis();
        let within = shifted(window.start, length * part / 1_000);
        for instant in [now, window.start, within, shifted(end(&window), -1)] {
            let clamped = instant.clamp(Period::EARLIEST, Period::LATEST);
            prop_assert_eq!(period.window(clamped), window, "{} at {:?}", period, instant);
        }
    }

    #[test]
    fn windows_tile_time((period, now) in cases()) {
        let mut window = period.window(now);
        for _ in 0..50 {
            if end(&window) > Period::LATEST {
                break;
            }
            window = check_next(&period, window);
        }
    }

    #[test]
    fn windows_have_about_the_length_of_their_period((period, now) in cases()) {
        let window = period.window(now);
        let (least, most) = lengths(&period);
        let length = end(&window).as_millis() - window.start.as_millis();
        prop_assert!((least..=most).contains(&length), "{period} at {now:?}: {length} ms");
    }

    #[test]
    fn windows_start_at_a_full_unit_of_the_local_clock_or_at_its_change((period, now) in cases()) {
        let start = period.window(now).start;
        let (shown, changed) = clock(period.zone(), start);
        let text = period.to_string();
        let full = match text.split(' ').next().unwrap() {
            "minute" => shown.second() == 0,
            "hour" => shown.minute() == 0 && shown.second() == 0,
            _ => shown.time() == jiff::civil::Time::midnight(),
        };
        prop_assert!((full && shown.subsec_nanosecond() == 0) || changed, "{text}: {shown}");
    }

    #[test]
    fn the_clock_of_utc_needs_no_calendar_to_agree_with_it(now in range(), cycle in cycles()) {
        let now = Timestamp::from_millis(now);
        // Abidjan's clock has shown UTC since 1912.
        let calendar = cycle.clone().in_zone("Africa/Abidjan").unwrap();
        prop_assert_eq!(cycle.window(now), calendar.window(now), "{} at {:?}", cycle, now);
    }

    #[test]
    fn no_instant_at_all_makes_it_panic(period in periods(), now in any::<i64>()) {
        let window = period.window(Timestamp::from_millis(now));
        prop_assert!(window.start < end(&window));
        let _ = period.next(&window);
        let _ = period.retained_until(&Window { start: window.start, end: Some(Timestamp::from_millis(now)) });
    }

    #[test]
    fn a_counter_is_kept_past_the_end_of_its_window((period, now) in cases()) {
        let window = period.window(now);
        let next = period.next(&window).unwrap();
        prop_assert_eq!(period.retained_until(&window), next.end);
    }
}

/// How far the tests below go: sixty years, where changes of clocks are thickest.
const SIXTY_YEARS: i64 = 60 * 365 * DAY;

#[test]
fn days_tile_sixty_years_in_every_zone() {
    for zone in ZONES {
        let day = Period::day().in_zone(zone).unwrap();
        let mut window = day.window(Period::EARLIEST);
        let mut days = 0;
        while window.start.as_millis() < SIXTY_YEARS {
            window = check_next(&day, window);
            days += 1;
        }
        assert!((60 * 365 - 1..=60 * 365 + 2).contains(&days), "{zone}: {days} days");
    }
}

#[test]
fn minutes_and_hours_tile_every_change_of_a_clock_for_sixty_years() {
    for zone in ZONES {
        let mut change = change_after(zone, 0);
        for _ in 0..600 {
            for (period, around) in [(Period::hour(), 3 * HOUR), (Period::minute(), 120 * SECOND)] {
                let period = period.in_zone(zone).unwrap();
                let mut window = period.window(Timestamp::from_millis(change - around));
                while window.start.as_millis() < change + around {
                    window = check_next(&period, window);
                }
            }
            match change_after(zone, change) {
                next if next > change && next < SIXTY_YEARS => change = next,
                _ => break,
            }
        }
    }
}

/// The window after `window`, having checked that nothing lies between or in both.
fn check_next(period: &Period, window: Window) -> Window {
    let next = period.next(&window).unwrap();
    assert!(window.start < end(&window), "{period}: {window:?}");
    assert_eq!(next.start, end(&window), "{period}");
    assert_eq!(period.window(shifted(next.start, -1)), window, "{period}");
    assert_eq!(period.window(next.start), next, "{period}");
    next
}
