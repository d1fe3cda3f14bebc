//! What a pass draws, and from which purses: kept for the next request behind the same guard.

use std::sync::Arc;

use keycap_base::Ticks;
use keycap_budget::Amount;
use keycap_budget::lease::{DrawnAll, Purse, PutBack, draw_all};
use smallvec::SmallVec;

use crate::core::Core;
use crate::guard::{HoldRule, ResourceRule};
use crate::known_key::KnownKey;
use crate::leases::{Draw, MAX_PURSES_A_REQUEST};
use crate::post::Post;

/// Amounts, each with its purse.
#[derive(Default)]
pub(super) struct Draws {
    parts: SmallVec<[(Arc<Purse>, Amount); 4]>,
    /// For each part, which limit of the chain it is on, leaf first.
    limits: SmallVec<[usize; 4]>,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing is drawn.
    #[default]
    In,
    /// All of it is.
    Out,
}

impl Draws {
    /// What a request behind a guard draws from the purses that are open now. None where that has to be
    /// found out for each request, or a limit has no purse.
    pub(super) fn prepare(known: &KnownKey, post: &Post) -> Option<Self> {
        if matches!(post.guard.resource, ResourceRule::FromRequest(_)) {
            return None;
        }
        let cost = match &post.guard.hold {
            HoldRule::Free => return Some(Self::default()),
            HoldRule::Fixed(cost) => post.core.with_request(known, cost).ok()?,
            HoldRule::FromRequest(_) | HoldRule::ByHandler => return None,
        };
        let mut draws = Self::default();
        for (limit, till) in known.tills.iter().enumerate() {
            let amount = cost.amount(&till.at.limit.meter);
            if !amount.is_zero() {
                draws.parts.push((till.purse()?, amount));
                draws.limits.push(limit);
            } else if !till.was_seen() {
                return None;
            }
        }
        (draws.parts.len() <= MAX_PURSES_A_REQUEST).then_some(draws)
    }

    /// Draws everything, or nothing.
    pub(super) fn draw(&mut self, known: &KnownKey, core: &Core, now: Ticks) -> bool {
        match draw_all(&self.parts, now) {
            DrawnAll::Yes { low } => {
                let low = low.filter_map(|place| self.parts.get(place));
                low.for_each(|(purse, _)| core.leasing.inbox.low(purse.id()));
                self.state = State::Out;
                true
            }
            DrawnAll::No { closed, .. } => {
                closed.for_each(|place| self.note_closed(place, known, core));
                false
            }
        }
    }

    /// Puts back what is drawn.
    pub(super) fn put_back(&mut self, known: &KnownKey, core: &Core) {
        if std::mem::take(&mut self.state) == State::In {
            return;
        }
        for (place, (purse, amount)) in self.parts.iter().enumerate() {
            if purse.put_back(*amount) == PutBack::Closed {
                self.note_closed(place, known, core);
            }
        }
        core.announce_relief();
    }

    fn note_closed(&self, place: usize, known: &KnownKey, core: &Core) {
        let Some((purse, _)) = self.parts.get(place) else { return };
        let till = self.limits.get(place).and_then(|limit| known.tills.get(*limit));
        if let Some(till) = till {
            core.leasing.note_closed(till, purse);
        }
    }

    /// Hands over what is drawn.
    pub(super) fn into_draws(self) -> SmallVec<[Draw; 4]> {
        if self.state == State::In {
            return SmallVec::new();
        }
        let parts = self.parts.into_iter().zip(self.limits);
        parts.map(|((purse, amount), limit)| Draw { limit, purse, amount }).collect()
    }
}
