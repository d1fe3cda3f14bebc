//! The course of one admitted request, from its handler to the end of its response body.
//!
//! Adapters drive it; it tells the tab how the request ended, the same in every framework.

use crate::{Ending, KeyState};

/// Watches one admitted request. Dropped at any point, it notes what that means.
#[derive(Debug)]
#[must_use]
pub struct Course {
    key: KeyState,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The handler was called. What it returned was not polled, so no work was asked for.
    Called,
    /// The handler has not answered.
    Handler,
    /// The body is under way.
    Body,
    /// All is said.
    Done,
    /// Application code runs right now.
    Inside(Outer),
}

/// The stage that application code runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outer {
    Calling,
    Handler,
    Body,
}

impl Course {
    /// The handler is about to be called: application code that does its work when what it returns is
    /// polled. Until it [was called](Self::called), to unwind is a panic.
    ///
    /// A key whose course never begins costs nothing, unless something was tracked on it.
    #[inline]
    pub fn calling(key: KeyState) -> Self {
        Self { key, stage: Stage::Inside(Outer::Calling) }
    }

    /// The handler was called. The course begins when what it returned is first [run](Self::run).
    #[inline]
    pub fn called(&mut self) {
        if self.stage == Stage::Inside(Outer::Calling) {
            self.stage = Stage::Called;
        }
    }

    /// The handler is about to run: the course has begun.
    pub fn begin(key: KeyState) -> Self {
        key.begin();
        Self { key, stage: Stage::Handler }
    }

    /// The key whose request this is.
    #[must_use]
    pub fn key(&self) -> &KeyState {
        &self.key
    }

    /// Runs application code (a poll of the handler or of the body); the first time, the course
    /// begins. If it unwinds, that was a panic.
    #[inline]
    pub fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        if self.stage == Stage::Called {
            self.key.begin();
            self.stage = Stage::Handler;
        }
        let before = self.stage;
        self.stage = match before {
            Stage::Handler => Stage::Inside(Outer::Handler),
            Stage::Body => Stage::Inside(Outer::Body),
            Stage::Called | Stage::Done | Stage::Inside(_) => before,
        };
        let value = code();
        self.stage = before;
        value
    }

    /// The handler answered with this status; its body follows.
    pub fn answered(&mut self, status: u16) {
        self.key.end(if status < 400 { Ending::Success } else { Ending::Failure });
        self.stage = Stage::Body;
    }

    /// The handler failed without an answer.
    pub fn failed(&mut self) {
        self.key.end(Ending::Failure);
        self.stage = Stage::Done;
    }

    /// The body was taken to its end.
    pub fn completed(&mut self) {
        self.stage = Stage::Done;
    }

    /// The body failed.
    pub fn body_failed(&mut self) {
        self.key.end(Ending::BodyFailed);
        self.stage = Stage::Done;
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        match self.stage {
            Stage::Handler => self.key.end(Ending::ClientLeft),
            Stage::Body => self.key.end(Ending::CutShort),
            Stage::Inside(_) => self.key.end(Ending::Panic),
            Stage::Called | Stage::Done => {}
        }
    }
}
