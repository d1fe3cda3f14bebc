//! A layer inside an admitted request: it adds its requirements and tops the hold up. Nothing is
//! verified or held twice, and one tab bills the request.

use std::sync::Arc;

use keycap_budget::{Claim, Cost};

use crate::admission::{Ask, Step, Verdict};
use crate::core::Core;
use crate::patience::Patience;
use crate::tab::Raise;
use crate::{Guard, KeyState, Refusal, RequestView};

impl Core {
    /// Decides on a request that this gate has admitted already: policy anew, the hold topped up.
    pub(crate) fn admit_inside(
        self: &Arc<Self>,
        key: KeyState,
        guard: &Arc<Guard>,
        view: &dyn RequestView,
    ) -> Step {
        let ask = Ask::read(self, guard, view);
        if let Err(refusal) = self.check(key.known(), &ask) {
            return Step::Ready(Verdict::inside(key, Err(refusal)));
        }
        let raise = match self.top_up(&key, &ask) {
            Ok(Some(raise)) => raise,
            Ok(None) => return Step::Ready(Verdict::inside(key, Ok(()))),
            Err(refusal) => return Step::Ready(Verdict::inside(key, Err(refusal))),
        };
        Step::Wait(Box::pin(async move {
            let patience = Patience::of(&ask.guard, &key.core().queue);
            let raised = key.tab().raise_waiting(raise, patience).await;
            Verdict::inside(key, raised)
        }))
    }

    /// What the inner guard wants held, if it wants anything.
    fn top_up(&self, key: &KeyState, ask: &Ask) -> Result<Option<Raise>, Refusal> {
        let whole = |cost: &Cost| self.with_request(key.known(), cost);
        Ok(match &ask.claim {
            None => None,
            // Who holds something was let in on every limit that it counts on.
            Some(Claim::Room(_)) if key.tab().holds() => None,
            Some(Claim::Room(_) | Claim::Limit(..)) => Some(Raise::Room(whole(&Cost::none())?)),
            Some(Claim::Chain(cost)) => Some(Raise::AtLeast(whole(cost)?)),
        })
    }
}
