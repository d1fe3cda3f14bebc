//! The one decision path: credential, key, account, policy, hold.
//!
//! Steps that need no waiting run at once; the first that does makes the rest a boxed future. Both
//! ways run the same steps.

mod hold;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use keycap_base::{Moment, Resource};
use keycap_budget::{Claim, Cost};
use keycap_verify::{Digest, Found, Peek, Rejection, Secret};

use self::hold::Granted;
use crate::core::Core;
use crate::credential::Presented;
use crate::desk::{self, AtHand};
use crate::guard::{HoldRule, ResourceRule};
use crate::known_key::{Known, KnownKey};
use crate::pass::{NotHere, Pass};
use crate::post::Post;
use crate::shield::shielded;
use crate::{Broken, Denial, Guard, KeyState, Refusal, RequestView, Trust};

/// A decision, now or later.
pub(crate) enum Step {
    Ready(Verdict),
    Wait(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

impl Step {
    async fn verdict(self) -> Verdict {
        match self {
            Self::Ready(verdict) => verdict,
            Self::Wait(verdict) => verdict.await,
        }
    }
}

/// What was decided, and whom it concerns as far as that is known.
pub(crate) struct Verdict {
    pub(crate) known: Option<Known>,
    /// The key of an outer layer that admitted the request.
    pub(crate) inside: Option<KeyState>,
    pub(crate) result: Result<KeyState, Refusal>,
    pub(crate) trust: Trust,
}

impl Verdict {
    fn of(known: Known, result: Result<KeyState, Refusal>) -> Self {
        Self { known: Some(known), inside: None, result, trust: Trust::Verified }
    }

    fn admitted(key: KeyState) -> Self {
        Self { known: None, inside: None, result: Ok(key), trust: Trust::Verified }
    }

    pub(crate) fn inside(key: KeyState, result: Result<(), Refusal>) -> Self {
        let known = Some(key.known().clone());
        let inside = Some(key.clone());
        Self { known, inside, result: result.map(|()| key), trust: Trust::Verified }
    }

    pub(crate) fn refused(known: Option<Known>, refusal: impl Into<Refusal>) -> Self {
        Self { known, inside: None, result: Err(refusal.into()), trust: Trust::Verified }
    }
}

/// What the request asks for, read off it once.
pub(crate) struct Ask {
    pub(crate) guard: Arc<Guard>,
    pub(crate) claim: Option<Claim>,
    address: Option<IpAddr>,
    resource: Option<Resource>,
    digest: Option<Digest>,
    /// A closure of the guard that panicked.
    wrong: Option<Broken>,
}

impl Ask {
    pub(crate) fn read(core: &Core, guard: &Arc<Guard>, view: &dyn RequestView) -> Self {
        let resource = match &guard.resource {
            ResourceRule::None => Ok(None),
            ResourceRule::Fixed(resource) => Ok(Some(resource.clone())),
            ResourceRule::FromRequest(choose) => shielded("a choice of resource", || choose(view)),
        };
        let claim = match &guard.hold {
            HoldRule::Fixed(cost) => Ok(Some(Claim::Chain(cost.clone()))),
            HoldRule::FromRequest(estimate) => {
                shielded("an estimate", || Some(Claim::Chain(estimate(view))))
            }
            HoldRule::ByHandler => Ok(Some(Claim::Room(Cost::none()))),
            HoldRule::Free => Ok(None),
        };
        let (claim, resource, wrong) = match (claim, resource) {
            (Ok(claim), Ok(resource)) => (claim, resource, None),
            (Err(panicked), _) | (_, Err(panicked)) => {
                (None, None, Some(Broken::misconfigured(panicked)))
            }
        };
        let (guard, address) = (Arc::clone(guard), core.address.read(view));
        Self { guard, claim, address, resource, digest: None, wrong }
    }
}

/// A caller who waits for its key to be verified. One who leaves before is counted like one whose key
/// was bad: the provider was asked for it, and who hangs up at once would else never be counted.
struct Waiting<'a> {
    core: &'a Core,
    address: Option<IpAddr>,
}

impl Waiting<'_> {
    fn has_waited(self) {
        std::mem::forget(self);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.failures.record(self.address, self.core.clock.now());
    }
}

