//! A refusal together with how callers are told of it: what an adapter's error is made of.

use std::error::Error;
use std::fmt;

use crate::{Answer, AnswerSettings, Broken, Code, CredentialPlaces, Gate, Refusal, answer};

/// A refusal that a handler or an extractor fails with, and the answer that callers get.
///
/// `Display` is for the log, not for callers.
#[derive(Clone)]
pub struct Told(Box<(Refusal, Answer)>);

impl Told {
    /// A refusal, told as this gate tells it. What is broken is logged, because callers are not told.
    #[must_use]
    pub fn by(gate: &Gate, refusal: impl Into<Refusal>) -> Self {
        let refusal = refusal.into();
        let answer = gate.answer(&refusal);
        Self::logged(refusal, answer)
    }

    /// A route that is put together wrongly, where there is no gate whose settings could be used.
    /// Callers learn that the application is misconfigured; the log learns why.
    #[must_use]
    pub fn misconfigured(why: String) -> Self {
        let refusal = Broken::misconfigured(why).into();
        let plain = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
        Self::logged(refusal, plain)
    }

    fn logged(refusal: Refusal, answer: Answer) -> Self {
        if let Refusal::Broken(broken) = &refusal {
            let cause = broken.source().map(ToString::to_string).unwrap_or_default();
            tracing::error!(code = %broken.code(), "a handler cannot go on: {cause}");
        }
        Self(Box::new((refusal, answer)))
    }

    /// Why.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.0.0
    }

    /// The code that callers see.
    #[must_use]
    pub fn code(&self) -> Code {
        self.refusal().code()
    }

    /// What callers get.
    pub fn answer(&self) -> &Answer {
        &self.0.1
    }

    /// What callers get, by value.
    pub fn into_answer(self) -> Answer {
        self.0.1
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.refusal().source()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.refusal(), f)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Told").field(self.refusal()).finish()
    }
}
