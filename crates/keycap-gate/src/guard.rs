//! What a route asks of a key before its handler runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Resource, ResourceError, Scope, ScopeError};
use keycap_budget::{Cost, Limits, Meter};

use crate::policy::GuardNumber;
use crate::{Endings, RequestView};

/// The most scopes one guard requires.
pub const MAX_REQUIRED_SCOPES: usize = 16;

/// The longest a request may wait for others to give back what they hold.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

type Estimate = Arc<dyn Fn(&dyn RequestView) -> Cost + Send + Sync>;
type Choose = Arc<dyn Fn(&dyn RequestView) -> Option<Resource> + Send + Sync>;

/// What a route asks of a key: scopes, a resource, and what it holds while it works. What it holds
/// must be said; there is no default. A meter that no limit of the account's chain counts is recorded,
/// never capped.
///
/// ```
/// use keycap_budget::usd;
/// use keycap_gate::Guard;
///
/// let guard = Guard::fixed(usd!(0.02)).scope("chat").resource("gpt-4o");
/// let free = Guard::free();
/// # let _ = (guard, free);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Guard {
    pub(crate) hold: HoldRule,
    pub(crate) price: Option<Cost>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) resource: ResourceRule,
    pub(crate) endings: Option<Endings>,
    pub(crate) wait: Option<Duration>,
    /// Which of the gate's guards it is, once it is put to use.
    pub(crate) number: GuardNumber,
    wrong: Option<GuardError>,
}

/// What a route holds while it works.
#[derive(Clone)]
pub(crate) enum HoldRule {
    Fixed(Cost),
    FromRequest(Estimate),
    ByHandler,
    Free,
}

/// What a route gives access to.
#[derive(Clone)]
pub(crate) enum ResourceRule {
    None,
    Fixed(Resource),
    FromRequest(Choose),
}

impl Guard {
    /// Holds the same cost for every request, which must not be nothing. Hold what a request can cost
    /// at most: a hold below the cost gives up P1 for the difference.
    pub fn fixed(cost: impl Into<Cost>) -> Self {
        Self::new(HoldRule::Fixed(cost.into()))
    }

    /// Holds what the closure says of the request's line and headers. Should it say nothing, that
    /// request is admitted whatever is spent. Should it panic, the request is answered
    /// `misconfigured`.
    pub fn from_request(
        estimate: impl Fn(&dyn RequestView) -> Cost + Send + Sync + 'static,
    ) -> Self {
        Self::new(HoldRule::FromRequest(Arc::new(estimate)))
    }

    /// Admits while something is left on every limit; the handler reserves once it knows the cost,
    /// before it tracks. A cost it tracks without reserving is uncovered, and logged.
    pub fn by_handler() -> Self {
        Self::new(HoldRule::ByHandler)
    }

    /// Checks no budget and holds nothing, for routes such as "who am I". Costs that are tracked all
    /// the same are recorded.
    pub fn free() -> Self {
        Self::new(HoldRule::Free)
    }

    /// A price known before the work: held before it, and settled by itself when it succeeds.
    pub fn priced(cost: impl Into<Cost>) -> Self {
        let cost = cost.into();
        Self { price: Some(cost.clone()), ..Self::fixed(cost) }
    }

    fn new(hold: HoldRule) -> Self {
        let holds_nothing = matches!(&hold, HoldRule::Fixed(cost) if cost.is_nothing());
        Self {
            hold,
            price: None,
            scopes: Vec::new(),
            resource: ResourceRule::None,
            endings: None,
            wait: None,
            number: GuardNumber::default(),
            wrong: holds_nothing.then_some(GuardError(Wrong::HoldsNothing)),
        }
    }

    /// Requires a scope of the key and of every account of its chain. Checked when the guard is put
    /// to use.
    pub fn scope(mut self, scope: &str) -> Self {
        match Scope::new(scope) {
            Ok(_) if self.scopes.len() == MAX_REQUIRED_SCOPES => {
                self.wrong = self.wrong.or(Some(GuardError(Wrong::TooManyScopes)));
            }
            Ok(scope) => self.scopes.push(scope),
            Err(error) => self.wrong = self.wrong.or(Some(GuardError(Wrong::Scope(error)))),
        }
        self
    }

