//! One operation on its way to the ledger, and who hears of the answer.

use std::sync::Arc;

use keycap_budget::{Cost, Decided, Fault, NewCharge, Operation, Outcome};

use super::draft::{Heard, Speaker};
use super::note::Owed;
use super::place::Place;

/// What waits in the queue.
pub(super) enum Item {
    /// Somebody who has something to say, and is in the queue once.
    Speaker(Arc<dyn Speaker>),
    /// An operation that is known already.
    Job(Box<Job>),
}

/// One operation on its way to the ledger.
pub(crate) struct Job {
    pub(crate) operation: Operation,
    /// Those who wait for the answer.
    pub(crate) told: Option<Owed>,
    /// Whose it is. They keep their places until it is answered.
    pub(super) by: By,
    /// A place of its own.
    pub(crate) place: Option<Place>,
    pub(crate) company: Company,
}

/// Who caused an operation.
pub(super) enum By {
    /// No request that is told.
    Nobody,
    One(Arc<dyn Speaker>),
    /// Several, each with its share of the charge.
    Many(Vec<(Arc<dyn Speaker>, Cost)>),
}

/// Whether an operation is sent with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// It is.
    Any,
    /// It made batches fail that went well without it, so it goes by itself.
    None,
}

impl Job {
    /// An operation that belongs to no request, in a place of its own.
    pub(crate) fn loose(operation: Operation, told: Option<Owed>, place: Place) -> Self {
        Self { operation, told, by: By::Nobody, place: Some(place), company: Company::Any }
    }

    /// An operation that is queued just before a loose one, and shares its place.
    pub(crate) fn before_another(operation: Operation) -> Self {
        Self { operation, told: None, by: By::Nobody, place: None, company: Company::Any }
    }

    /// The same, by itself from now on; none if nobody needs it done any more.
    pub(crate) fn apart(self) -> Option<Self> {
        let needed = self.place.is_some() || !matches!(self.by, By::Nobody);
        needed.then_some(Self { company: Company::None, ..self })
    }

    /// Hands the ledger's answer to everyone concerned.
    pub(crate) fn answer(self, answer: Decided) {
        if let Some(why) = unrecorded(&answer) {
            tracing::error!(why, operation = ?self.operation, "an operation was not recorded");
        }
        let (operation, answer_ref) = (&self.operation, &answer);
        let heard = |share| Heard { operation, share, answer: answer_ref };
        match &self.by {
            By::Nobody => {}
            By::One(one) => {
                one.hear(heard(charge(operation).map_or(&Cost::none(), |charge| &charge.cost)))
            }
            By::Many(all) => all.iter().for_each(|(one, share)| one.hear(heard(share))),
        }
        if let Some(told) = self.told {
            told.answer(answer);
        }
    }
}

/// What an operation charges, if it does.
pub(super) fn charge(operation: &Operation) -> Option<&NewCharge> {
    match operation {
        Operation::Settle { charge, .. } | Operation::Charge(charge) => Some(charge),
        _ => None,
    }
}

/// What an operation charges, to be changed before it is sent.
pub(super) fn charge_mut(operation: &mut Operation) -> Option<&mut NewCharge> {
    match operation {
        Operation::Settle { charge, .. } | Operation::Charge(charge) => Some(charge),
        _ => None,
    }
}

/// Why an answer left nothing in the books that should have, if so (P2: never without a word).
fn unrecorded(answer: &Decided) -> Option<String> {
    match answer {
        // What was never taken needs no release.
        Err(Fault::UnknownHold(_)) => None,
        Err(fault) => Some(fault.to_string()),
        Ok(Outcome::Conflict(_)) => Some("the id stands for something else".to_owned()),
        Ok(Outcome::TooOld { oldest }) => Some(format!("ids are remembered since {oldest}")),
        Ok(_) => None,
    }
}
