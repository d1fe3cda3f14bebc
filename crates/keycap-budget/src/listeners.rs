//! The listeners of one ledger.

use std::sync::Weak;

use parking_lot::RwLock;

use crate::{AccountId, AccountListener, Decided, Outcome};

/// Those who want to hear of changed accounts. A store keeps one and tells it of every batch.
#[derive(Default)]
pub struct Listeners(RwLock<Vec<Weak<dyn AccountListener>>>);

impl Listeners {
    /// Adds a listener, and forgets those that were dropped.
    pub fn add(&self, listener: Weak<dyn AccountListener>) {
        let mut all = self.0.write();
        all.retain(|known| known.strong_count() > 0);
        all.push(listener);
    }

    /// Tells everyone which accounts a batch changed, and whether it gave something back.
    pub fn tell(&self, answers: &[Decided]) {
        for answer in answers {
            match answer {
                Ok(Outcome::Amended(account)) => self.tell_of(&account.id),
                Ok(Outcome::Opened { changed, .. }) => {
                    changed.iter().for_each(|id| self.tell_of(id))
                }
                _ => {}
            }
        }
        if answers.iter().any(returns_money) {
            self.each(|listener| listener.money_returned());
        }
    }

    fn tell_of(&self, account: &AccountId) {
        self.each(|listener| listener.account_changed(account));
    }

    fn each(&self, tell: impl Fn(&dyn AccountListener)) {
        let living: Vec<_> = self.0.read().iter().filter_map(Weak::upgrade).collect();
        living.iter().for_each(|listener| tell(&**listener));
    }
}

/// Whether something came free that nobody else will hear of.
fn returns_money(answer: &Decided) -> bool {
    match answer {
        Ok(Outcome::Refunded(_)) => true,
        Ok(Outcome::Swept { holds, .. }) => *holds > 0,
        _ => false,
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listeners({})", self.0.read().len())
    }
}
