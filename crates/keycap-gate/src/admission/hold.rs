//! The hold of a request: drawn from what this node has leased or, where that cannot be, held at the
//! ledger.
//!
//! What must not change: a place comes before the hold, because what cannot be recorded is not admitted;
//! only the ledger's word refuses; and what this node has leased in the way of a request is called back
//! before a refusal stands (P4).

use std::sync::Arc;

use keycap_budget::{Claim, Cost, Held, HoldId, Standing};
use keycap_verify::Peek;

use super::{Ask, Step, Verdict};
use crate::core::Core;
use crate::known_key::{Known, KnownKey};
use crate::leases::{Drawing, Hearsay, Recall, Untouched};
use crate::patience::{Patience, may_wait};
use crate::queue::Place;
use crate::tab::{Holding, Opening, Tab};
use crate::{Broken, Denial, KeyState, Refusal};

impl Core {
    /// Draws from what this node has leased or, where that cannot be, takes a hold: at once if the
    /// ledger can, later if not. The place comes first: what cannot be recorded is not admitted.
    pub(super) fn hold(self: &Arc<Self>, known: Known, ask: Ask, claim: Claim) -> Step {
        let mut place = match self.place() {
            Ok(place) => Some(place),
            Err(refusal) => return Step::Ready(Verdict::refused(Some(known), refusal)),
        };
        let decided = match self.draw(&known, &claim) {
            Some(granted) => Some(Ok(granted)),
            None => self.hold_now(&known, &ask, &claim, &mut place),
        };
        if let Some(granted) = decided {
            let placed = granted.and_then(|granted| placed(granted, &mut place));
            let opened = placed.map(|(granted, place)| self.open(&known, &ask, granted, place));
            return Step::Ready(Verdict::of(known, opened));
        }
        // Begun before the hold is asked for.
        let patience = Patience::of(&ask.guard, &self.queue);
        let core = Arc::clone(self);
        Step::Wait(Box::pin(async move {
            let granted = core.hold_waiting(&known, &ask, &claim, place, patience).await;
            let opened = granted.map(|(granted, place)| core.open(&known, &ask, granted, place));
            Verdict::of(known, opened)
        }))
    }

    /// Draws what a claim asks for; none if it has to be asked of the ledger.
    fn draw(&self, known: &KnownKey, claim: &Claim) -> Option<Granted> {
        let (cost, untouched) = match claim {
            Claim::Chain(cost) => (cost, Untouched::Free),
            Claim::Room(cost) => (cost, Untouched::NeedsRoom),
            Claim::Limit(..) => return None,
        };
        let drawing = Drawing::begin(&self.leasing, known, self.clock.moment().ticks);
        let drawn = drawing.draw_all(cost, untouched, |_, till| till.purse())?;
        let (held, standings) = (Holding::Drawn(drawn.finish()), Vec::new());
        Some(Granted { held, cost: cost.clone(), standings })
    }

    /// What a hold of the request's own comes to, if that is known at once: by what the ledger refused
    /// a moment ago, or because it answers at once. None where there is something to wait for.
    fn hold_now(
        self: &Arc<Self>,
        known: &KnownKey,
        ask: &Ask,
        claim: &Claim,
        place: &mut Option<Place>,
    ) -> Option<Result<Granted, Refusal>> {
        let patient = ask.guard.wait.is_some() || Patience::least(&self.queue).is_left();
        let _asking = match self.leasing.hearsay(known, claim, self.clock.moment().ticks) {
            Hearsay::Nothing => None,
            Hearsay::Asking(asking) => Some(asking),
            Hearsay::Asked(_) => return None,
            Hearsay::Refused(refusal) => {
                return (!patient || !may_wait(&refusal)).then_some(Err(refusal));
            }
        };
        let recall = Recall::begin(self, known);
        match self.take_hold_now(known, claim, place)? {
            Ok(held) => Some(Ok(self.granted(known, claim, held))),
            Err(refusal) if recall.may_help(&refusal) => None,
            Err(refusal) => {
                recall.remember(&refusal);
                (!patient || !may_wait(&refusal)).then_some(Err(refusal))
            }
        }
    }

