//! Watching decisions, and observe mode: decide, report, let through.

use std::sync::Arc;

use keycap_budget::{AccountId, Cost};
use keycap_verify::Identity;

use crate::admission::Verdict;
use crate::core::Core;
use crate::guard::HoldRule;
use crate::known_key::{Known, KnownKey};
use crate::shield::shielded;
use crate::tab::{Holding, Opening, Tab};
use crate::{Guard, KeyState, Refusal};

/// Sees every decision of a gate, and every refusal of what a handler would reserve. Must not block.
pub type Observer = Arc<dyn Fn(&DecisionReport<'_>) + Send + Sync>;

/// One decision, for an observer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DecisionReport<'a> {
    /// Who is calling, if that is known.
    pub identity: Option<&'a Identity>,
    /// The account that pays, if that is known.
    pub account: Option<&'a AccountId>,
    /// Why the request is refused; none when it is admitted.
    pub refusal: Option<&'a Refusal>,
    /// Whether a refusal is carried out.
    pub mode: Mode,
    /// What the decision rests on. Told of a request; what its handler reserves later does not repeat
    /// it.
    pub trust: Trust,
}

/// What a decision on a key rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Its provider's word, no older than the time to live.
    #[default]
    Verified,
    /// Grace: its provider cannot tell at the moment, and the application chose to
    /// [serve keys unverified](keycap_verify::KeyTableBuilder::serve_unverified_in_outage) meanwhile.
    Graced,
}

/// Whether refusals are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    #[default]
    Enforce,
    /// They are only reported: every request passes, and nothing is capped (P1 and P6 are given up).
    ObserveOnly,
}

/// What the adapter does with a request.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// Run the handler with this key.
    Admitted(KeyState),
    /// Run the handler, although it would have been refused: with this key, if it is known.
    Observed(Option<KeyState>, Observation),
    /// Answer with this refusal.
    Refused(Refusal),
}

/// The refusal that observe mode did not carry out, for handlers.
#[derive(Clone, Debug)]
pub struct Observation(pub Refusal);

/// The one wrapper round a decision.
pub(crate) struct Observing {
    pub(crate) observer: Option<Observer>,
    pub(crate) mode: Mode,
}

impl Core {
    /// Reports a verdict and, in observe mode, lets it through.
    pub(crate) fn conclude(self: &Arc<Self>, verdict: Verdict, guard: &Guard) -> Decision {
        let (known, refusal) = match &verdict.result {
            Ok(key) => (Some(&**key.known()), None),
            Err(refusal) => (verdict.known.as_deref(), Some(refusal)),
        };
        self.report(known, refusal, verdict.trust);
        let runs = verdict.result.is_ok() || self.observing.mode == Mode::ObserveOnly;
        if let Some(outer) = verdict.inside.as_ref().filter(|_| runs) {
            outer.tab().adopt(guard);
        }
        match (verdict.result, self.observing.mode) {
            (Ok(key), _) => Decision::Admitted(key),
            (Err(refusal), Mode::Enforce) => Decision::Refused(refusal),
            (Err(refusal), Mode::ObserveOnly) => {
                let key = match (verdict.inside, verdict.known) {
                    (Some(key), _) => Some(KeyState::observed_inside(key, refusal.clone())),
                    (None, Some(known)) => self.let_through(known, guard, &refusal),
                    (None, None) => None,
                };
                Decision::Observed(key, Observation(refusal))
            }
        }
    }

    /// Reports what a handler could not reserve and, in observe mode, lets it go on without.
    pub(crate) fn conclude_raise(
        &self,
        key: &KeyState,
        raised: Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Err(refusal) = &raised else { return raised };
        self.report(Some(key.known()), Some(refusal), Trust::Verified);
        match self.observing.mode {
            Mode::Enforce => raised,
            Mode::ObserveOnly => Ok(()),
        }
    }

    fn report(&self, known: Option<&KnownKey>, refusal: Option<&Refusal>, trust: Trust) {
        let account = known.map(|known| known.account());
        match refusal {
            Some(Refusal::Broken(broken)) => {
                let cause = broken as &dyn std::error::Error;
                tracing::error!(code = %broken.code(), account = ?account, cause, "cannot decide");
            }
            Some(refusal) => {
                let code = refusal.code();
                tracing::info!(%code, account = ?account, why = %refusal, "request refused");
            }
            None => tracing::debug!(account = ?account, "request admitted"),
        }
        if let Some(observer) = &self.observing.observer {
            let identity = known.map(|known| &known.identity);
            let mode = self.observing.mode;
            let report = DecisionReport { identity, account, refusal, mode, trust };
            // The decision stands without its observer.
            let _ = shielded("an observer of decisions", || observer(&report));
        }
    }

    /// A key without a hold: what it tracks is recorded, covered by nothing, and so is the request
    /// itself.
    fn let_through(
        self: &Arc<Self>,
        known: Known,
        guard: &Guard,
        refusal: &Refusal,
    ) -> Option<KeyState> {
        let granted = match guard.hold {
            HoldRule::Free => Cost::none(),
            _ => self.with_request(&known, &Cost::none()).ok()?,
        };
        let opening = Opening {
            held: Holding::Nothing,
            granted,
            standings: Vec::new(),
            price: guard.price.clone(),
            endings: guard.endings.unwrap_or_default(),
            place: self.place().ok()?,
        };
        let tab = Tab::open(Arc::clone(self), known, opening);
        Some(KeyState::observed(tab, refusal.clone()))
    }
}
