//! How far a request got.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::Ending;

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its handler was not called. Dropped now, it costs nothing.
    Admitted,
    /// Its handler was called.
    Begun,
    /// It ended so.
    Ended(Ending),
}

/// All stages, each at the place that stands for it.
const STAGES: [Stage; 8] = [
    Stage::Admitted,
    Stage::Begun,
    Stage::Ended(Ending::Success),
    Stage::Ended(Ending::Failure),
    Stage::Ended(Ending::Panic),
    Stage::Ended(Ending::ClientLeft),
    Stage::Ended(Ending::CutShort),
    Stage::Ended(Ending::BodyFailed),
];

/// The stage that a request has reached. Only its course moves it, one step after the other.
#[derive(Default)]
pub(super) struct Reached(AtomicU8);

impl Reached {
    pub(super) fn read(&self) -> Stage {
        let place = usize::from(self.0.load(Ordering::Acquire));
        STAGES.get(place).copied().unwrap_or(Stage::Begun)
    }

    /// Notes that the handler is called.
    pub(super) fn begin(&self) {
        if self.read() == Stage::Admitted {
            self.write(Stage::Begun);
        }
    }

    /// Notes how the request ended; what went wrong later outweighs an answer that began well.
    pub(super) fn end(&self, ending: Ending) {
        match self.read() {
            Stage::Admitted | Stage::Begun | Stage::Ended(Ending::Success) => {
                self.write(Stage::Ended(ending));
            }
            Stage::Ended(_) => {}
        }
    }

    fn write(&self, stage: Stage) {
        let place = STAGES.iter().position(|known| *known == stage);
        let place = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(1);
        self.0.store(place, Ordering::Release);
    }
}

impl Stage {
    /// How a request that is dropped now has ended; not at all if it never began.
    pub(crate) fn ending(self) -> Option<Ending> {
        match self {
            Self::Admitted => None,
            Self::Begun => Some(Ending::ClientLeft),
            Self::Ended(ending) => Some(ending),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_read_as_it_was_written() {
        for stage in STAGES {
            let reached = Reached::default();
            reached.write(stage);
            assert_eq!(reached.read(), stage);
        }
    }

    #[test]
    fn what_went_wrong_later_outweighs_an_answer_that_began_well() {
        let reached = Reached::default();
        reached.begin();
        reached.end(Ending::Success);
        reached.end(Ending::CutShort);
        reached.end(Ending::Success);
        reached.begin();
        assert_eq!(reached.read(), Stage::Ended(Ending::CutShort));
    }
}
