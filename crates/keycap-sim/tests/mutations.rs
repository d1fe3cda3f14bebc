//! The checks can fail: ledgers, purses and drivers that are wrong on purpose are found out.

#![allow(clippy::panic, reason = "how tests fail")]

use std::marker::PhantomData;

use keycap_base::{Ticks, Timestamp};
use keycap_budget::lease::{Drawn, PurseId, Use};
use keycap_budget::{
    Amendment, Amount, Books, Claim, Decided, Fit, HoldId, Limit, Limits, MemoryShelf, NewHold,
    Operation, Outcome, Recorded, Retention, Snapshot, Sweep,
};
use keycap_sim::{Drawer, Pocket, Script, Store};

/// In so many random worlds a mistake shows itself.
const WORLDS: u64 = 60;

/// What the world's ledger does in the place of what it was asked.
trait Mistake {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided;
}

struct Wrong<M> {
    books: Books<MemoryShelf>,
    mistake: PhantomData<M>,
}

fn books() -> Books<MemoryShelf> {
    Books::new(MemoryShelf::default(), Retention::default())
}

fn does(books: &mut Books<MemoryShelf>, operation: &Operation, now: Timestamp) -> Decided {
    match books.apply(operation, now) {
        Ok(decided) => decided,
        Err(never) => match never {},
    }
}

impl<M: Mistake> Store for Wrong<M> {
    fn apply(&mut self, batch: &[Operation], now: Timestamp) -> Vec<Decided> {
        batch.iter().map(|operation| M::instead(&mut self.books, operation, now)).collect()
    }

    fn snapshot(&self) -> Snapshot {
        self.books.shelf().snapshot()
    }
}

/// What breaks first in a world with this ledger and these purses; nothing if it never does.
fn found_out<S: Store, P: Drawer>(ledger: impl Fn() -> S) -> &'static str {
    let broken = (1..=WORLDS).find_map(|seed| Script::random(seed).play::<S, P>(&ledger).err());
    broken.map_or("nothing", |broken| broken.what)
}

fn of_ledger<M: Mistake>() -> &'static str {
    found_out::<Wrong<M>, Pocket>(|| Wrong { books: books(), mistake: PhantomData })
}

/// A manager as good as this one puts into a purse what the ledger does not know to be exposed.
struct Unexposed;

impl Mistake for Unexposed {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        let mut operation = asked.clone();
        if let Operation::Extend { exposure, .. } = &mut operation {
            *exposure = exposure.map(|_| Amount::ZERO);
        }
        does(books, &operation, now)
    }
}

#[test]
fn i6_a_deposit_that_is_not_exposed_is_found() {
    assert_eq!(of_ledger::<Unexposed>(), "I6");
}

/// A manager as good as this one releases a lease while something drawn from it is not on record.
struct Hasty;

impl Mistake for Hasty {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        if let Operation::Shrink { account, hold, .. } = asked {
            let (account, hold) = (account.clone(), *hold);
            does(books, &Operation::Release { account, hold }, now)?;
            return Ok(Outcome::Shrunk { left: Amount::ZERO });
        }
        does(books, asked, now)
    }
}

#[test]
fn i6_a_release_before_all_is_settled_is_found() {
    assert_eq!(of_ledger::<Hasty>(), "I6");
}

/// One unit less is kept than was to be.
struct Stingy;

impl Mistake for Stingy {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        let mut operation = asked.clone();
        if let Operation::Shrink { keep, .. } = &mut operation {
            *keep = Amount::new(keep.units() - 1).unwrap_or(Amount::ZERO);
        }
        does(books, &operation, now)
    }
}

#[test]
fn i6_a_shrink_by_one_too_many_is_found() {
    assert_eq!(of_ledger::<Stingy>(), "I6");
}

/// Nothing is given back.
struct Miser;

impl Mistake for Miser {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        match asked {
            Operation::Shrink { keep, .. } => Ok(Outcome::Shrunk { left: *keep }),
            asked => does(books, asked, now),
        }
    }
}

#[test]
fn i6_what_is_kept_for_nothing_is_found() {
    let found = of_ledger::<Miser>();
    assert!(["I6, equal", "I7"].contains(&found), "{found}");
}

/// Books without a check of the cap.
struct Capless;

impl Mistake for Capless {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        let Operation::Hold(NewHold { account, .. }) = asked else {
            return does(books, asked, now);
        };
        let chain = match books.chain(account) {
            Ok(chain) => chain,
            Err(never) => match never {},
        };
        let Some(chain) = chain else { return does(books, asked, now) };
        let change = |books: &mut Books<MemoryShelf>, raised: bool| {
            for row in chain.iter() {
                let version = row.version + u64::from(!raised);
                let limits = row.terms.limits.iter().map(|limit| {
                    let key = limit.key().clone();
                    let cap = if raised { Amount::MAX_CAP } else { limit.cap() };
                    Limit::new(key.meter, cap, key.period)
                });
                let limits = limits.collect::<Result<Vec<_>, _>>().and_then(Limits::of);
                let limits = limits.unwrap_or_default();
                let amendment = Amendment::new().limits(limits);
                let amend = Operation::Amend { account: row.id.clone(), version, amendment };
                assert!(does(books, &amend, now).is_ok());
            }
        };
        change(books, true);
        let answer = does(books, asked, now);
        change(books, false);
        answer
    }
}

