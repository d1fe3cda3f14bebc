//! Why a lookup came to no answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A lookup came to no answer. Nothing is remembered of it; the next one asks again.
pub enum LoadError<X> {
    /// It failed. All who waited for it share the error.
    Failed(Arc<X>),
    /// It panicked.
    Panicked,
    /// It took longer than the table's time for lookups.
    TimedOut,
    /// Changes overtook its answer [`MAX_LOAD_ATTEMPTS`](super::MAX_LOAD_ATTEMPTS) times.
    Overtaken,
    /// Those who asked were cancelled, one after the other.
    Abandoned,
    /// Too many lookups are in flight.
    Busy,
}

impl<X> Clone for LoadError<X> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(error.clone()),
            Self::Panicked => Self::Panicked,
            Self::TimedOut => Self::TimedOut,
            Self::Overtaken => Self::Overtaken,
            Self::Abandoned => Self::Abandoned,
            Self::Busy => Self::Busy,
        }
    }
}

impl<X> LoadError<X> {
    fn text(&self) -> &'static str {
        match self {
            Self::Failed(_) => "the lookup of a key failed",
            Self::Panicked => "the lookup of a key panicked",
            Self::TimedOut => "the lookup of a key took too long",
            Self::Overtaken => "changes of keys kept overtaking the lookup of a key",
            Self::Abandoned => "those who looked up a key were cancelled",
            Self::Busy => "too many lookups of keys are in flight",
        }
    }
}

impl<X> fmt::Display for LoadError<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<X: fmt::Debug> fmt::Debug for LoadError<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            other => f.write_str(other.text()),
        }
    }
}

impl<X: Error + 'static> Error for LoadError<X> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}
