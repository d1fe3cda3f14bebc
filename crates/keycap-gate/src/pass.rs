//! What the handles on one admitted request share.
//!
//! Most requests draw an amount and put it back, or hold nothing; for them a pass is all there is, and
//! it is used again for the next request with the same key on the same thread. A request with more to
//! say has a tab besides, from its first word on. What must not change: what a pass drew is put back, or
//! handed to its tab, once; and a pass that nobody uses leads to no gate.

mod draws;
mod stage;

use std::fmt;
use std::sync::{Arc, OnceLock};

use keycap_base::Moment;
use keycap_budget::Cost;
use parking_lot::Mutex;

use self::draws::Draws;
use self::stage::Reached;
pub(crate) use self::stage::Stage;
use crate::core::Core;
use crate::guard::HoldRule;
use crate::known_key::Known;
use crate::post::{Post, PostNumber};
use crate::queue::{Place, Spot};
use crate::tab::{Holding, Opening, Tab, charges_untracked};
use crate::{Ending, KeyState, Refusal};

/// One admitted request, or none at the moment.
pub(crate) struct Pass {
    known: Known,
    /// Where the request was admitted; none while there is none, and where it has a tab from the start.
    post: Option<Arc<Post>>,
    stage: Reached,
    /// What is the pass's own until the request has a tab.
    own: Mutex<Own>,
    tab: OnceLock<Arc<Tab>>,
    observed: Option<Box<Observed>>,
}

/// What a pass has for itself.
#[derive(Default)]
struct Own {
    place: Option<Place>,
    /// The place it had last.
    spot: Option<Spot>,
    draws: Draws,
    /// What the draws were made for.
    prepared: Option<PostNumber>,
}

/// What observe mode adds.
struct Observed {
    would_refuse: Refusal,
    /// The handle of an outer layer on the same tab, which then closes it.
    outer: Option<KeyState>,
}

impl Pass {
    /// A pass that no request uses.
    pub(crate) fn unused(known: Known) -> Self {
        Self::made(known, OnceLock::new(), None)
    }

    /// A pass of a request that has a tab from the start.
    pub(crate) fn with_tab(tab: Arc<Tab>) -> Self {
        Self::made(tab.known.clone(), tab.into(), None)
    }

    /// The same where observe mode lets it through. Where an outer layer has admitted the request, that
    /// one's handle closes the tab.
    pub(crate) fn observed(tab: Arc<Tab>, would_refuse: Refusal, outer: Option<KeyState>) -> Self {
        let observed = Observed { would_refuse, outer };
        Self::made(tab.known.clone(), tab.into(), Some(Box::new(observed)))
    }

