//! The gate: the handle that an application keeps.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use keycap_budget::{AccountId, ChargeId, Ledger, NewCharge, Operation, Standing};
use keycap_verify::{DeniedUntil, Digest, Identity, TooManyDenied};

use crate::admission::{Step, Verdict};
use crate::core::{Core, Strip};
use crate::post::Posts;
use crate::queue::{Job, Owed};
use crate::tracking::Confirmation;
use crate::{
    Answer, Broken, Decision, GateBuilder, Guard, GuardError, Header, KeyState, Receipt, Refusal,
    RequestView, TrackError, Usage, admitted_headers,
};

/// Verifies keys, enforces budgets, records costs. Cheap to clone; clones are the same gate.
///
/// Call [`shutdown`](Gate::shutdown) before the process ends: costs that nobody awaited may still be
/// on their way to the ledger.
#[derive(Clone)]
pub struct Gate(pub(crate) Arc<Core>);

impl Gate {
    /// Begins to build a gate.
    pub fn builder() -> GateBuilder {
        GateBuilder::new()
    }

    /// Puts a guard to use: what an adapter's layer is made of.
    ///
    /// # Errors
    /// When something that was said of the guard makes no sense.
    pub fn guarded(&self, guard: Guard) -> Result<Guarded, GuardError> {
        let guard = guard.checked(self.0.count_guard())?;
        self.warn_if_uncapped(&guard);
        Ok(Guarded { core: Arc::clone(&self.0), posts: Posts::new(&self.0, guard) })
    }

    /// A hold that no limit counts passes whatever is spent: right only where limits are amended in.
    fn warn_if_uncapped(&self, guard: &Guard) {
        let Some(limits) = self.0.template.default_limits() else { return };
        for meter in guard.uncounted(limits) {
            tracing::warn!(%meter, "a guard holds what no default limit counts; nothing caps it");
        }
    }

    /// The ledger behind the gate.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.0.ledger
    }

    /// The answer that a refusal is, as the application wants it.
    pub fn answer(&self, refusal: &Refusal) -> Answer {
        self.0.answer(refusal)
    }

    /// How every limit of an account's chain stands now, leaf first.
    ///
    /// # Errors
    /// When the ledger cannot answer.
    pub async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, Refusal> {
        self.0.standings(account).await
    }

    /// Denies a key by its digest from now on, whatever its provider says: the next request with it is
    /// `revoked_key`, and one whose verification is under way is not admitted (P7).
    ///
    /// For keys that their provider cannot take back, or not soon enough: a signed token is good until
    /// it expires, and for the leeway that its provider gives: say until the identity's `expires_at`,
    /// not until what the token says of itself. On this node and in this process only; where several
    /// serve the same keys, suspend the account, or deny the digest on each.
    ///
    /// **Stops a text, not its holder.** Whoever holds a token signed with ES256 can write it in one more
    /// way that is as valid and has another digest: for every signature (r, s) of ECDSA, (r, n - s) is
    /// one too. Where the holder is not to be trusted, suspend the account.
    ///
    /// # Errors
    /// When [`MAX_DENIED`](keycap_verify::MAX_DENIED) digests are denied already; then nothing changed.
    pub fn deny(&self, digest: &Digest, until: DeniedUntil) -> Result<(), TooManyDenied> {
        self.0.table.deny(digest, until, self.0.clock.now())
    }

    /// Lets the provider of a denied digest decide again, at once.
    pub fn stop_denying(&self, digest: &Digest) {
        self.0.table.stop_denying(digest);
    }

    /// Stops admitting, waits up to `patience` for requests under way, and sends all that is queued
    /// to the ledger. Then what is leased goes back, in what is left of `patience`; what could not be
    /// given back ends with its life.
    ///
    /// Cancel safe: called again, it goes on where it was.
    ///
    /// # Errors
    /// When requests were still under way, or costs not yet durable, after `patience`. Their holds
    /// end by their policy.
    pub async fn shutdown(&self, patience: Duration) -> Result<(), StillBusy> {
        self.0.closing.store(true, Ordering::SeqCst);
        self.0.queue.hurry();
        let begun = tokio::time::Instant::now();
        let quiet = tokio::time::timeout(patience, self.0.queue.quiet()).await;
        let left = patience.saturating_sub(begun.elapsed());
        self.0.leasing.give_all_back(left).await;
        self.0.provider_chores().await;
        quiet.map_err(|_elapsed| StillBusy { requests: self.0.queue.taken() })
    }
}

/// Requests that were still under way when the gate's patience at shutdown ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests still under way, or their costs not yet durable: {requests}")]
pub struct StillBusy {
    /// How many.
    pub requests: usize,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("provider", &self.0.provider.name()).finish_non_exhaustive()
    }
}

/// Who pays for a cost that is reported from outside a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payer {
    /// This account.
    Account(AccountId),
    /// The account a subject has by default.
    Subject(keycap_verify::Subject),
}

impl From<AccountId> for Payer {
    fn from(account: AccountId) -> Self {
        Self::Account(account)
    }
}

impl From<&Identity> for Payer {
    fn from(identity: &Identity) -> Self {
        Self::Subject(identity.subject.clone())
    }
}

impl From<keycap_verify::Subject> for Payer {
    fn from(subject: keycap_verify::Subject) -> Self {
        Self::Subject(subject)
    }
}

