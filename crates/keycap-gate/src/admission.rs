//! The one decision path: credential, key, account, policy, hold.
//!
//! Steps that need no waiting run at once; the first that does makes the rest a boxed future. Both
//! ways run the same steps.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::Resource;
use keycap_budget::{Claim, Cost, Held, HoldId};
use keycap_verify::{Digest, Found, Peek, Secret};

use crate::core::Core;
use crate::credential::Credential;
use crate::guard::{HoldRule, ResourceRule};
use crate::known_key::KnownKey;
use crate::queue::Place;
use crate::tab::{Opening, Raise, Tab};
use crate::{Broken, Code, Denial, Guard, KeyState, Refusal, RequestView};

/// The pause between two tries of a request that waits for others to give back what they hold.
const WAIT_STEP: Duration = Duration::from_millis(20);

/// A decision, now or later.
pub(crate) enum Step {
    Ready(Verdict),
    Wait(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

/// What was decided, and whom it concerns as far as that is known.
pub(crate) struct Verdict {
    pub(crate) known: Option<Arc<KnownKey>>,
    /// The key of an outer layer that admitted the request.
    pub(crate) inside: Option<KeyState>,
    pub(crate) result: Result<KeyState, Refusal>,
}

impl Verdict {
    fn of(known: Arc<KnownKey>, result: Result<KeyState, Refusal>) -> Self {
        Self { known: Some(known), inside: None, result }
    }

    fn inside(key: KeyState, result: Result<(), Refusal>) -> Self {
        let known = Some(Arc::clone(&key.tab().known));
        Self { known, inside: Some(key.clone()), result: result.map(|()| key) }
    }

    fn refused(known: Option<Arc<KnownKey>>, refusal: impl Into<Refusal>) -> Self {
        Self { known, inside: None, result: Err(refusal.into()) }
    }
}

/// What the request asks for, read off it once.
pub(crate) struct Ask {
    guard: Arc<Guard>,
    address: Option<IpAddr>,
    resource: Option<Resource>,
    claim: Option<Claim>,
}

impl Ask {
    pub(crate) fn read(core: &Core, guard: &Arc<Guard>, view: &dyn RequestView) -> Self {
        let resource = match &guard.resource {
            ResourceRule::None => None,
            ResourceRule::Fixed(resource) => Some(resource.clone()),
            ResourceRule::FromRequest(choose) => choose(view),
        };
        let claim = match &guard.hold {
            HoldRule::Fixed(cost) => Some(Claim::Chain(cost.clone())),
            HoldRule::FromRequest(estimate) => Some(Claim::Chain(estimate(view))),
            HoldRule::ByHandler => Some(Claim::Room(Cost::none())),
            HoldRule::Free => None,
        };
        Self { guard: Arc::clone(guard), address: core.address.read(view), resource, claim }
    }
}

impl Core {
    /// Decides on a request that no layer of this gate has admitted yet.
    pub(crate) fn admit(self: &Arc<Self>, guard: &Arc<Guard>, view: &dyn RequestView) -> Step {
        let ask = Ask::read(self, guard, view);
        let secret = match self.credentials.read(view) {
            Credential::Found(secret) => secret,
            Credential::Missing => return refuse(Denial::MissingKey),
            Credential::Ambiguous => return refuse(Denial::AmbiguousCredentials),
            Credential::Malformed(why) => return refuse(self.rejected(why, ask.address)),
        };
        let digest = secret.digest();
        match self.table.peek(&digest, self.clock.now()) {
            Peek::Live(live) => self.enter(Arc::clone(live.payload()), ask),
            Peek::Rejected(rejection) => refuse(self.rejected(rejection, ask.address)),
            Peek::Absent => match self.provider.screen(&secret) {
                Some(rejection) => refuse(self.rejected(rejection, ask.address)),
                None => self.meet(secret, digest, ask),
            },
        }
    }

    /// Decides on a request that this gate has admitted already: policy anew, the hold topped up.
    pub(crate) fn admit_inside(
        self: &Arc<Self>,
        key: KeyState,
        guard: &Arc<Guard>,
        view: &dyn RequestView,
    ) -> Step {
        let ask = Ask::read(self, guard, view);
        let known = Arc::clone(&key.tab().known);
        if let Err(denial) = self.check(&known, &ask) {
            return Step::Ready(Verdict::inside(key, Err(denial.into())));
        }
        key.tab().adopt(guard.price.clone(), guard.endings);
        let more = match ask.claim {
            Some(Claim::Chain(cost)) => Some(cost),
            Some(Claim::Room(_) | Claim::Limit(..)) | None => None,
        };
        let Some(cost) = more else { return Step::Ready(Verdict::inside(key, Ok(()))) };
        let core = Arc::clone(self);
        Step::Wait(Box::pin(async move {
            let raised = match core.with_request(&known, &cost) {
                Ok(cost) => key.tab().raise(Raise::AtLeast(cost)).await,
                Err(refusal) => Err(refusal),
            };
            Verdict::inside(key, raised)
        }))
    }

    /// Counts a failed attempt, and says why.
    fn rejected(&self, why: impl Into<Denial>, address: Option<IpAddr>) -> Denial {
        self.failures.record(address, self.clock.now());
        why.into()
    }

    /// Verifies a key that is not in the table, then decides.
    fn meet(self: &Arc<Self>, secret: Secret, digest: Digest, ask: Ask) -> Step {
        if let Err(many) = self.failures.allow(&digest, ask.address, self.clock.now()) {
            return refuse(Denial::TooManyFailures { retry_after: many.retry_after });
        }
        let core = Arc::clone(self);
        Step::Wait(Box::pin(async move {
            match core.acquaint(&secret, &digest).await {
                Ok(Found::Live(live)) => match core.enter(Arc::clone(live.payload()), ask) {
                    Step::Ready(verdict) => verdict,
                    Step::Wait(verdict) => verdict.await,
                },
                Ok(Found::Rejected(rejection)) => {
                    Verdict::refused(None, core.rejected(rejection, ask.address))
                }
                Err(broken) => Verdict::refused(None, broken),
            }
        }))
    }

    /// Policy and hold for a key that is known.
    fn enter(self: &Arc<Self>, known: Arc<KnownKey>, ask: Ask) -> Step {
        if let Err(denial) = self.check(&known, &ask) {
            return Step::Ready(Verdict::refused(Some(known), denial));
        }
        let Some(claim) = ask.claim.clone() else {
            let result = self.place().map(|place| self.open(&known, &ask, None, place));
            return Step::Ready(Verdict::of(known, result));
        };
        match self.whole_claim(&known, claim) {
            Ok(claim) => self.hold(known, ask, claim),
            Err(refusal) => Step::Ready(Verdict::refused(Some(known), refusal)),
        }
    }

    fn check(&self, known: &KnownKey, ask: &Ask) -> Result<(), Denial> {
        known.check(&ask.guard, ask.address, ask.resource.as_ref(), self.clock.now())
    }

    /// The claim with the request itself in it.
    fn whole_claim(&self, known: &KnownKey, claim: Claim) -> Result<Claim, Refusal> {
        Ok(match claim {
            Claim::Chain(cost) => Claim::Chain(self.with_request(known, &cost)?),
            Claim::Room(cost) => Claim::Room(self.with_request(known, &cost)?),
            Claim::Limit(..) => claim,
        })
    }

    /// Takes the hold: at once if the ledger can, later if not. The place comes first: what cannot be
    /// recorded is not admitted.
    fn hold(self: &Arc<Self>, known: Arc<KnownKey>, ask: Ask, claim: Claim) -> Step {
        let mut place = match self.place() {
            Ok(place) => Some(place),
            Err(refusal) => return Step::Ready(Verdict::refused(Some(known), refusal)),
        };
        if let Some(held) = self.take_hold_now(&known, &claim, &mut place)
            && !may_wait(&held, &ask)
        {
            let open = |held| match place {
                Some(place) => Ok(self.open(&known, &ask, Some((claim, held)), place)),
                None => Err(lost_place()),
            };
            let opened = held.and_then(open);
            return Step::Ready(Verdict::of(known, opened));
        }
        let core = Arc::clone(self);
        Step::Wait(Box::pin(async move {
            let result = match core.take_hold_waiting(&known, &ask, &claim, place).await {
                Ok((held, place)) => Ok(core.open(&known, &ask, Some((claim, held)), place)),
                Err(refusal) => Err(refusal),
            };
            Verdict::of(known, result)
        }))
    }

    /// Takes the hold, and tries again for as long as the guard lets a request wait for what others
    /// have reserved.
    async fn take_hold_waiting(
        self: &Arc<Self>,
        known: &KnownKey,
        ask: &Ask,
        claim: &Claim,
        mut place: Option<Place>,
    ) -> Result<((HoldId, Held), Place), Refusal> {
        let until = self.clock.now().plus(ask.guard.wait.unwrap_or_default());
        loop {
            let held = self.take_hold(known, claim.clone(), &mut place).await;
            let again = may_wait(&held, ask) && self.clock.now() < until;
            match (held, place.take_if(|_| !again)) {
                (Ok(held), Some(place)) => return Ok((held, place)),
                (Ok(_), None) => return Err(lost_place()),
                (Err(refusal), _) if !again => return Err(refusal),
                (Err(_), _) => {}
            }
            self.queue.settled_within(WAIT_STEP).await;
        }
    }

    /// Opens the tab of an admitted request.
    fn open(
        self: &Arc<Self>,
        known: &Arc<KnownKey>,
        ask: &Ask,
        held: Option<(Claim, (HoldId, Held))>,
        place: Place,
    ) -> KeyState {
        let (hold, standings) = match held {
            Some((claim, (hold, held))) => (Some((hold, granted(claim))), held.standings),
            None => (None, Vec::new()),
        };
        let (price, endings) = (ask.guard.price.clone(), ask.guard.endings);
        let opening = Opening { hold, standings, price, endings, place };
        KeyState::new(Tab::open(Arc::clone(self), Arc::clone(known), opening))
    }
}

/// What a claim grants at once.
fn granted(claim: Claim) -> Cost {
    match claim {
        Claim::Chain(cost) | Claim::Room(cost) => cost,
        Claim::Limit(..) => Cost::none(),
    }
}

/// A hold was granted to a request that has no place to settle it from.
fn lost_place() -> Refusal {
    Broken::ledger_unavailable("a place was lost").into()
}

/// Whether a refused hold may fit in a moment, and the guard lets the request wait for that.
fn may_wait<T>(held: &Result<T, Refusal>, ask: &Ask) -> bool {
    let reserved = |refusal: &Refusal| refusal.code() == Code::BudgetReserved;
    ask.guard.wait.is_some() && held.as_ref().is_err_and(reserved)
}

fn refuse(refusal: impl Into<Refusal>) -> Step {
    Step::Ready(Verdict::refused(None, refusal))
}
