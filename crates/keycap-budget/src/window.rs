//! Windows: the concrete instances of a period.

use std::cell::RefCell;

use keycap_base::Timestamp;

use crate::cycle::{Calendar, Cycle, Weekday};
use crate::period::Period;
use crate::zone::Zone;

/// Milliseconds in a minute.
const MINUTE: i64 = 60_000;
/// Milliseconds in an hour.
const HOUR: i64 = 60 * MINUTE;
/// Milliseconds in a day of UTC.
const DAY: i64 = 24 * HOUR;
/// Milliseconds in a week of UTC.
const WEEK: i64 = 7 * DAY;
/// The first Monday of 1970 in UTC, the fifth of January.
const FIRST_MONDAY: i64 = 4 * DAY;

/// How many windows of calendars each thread remembers.
const MAX_RECENT: usize = 8;

thread_local! {
    /// The windows that were found last. A calendar takes its time, and nearly every question is about
    /// the few periods in use and about now.
    static RECENT: RefCell<Vec<(Period, Window)>> = const { RefCell::new(Vec::new()) };
}

/// One concrete instance of a [`Period`], from `start` up to and without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// Its first instant, which names it among the windows of its period.
    pub start: Timestamp,
    /// The first instant after it, which is the start of the next one; `None` for a lifetime.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether `instant` lies in it.
    #[must_use]
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant && self.end.is_none_or(|end| instant < end)
    }

    const fn between(start: i64, end: i64) -> Self {
        Self { start: Timestamp::from_millis(start), end: Some(Timestamp::from_millis(end)) }
    }
}

impl Period {
    /// The window that holds `now`, for `now` from [`EARLIEST`](Self::EARLIEST) to
    /// [`LATEST`](Self::LATEST); what lies outside counts as the nearer of the two.
    ///
    /// The windows of a period tile time: each ends where the next one starts, and none is empty.
    /// Days and everything longer start at the zone's first midnight of a date, or, where its clock
    /// skips midnight, at the skip. Minutes and hours are physical, start where the zone's clock
    /// shows a full one, and are cut short only by a change of the zone's offset that is not a
    /// whole number of them: a repeated hour is two windows, Lord Howe's half hour is its own.
    /// A lifetime starts at the Unix epoch.
    ///
    /// ```
    /// use keycap_base::Timestamp;
    /// use keycap_budget::Period;
    ///
    /// let now = Timestamp::from_millis(90_000);
    /// let minute = Period::minute().window(now);
    /// assert_eq!(minute.start, Timestamp::from_millis(60_000));
    /// assert_eq!(minute.end, Some(Timestamp::from_millis(120_000)));
    /// assert_eq!(Period::lifetime().window(now).end, None);
    /// ```
    #[must_use]
    pub fn window(&self, now: Timestamp) -> Window {
        let millis = now.clamp(Self::EARLIEST, Self::LATEST).as_millis();
        match (self.cycle, &self.zone) {
            (Cycle::Lifetime, _) => Window { start: Timestamp::EPOCH, end: None },
            (Cycle::Minute, zone) => physical(MINUTE, zone, millis),
            (Cycle::Hour, zone) => physical(HOUR, zone, millis),
            (Cycle::Calendar(Calendar::Day), Zone::Utc) => grid(DAY, 0, millis),
            (Cycle::Calendar(Calendar::Week(first)), Zone::Utc) => {
                grid(WEEK, first_in_1970(first), millis)
            }
            (Cycle::Calendar(calendar), zone) => {
                self.recent(millis).unwrap_or_else(|| self.noted(civil(calendar, zone, millis)))
            }
        }
    }

    /// The window around `millis`, if this thread found it lately.
    fn recent(&self, millis: i64) -> Option<Window> {
        let instant = Timestamp::from_millis(millis);
        let found = RECENT.try_with(|recent| {
            let recent = recent.borrow();
            let mut latest = recent.iter().rev();
            latest.find(|(of, window)| window.contains(instant) && of == self).map(|(_, it)| *it)
        });
        // A thread that is ending remembers nothing.
        found.ok().flatten()
    }

    /// Remembers a window, instead of the one that was found longest ago.
    fn noted(&self, window: Window) -> Window {
        let _ = RECENT.try_with(|recent| {
            let mut recent = recent.borrow_mut();
            if recent.len() == MAX_RECENT {
                recent.remove(0);
            }
            recent.push((self.clone(), window));
        });
        window
    }

    /// The window after `window`; `None` after a lifetime, and past [`LATEST`](Self::LATEST).
    #[must_use]
    pub fn next(&self, window: &Window) -> Option<Window> {
        let end = window.end.filter(|end| *end <= Self::LATEST)?;
        Some(self.window(end))
    }

    /// Until when the counter of `window` must be kept: one period past its end. `None`: for good.
    #[must_use]
    pub fn retained_until(&self, window: &Window) -> Option<Timestamp> {
        let next = self.next(window).and_then(|next| next.end);
        window.end.max(next)
    }
}

/// When the first of these weeks that begins in 1970 begins in UTC.
fn first_in_1970(first: Weekday) -> i64 {
    FIRST_MONDAY + i64::from(first.after_monday()) * DAY
}

/// The window of that `length` around `millis`, where `origin` starts one of them.
const fn grid(length: i64, origin: i64, millis: i64) -> Window {
    let start = millis - (millis - origin).rem_euclid(length);
    Window::between(start, start + length)
}

/// The physical minute or hour that starts where the zone's clock shows a full one.
fn physical(length: i64, zone: &Zone, millis: i64) -> Window {
    let Zone::Iana(_) = zone else {
        return grid(length, 0, millis);
    };
    let offset = zone.offset(millis);
    let start = millis - (millis + offset).rem_euclid(length);
    let end = start + length;
    let aligned = |edge| (zone.offset(edge) - offset) % length == 0;
    let start = if aligned(start) { start } else { zone.change_until(millis) };
    let end = if aligned(end) { end } else { zone.change_after(millis) };
    Window::between(start, end)
}

/// The days around `millis`, from one local midnight to another.
fn civil(calendar: Calendar, zone: &Zone, millis: i64) -> Window {
    let mut start = calendar.first_date(zone.date(millis));
    let mut next = calendar.next_date(start);
    // A clock put back across midnight shows yesterday's date after today has begun.
    while zone.midnight(next) <= millis {
        (start, next) = (next, calendar.next_date(next));
    }
    Window::between(zone.midnight(start), zone.midnight(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nine periods in turn, one more than are remembered, each at several instants.
    #[test]
    fn what_is_remembered_is_bounded_and_changes_no_window() {
        let month = |day| Period::month().anchored(day).unwrap();
        let berlin = Period::day().in_zone("Europe/Berlin").unwrap();
        let mut periods: Vec<Period> = (1..=8).map(month).collect();
        periods.push(berlin);
        let instants = [0, 1_772_445_600_000, 1_774_746_000_000, 1_772_445_600_000];
        for _ in 0..2 {
            for millis in instants {
                for period in &periods {
                    let Cycle::Calendar(calendar) = period.cycle else { continue };
                    let window = period.window(Timestamp::from_millis(millis));
                    assert_eq!(window, civil(calendar, &period.zone, millis), "{period}");
                    assert!(RECENT.with_borrow(|recent| recent.len() <= MAX_RECENT));
                }
            }
        }
        assert_eq!(RECENT.with_borrow(Vec::len), MAX_RECENT);
    }
}