    /// Takes the hold, and tries again for as long as the guard lets a request wait for what others
    /// have reserved.
    async fn hold_waiting(
        self: &Arc<Self>,
        known: &KnownKey,
        ask: &Ask,
        claim: &Claim,
        mut place: Option<Place>,
        mut patience: Patience,
    ) -> Result<(Granted, Place), Refusal> {
        loop {
            let refusal = match self.hold_exactly(known, claim, &mut place).await {
                Ok(granted) => return placed(granted, &mut place),
                Err(refusal) => refusal,
            };
            if !may_wait(&refusal) || self.wait(&mut patience).await.is_break() {
                return Err(refusal);
            }
            self.check_again(known, ask, refusal)?;
            if let Some(granted) = self.draw(known, claim) {
                return placed(granted, &mut place);
            }
        }
    }

    /// Takes a hold of the request's own. What this node has leased in its way is called back first
    /// (P4).
    async fn hold_exactly(
        self: &Arc<Self>,
        known: &KnownKey,
        claim: &Claim,
        place: &mut Option<Place>,
    ) -> Result<Granted, Refusal> {
        let _asking = loop {
            match self.leasing.hearsay(known, claim, self.clock.moment().ticks) {
                Hearsay::Nothing => break None,
                Hearsay::Asking(asking) => break Some(asking),
                Hearsay::Asked(till) => till.asked_within(self.ledger_timeout).await,
                Hearsay::Refused(refusal) => return Err(refusal),
            }
        };
        let mut recall = Recall::begin(self, known);
        loop {
            let refusal = match self.take_hold(known, claim.clone(), place).await {
                Ok(held) => return Ok(self.granted(known, claim, held)),
                Err(refusal) => refusal,
            };
            if recall.after(&refusal).await.is_break() {
                recall.remember(&refusal);
                return Err(refusal);
            }
        }
    }

    /// What was taken, and told to the lease manager.
    fn granted(&self, known: &KnownKey, claim: &Claim, (hold, held): (HoldId, Held)) -> Granted {
        let cost = match claim {
            Claim::Chain(cost) | Claim::Room(cost) => cost.clone(),
            Claim::Limit(..) => Cost::none(),
        };
        self.leasing.note_held(known, claim, &held);
        let standings = self.leasing.shown_all(held.standings);
        Granted { held: Holding::Exactly(hold), cost, standings }
    }

    /// Policy after a wait, on what the table knows by now. Where it has forgotten the key meanwhile
    /// (revoked, amended, or its time was over) the refusal stands; the next request is verified.
    fn check_again(&self, known: &KnownKey, ask: &Ask, refusal: Refusal) -> Result<(), Refusal> {
        let now = self.clock.now();
        match ask.digest.map(|digest| self.table.peek_in_outage(&digest, now)) {
            Some(Peek::Live(live)) if live.payload().account() == known.account() => {
                self.check(live.payload(), ask)
            }
            Some(Peek::Rejected(rejection)) => Err(Denial::from(rejection).into()),
            Some(Peek::Live(_) | Peek::Absent) | None => Err(refusal),
        }
    }

    /// Opens the tab of an admitted request.
    pub(super) fn open(
        self: &Arc<Self>,
        known: &Known,
        ask: &Ask,
        granted: Granted,
        place: Place,
    ) -> KeyState {
        let (price, endings) = (ask.guard.price.clone(), ask.guard.endings.unwrap_or_default());
        let Granted { held, cost: granted, standings } = granted;
        let opening = Opening { held, granted, standings, price, endings, place };
        KeyState::new(Tab::open(Arc::clone(self), known.clone(), opening))
    }
}

/// What a request was granted at admission.
pub(super) struct Granted {
    held: Holding,
    cost: Cost,
    standings: Vec<Standing>,
}

impl Granted {
    pub(super) fn nothing() -> Self {
        Self { held: Holding::Nothing, cost: Cost::none(), standings: Vec::new() }
    }
}

/// What was granted, with the place that was kept for it.
fn placed<T>(granted: T, place: &mut Option<Place>) -> Result<(T, Place), Refusal> {
    let place = place.take().ok_or_else(|| Broken::ledger_unavailable("a place was lost"))?;
    Ok((granted, place))
}
