//! Opening and amending accounts.

use std::sync::Arc;

use keycap_base::Timestamp;

use super::{Books, Step, Stop};
use crate::{
    Account, AccountId, AccountSpec, Amendment, Applied, ChainSpec, Fault, MAX_CHAIN, Outcome,
    Reapply, Shelf,
};

impl<S: Shelf> Books<S> {
    /// Opens what is missing of a chain, root first; what exists hears the template only if asked.
    pub(super) fn open(
        &mut self,
        spec: &ChainSpec,
        asserted_at: Timestamp,
        reapply: Reapply,
        now: Timestamp,
    ) -> Step<Outcome, S> {
        let mut changed = Vec::new();
        let leaf_known = self.shelf.account(spec.leaf()).map_err(Stop::Shelf)?.is_some();
        if !leaf_known || reapply == Reapply::Changes {
            self.check_open(spec, asserted_at, reapply)?;
            let mut parent: Option<Arc<Account>> = None;
            for account in spec.accounts().rev() {
                let word = Word { spec: account, parent: parent.as_deref(), asserted_at };
                parent = Some(self.open_one(&word, reapply, now, &mut changed)?);
            }
        }
        Ok(Outcome::Opened { chain: self.known_chain(spec.leaf())?, changed })
    }

    /// Finds what would refuse the chain before anything is written.
    fn check_open(
        &mut self,
        spec: &ChainSpec,
        asserted_at: Timestamp,
        reapply: Reapply,
    ) -> Step<(), S> {
        let mut above: Option<(AccountId, usize)> = None;
        for account in spec.accounts().rev() {
            let id = account.id();
            above = Some(match self.shelf.account(id).map_err(Stop::Shelf)? {
                Some(known) => {
                    let moves = reapply == Reapply::Changes
                        && asserted_at > known.applied.asserted_at
                        && known.applied.parent.as_ref() != parent_in(spec, id);
                    match above.filter(|_| moves) {
                        Some((root, depth)) => {
                            self.check_move(&known, &root, depth, parent_in(spec, id))?;
                            (root, depth + 1)
                        }
                        None if moves => return Err(other_root(&known, id).into()),
                        None => (known.root.clone(), self.known_chain(id)?.len()),
                    }
                }
                None => match above {
                    Some((_, MAX_CHAIN..)) => return Err(Fault::ChainTooLong(id.clone()).into()),
                    Some((root, depth)) => (root, depth + 1),
                    None => (id.clone(), 1),
                },
            });
        }
        Ok(())
    }

    /// Opens one account, or lets the template's word change it.
    fn open_one(
        &mut self,
        word: &Word<'_>,
        reapply: Reapply,
        now: Timestamp,
        changed: &mut Vec<AccountId>,
    ) -> Step<Arc<Account>, S> {
        let known = self.shelf.account(word.spec.id()).map_err(Stop::Shelf)?;
        let account = match known {
            None => {
                let account = Arc::new(word.account(now));
                self.raise_heights(word.parent, 1)?;
                account
            }
            Some(known) => {
                let later = word.asserted_at > known.applied.asserted_at;
                if reapply == Reapply::Never || !later {
                    return Ok(known);
                }
                let after = self.reapplied(&known, word)?;
                if after.version != known.version {
                    changed.push(after.id.clone());
                }
                after
            }
        };
        self.shelf.put_account(Arc::clone(&account)).map_err(Stop::Shelf)?;
        Ok(account)
    }

    /// The account after the template's word: only what the template changed changes.
    fn reapplied(&mut self, known: &Account, word: &Word<'_>) -> Step<Arc<Account>, S> {
        let change = Amendment::between(&known.applied.terms, word.spec.terms());
        let mut after = known.clone();
        after.terms = change.apply(&known.terms);
        let parent = word.parent.map(|parent| parent.id.clone());
        if parent != known.applied.parent {
            after.parent.clone_from(&parent);
            self.raise_heights(word.parent, known.height + 1)?;
        }
        if after.terms != known.terms || after.parent != known.parent {
            after.version += 1;
        }
        let terms = word.spec.terms().clone();
        after.applied = Applied { terms, parent, asserted_at: word.asserted_at };
        Ok(Arc::new(after))
    }