    fn made(known: Known, tab: OnceLock<Arc<Tab>>, observed: Option<Box<Observed>>) -> Self {
        let (post, stage, own) = (None, Reached::default(), Mutex::default());
        Self { known, post, stage, own, tab, observed }
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    #[expect(clippy::expect_used, reason = "a pass in use has a tab or a post")]
    pub(crate) fn core(&self) -> &Arc<Core> {
        let of_tab = self.tab.get().map(|tab| &tab.core);
        let core = of_tab.or_else(|| self.post.as_ref().map(|post| &post.core));
        core.expect("a pass in use has a tab or a post")
    }

    pub(crate) fn would_refuse(&self) -> Option<&Refusal> {
        self.observed.as_ref().map(|observed| &observed.would_refuse)
    }

    fn outer(&self) -> Option<&KeyState> {
        self.observed.as_ref()?.outer.as_ref()
    }

    /// Notes that the handler is called.
    pub(crate) fn begin(&self) {
        match self.outer() {
            Some(outer) => outer.begin(),
            None => self.stage.begin(),
        }
    }

    /// Notes how the request ended.
    pub(crate) fn end(&self, ending: Ending) {
        match self.outer() {
            Some(outer) => outer.end(ending),
            None => self.stage.end(ending),
        }
    }

    /// Admits a request, if it can be without asking anybody: what the guard holds is drawn from
    /// purses, all of it or nothing.
    pub(crate) fn admit(&mut self, post: &Arc<Post>, now: Moment) -> Result<(), NotHere> {
        let own = self.own.get_mut();
        let place = match own.spot.take() {
            Some(spot) => post.core.queue.try_place_at(spot),
            None => post.core.queue.try_place(),
        };
        let place = place.ok_or(NotHere)?;
        // The place first: a shutdown that begins after the look sees that it is taken.
        let fits = !post.core.is_closing() && own.draw(&self.known, post, now);
        if !fits {
            own.spot = Some(place.leave());
            return Err(NotHere);
        }
        own.place = Some(place);
        self.stage = Reached::default();
        self.post = Some(Arc::clone(post));
        Ok(())
    }

    /// The tab, for what a pass cannot say.
    pub(crate) fn tab(&self) -> &Arc<Tab> {
        self.tab.get_or_init(|| self.open_tab())
    }

    /// Hands everything to a tab.
    #[expect(clippy::expect_used, reason = "a pass in use without a tab has a post and a place")]
    fn open_tab(&self) -> Arc<Tab> {
        let mut own = self.own.lock();
        let post = self.post.as_ref().expect("a pass in use without a tab has a post");
        let place = own.place.take().expect("a pass in use without a tab has a place");
        let draws = own.hand_over();
        let held = if draws.is_empty() { Holding::Nothing } else { Holding::Drawn(draws) };
        let opening = Opening {
            held,
            granted: granted(&self.known, post),
            standings: Vec::new(),
            price: post.guard.price.clone(),
            endings: post.guard.endings.unwrap_or_default(),
            place,
        };
        Tab::open(Arc::clone(&post.core), self.known.clone(), opening)
    }

    /// Ends the request, once. Afterwards the pass leads to no gate.
    pub(crate) fn close(&mut self) {
        let stage = self.stage.read();
        if self.owes_something(stage) {
            self.tab();
        }
        match self.tab.take() {
            Some(tab) if self.outer().is_none() => tab.close(stage),
            Some(_outer_closes_it) => {}
            None => self.leave(),
        }
        self.observed = None;
        self.post = None;
    }

    /// Whether a request without a tab has to be charged for something after all.
    fn owes_something(&self, stage: Stage) -> bool {
        let Some(post) = self.post.as_ref().filter(|_| self.tab.get().is_none()) else {
            return false;
        };
        // What a request that holds nothing is granted is nothing, and it has no price.
        if matches!(post.guard.hold, HoldRule::Free) {
            return false;
        }
        let Some(ending) = stage.ending() else { return false };
        self.known.counts_requests || charges_untracked(&post.guard, ending)
    }

    /// Puts everything back.
    fn leave(&mut self) {
        let own = self.own.get_mut();
        if let Some(post) = &self.post {
            own.draws.put_back(&self.known, &post.core);
        }
        if let Some(place) = own.place.take() {
            own.spot = Some(place.leave());
        }
    }
}

/// The request cannot be admitted here: somebody has to be asked, or it is refused.
pub(crate) struct NotHere;

impl Own {
    /// Draws what the guard holds.
    fn draw(&mut self, known: &Known, post: &Post, now: Moment) -> bool {
        if self.prepared == Some(post.number) && self.draws.draw(known, &post.core, now.ticks) {
            return true;
        }
        self.prepared = None;
        let Some(draws) = Draws::prepare(known, post) else { return false };
        self.draws = draws;
        self.prepared = Some(post.number);
        self.draws.draw(known, &post.core, now.ticks)
    }

    fn hand_over(&mut self) -> smallvec::SmallVec<[crate::leases::Draw; 4]> {
        self.prepared = None;
        std::mem::take(&mut self.draws).into_draws()
    }
}

/// All that a request was granted.
fn granted(known: &Known, post: &Post) -> Cost {
    match &post.guard.hold {
        HoldRule::Fixed(cost) => {
            post.core.with_request(known, cost).unwrap_or_else(|_| cost.clone())
        }
        HoldRule::FromRequest(_) | HoldRule::ByHandler | HoldRule::Free => Cost::none(),
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("known", &self.known).finish_non_exhaustive()
    }
}