    /// Requires that every account of the chain allows this model, tool or other resource. Checked
    /// when the guard is put to use.
    pub fn resource(mut self, resource: &str) -> Self {
        match Resource::new(resource) {
            Ok(resource) => self.resource = ResourceRule::Fixed(resource),
            Err(error) => self.wrong = self.wrong.or(Some(GuardError(Wrong::Resource(error)))),
        }
        self
    }

    /// As [`Guard::resource`], chosen by the request's line and headers. None requires nothing.
    pub fn resource_from_request(
        mut self,
        choose: impl Fn(&dyn RequestView) -> Option<Resource> + Send + Sync + 'static,
    ) -> Self {
        self.resource = ResourceRule::FromRequest(Arc::new(choose));
        self
    }

    /// What becomes of the hold in every way a request can end. Without this, what an outer guard
    /// says, or the default.
    pub fn endings(mut self, endings: Endings) -> Self {
        self.endings = Some(endings);
        self
    }

    /// Lets a request that does not fit only because others hold the rest wait so long for them,
    /// at most [`MAX_WAIT`]. Without this it is refused at once.
    pub fn wait_up_to(mut self, span: Duration) -> Self {
        if span > MAX_WAIT {
            self.wrong = self.wrong.or(Some(GuardError(Wrong::Wait(span))));
        }
        self.wait = Some(span);
        self
    }

    /// The meters it always holds and none of these limits counts.
    pub(crate) fn uncounted(&self, limits: &Limits) -> Vec<Meter> {
        let HoldRule::Fixed(cost) = &self.hold else { return Vec::new() };
        let counts = |meter: &Meter| limits.iter().any(|limit| limit.key().meter == *meter);
        cost.iter().map(|(meter, _)| meter).filter(|meter| !counts(meter)).cloned().collect()
    }

    /// The guard, put to use after so many others of its gate, if everything that was said of it makes
    /// sense.
    pub(crate) fn checked(self, others: u32) -> Result<Self, GuardError> {
        match self.wrong {
            Some(error) => Err(error),
            None => Ok(Self { number: GuardNumber::after(others), ..self }),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("hold", &self.hold)
            .field("price", &self.price)
            .field("scopes", &self.scopes)
            .field("endings", &self.endings)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HoldRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(cost) => write!(f, "Fixed({cost})"),
            Self::FromRequest(_) => f.write_str("FromRequest"),
            Self::ByHandler => f.write_str("ByHandler"),
            Self::Free => f.write_str("Free"),
        }
    }
}

/// A guard that cannot be put to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct GuardError(Wrong);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error("the guard holds nothing, so it would pass on a spent budget; use `free` to say so")]
    HoldsNothing,
    #[error("the guard requires a scope that is none: {0}")]
    Scope(ScopeError),
    #[error("the guard names a resource that is none: {0}")]
    Resource(ResourceError),
    #[error("the guard requires more than {MAX_REQUIRED_SCOPES} scopes")]
    TooManyScopes,
    #[error("the guard lets requests wait {0:?}; the most is {MAX_WAIT:?}")]
    Wait(Duration),
}

#[cfg(test)]
mod tests {
    use keycap_budget::usd;

    use super::*;

    #[test]
    fn p8_a_guard_knows_what_it_holds_that_no_limit_counts() {
        let limits = Limits::of(["5 tokens per day".parse().unwrap()]).unwrap();
        let both = Cost::from(usd!(0.01)).plus(&Cost::tokens(3)).unwrap();
        assert_eq!(Guard::fixed(both).uncounted(&limits), [Meter::USD]);
        assert_eq!(Guard::fixed(Cost::tokens(3)).uncounted(&limits), []);
        assert_eq!(Guard::priced(usd!(0.01)).uncounted(&Limits::none()), [Meter::USD]);
        assert_eq!(Guard::free().uncounted(&limits), []);
    }
}
