//! The recurring rule by which a limit starts afresh.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use keycap_base::Timestamp;

use crate::cycle::{Anchor, Calendar, Cycle, Weekday};
use crate::text::{Quoted, serde_as_text};
use crate::zone::Zone;

/// The recurring rule by which a limit starts afresh: such as every month in Europe/Berlin.
///
/// Each of its windows is a pure function of the period and an instant: see
/// [`window`](Self::window). The time zones are those of the IANA database that is built in, not
/// the host's, so that all nodes of one build agree. Where a government changes its rules, an
/// upgrade of that database can move the edges of windows.
///
/// The text is canonical and part of stored keys; periods compare, sort, hash and serialise as it:
/// `minute`, `hour`, `day`, `week`, `week@sun`, `month`, `month@31`, `quarter`, `year`, `lifetime`,
/// followed by a space and the zone unless that is UTC.
///
/// ```
/// use keycap_budget::{Period, Weekday};
///
/// let month = Period::month().anchored(31)?.in_zone("Europe/Berlin")?;
/// assert_eq!(month.to_string(), "month@31 Europe/Berlin");
/// assert_eq!("month@31 Europe/Berlin".parse::<Period>()?, month);
/// assert_eq!(Period::week_from(Weekday::Sunday).to_string(), "week@sun");
/// assert!(Period::day().in_zone("Europe/Berln").is_err());
/// # Ok::<(), keycap_budget::PeriodError>(())
/// ```
#[derive(Clone)]
pub struct Period {
    pub(crate) cycle: Cycle,
    pub(crate) zone: Zone,
}

impl Period {
    /// The earliest instant with a window of its own, the start of 1970 in UTC; anything earlier
    /// counts as this instant.
    pub const EARLIEST: Timestamp = Timestamp::EPOCH;
    /// The latest instant with a window of its own, the start of 9000 in UTC; anything later
    /// counts as this instant.
    pub const LATEST: Timestamp = Timestamp::from_millis(221_845_392_000_000);

    const fn utc(cycle: Cycle) -> Self {
        Self { cycle, zone: Zone::Utc }
    }

    /// Every minute.
    #[must_use]
    pub const fn minute() -> Self {
        Self::utc(Cycle::Minute)
    }

    /// Every hour.
    #[must_use]
    pub const fn hour() -> Self {
        Self::utc(Cycle::Hour)
    }

    /// Every day.
    #[must_use]
    pub const fn day() -> Self {
        Self::utc(Cycle::Calendar(Calendar::Day))
    }

    /// Every week, from Monday.
    #[must_use]
    pub const fn week() -> Self {
        Self::week_from(Weekday::Monday)
    }

    /// Every week, from `first`.
    #[must_use]
    pub const fn week_from(first: Weekday) -> Self {
        Self::utc(Cycle::Calendar(Calendar::Week(first)))
    }

    /// Every month, from its first day; see [`anchored`](Self::anchored).
    #[must_use]
    pub const fn month() -> Self {
        Self::utc(Cycle::Calendar(Calendar::Month(Anchor::FIRST)))
    }

    /// Every quarter, from the first of January, April, July and October.
    #[must_use]
    pub const fn quarter() -> Self {
        Self::utc(Cycle::Calendar(Calendar::Quarter))
    }

    /// Every year, from the first of January.
    #[must_use]
    pub const fn year() -> Self {
        Self::utc(Cycle::Calendar(Calendar::Year))
    }

    /// Once and for all: one window, from the Unix epoch, without an end.
    #[must_use]
    pub const fn lifetime() -> Self {
        Self::utc(Cycle::Lifetime)
    }

    /// This month from `day` on: 1 to 31. In a month that is shorter it starts on the last day,
    /// and on `day` again in the next one that has it.
    ///
    /// # Errors
    ///
    /// When `day` is not 1 to 31, or this period is not a month.
    pub fn anchored(self, day: u8) -> Result<Self, PeriodError> {
        let Cycle::Calendar(Calendar::Month(_)) = self.cycle else {
            return Err(PeriodError(Reason::NotAMonth(self.cycle.text())));
        };
        let anchor = Anchor::new(day).ok_or(PeriodError(Reason::Anchor(day)))?;
        Ok(Self { cycle: Cycle::Calendar(Calendar::Month(anchor)), ..self })
    }

    /// This period by the clock of `zone`, a name of the IANA time zone database, in any case.
    /// A lifetime is the same in every zone and keeps none.
    ///
    /// # Errors
    ///
    /// When there is no such zone.
    pub fn in_zone(self, zone: &str) -> Result<Self, PeriodError> {
        let zone = match (self.cycle, Zone::named(zone)?) {
            (Cycle::Lifetime, _) => Zone::Utc,
            (_, zone) => zone,
        };
        Ok(Self { zone, ..self })
    }

    /// The name of its time zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// Whether it makes a limit a rate: an hour or less.
    #[must_use]
    pub const fn is_rate(&self) -> bool {
        matches!(self.cycle, Cycle::Minute | Cycle::Hour)
    }

    /// Its text, in the two halves that a space stands between, the second empty for UTC.
    ///
    /// A space sorts before anything that continues the first half, so that the pair sorts as the
    /// text does.
    fn halves(&self) -> (&str, &str) {
        let zone = match &self.zone {
            Zone::Utc => "",
            named @ Zone::Iana(_) => named.name(),
        };
        (self.cycle.text(), zone)
    }
}

impl PartialEq for Period {
    fn eq(&self, other: &Self) -> bool {
        self.cycle == other.cycle && self.zone == other.zone
    }
}

impl Eq for Period {}

impl Ord for Period {
    fn cmp(&self, other: &Self) -> Ordering {
        self.halves().cmp(&other.halves())
    }
}

impl PartialOrd for Period {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Period {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.halves().hash(state);
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let (cycle, zone) = text.split_once(' ').unwrap_or((text, "UTC"));
        let cycle = Cycle::of_text(cycle)
            .ok_or_else(|| PeriodError(Reason::Unreadable(Quoted::new(cycle))))?;
        Self::utc(cycle).in_zone(zone)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.halves() {
            (cycle, "") => f.write_str(cycle),
            (cycle, zone) => write!(f, "{cycle} {zone}"),
        }
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

serde_as_text!(Period);

/// Why something is not a period. Its text says what was wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct PeriodError(Reason);

impl PeriodError {
    pub(crate) fn unknown_zone(name: &str) -> Self {
        Self(Reason::Zone(Quoted::new(name)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error(
        "{0} is not a period: write minute, hour, day, week (or such as week@sun), month (or month@2 to month@31), quarter, year or lifetime"
    )]
    Unreadable(Quoted),
    #[error("a month starts on day 1 to 31, not on {0}")]
    Anchor(u8),
    #[error("only a month has an anchor day, and this period is `{0}`")]
    NotAMonth(&'static str),
    #[error("{0} is not a time zone of the IANA database: write UTC or such as Europe/Berlin")]
    Zone(Quoted),
}