impl Core {
    /// Decides on a request that no layer of this gate has admitted yet.
    pub(crate) fn admit(self: &Arc<Self>, post: &Arc<Post>, view: &dyn RequestView) -> Step {
        let read = || Ask::read(self, &post.guard, view);
        let bytes = match self.credentials.find(view) {
            Presented::Found(bytes) => bytes,
            Presented::Missing => return refuse(Denial::MissingKey),
            Presented::Ambiguous => return refuse(Denial::AmbiguousCredentials),
            Presented::Malformed(why) => return refuse(self.rejected(why, read().address)),
        };
        let digest = Digest::of_presented(bytes);
        let now = self.clock.moment();
        let peeked = match self.at_hand(&digest, now) {
            Ok(at_hand) => {
                return match self.admit_light(at_hand, post, now) {
                    Ok(key) => Step::Ready(Verdict::admitted(key)),
                    Err(known) => self.enter(known, Ask { digest: Some(digest), ..read() }),
                };
            }
            Err(peeked) => peeked,
        };
        let ask = Ask { digest: Some(digest), ..read() };
        let secret = match Secret::parse(bytes) {
            Ok(secret) => secret,
            Err(why) => return refuse(self.rejected(why, ask.address)),
        };
        if let Some(rejection) = peeked {
            return refuse(self.rejected(rejection, ask.address));
        }
        match shielded("the provider", || self.provider.screen(&secret)) {
            Ok(Some(rejection)) => refuse(self.rejected(rejection, ask.address)),
            Ok(None) => self.meet(secret, digest, ask),
            Err(panicked) => refuse(Broken::auth_unavailable(panicked)),
        }
    }

    /// The key, as this thread or the table knows it; if not, why it was rejected a moment ago.
    fn at_hand(&self, digest: &Digest, now: Moment) -> Result<AtHand, Option<Rejection>> {
        if let Some(at_hand) = desk::find(self.number, digest, now.at) {
            return Ok(at_hand);
        }
        match self.table.peek(digest, now.at) {
            Peek::Live(live) => {
                let known = Known::met(live);
                desk::keep(self.number, &known, now.at);
                Ok(AtHand::Key(known))
            }
            Peek::Rejected(rejection) => Err(Some(rejection)),
            Peek::Absent => Err(None),
        }
    }

    /// Policy and hold, where both can be told at once. Gives the key back where they cannot.
    fn admit_light(
        &self,
        at_hand: AtHand,
        post: &Arc<Post>,
        now: Moment,
    ) -> Result<KeyState, Known> {
        let known = match &at_hand {
            AtHand::Pass(pass) => pass.known(),
            AtHand::Key(known) => known,
        };
        if !known.policy.passes(&post.guard, now.at) {
            return Err(known.clone());
        }
        let mut pass = match at_hand {
            AtHand::Pass(pass) => pass,
            AtHand::Key(known) => Arc::new(Pass::unused(known)),
        };
        let admitted = Arc::get_mut(&mut pass).map_or(Err(NotHere), |own| own.admit(post, now));
        match admitted {
            Ok(()) => Ok(KeyState::of(pass)),
            Err(NotHere) => {
                let known = pass.known().clone();
                desk::put_back(pass);
                Err(known)
            }
        }
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
            let waiting = Waiting { core: &core, address: ask.address };
            let met = core.acquaint(&secret, &digest).await;
            waiting.has_waited();
            match met {
                Ok(Found::Live(live)) => core.enter(Known::met(live), ask).verdict().await,
                Ok(Found::Graced(live)) => {
                    let verdict = core.enter(Known::met(live), ask).verdict().await;
                    Verdict { trust: Trust::Graced, ..verdict }
                }
                Ok(Found::Rejected(rejection)) => {
                    Verdict::refused(None, core.rejected(rejection, ask.address))
                }
                Err(broken) => Verdict::refused(None, broken),
            }
        }))
    }

    /// Policy and hold for a key that is known.
    fn enter(self: &Arc<Self>, known: Known, ask: Ask) -> Step {
        if let Err(refusal) = self.check(&known, &ask) {
            return Step::Ready(Verdict::refused(Some(known), refusal));
        }
        let Some(claim) = ask.claim.clone() else {
            let open = |place| self.open(&known, &ask, Granted::nothing(), place);
            let result = self.place().map(open);
            return Step::Ready(Verdict::of(known, result));
        };
        match self.whole_claim(&known, claim) {
            Ok(claim) => self.hold(known, ask, claim),
            Err(refusal) => Step::Ready(Verdict::refused(Some(known), refusal)),
        }
    }

    /// Policy. What is put together wrongly is told last.
    pub(crate) fn check(&self, known: &KnownKey, ask: &Ask) -> Result<(), Refusal> {
        known.check(&ask.guard, ask.address, ask.resource.as_ref(), self.clock.now())?;
        match ask.wrong.clone() {
            Some(broken) => Err(broken.into()),
            None => Ok(()),
        }
    }

    /// The claim with the request itself in it.
    fn whole_claim(&self, known: &KnownKey, claim: Claim) -> Result<Claim, Refusal> {
        Ok(match claim {
            Claim::Chain(cost) => Claim::Chain(self.with_request(known, &cost)?),
            Claim::Room(cost) => Claim::Room(self.with_request(known, &cost)?),
            Claim::Limit(..) => claim,
        })
    }
}

fn refuse(refusal: impl Into<Refusal>) -> Step {
    Step::Ready(Verdict::refused(None, refusal))
}
