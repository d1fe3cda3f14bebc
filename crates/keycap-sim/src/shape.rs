//! The accounts of a world, and what an operator may do to them.

use keycap_base::Timestamp;
use keycap_budget::{
    AccountId, AccountSpec, Amendment, Amount, ChainSpec, Limit, Limits, Meter, Operation, Period,
    Reapply,
};

/// An account as a world is made with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Its name.
    pub id: AccountId,
    /// The account above it.
    pub parent: Option<AccountId>,
    /// What it may spend.
    pub limits: Vec<Limit>,
}

/// One organisation with two teams and five keys, chains of one to three accounts, with caps of about
/// so much.
#[must_use]
pub fn organisation(cap: u32) -> Vec<Row> {
    let (minute, day) = (Period::minute, Period::day);
    let (usd, tokens, requests) = (Meter::USD, Meter::TOKENS, Meter::REQUESTS);
    let row = |id: &str, parent: &str, limits: &[(&Meter, Period, u32)]| Row {
        id: account(id),
        parent: (!parent.is_empty()).then(|| account(parent)),
        limits: limits.iter().map(|(meter, period, cap)| limit(meter, *cap, period)).collect(),
    };
    vec![
        row("org", "", &[(&usd, day(), 2 * cap), (&requests, minute(), cap / 2)]),
        row("team-a", "org", &[(&tokens, day(), cap), (&usd, minute(), cap)]),
        row("team-b", "org", &[(&usd, minute(), cap / 2)]),
        row("key-1", "team-a", &[(&requests, minute(), cap / 4), (&usd, day(), cap)]),
        row("key-2", "team-a", &[(&tokens, minute(), cap / 2), (&tokens, day(), cap)]),
        row("key-3", "team-b", &[(&usd, day(), cap / 2)]),
        row("key-4", "org", &[]),
    ]
}

/// The account of this name.
#[must_use]
pub fn account(id: &str) -> AccountId {
    AccountId::new(id).expect("a name")
}

/// So much of a meter in each period.
#[must_use]
pub fn limit(meter: &Meter, cap: u32, period: &Period) -> Limit {
    Limit::new(meter.clone(), Amount::from_units(cap), period.clone()).expect("small")
}

/// Opens all of them, parents first.
pub(crate) fn open(rows: &[Row], now: Timestamp) -> Vec<Operation> {
    let open = |row: &Row| {
        let mut chain = ChainSpec::of(spec(row));
        let mut above = row.parent.as_ref();
        while let Some(row) = above.and_then(|id| rows.iter().find(|row| row.id == *id)) {
            chain = chain.under(spec(row)).expect("a tree");
            above = row.parent.as_ref();
        }
        Operation::Open { chain, asserted_at: now, reapply: Reapply::Never }
    };
    rows.iter().map(open).collect()
}

fn spec(row: &Row) -> AccountSpec {
    let spec = AccountSpec::new(row.id.clone());
    row.limits.iter().fold(spec, |spec, limit| spec.limit(limit.clone()).expect("few"))
}

/// What an operator does to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Its first limit is this part of a hundred of what it was when the world was made.
    Cap(u32),
    /// Its limits are gone.
    NoLimits,
    /// Its limits are as when the world was made.
    AllLimits,
    /// It hangs below another account.
    Move(u8),
}

impl Change {
    /// What to ask for; nothing where it cannot be.
    pub(crate) fn amendment(self, row: &Row, rows: &[Row]) -> Option<Amendment> {
        let limits = |limits: Vec<Limit>| Limits::of(limits).map(|it| Amendment::new().limits(it));
        match self {
            Self::Cap(hundredths) => {
                let changed = row.limits.iter().enumerate().map(|(place, limit)| match place {
                    0 => scaled(limit, hundredths),
                    _ => limit.clone(),
                });
                limits(changed.collect()).ok()
            }
            Self::NoLimits => limits(Vec::new()).ok(),
            Self::AllLimits => limits(row.limits.clone()).ok(),
            Self::Move(to) => {
                row.parent.as_ref()?;
                let parent = rows.get(usize::from(to) % rows.len())?;
                let is_inner = parent.parent.is_none() || parent.id.as_str().starts_with("team");
                is_inner.then(|| Amendment::new().parent(parent.id.clone()))
            }
        }
    }
}

fn scaled(limit: &Limit, hundredths: u32) -> Limit {
    let cap = limit.cap().units() / 100 * i64::from(hundredths);
    let key = limit.key().clone();
    Limit::new(key.meter, Amount::new(cap).expect("not negative"), key.period).expect("small")
}
