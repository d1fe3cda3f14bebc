//! Whether, when and for how long a call is tried again.
//!
//! Pure: the randomness is handed in.

use std::time::Duration;

use super::{CallError, Repeat};

/// The longest first pause. It doubles with every further attempt.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause of all.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Whether a call that failed like this may be sent again.
///
/// What was never sent may. What may have arrived is sent again only if it changes nothing, and only
/// for failures that pass: an answer that was too large or made no sense would be so again.
pub(super) fn may_repeat(error: &CallError, repeat: Repeat) -> bool {
    match error {
        CallError::Unreachable(_) => true,
        CallError::TimedOut(_) | CallError::Broken(_) => repeat == Repeat::Safe,
        CallError::Status(status) => {
            repeat == Repeat::Safe && (*status == 408 || (500..600).contains(status))
        }
        CallError::Unsigned(_)
        | CallError::TooLarge(_)
        | CallError::RefusesUs(_)
        | CallError::Redirected(_)
        | CallError::Throttled(_)
        | CallError::CircuitOpen(_)
        | CallError::Busy(_)
        | CallError::Unreadable(_)
        | CallError::Unfit(_) => false,
    }
}

/// How long to wait after the attempt of this number (from 1), with full jitter: anything from nothing
/// to a bound that doubles, in proportion to `random`.
pub(super) fn pause(attempt: u32, random: u64) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
    let longest = FIRST_PAUSE.saturating_mul(factor).min(MAX_PAUSE);
    let nanos = (longest.as_nanos() * u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How much of the time that is `left` one attempt may take: all of it if none may follow, else half,
/// so that one that hangs leaves room for another.
pub(super) fn share(left: Duration, follows: Follows) -> Duration {
    match follows {
        Follows::Another => left / 2,
        Follows::None => left,
    }
}

/// What may come after an attempt that ran out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Another,
    None,
}

impl Follows {
    /// After the attempt of this number (from 1), of `most`.
    pub(super) fn of(repeat: Repeat, attempt: u32, most: u32) -> Self {
        match repeat {
            Repeat::Safe if attempt < most => Self::Another,
            Repeat::Safe | Repeat::OnlyUnsent => Self::None,
        }
    }
}