    /// Changes an account that is still the version the caller saw.
    pub(super) fn amend(
        &mut self,
        id: &AccountId,
        version: u64,
        amendment: &Amendment,
    ) -> Step<Outcome, S> {
        let known = self.known(id)?;
        if known.version != version {
            return Ok(Outcome::Stale(known));
        }
        let mut after = Account::clone(&known);
        after.terms = amendment.apply(&known.terms);
        after.version += 1;
        if let Some(parent) = amendment.parent.as_ref().filter(|p| known.parent.as_ref() != Some(p))
        {
            let above = self.known_chain(parent)?;
            self.check_move(&known, above.root(), above.len(), Some(parent))?;
            self.raise_heights(Some(above.leaf()), known.height + 1)?;
            after.parent = Some(parent.clone());
        }
        let after = Arc::new(after);
        self.shelf.put_account(Arc::clone(&after)).map_err(Stop::Shelf)?;
        Ok(Outcome::Amended(after))
    }

    /// Refuses to hang `account` where it cannot hang: below itself, too deep, or under a new root.
    fn check_move(
        &mut self,
        account: &Account,
        root: &AccountId,
        depth: usize,
        parent: Option<&AccountId>,
    ) -> Step<(), S> {
        if *root != account.root || account.id == account.root {
            return Err(other_root(account, root).into());
        }
        let above = match parent {
            Some(parent) => self.chain(parent).map_err(Stop::Shelf)?,
            None => None,
        };
        if above.is_some_and(|above| above.iter().any(|ancestor| ancestor.id == account.id)) {
            return Err(Fault::Cycle(account.id.clone()).into());
        }
        if depth + 1 + account.height > MAX_CHAIN {
            return Err(Fault::ChainTooLong(account.id.clone()).into());
        }
        Ok(())
    }

    /// Tells `parent` and its ancestors that a chain of `length` now hangs below.
    fn raise_heights(&mut self, parent: Option<&Account>, length: usize) -> Step<(), S> {
        let Some(parent) = parent else { return Ok(()) };
        let Some(above) = self.chain(&parent.id).map_err(Stop::Shelf)? else {
            return Ok(());
        };
        for (distance, ancestor) in above.iter().enumerate() {
            if ancestor.height < length + distance {
                let mut raised = Account::clone(ancestor);
                raised.height = length + distance;
                self.shelf.put_account(Arc::new(raised)).map_err(Stop::Shelf)?;
            }
        }
        Ok(())
    }
}

/// What a template says about one account.
struct Word<'a> {
    spec: &'a AccountSpec,
    parent: Option<&'a Account>,
    asserted_at: Timestamp,
}

impl Word<'_> {
    /// The account at first sight.
    fn account(&self, now: Timestamp) -> Account {
        let id = self.spec.id().clone();
        let parent = self.parent.map(|parent| parent.id.clone());
        let terms = self.spec.terms().clone();
        Account {
            root: self.parent.map_or_else(|| id.clone(), |parent| parent.root.clone()),
            height: 0,
            version: 1,
            opened_at: now,
            applied: Applied {
                terms: terms.clone(),
                parent: parent.clone(),
                asserted_at: self.asserted_at,
            },
            id,
            parent,
            terms,
        }
    }
}

/// The parent that a chain names for an account.
fn parent_in<'a>(spec: &'a ChainSpec, id: &AccountId) -> Option<&'a AccountId> {
    let mut accounts = spec.accounts().skip_while(|account| account.id() != id);
    accounts.next();
    accounts.next().map(AccountSpec::id)
}

fn other_root(account: &Account, asked: &AccountId) -> Fault {
    Fault::OtherRoot { account: account.id.clone(), is: account.root.clone(), asked: asked.clone() }
}
