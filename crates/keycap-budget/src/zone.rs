//! Time zones, as far as windows need them: offsets, transitions and local midnights.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::period::PeriodError;

/// Milliseconds in a second.
const SECOND: i64 = 1_000;

/// A time zone of the IANA database that is built in, so that every node of one build agrees.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    /// UTC, which needs no calendar for its days and anything shorter.
    Utc,
    /// Any other zone; it knows its name.
    Iana(TimeZone),
}

/// By name.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Utc, Self::Utc) => true,
            _ => self.name() == other.name(),
        }
    }
}

impl Zone {
    pub(crate) fn named(name: &str) -> Result<Self, PeriodError> {
        if ["UTC", "Etc/UTC"].iter().any(|utc| name.eq_ignore_ascii_case(utc)) {
            return Ok(Self::Utc);
        }
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) if zone.iana_name().is_some() => Ok(Self::Iana(zone)),
            _ => Err(PeriodError::unknown_zone(name)),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Iana(zone) => zone.iana_name().unwrap_or_default(),
        }
    }

    /// What the zone's clock is ahead of UTC at `millis`, in milliseconds.
    pub(crate) fn offset(&self, millis: i64) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Iana(zone) => length(zone.to_offset(instant(millis))),
        }
    }

    /// The date the zone's clock shows at `millis`.
    pub(crate) fn date(&self, millis: i64) -> Date {
        match self {
            Self::Utc => TimeZone::UTC.to_datetime(instant(millis)).date(),
            Self::Iana(zone) => zone.to_datetime(instant(millis)).date(),
        }
    }

    /// When `date` begins: its first midnight, or, where the clock skips midnight, the skip.
    pub(crate) fn midnight(&self, date: Date) -> i64 {
        let wall = since_epoch(date);
        let Self::Iana(zone) = self else { return wall };
        match zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).offset() {
            AmbiguousOffset::Unambiguous { offset } => wall - length(offset),
            AmbiguousOffset::Fold { before, .. } => wall - length(before),
            // Read with the old offset, a skipped midnight lies at or after the skip.
            AmbiguousOffset::Gap { before, .. } => self.change_until(wall - length(before)),
        }
    }

    /// The last change of the zone's offset at or before `millis`; `millis` when there is none.
    pub(crate) fn change_until(&self, millis: i64) -> i64 {
        let Self::Iana(zone) = self else {
            return millis;
        };
        let mut changes = zone.preceding(instant(millis + 1));
        changes.next().map_or(millis, |change| change.timestamp().as_millisecond())
    }

    /// The first change of the zone's offset after `millis`; `millis` when there is none.
    pub(crate) fn change_after(&self, millis: i64) -> i64 {
        let Self::Iana(zone) = self else {
            return millis;
        };
        let mut changes = zone.following(instant(millis));
        changes.next().map_or(millis, |change| change.timestamp().as_millisecond())
    }
}

/// Midnight of `date` in UTC.
fn since_epoch(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_secs() * SECOND
}

fn length(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * SECOND
}

/// The calendar library's instant, held within its range of years.
fn instant(millis: i64) -> Timestamp {
    let nearest = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(millis).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_that_begins_before_midnight_starts_the_day_where_it_ends() {
        // Toronto went from 23:30 -05 to 00:30 -04, years before any period's first window.
        let toronto = Zone::named("America/Toronto").unwrap();
        let start: Timestamp = "1919-03-31T04:30:00Z".parse().unwrap();
        assert_eq!(toronto.midnight(Date::constant(1919, 3, 31)), start.as_millisecond());
    }
}
