//! The key's state, as a handler sees it.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use keycap_budget::{AccountId, Amount, ChargeId, Cost, Decided, Meter, Outcome, Standing};
use keycap_verify::{Identity, Subject};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::tab::{Raise, Tab, Untracked, unexpected};
use crate::{Ending, Gate, Receipt, Refusal, TrackError, Usage};

/// Who is calling, what they may still spend, and the meter for the work: [`track`](Self::track),
/// [`reserve`](Self::reserve), [`extend`](Self::extend).
///
/// Cheap to clone. The request's hold ends when its response body has ended and the last clone is
/// dropped, so a clone in a spawned task keeps the hold until the task is done.
#[derive(Clone)]
pub struct KeyState(Arc<Handle>);

/// Closes the tab when the last clone goes.
struct Handle {
    tab: Arc<Tab>,
    would_refuse: Option<Refusal>,
    /// The handle of an outer layer on the same tab, which then closes it.
    outer: Option<KeyState>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.outer.is_none() {
            self.tab.close();
        }
    }
}

impl KeyState {
    pub(crate) fn new(tab: Arc<Tab>) -> Self {
        Self(Arc::new(Handle { tab, would_refuse: None, outer: None }))
    }

    /// A key that observe mode lets through although it would have been refused.
    pub(crate) fn observed(tab: Arc<Tab>, would_refuse: Refusal) -> Self {
        Self(Arc::new(Handle { tab, would_refuse: Some(would_refuse), outer: None }))
    }

    /// The same where an outer layer has admitted the request: what it tracks is paid from the outer
    /// one's hold.
    pub(crate) fn observed_inside(outer: Self, would_refuse: Refusal) -> Self {
        let tab = Arc::clone(outer.tab());
        Self(Arc::new(Handle { tab, would_refuse: Some(would_refuse), outer: Some(outer) }))
    }

    pub(crate) fn tab(&self) -> &Arc<Tab> {
        &self.0.tab
    }

    fn core(&self) -> &Arc<Core> {
        &self.0.tab.core
    }

    /// The gate that admitted the request. Keeping it does not keep the hold.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(Arc::clone(self.core()))
    }

    /// What the provider said of the key.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.tab.known.identity
    }

    /// Who is calling.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.identity().subject
    }

    /// The account that pays: the leaf of its chain.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        self.0.tab.known.account()
    }

    /// In observe mode: the refusal that this request would have had.
    #[must_use]
    pub fn would_refuse(&self) -> Option<&Refusal> {
        self.0.would_refuse.as_ref()
    }

    /// How every limit of the chain stood when the ledger last said, leaf first. Empty on a route
    /// that checks no budget; ask [`standings`](Self::standings) there.
    #[must_use]
    pub fn limits(&self) -> Vec<Standing> {
        self.0.tab.standings()
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
    /// dropping it loses nothing. A cost with an id or tags of its own may have to wait for a place
    /// in the queue first; that wait is in the future.
    ///
    /// # Errors
    /// In the future: see [`TrackError`].
    pub fn track(&self, usage: impl Into<Usage>) -> Tracking {
        let patience = self.core().confirm_timeout;
        // The wait must not keep the hold open, polled or not: only a cost that has yet to be put
        // on the tab keeps a handle on it.
        match self.0.tab.track(usage.into(), None) {
            Ok(told) => Tracking(Box::pin(confirmed(told, patience))),
            Err(Untracked::Failed(error)) => Tracking(Box::pin(ready(Err(error)))),
            Err(Untracked::NeedsPlace(usage)) => {
                let key = self.clone();
                Tracking(Box::pin(async move {
                    let told = key.track_with_place(*usage).await?;
                    drop(key);
                    confirmed(told, patience).await
                }))
            }
        }
    }

    async fn track_with_place(
        &self,
        usage: Usage,
    ) -> Result<oneshot::Receiver<Decided>, TrackError> {
        let core = self.core();
        let place = tokio::time::timeout(core.confirm_timeout, core.queue.place()).await;
        let place = place.map_err(|_elapsed| TrackError::NoPlace)?;
        self.0.tab.track(usage, Some(place)).map_err(|untracked| match untracked {
            Untracked::Failed(error) => error,
            Untracked::NeedsPlace(_) => TrackError::NoPlace,
        })
    }

    /// Sees to it that the request's hold covers `cost` in all, costs tracked already included: for
    /// handlers that know the cost once they have read the body.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was.
    pub async fn reserve(&self, cost: impl Into<Cost>) -> Result<(), Refusal> {
        self.raise(Raise::AtLeast(cost.into())).await
    }

    /// Holds `cost` more, for work that goes on, such as a stream.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was.
    pub async fn extend(&self, cost: impl Into<Cost>) -> Result<(), Refusal> {
        self.raise(Raise::By(cost.into())).await
    }

    async fn raise(&self, raise: Raise) -> Result<(), Refusal> {
        self.0.tab.raise(raise).await
    }

    /// A fresh charge id, to keep beside the work so that a retry counts once.
    #[must_use]
    pub fn charge_id(&self) -> ChargeId {
        ChargeId::generate(self.core().clock.now())
    }

    pub(crate) fn end(&self, ending: Ending) {
        self.0.tab.end(ending);
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

/// Waits for a cost to be durable. The cost is queued already: dropping this loses nothing, unless it
/// still needed a place of its own.
#[must_use = "the cost is queued, but only the awaited answer says that it is durable"]
pub struct Tracking(Pin<Box<dyn Future<Output = Result<Receipt, TrackError>> + Send>>);

impl Future for Tracking {
    type Output = Result<Receipt, TrackError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracking").finish_non_exhaustive()
    }
}

/// Waits until a queued cost is on record.
pub(crate) async fn confirmed(
    told: oneshot::Receiver<Decided>,
    patience: Duration,
) -> Result<Receipt, TrackError> {
    match tokio::time::timeout(patience, told).await {
        Err(_elapsed) => Err(TrackError::Unconfirmed),
        Ok(Err(_closed)) => Err(TrackError::ShutDown),
        Ok(Ok(answer)) => receipt(answer),
    }
}

fn receipt(answer: Decided) -> Result<Receipt, TrackError> {
    match answer {
        Ok(Outcome::Recorded(receipt)) => Ok(receipt),
        Ok(Outcome::Conflict(_)) => Err(TrackError::Conflict),
        Ok(Outcome::TooOld { .. }) => Err(TrackError::TooOld),
        Ok(other) => Err(TrackError::Misanswered(unexpected(&other).to_string())),
        Err(fault) => Err(TrackError::Fault(fault)),
    }
}

impl From<TrackError> for Refusal {
    fn from(error: TrackError) -> Self {
        Self::Broken(error.into_broken())
    }
}
