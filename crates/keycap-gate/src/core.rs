//! What a gate is made of, and how it asks the ledger.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use keycap_base::Clock;
use keycap_budget::{
    AccountId, Batch, Claim, Cost, Decided, Held, HoldId, Ledger, LedgerError, Meter, NewHold,
    NotNow, OnExpiry, Operation, Outcome, OwnerId, Reapply, Shortfall, Standing, only,
};
use keycap_verify::{FailureGuard, IdentityProvider, KeyTable};

use crate::ancestors::Ancestors;
use crate::desk::GateNumber;
use crate::housekeeping::OpenTabs;
use crate::known_key::{AmendedAccounts, KnownKey};
use crate::leases::Leasing;
use crate::observe::Observing;
use crate::patience::Patience;
use crate::queue::{Job, Place, Queue};
use crate::settler;
use crate::shield::shielded;
use crate::tab::unexpected;
use crate::{
    Answer, AnswerSettings, Broken, ClientAddress, CredentialPlaces, Denial, Refusal, Rendering,
    Template, answer,
};

/// Everything a gate knows and uses.
pub(crate) struct Core {
    pub(crate) number: GateNumber,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) provider: Arc<dyn IdentityProvider>,
    pub(crate) template: Arc<dyn Template>,
    pub(crate) reapply: Reapply,
    pub(crate) table: Arc<KeyTable<KnownKey, Broken>>,
    pub(crate) amended: Arc<AmendedAccounts>,
    pub(crate) ancestors: Ancestors,
    pub(crate) failures: FailureGuard,
    pub(crate) credentials: CredentialPlaces,
    pub(crate) strip: Strip,
    pub(crate) address: ClientAddress,
    pub(crate) answers: AnswerSettings,
    pub(crate) render: Option<Rendering>,
    pub(crate) observing: Observing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) owner: OwnerId,
    pub(crate) hold_life: Duration,
    pub(crate) on_expiry: OnExpiry,
    pub(crate) ledger_timeout: Duration,
    pub(crate) confirm_timeout: Duration,
    pub(crate) queue: Arc<Queue>,
    pub(crate) leasing: Arc<Leasing>,
    pub(crate) open_tabs: OpenTabs,
    pub(crate) closing: AtomicBool,
    /// How many requests wait for what others hold.
    pub(crate) patient: AtomicUsize,
    /// How many guards were put to use.
    pub(crate) guards: AtomicU32,
}

/// Whether the credential reaches the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strip {
    Keep,
    Remove,
}

impl Drop for Core {
    fn drop(&mut self) {
        self.queue.close();
        self.leasing.inbox.close();
    }
}

impl Core {
    /// How many guards were put to use before this one; it stays at the largest number once there.
    pub(crate) fn count_guard(&self) -> u32 {
        let one_more = |count: u32| count.checked_add(1);
        let before = self.guards.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        before.unwrap_or(u32::MAX)
    }

    /// Whether new requests are refused because the gate is shutting down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// The answer that a refusal is, as the application wants it.
    pub(crate) fn answer(&self, refusal: &Refusal) -> Answer {
        let plain = answer(refusal, &self.answers, &self.credentials);
        match &self.render {
            Some(render) => {
                let told = shielded("a rendering", || render(refusal, plain.clone()));
                told.unwrap_or(plain)
            }
            None => plain,
        }
    }

    /// Waits as long as there is patience for what others hold; breaks when there is none left.
    pub(crate) async fn wait(&self, patience: &mut Patience) -> ControlFlow<()> {
        let _patient = Patient::begin(&self.patient);
        patience.wait(&self.queue).await
    }

    /// Tells those who wait that something was put back.
    pub(crate) fn announce_relief(&self) {
        if self.patient.load(Ordering::Relaxed) > 0 {
            self.queue.announce();
        }
    }

    /// A place for one request, or a refusal: what cannot be recorded is not admitted.
    pub(crate) fn place(&self) -> Result<Place, Refusal> {
        // The place first: a shutdown that begins after the look sees that it is taken.
        let place = self.place_inside()?;
        match self.is_closing() {
            true => Err(Broken::ledger_unavailable("the gate is shutting down").into()),
            false => Ok(place),
        }
    }

    /// A place for one more operation of a request that was admitted already, shutdown or not.
    pub(crate) fn place_inside(&self) -> Result<Place, Refusal> {
        self.queue.try_place().ok_or_else(|| Broken::ledger_unavailable("the queue is full").into())
    }

    /// What a request sets aside on top of its cost, where a limit counts requests: itself.
    pub(crate) fn with_request(&self, known: &KnownKey, cost: &Cost) -> Result<Cost, Refusal> {
        if !known.counts_requests || !cost.amount(&Meter::REQUESTS).is_zero() {
            return Ok(cost.clone());
        }
        cost.plus(&Cost::requests(1)).map_err(|error| Broken::misconfigured(error).into())
    }

    /// Asks the ledger for one answer, within the time-out.
    pub(crate) async fn ask(&self, operation: Operation) -> Result<Outcome, Broken> {
        let answers = settler::ask(&*self.ledger, Batch::of(operation), self.ledger_timeout).await;
        one(answers)
    }

