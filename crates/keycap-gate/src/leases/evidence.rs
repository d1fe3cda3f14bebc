//! What the ledger refused, kept for those who ask for as much: a script that runs away on an empty key
//! costs the ledger a few operations a second.
//!
//! What must not change: evidence is what the ledger said while this node had nothing leased there, and
//! it is worth something for a moment only, and no longer than until something came free. When the
//! moment is over one request asks anew, for all who ask meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keycap_base::Ticks;
use keycap_budget::{Amount, Cause, Claim, Shortfall};

use super::till::Before;
use super::{Leasing, Till, wanted};
use crate::known_key::KnownKey;
use crate::{Denial, Disclosure, OverLimit, Refusal};

/// How long a refusal is repeated before the ledger is asked anew.
pub(crate) const EVIDENCE_LIFE: Duration = Duration::from_millis(50);

/// A refusal of the ledger.
pub(crate) struct Evidence {
    shortfall: Arc<Shortfall>,
    /// The least that it refuses.
    needed: Amount,
    at: Ticks,
    until: Ticks,
    reliefs: u64,
    changes: u64,
}

/// What is known without asking the ledger.
pub(crate) enum Hearsay {
    /// Nothing.
    Nothing,
    /// It would refuse.
    Refused(Refusal),
    /// It refused a moment ago: this request asks anew, for all.
    Asking(Asking),
    /// Another request is asking.
    Asked(Arc<Till>),
}

/// The right to ask the ledger for all who want to know. Given back when dropped.
pub(crate) struct Asking(Arc<Till>);

impl Drop for Asking {
    fn drop(&mut self) {
        let till = self.0.used();
        till.asking.store(false, Ordering::SeqCst);
        till.asked.notify_waiters();
    }
}

/// How much of a till's evidence is left.
enum Worth {
    Something(Arc<Evidence>),
    /// Only its time is over.
    Stale,
    Nothing,
}

impl Leasing {
    /// What is known of a claim without asking the ledger.
    pub(crate) fn hearsay(&self, known: &KnownKey, claim: &Claim, now: Ticks) -> Hearsay {
        let mut refusal: Option<(u8, Arc<Shortfall>, Duration)> = None;
        let mut stale = None;
        for till in &known.tills {
            let Some(wanted) = wanted(claim, till) else { continue };
            let needed = wanted.max(Amount::from_units(1));
            match till.worth(needed, self.tills.changes(), now) {
                Worth::Something(evidence) => {
                    let found = evidence.shortfall_for(wanted);
                    let rank = found.rank();
                    if refusal.as_ref().is_none_or(|(best, ..)| rank < *best) {
                        refusal = Some((rank, found, now.since(evidence.at)));
                    }
                }
                Worth::Stale => stale = stale.or(Some(till)),
                Worth::Nothing => {}
            }
        }
        match (refusal, stale) {
            (Some((_, shortfall, age)), _) => {
                let shown = Disclosure::of(&shortfall.standing.account, &known.chain);
                let over = OverLimit::new(shortfall, shown).after(age);
                Hearsay::Refused(Denial::OverLimit(over).into())
            }
            (None, Some(till)) if till.used().asking.swap(true, Ordering::SeqCst) => {
                Hearsay::Asked(Arc::clone(till))
            }
            (None, Some(till)) => Hearsay::Asking(Asking(Arc::clone(till))),
            (None, None) => Hearsay::Nothing,
        }
    }
}

impl Till {
    fn worth(&self, needed: Amount, changes: u64, now: Ticks) -> Worth {
        let Some(evidence) = self.state().evidence.load_full() else { return Worth::Nothing };
        // What is held may be given back; what is spent stays spent.
        let relieved =
            evidence.shortfall.cause == Cause::Reserved && evidence.reliefs != self.reliefs();
        if needed < evidence.needed || evidence.changes != changes || relieved {
            return Worth::Nothing;
        }
        if now < evidence.until { Worth::Something(evidence) } else { Worth::Stale }
    }

    /// Keeps a refusal that the ledger was asked for at `at`, when the till was like that.
    pub(super) fn remember(&self, said: &Arc<Shortfall>, before: Before, changes: u64, at: Ticks) {
        let life = said.ends_in.map_or(EVIDENCE_LIFE, |left| left.min(EVIDENCE_LIFE));
        self.used().evidence.store(Some(Arc::new(Evidence {
            shortfall: Arc::clone(said),
            needed: said.wanted.max(Amount::from_units(1)),
            at,
            until: at.plus(life),
            reliefs: before.reliefs,
            changes,
        })));
    }

    /// Forgets what the ledger refused: it has just said yes.
    pub(super) fn forget_refusal(&self) {
        let evidence = &self.state().evidence;
        if evidence.load().is_some() {
            evidence.store(None);
        }
    }

    /// Waits until whoever asks has heard, at most `span`.
    pub(crate) async fn asked_within(&self, span: Duration) {
        let till = self.used();
        let asked = till.asked.notified();
        if till.asking.load(Ordering::SeqCst) {
            let _ = tokio::time::timeout(span, asked).await;
        }
    }
}

impl Evidence {
    /// The same refusal for this amount, shared where it is the same amount.
    fn shortfall_for(&self, wanted: Amount) -> Arc<Shortfall> {
        if wanted == self.shortfall.wanted {
            return Arc::clone(&self.shortfall);
        }
        Arc::new(self.shortfall.of_more(wanted))
    }
}
