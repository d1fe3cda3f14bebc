//! How a request can end, and what then becomes of its hold.

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The handler answered below 400, and the whole answer was taken.
    Success,
    /// The handler answered 400 or above.
    Failure,
    /// The handler or its response body panicked.
    Panic,
    /// The client left before the answer began, or the application dropped the request.
    ClientLeft,
    /// The client left while the answer was under way.
    CutShort,
    /// The response body failed.
    BodyFailed,
}

impl Ending {
    /// The word for it in tags and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Panic => "panic",
            Self::ClientLeft => "client_left",
            Self::CutShort => "cut_short",
            Self::BodyFailed => "body_failed",
        }
    }
}

/// What becomes of a hold, or of what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It counts as spent: the work may have been done.
    Capture,
    /// It is given back.
    Release,
}

/// What becomes of a hold in every way a request can end.
///
/// The default: a request that tracked something settles that and gives the rest back. One that
/// tracked nothing has its hold captured, unless the handler answered 400 or above: then it is given
/// back. A request counts on limits of the meter `requests` however it ends.
///
/// ```
/// use keycap_gate::{Ending, Endings, Fate};
///
/// let endings = Endings::default().untracked(Ending::ClientLeft, Fate::Release);
/// assert_eq!(endings.fate_of_untracked(Ending::ClientLeft), Fate::Release);
/// assert_eq!(endings.fate_of_untracked(Ending::Panic), Fate::Capture);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Endings {
    success: Fate,
    failure: Fate,
    panic: Fate,
    client_left: Fate,
    cut_short: Fate,
    body_failed: Fate,
    rest: Fate,
}

impl Default for Endings {
    fn default() -> Self {
        Self {
            success: Fate::Capture,
            failure: Fate::Release,
            panic: Fate::Capture,
            client_left: Fate::Capture,
            cut_short: Fate::Capture,
            body_failed: Fate::Capture,
            rest: Fate::Release,
        }
    }
}

impl Endings {
    /// What becomes of the hold of a request that ended so and tracked nothing.
    pub fn untracked(mut self, ending: Ending, fate: Fate) -> Self {
        *match ending {
            Ending::Success => &mut self.success,
            Ending::Failure => &mut self.failure,
            Ending::Panic => &mut self.panic,
            Ending::ClientLeft => &mut self.client_left,
            Ending::CutShort => &mut self.cut_short,
            Ending::BodyFailed => &mut self.body_failed,
        } = fate;
        self
    }

    /// What becomes of the part of a hold that tracked costs did not use.
    pub fn rest(mut self, fate: Fate) -> Self {
        self.rest = fate;
        self
    }

    /// See [`Endings::untracked`].
    #[must_use]
    pub fn fate_of_untracked(&self, ending: Ending) -> Fate {
        match ending {
            Ending::Success => self.success,
            Ending::Failure => self.failure,
            Ending::Panic => self.panic,
            Ending::ClientLeft => self.client_left,
            Ending::CutShort => self.cut_short,
            Ending::BodyFailed => self.body_failed,
        }
    }

    /// See [`Endings::rest`].
    #[must_use]
    pub fn fate_of_rest(&self) -> Fate {
        self.rest
    }
}