    /// A hold for this claim, with a fresh id.
    pub(crate) fn new_hold(&self, known: &KnownKey, claim: Claim) -> NewHold {
        NewHold {
            id: HoldId::generate(self.clock.now()),
            account: known.account().clone(),
            claim,
            owner: self.owner,
            life: self.hold_life,
            on_expiry: self.on_expiry,
            exposure: None,
        }
    }

    /// Takes a hold, or says why not. Cancelled or unanswered, it uses the place to see to it that
    /// nothing stays held, because the ledger may have taken the hold all the same.
    pub(crate) async fn take_hold(
        self: &Arc<Self>,
        known: &KnownKey,
        claim: Claim,
        place: &mut Option<Place>,
    ) -> Result<(HoldId, Held), Refusal> {
        let new = self.new_hold(known, claim);
        let way = OnTheWay::begin(self, &new, place);
        let outcome = self.ask(Operation::Hold(new)).await?;
        let hold = way.arrived();
        Ok((hold, self.held(outcome, known)?))
    }

    /// Takes a hold if the ledger answers at once; none if it would have to wait. Unanswered, it does
    /// as [`take_hold`](Self::take_hold) does.
    pub(crate) fn take_hold_now(
        self: &Arc<Self>,
        known: &KnownKey,
        claim: &Claim,
        place: &mut Option<Place>,
    ) -> Option<Result<(HoldId, Held), Refusal>> {
        let new = self.new_hold(known, claim.clone());
        let way = OnTheWay::begin(self, &new, place);
        let answers = match settler::ask_now(&*self.ledger, Operation::Hold(new)) {
            Ok(answers) => Ok(answers),
            Err(NotNow::WouldWait(_)) => {
                way.arrived();
                return None;
            }
            Err(NotNow::Broken(error)) => Err(error),
        };
        Some(match one(answers) {
            Ok(outcome) => {
                let hold = way.arrived();
                self.held(outcome, known).map(|held| (hold, held))
            }
            Err(broken) => Err(broken.into()),
        })
    }

    /// Reads the answer to a hold.
    fn held(&self, outcome: Outcome, known: &KnownKey) -> Result<Held, Refusal> {
        match outcome {
            Outcome::Held(held) => Ok(held),
            Outcome::Refused(shortfall) => Err(self.shortfall(*shortfall, known)),
            other => Err(unexpected(&other).into()),
        }
    }

    /// The refusal that a shortfall is.
    pub(crate) fn shortfall(&self, shortfall: Shortfall, known: &KnownKey) -> Refusal {
        let standing = self.leasing.shown(shortfall.standing);
        Denial::over_limit(Shortfall { standing, ..shortfall }, &known.chain).into()
    }

    /// How every limit of an account's chain stands now.
    pub(crate) async fn standings(&self, account: &AccountId) -> Result<Vec<Standing>, Refusal> {
        let read = self.ledger.standings(account);
        let broken = match tokio::time::timeout(self.ledger_timeout, read).await {
            Ok(Ok(standings)) => return Ok(self.leasing.learnt_all(standings)),
            Ok(Err(error)) => Broken::ledger_unavailable(error),
            Err(_elapsed) => {
                Broken::ledger_unavailable(format!("no answer within {:?}", self.ledger_timeout))
            }
        };
        Err(broken.into())
    }
}

/// One request that waits for what others hold.
struct Patient<'a>(&'a AtomicUsize);

impl<'a> Patient<'a> {
    fn begin(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Patient<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The only answer. A fault is the ledger and the gate disagreeing about what exists.
fn one(answers: Result<Vec<Decided>, LedgerError>) -> Result<Outcome, Broken> {
    let answer = answers.and_then(only).map_err(Broken::ledger_unavailable)?;
    answer.map_err(Broken::ledger_unavailable)
}

/// A hold that is asked for and not answered yet.
struct OnTheWay<'a> {
    core: &'a Core,
    hold: HoldId,
    asked: Option<NewHold>,
    place: &'a mut Option<Place>,
}

impl<'a> OnTheWay<'a> {
    fn begin(core: &'a Core, new: &NewHold, place: &'a mut Option<Place>) -> Self {
        Self { core, hold: new.id, asked: Some(new.clone()), place }
    }

    /// The answer is there.
    fn arrived(mut self) -> HoldId {
        self.asked = None;
        self.hold
    }
}

impl Drop for OnTheWay<'_> {
    /// Asks for the hold once more, then gives it back. The first asking may land after a release that
    /// comes alone and finds nothing; once the id has been answered, it takes nothing a second time.
    fn drop(&mut self) {
        let Some(new) = self.asked.take() else { return };
        let Some(place) = self.place.take() else { return };
        let release = Operation::Release { account: new.account.clone(), hold: new.id };
        self.core.queue.push_job(Job::before_another(Operation::Hold(new)));
        self.core.queue.push_job(Job::loose(release, None, place));
    }
}
