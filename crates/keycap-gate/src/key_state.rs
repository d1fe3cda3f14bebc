//! The key's state, as a handler sees it.

use std::fmt;
use std::sync::Arc;

use keycap_budget::{AccountId, Amount, ChargeId, Cost, Meter, Standing};
use keycap_verify::{Identity, Subject};

use crate::core::Core;
use crate::desk;
use crate::known_key::Known;
use crate::pass::Pass;
use crate::patience::Patience;
use crate::tab::{Raise, Tab};
use crate::{Ending, Gate, Refusal, TrackError, Tracking, Usage};

/// Who is calling, what they may still spend, and the meter for the work: [`track`](Self::track),
/// [`reserve`](Self::reserve), [`extend`](Self::extend).
///
/// Cheap to clone. The request's hold ends when its response body has ended and the last clone is
/// dropped, so a clone in a spawned task keeps the hold until the task is done.
pub struct KeyState(Option<Arc<Pass>>);

impl Clone for KeyState {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for KeyState {
    fn drop(&mut self) {
        let Some(mut pass) = self.0.take() else { return };
        // If another handle is dropped at this very moment, the pass closes itself.
        if let Some(last) = Arc::get_mut(&mut pass) {
            last.close();
            desk::put_back(pass);
        }
    }
}

impl KeyState {
    pub(crate) fn new(tab: Arc<Tab>) -> Self {
        Self::of(Pass::with_tab(tab).into())
    }

    /// A key on a pass that was just admitted.
    pub(crate) fn of(pass: Arc<Pass>) -> Self {
        Self(Some(pass))
    }

    /// A key that observe mode lets through although it would have been refused.
    pub(crate) fn observed(tab: Arc<Tab>, would_refuse: Refusal) -> Self {
        Self::of(Pass::observed(tab, would_refuse, None).into())
    }

    /// The same where an outer layer has admitted the request: what it tracks is paid from the outer
    /// one's hold.
    pub(crate) fn observed_inside(outer: Self, would_refuse: Refusal) -> Self {
        let tab = Arc::clone(outer.tab());
        Self::of(Pass::observed(tab, would_refuse, Some(outer)).into())
    }

    #[expect(clippy::expect_used, reason = "a key has its pass until it is dropped")]
    fn pass(&self) -> &Pass {
        self.0.as_deref().expect("a key has its pass until it is dropped")
    }

    pub(crate) fn tab(&self) -> &Arc<Tab> {
        self.pass().tab()
    }

    pub(crate) fn known(&self) -> &Known {
        self.pass().known()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        self.pass().core()
    }

    /// The gate that admitted the request. Keeping it does not keep the hold.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(Arc::clone(self.core()))
    }

    /// What the provider said of the key.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.known().identity
    }

    /// Who is calling.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.identity().subject
    }

    /// The account that pays: the leaf of its chain.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        self.known().account()
    }

    /// In observe mode: the refusal that this request would have had.
    #[must_use]
    pub fn would_refuse(&self) -> Option<&Refusal> {
        self.pass().would_refuse()
    }

    /// How every limit of the chain stood when the ledger last said, leaf first. Empty on a route
    /// that checks no budget; ask [`standings`](Self::standings) there.
    #[must_use]
    pub fn limits(&self) -> Vec<Standing> {
        self.tab().standings()
    }

    /// How every limit of the chain stands now, asked of the ledger.
    ///
    /// # Errors
    /// When the ledger cannot answer.
    pub async fn standings(&self) -> Result<Vec<Standing>, Refusal> {
        self.core().standings(self.account()).await
    }

    /// What this request may still spend on a meter, its own hold included: the least over the chain,
    /// as the ledger last said. None when no limit counts the meter.
    #[must_use]
    pub fn remaining(&self, meter: &Meter) -> Option<Amount> {
        let limits = self.limits();
        let on = |standing: &&Standing| standing.limit.key().meter == *meter;
        limits.iter().filter(on).map(Standing::available).min()
    }

    /// Records what the work cost. Call it once or many times.
    ///
    /// The cost is queued before this returns; the future only waits until it is durable, and
    /// dropping it loses nothing. A lone cost is sent at once; while more than a thousand a second come
    /// in, a batch may wait up to 5 ms for company. Only a cost with an id or tags of its own that meets a full queue
    /// has to wait for a place, in the future: that one is not recorded if the future is dropped.
    ///
    /// # Errors
    /// In the future: see [`TrackError`].
    pub fn track(&self, usage: impl Into<Usage>) -> Tracking {
        Tracking::begin(self, usage.into())
    }

    /// Sees to it that the request's hold covers `cost` in all, costs tracked already included: for
    /// handlers that know the cost once they have read the body.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was. In observe mode it is only reported.
    pub async fn reserve(&self, cost: impl Into<Cost>) -> Result<(), Refusal> {
        self.raise(Raise::AtLeast(cost.into())).await
    }

    /// Holds `cost` more, for work that goes on, such as a stream.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was. In observe mode it is only reported.
    pub async fn extend(&self, cost: impl Into<Cost>) -> Result<(), Refusal> {
        self.raise(Raise::By(cost.into())).await
    }

    async fn raise(&self, raise: Raise) -> Result<(), Refusal> {
        let patience = Patience::least(&self.core().queue);
        let raised = self.tab().raise_waiting(raise, patience).await;
        self.core().conclude_raise(self, raised)
    }

    /// A fresh charge id, to keep beside the work so that a retry counts once.
    #[must_use]
    pub fn charge_id(&self) -> ChargeId {
        ChargeId::generate(self.core().clock.now())
    }

    pub(crate) fn begin(&self) {
        self.pass().begin();
    }

    pub(crate) fn end(&self, ending: Ending) {
        self.pass().end(ending);
    }
}

impl fmt::Debug for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyState")
            .field("identity", self.identity())
            .field("account", self.account())
            .finish_non_exhaustive()
    }
}

impl From<TrackError> for Refusal {
    fn from(error: TrackError) -> Self {
        Self::Broken(error.into_broken())
    }
}
