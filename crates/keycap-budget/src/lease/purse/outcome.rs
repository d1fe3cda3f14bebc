//! What a purse answers.

/// What came of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drawn {
    /// It was drawn.
    Yes,
    /// It was drawn, and the purse has become low: the first draw to find that is told so, once for each
    /// deposit.
    Low,
    /// It was not: there is not enough, or the purse's time is over. Not a refusal.
    No,
}

/// Where something went that was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PutBack {
    /// Into a purse that is open: it can be drawn again.
    Kept,
    /// Into a purse that is closed: nobody will draw it. Whoever drives the purse is to
    /// [`withdraw`](super::Purse::withdraw) once more.
    Closed,
}
