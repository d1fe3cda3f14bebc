//! One transaction for everything that has arrived.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Desk, Work};
use crate::StoreError;
use crate::error::{Blame, Reason};

/// The writer can go no further.
#[derive(Debug)]
pub(super) struct Dead;

/// Does a group of work in one transaction and answers it. If that fails through one of them, each
/// gets a transaction of its own, so that only that one fails.
pub(super) fn serve(desk: &mut Desk, mut group: Vec<Box<dyn Work>>) -> Result<(), Dead> {
    match attempt(desk, &mut group)? {
        Err(error) if error.blame() == Blame::Work && group.len() > 1 => serve_singly(desk, group),
        end => {
            group.into_iter().for_each(|work| work.answer(end.clone()));
            if end.is_err_and(|error| error.ends_writer()) { Err(Dead) } else { Ok(()) }
        }
    }
}

/// Does each piece of work by itself, until the database itself fails.
fn serve_singly(desk: &mut Desk, group: Vec<Box<dyn Work>>) -> Result<(), Dead> {
    let mut broken: Option<StoreError> = None;
    for mut work in group {
        let end = match &broken {
            Some(error) => Err(error.clone()),
            None => attempt(desk, std::slice::from_mut(&mut work))?,
        };
        broken = end.as_ref().err().filter(|error| error.blame() == Blame::Database).cloned();
        work.answer(end);
    }
    if broken.is_some_and(|error| error.ends_writer()) { Err(Dead) } else { Ok(()) }
}

/// All of it, durably, or none of it.
fn attempt(desk: &mut Desk, group: &mut [Box<dyn Work>]) -> Result<Result<(), StoreError>, Dead> {
    // What a panic leaves behind is undone: the transaction, and all that is kept in memory.
    let tried = catch_unwind(AssertUnwindSafe(|| transact(desk, group)));
    let end = tried.unwrap_or_else(|_| Err(Reason::Panicked.into()));
    if let Err(error) = &end {
        tracing::warn!(error = error as &dyn std::error::Error, "a transaction was undone");
        desk.roll_back().map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the writer stops");
            Dead
        })?;
    }
    Ok(end)
}

fn transact(desk: &mut Desk, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    desk.begin()?;
    group.iter_mut().try_for_each(|work| work.run(desk))?;
    desk.commit()
}