/// Records a cost for code far from the request: a background job, a webhook. Nothing was held for
/// it, so nothing bounds it; it is recorded, cap or no cap, and the account may then be over.
///
/// Waits for a place in the queue, then until the cost is durable. Dropped after it has a place, the
/// cost is recorded all the same.
///
/// # Errors
/// See [`TrackError`]; the account must have been opened, by a request or by the application.
pub async fn track_usage(
    gate: &Gate,
    payer: impl Into<Payer>,
    usage: impl Into<Usage>,
) -> Result<Receipt, TrackError> {
    let (core, usage) = (&gate.0, usage.into());
    let account = match payer.into() {
        Payer::Account(account) => account,
        Payer::Subject(subject) => {
            AccountId::new(subject.to_string()).map_err(TrackError::BadAccount)?
        }
    };
    let place = tokio::time::timeout(core.confirm_timeout, core.queue.place()).await;
    let place = place.map_err(|_elapsed| TrackError::NoPlace)?;
    let id = usage.id.unwrap_or_else(|| ChargeId::generate(core.clock.now()));
    let charge = NewCharge { id, account, cost: usage.cost, tags: usage.tags };
    let told = Owed::new();
    let confirmed = Confirmation::within(core.confirm_timeout, told.waiting());
    core.queue.push_job(Job::loose(Operation::Charge(charge), Some(told), place));
    confirmed.await
}

/// A gate with one route's guard: all that an adapter needs.
#[derive(Clone)]
pub struct Guarded {
    core: Arc<Core>,
    posts: Posts,
}

impl Guarded {
    /// Decides on a request. `inside` is the key of an outer layer of the same request, if one
    /// admitted it: then nothing is verified or held twice, the guard's requirements are added and
    /// the hold is topped up.
    pub fn decide(&self, view: &dyn RequestView, inside: Option<KeyState>) -> Deciding {
        let inside = inside.filter(|key| self.has_admitted(key));
        let step = match inside {
            Some(key) => self.core.admit_inside(key, &self.posts.here().guard, view),
            None => self.core.admit(self.posts.here(), view),
        };
        Deciding(match step {
            Step::Ready(verdict) => Progress::Ready(self.conclude(verdict)),
            Step::Wait(waiting) => Progress::Waiting { waiting, guarded: self.clone() },
        })
    }

    fn conclude(&self, verdict: Verdict) -> Decision {
        self.core.conclude(verdict, &self.posts.any().guard)
    }

    /// The answer that a refusal is, as the application wants it.
    pub fn answer(&self, refusal: &Refusal) -> Answer {
        self.core.answer(refusal)
    }

    /// The gate.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(Arc::clone(&self.core))
    }

    /// Whether this gate admitted the request that `key` belongs to: then an outer layer has done
    /// all that is done once for a request, such as its headers.
    #[must_use]
    pub fn has_admitted(&self, key: &KeyState) -> bool {
        Arc::ptr_eq(key.core(), &self.core)
    }

    /// The headers that carry credentials: to be marked sensitive, or removed.
    pub fn credential_headers(&self) -> impl Iterator<Item = &str> {
        self.core.credentials.sensitive_headers()
    }

    /// Whether the handler must not see the credential.
    #[must_use]
    pub fn strips_credential(&self) -> bool {
        self.core.strip == Strip::Remove
    }

    /// Whether admitted responses carry headers of the gate's at all.
    #[must_use]
    pub fn sends_headers(&self) -> bool {
        self.core.answers.sends_rate_limits() || self.core.credentials.vary().next().is_some()
    }

    /// The headers that an admitted response carries.
    #[must_use]
    pub fn admitted_headers(&self, key: &KeyState) -> Vec<Header> {
        let (core, chain) = (&self.core, &key.known().chain);
        let limits = if core.answers.sends_rate_limits() { key.limits() } else { Vec::new() };
        admitted_headers(&core.answers, &core.credentials, &limits, chain, core.clock.now())
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("guard", &self.posts.any().guard).finish_non_exhaustive()
    }
}

/// A decision under way. Ready at its first poll, without an allocation of its own, where nothing
/// had to be waited for.
///
/// Dropped before it is ready, nothing stays held. Nor where what it admitted is dropped before a
/// [`Course`](crate::Course) of it began.
#[must_use]
pub struct Deciding(Progress);

/// What is ready carries nothing of its gate; only who waits keeps it.
enum Progress {
    Ready(Decision),
    Waiting { waiting: Pin<Box<dyn Future<Output = Verdict> + Send>>, guarded: Guarded },
    Over,
}

impl Deciding {
    /// The decision, if nothing has to be waited for.
    ///
    /// # Errors
    /// The wait, otherwise.
    pub fn at_once(self) -> Result<Decision, Self> {
        match self.0 {
            Progress::Ready(decision) => Ok(decision),
            Progress::Waiting { .. } | Progress::Over => Err(self),
        }
    }
}

impl Future for Deciding {
    type Output = Decision;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Decision> {
        if let Progress::Waiting { waiting, guarded } = &mut self.0 {
            let verdict = ready!(waiting.as_mut().poll(context));
            let decision = guarded.conclude(verdict);
            self.0 = Progress::Over;
            return Poll::Ready(decision);
        }
        Poll::Ready(match std::mem::replace(&mut self.0, Progress::Over) {
            Progress::Ready(decision) => decision,
            Progress::Waiting { .. } | Progress::Over => {
                let again = "a decision was polled after it was ready";
                Decision::Refused(Broken::misconfigured(again).into())
            }
        })
    }
}

impl fmt::Debug for Deciding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deciding").finish_non_exhaustive()
    }
}
