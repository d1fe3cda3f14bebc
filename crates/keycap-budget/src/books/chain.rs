//! Opening and amending accounts.

use std::sync::Arc;

use keycap_base::Timestamp;

use super::{Books, Step, Stop};
use crate::{
    Account, AccountId, AccountSpec, Amendment, Applied, ChainSpec, Fault, MAX_CHAIN, Outcome,
    Reapply, Shelf, Terms,
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
        let mut hung = Vec::new();
        for account in spec.accounts().rev() {
            let parent = parent_in(spec, account.id());
            let known = self.shelf.account(account.id()).map_err(Stop::Shelf)?;
            let moves = known.as_ref().is_none_or(|known| {
                is_heard(known, asserted_at, reapply) && known.applied.parent.as_ref() != parent
            });
            if let Some(known) = known.as_ref().filter(|it| is_heard(it, asserted_at, reapply)) {
                reworded(known, account)?;
            }
            if moves {
                hung.push(Hung { account: account.id(), parent });
                self.check_place(account.id(), known.as_deref(), &hung)?;
            }
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
                if !is_heard(&known, word.asserted_at, reapply) {
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
        let mut after = known.clone();
        let said = Arc::new(word.spec.terms().clone());
        after.terms = reworded(known, word.spec)?.shared_with(&said);
        let parent = word.parent.map(|parent| parent.id.clone());
        if parent != known.applied.parent {
            after.parent.clone_from(&parent);
            self.raise_heights(word.parent, known.height + 1)?;
        }
        if after.terms != known.terms || after.parent != known.parent {
            after.version += 1;
        }
        after.applied = Applied { terms: said, parent, asserted_at: word.asserted_at };
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
        after.terms = amendment.apply(&known.terms).shared_with(&known.applied.terms);
        after.version += 1;
        if let Some(parent) = amendment.parent.as_ref().filter(|p| known.parent.as_ref() != Some(p))
        {
            let above = self.known(parent)?;
            let hung = Hung { account: id, parent: Some(parent) };
            self.check_place(id, Some(&known), &[hung])?;
            self.raise_heights(Some(&above), known.height + 1)?;
            after.parent = Some(parent.clone());
        }
        let after = Arc::new(after);
        self.shelf.put_account(Arc::clone(&after)).map_err(Stop::Shelf)?;
        Ok(Outcome::Amended(after))
    }

    /// Refuses to hang an account where it cannot hang: below itself, too deep, or under a new root.
    fn check_place(
        &mut self,
        id: &AccountId,
        known: Option<&Account>,
        hung: &[Hung<'_>],
    ) -> Step<(), S> {
        let (mut top, mut above) = (id.clone(), 0);
        while let Some(parent) = self.parent(&top, hung)?.filter(|_| above < MAX_CHAIN) {
            if parent == *id {
                return Err(Fault::Cycle(parent).into());
            }
            (top, above) = (parent, above + 1);
        }
        if above + 1 + known.map_or(0, |known| known.height) > MAX_CHAIN {
            return Err(Fault::ChainTooLong(id.clone()).into());
        }
        match known.filter(|known| known.root != top) {
            Some(known) => Err(other_root(known, &top).into()),
            None => Ok(()),
        }
    }

    /// The parent an account will have.
    fn parent(&mut self, id: &AccountId, hung: &[Hung<'_>]) -> Step<Option<AccountId>, S> {
        if let Some(hung) = hung.iter().find(|hung| hung.account == id) {
            return Ok(hung.parent.cloned());
        }
        let account = self.shelf.account(id).map_err(Stop::Shelf)?;
        Ok(account.and_then(|account| account.parent.clone()))
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

/// Where an account will hang.
struct Hung<'a> {
    account: &'a AccountId,
    parent: Option<&'a AccountId>,
}

/// The account's terms after a template's word, which may come to too many limits together with an
/// operator's.
fn reworded(known: &Account, spec: &AccountSpec) -> Result<Terms, Fault> {
    let terms = known.terms.reworded(&known.applied.terms, spec.terms());
    terms.map_err(|_| Fault::TooManyLimits(known.id.clone()))
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
        let terms = Arc::new(self.spec.terms().clone());
        Account {
            root: self.parent.map_or_else(|| id.clone(), |parent| parent.root.clone()),
            height: 0,
            version: 1,
            opened_at: now,
            applied: Applied {
                terms: Arc::clone(&terms),
                parent: parent.clone(),
                asserted_at: self.asserted_at,
            },
            id,
            parent,
            terms,
        }
    }
}

/// Whether an account that exists hears a template's word.
fn is_heard(known: &Account, asserted_at: Timestamp, reapply: Reapply) -> bool {
    reapply == Reapply::Changes && asserted_at > known.applied.asserted_at
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
