//! What recurs: physical minutes and hours, and the dates of a calendar.

use jiff::ToSpan;
use jiff::civil::Date;

/// The day a week starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weekday {
    /// Monday, the default.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// How many days after Monday it comes.
    pub(crate) const fn after_monday(self) -> i8 {
        match self {
            Self::Monday => 0,
            Self::Tuesday => 1,
            Self::Wednesday => 2,
            Self::Thursday => 3,
            Self::Friday => 4,
            Self::Saturday => 5,
            Self::Sunday => 6,
        }
    }

    const fn week(self) -> &'static str {
        match self {
            Self::Monday => "week",
            Self::Tuesday => "week@tue",
            Self::Wednesday => "week@wed",
            Self::Thursday => "week@thu",
            Self::Friday => "week@fri",
            Self::Saturday => "week@sat",
            Self::Sunday => "week@sun",
        }
    }
}

/// The day of the month, 1 to 31, that a month starts with; its last day where it is shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor(u8);

/// Months as text, in the order of their anchors.
const MONTHS: [&str; 31] = [
    "month", "month@2", "month@3", "month@4", "month@5", "month@6", "month@7", "month@8",
    "month@9", "month@10", "month@11", "month@12", "month@13", "month@14", "month@15", "month@16",
    "month@17", "month@18", "month@19", "month@20", "month@21", "month@22", "month@23", "month@24",
    "month@25", "month@26", "month@27", "month@28", "month@29", "month@30", "month@31",
];

impl Anchor {
    pub(crate) const FIRST: Self = Self(1);

    pub(crate) fn new(day: u8) -> Option<Self> {
        (1..=31).contains(&day).then_some(Self(day))
    }

    #[expect(clippy::expect_used, reason = "an anchor is checked when built")]
    fn month(self) -> &'static str {
        MONTHS.get(usize::from(self.0) - 1).expect("an anchor is 1 to 31")
    }

    /// Its date in the month of `date`.
    fn in_month_of(self, date: Date) -> Date {
        let day = i64::from(self.0).min(i64::from(date.days_in_month()));
        date.first_of_month().saturating_add((day - 1).days())
    }
}

/// The recurring part of a period, without its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cycle {
    Minute,
    Hour,
    Calendar(Calendar),
    Lifetime,
}

/// Cycles that begin with dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calendar {
    Day,
    Week(Weekday),
    Month(Anchor),
    Quarter,
    Year,
}

impl Cycle {
    /// The canonical text.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Calendar(Calendar::Day) => "day",
            Self::Calendar(Calendar::Week(first)) => first.week(),
            Self::Calendar(Calendar::Month(anchor)) => anchor.month(),
            Self::Calendar(Calendar::Quarter) => "quarter",
            Self::Calendar(Calendar::Year) => "year",
            Self::Lifetime => "lifetime",
        }
    }

    /// The cycle of that text, which may spell the default anchor out.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let text = match text {
            "week@mon" => "week",
            "month@1" => "month",
            other => other,
        };
        let weeks = Weekday::ALL.into_iter().map(Calendar::Week);
        let months = (1..=31).filter_map(Anchor::new).map(Calendar::Month);
        let calendar = [Calendar::Day, Calendar::Quarter, Calendar::Year].into_iter();
        [Self::Minute, Self::Hour, Self::Lifetime]
            .into_iter()
            .chain(calendar.chain(weeks).chain(months).map(Self::Calendar))
            .find(|cycle| cycle.text() == text)
    }
}

impl Calendar {
    /// The date on which the cycle that holds `date` begins.
    pub(crate) fn first_date(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Week(first) => {
                let since = date.weekday().to_monday_zero_offset() - first.after_monday();
                date.saturating_sub(since.rem_euclid(7).days())
            }
            Self::Month(anchor) => {
                let this = anchor.in_month_of(date);
                let before = || anchor.in_month_of(date.saturating_sub(1.month()));
                if this <= date { this } else { before() }
            }
            Self::Quarter => {
                let months = (date.month() - 1).rem_euclid(3);
                date.first_of_month().saturating_sub(months.months())
            }
            Self::Year => date.first_of_year(),
        }
    }

    /// The date on which the cycle after the one that begins on `first` begins.
    pub(crate) fn next_date(self, first: Date) -> Date {
        match self {
            Self::Day => first.saturating_add(1.day()),
            Self::Week(_) => first.saturating_add(7.days()),
            Self::Month(anchor) => anchor.in_month_of(first.saturating_add(1.month())),
            Self::Quarter => first.saturating_add(3.months()),
            Self::Year => first.saturating_add(1.year()),
        }
    }
}