#[test]
fn i1_books_without_a_cap_are_found() {
    assert_eq!(of_ledger::<Capless>(), "I1");
}

/// A charge is acknowledged and forgotten.
struct Forgetful;

impl Mistake for Forgetful {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        match asked {
            Operation::Settle { charge, .. } => Ok(Outcome::Recorded(Recorded {
                fit: Fit::Within,
                uncovered: charge.cost.minus_saturating(&charge.cost),
                standings: Vec::new(),
            })),
            asked => does(books, asked, now),
        }
    }
}

#[test]
fn p2_a_lost_charge_is_found() {
    assert_eq!(of_ledger::<Forgetful>(), "P2");
}

/// What a dead node may have spent is given back.
struct Trusting;

impl Mistake for Trusting {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        let Operation::Sweep(sweep) = asked else { return does(books, asked, now) };
        let ends = |hold: &keycap_budget::Hold| match sweep {
            Sweep::Expired => hold.expires_at <= now,
            Sweep::OwnersExcept(living) => !living.contains(&hold.owner),
        };
        let holds = books.shelf().snapshot().holds;
        for hold in holds.into_iter().filter(|hold| hold.is_open() && ends(hold)) {
            does(books, &Operation::Release { account: hold.account, hold: hold.id }, now)?;
        }
        does(books, asked, now)
    }
}

#[test]
fn i6_a_capture_of_less_than_was_drawn_is_found() {
    assert_eq!(of_ledger::<Trusting>(), "I6");
}

/// A dead node's leases are captured whole.
struct Fearful;

impl Mistake for Fearful {
    fn instead(books: &mut Books<MemoryShelf>, asked: &Operation, now: Timestamp) -> Decided {
        let holds = match asked {
            Operation::Sweep(_) => books.shelf().snapshot().holds,
            _ => Vec::new(),
        };
        for hold in holds.into_iter().filter(|hold| hold.is_open()) {
            if let Claim::Limit(_, amount) = hold.claim {
                let raise = Operation::Extend {
                    account: hold.account,
                    hold: hold.id,
                    granted: keycap_budget::Cost::none(),
                    exposure: Some(amount),
                    life: std::time::Duration::ZERO,
                };
                does(books, &raise, now)?;
            }
        }
        does(books, asked, now)
    }
}

#[test]
fn a_capture_of_more_than_the_exposure_is_found() {
    assert_eq!(of_ledger::<Fearful>(), "capture");
}

/// What a purse does wrong.
trait Slip {
    const GIVES_WHAT_IT_LACKS: bool = false;
    const LOSES_WHAT_IS_PUT_BACK: bool = false;
    const FORGETS_ITS_LEASES: bool = false;
}

struct Slipping<S>(Pocket, PhantomData<S>);

impl<S: Slip> Drawer for Slipping<S> {
    fn new(id: PurseId) -> Self {
        Self(Pocket::new(id), PhantomData)
    }
    fn draw(&mut self, amount: Amount, now: Ticks) -> Drawn {
        match self.0.draw(amount, now) {
            Drawn::No if S::GIVES_WHAT_IT_LACKS => Drawn::Yes,
            drawn => drawn,
        }
    }
    fn put_back(&mut self, amount: Amount) {
        if !S::LOSES_WHAT_IS_PUT_BACK {
            self.0.put_back(amount);
        }
    }
    fn overdraw(&mut self, amount: Amount) {
        self.0.overdraw(amount);
    }
    fn deposit(&mut self, amount: Amount) {
        self.0.deposit(amount);
    }
    fn usable_until(&mut self, until: Ticks) {
        self.0.usable_until(until);
    }
    fn close(&mut self) {
        self.0.close();
    }
    fn withdraw(&mut self) -> Amount {
        self.0.withdraw()
    }
    fn free(&self) -> Amount {
        self.0.free()
    }
    fn look(&mut self) -> Use {
        self.0.look()
    }
    fn pay_from(&mut self, leases: Vec<HoldId>) {
        if !S::FORGETS_ITS_LEASES {
            self.0.pay_from(leases);
        }
    }
    fn leases(&self) -> Vec<HoldId> {
        self.0.leases()
    }
}

struct Generous;

impl Slip for Generous {
    const GIVES_WHAT_IT_LACKS: bool = true;
}

struct Leaky;

impl Slip for Leaky {
    const LOSES_WHAT_IS_PUT_BACK: bool = true;
}

struct Absent;

impl Slip for Absent {
    const FORGETS_ITS_LEASES: bool = true;
}

#[test]
fn p1_a_purse_that_gives_what_it_lacks_is_found() {
    assert_eq!(found_out::<_, Slipping<Generous>>(books), "the purse's sum");
}

#[test]
fn a_purse_that_loses_money_is_found() {
    assert_eq!(found_out::<_, Slipping<Leaky>>(books), "the purse's sum");
}

#[test]
fn i1_charges_that_name_no_lease_are_found() {
    let found = found_out::<_, Slipping<Absent>>(books);
    assert!(["I1, covered", "I6, equal"].contains(&found), "{found}");
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(found_out::<_, Pocket>(books), "nothing");
}
