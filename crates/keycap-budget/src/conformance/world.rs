//! A small world, and the operations that can be asked of it.

use std::time::Duration;

use keycap_base::Labels;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::select;

use super::Failure;
use super::words::{DAY, HOUR, MINUTE, START, account, owner, timed};
use crate::{
    AccountId, AccountSpec, Amendment, Amount, ChainSpec, ChargeId, Claim, Cost, HoldId, Limit,
    Limits, Meter, NewCharge, NewHold, OnExpiry, Operation, OwnerId, Period, Reapply, Rest, Status,
    Sweep, Terms,
};

/// The accounts.
const ACCOUNTS: [&str; 6] = [ROOT, "team", "key", "agent", "other", "solo"];

/// The account that most others lie under. It keeps [`ROOT_LIMITS`] for good.
pub(super) const ROOT: &str = "org";

/// What the root's limits count, and their caps, for its lifetime.
const ROOT_LIMITS: [(Meter, u32); 3] =
    [(Meter::USD, 60), (Meter::TOKENS, 40), (Meter::REQUESTS, 30)];

/// What operations are made of.
pub(super) struct World {
    accounts: Vec<AccountId>,
    chains: Vec<Vec<AccountId>>,
    holds: Vec<HoldId>,
    charges: Vec<ChargeId>,
    owners: Vec<OwnerId>,
    costs: Vec<Cost>,
    limits: Vec<Limit>,
    root: Limits,
}

impl World {
    pub(super) fn new() -> Result<Self, Failure> {
        let ids = |numbers: std::ops::Range<u64>| {
            let later = |number| match number % 8 {
                6 => 12 * HOUR,
                7 => 30 * HOUR,
                _ => Duration::ZERO,
            };
            numbers.map(move |number| timed(START.plus(later(number)), number))
        };
        let holds = ids(0..8).collect::<Result<Vec<_>, _>>()?;
        let own = holds.iter().copied().map(ChargeId::from);
        let others = ids(100..108).map(|id| id.map(ChargeId::from));
        let charges = own.map(Ok).chain(others).collect::<Result<Vec<_>, Failure>>()?;
        let root = ROOT_LIMITS.map(|(meter, cap)| limit(meter, cap, Period::lifetime()));
        Ok(Self {
            accounts: ACCOUNTS.iter().map(|name| account(name)).collect::<Result<_, _>>()?,
            chains: chains()?,
            holds,
            charges,
            owners: vec![owner(1)?, owner(2)?],
            costs: costs()?,
            limits: pool()?,
            root: Limits::of(root.into_iter().collect::<Result<Vec<_>, _>>()?)?,
        })
    }

    /// What is asked first.
    pub(super) fn opening(&self) -> impl Strategy<Value = Vec<Operation>> + use<> {
        let chains =
            self.chains.iter().map(|chain| self.open(Just(chain.clone()), Just(Reapply::Never)));
        chains.collect::<Vec<_>>()
    }

    /// An id and an account: as a rule the id's own account, so that ids meet again.
    fn named<T: Copy + std::fmt::Debug + 'static>(
        &self,
        ids: &[T],
    ) -> impl Strategy<Value = (T, AccountId)> + use<T> {
        let accounts = self.accounts.iter().cloned().cycle();
        let own: Vec<_> = ids.iter().copied().zip(accounts).collect();
        let stray = (select(ids.to_vec()), select(self.accounts.clone()));
        prop_oneof![8 => select(own), 1 => stray]
    }

    pub(super) fn operation(&self) -> impl Strategy<Value = Operation> + use<> {
        let hold = self.named(&self.holds);
        let release = hold.prop_map(|(hold, account)| Operation::Release { account, hold });
        let reapply = select(vec![Reapply::Never, Reapply::Changes]);
        prop_oneof![
            8 => self.hold(),
            4 => self.extend(),
            6 => self.settle(),
            3 => self.charge().prop_map(Operation::Charge),
            2 => release,
            2 => self.shrink(),
            3 => self.refund(),
            2 => self.sweep().prop_map(Operation::Sweep),
            1 => Just(Operation::Prune),
            1 => self.open(select(self.chains.clone()), reapply),
            2 => self.amend(),
        ]
    }

    fn hold(&self) -> impl Strategy<Value = Operation> + use<> {
        let cost = || select(self.costs.clone());
        let lease = (select(self.limits.clone()), 0..9_u32);
        let claim = prop_oneof![
            6 => cost().prop_map(Claim::Chain),
            2 => cost().prop_map(Claim::Room),
            2 => lease.prop_map(|(limit, most)| {
                Claim::Limit(limit.key().clone(), Amount::from_units(most))
            }),
        ];
        let ids = self.named(&self.holds);
        let owner = select(self.owners.clone());
        let life = select(vec![MINUTE, 15 * MINUTE, 2 * HOUR, 2 * DAY]);
        let on_expiry = select(vec![OnExpiry::Capture, OnExpiry::Release]);
        (ids, claim, owner, life, on_expiry, exposure()).prop_map(
            |((id, account), claim, owner, life, on_expiry, exposure)| {
                let is_lease = matches!(claim, Claim::Limit(..));
                let exposure = exposure.filter(|_| is_lease);
                Operation::Hold(NewHold { id, account, claim, owner, life, on_expiry, exposure })
            },
        )
    }

    fn extend(&self) -> impl Strategy<Value = Operation> + use<> {
        let ids = self.named(&self.holds);
        let granted = select(self.costs.clone());
        let life = select(vec![MINUTE, HOUR]);
        (ids, granted, option::weighted(0.2, exposure()), life).prop_map(
            |((hold, account), granted, exposure, life)| {
                let exposure = exposure.flatten();
                Operation::Extend { account, hold, granted, exposure, life }
            },
        )
    }

    fn shrink(&self) -> impl Strategy<Value = Operation> + use<> {
        (self.named(&self.holds), 0..9_u32).prop_map(|((hold, account), keep)| Operation::Shrink {
            account,
            hold,
            keep: Amount::from_units(keep),
        })
    }

    fn settle(&self) -> impl Strategy<Value = Operation> + use<> {
        let holds = vec(select(self.holds.clone()), 0..4);
        let rest = select(vec![Rest::Release, Rest::Keep]);
        (self.charge(), holds, rest, any::<bool>()).prop_map(|(charge, mut holds, rest, own)| {
            if own {
                holds.insert(0, charge.id.hold());
            }
            Operation::Settle { charge, holds, rest }
        })
    }

    fn charge(&self) -> impl Strategy<Value = NewCharge> + use<> {
        let tagged = Labels::of([("model", "small")]).unwrap_or_default();
        let ids = self.named(&self.charges);
        let tags = select(vec![Labels::new(), Labels::new(), tagged]);
        (ids, select(self.costs.clone()), tags).prop_map(|((id, account), cost, tags)| NewCharge {
            id,
            account,
            cost,
            tags,
        })
    }

    fn refund(&self) -> impl Strategy<Value = Operation> + use<> {
        let id = select(self.charges.clone());
        let little: Vec<Cost> = (0..3).map(Cost::tokens).chain((0..3).map(nanos)).collect();
        let cost = prop_oneof![select(little), select(self.costs.clone())];
        (id, self.named(&self.charges), cost).prop_map(|(id, (charge, account), cost)| {
            Operation::Refund { id, account, charge, cost }
        })
    }

    fn sweep(&self) -> impl Strategy<Value = Sweep> + use<> {
        let living = vec(select(self.owners.clone()), 0..3);
        prop_oneof![3 => Just(Sweep::Expired), 1 => living.prop_map(Sweep::OwnersExcept)]
    }

    fn limits(&self) -> impl Strategy<Value = Limits> + use<> {
        vec(select(self.limits.clone()), 0..4).prop_map(|limits| {
            let with = |limits: Limits, limit| limits.clone().with(limit).unwrap_or(limits);
            limits.into_iter().fold(Limits::none(), with)
        })
    }

    /// A template's word on a chain; the root's limits are always the same.
    fn open(
        &self,
        chain: impl Strategy<Value = Vec<AccountId>> + 'static,
        reapply: impl Strategy<Value = Reapply> + 'static,
    ) -> BoxedStrategy<Operation> {
        let root = self.root.clone();
        let minutes = 0..4_u32;
        let limits = vec(self.limits(), ACCOUNTS.len());
        (chain, limits, minutes, reapply)
            .prop_filter_map("a chain", move |(chain, limits, minutes, reapply)| {
                let on = |(id, limits): (AccountId, Limits)| {
                    let limits = if id.as_str() == ROOT { root.clone() } else { limits };
                    AccountSpec::new(id).on(Terms { limits, ..Terms::default() })
                };
                let mut specs = chain.into_iter().zip(limits).map(on);
                let leaf = ChainSpec::of(specs.next()?);
                let chain = specs.try_fold(leaf, |chain, spec| chain.under(spec).ok())?;
                let asserted_at = START.plus(minutes * MINUTE);
                Some(Operation::Open { chain, asserted_at, reapply })
            })
            .boxed()
    }

    fn amend(&self) -> impl Strategy<Value = Operation> + use<> {
        let account = select(self.accounts.clone());
        let parent = option::weighted(0.4, select(self.accounts.clone()));
        let limits = option::weighted(0.7, self.limits());
        let suspend = any::<bool>();
        (account, 1..5_u64, parent, limits, suspend).prop_map(
            |(account, version, parent, limits, suspend)| {
                let mut amendment = Amendment::new();
                amendment.limits = limits.filter(|_| account.as_str() != ROOT);
                amendment.parent = parent;
                amendment.status = suspend.then_some(Status::Suspended);
                Operation::Amend { account, version, amendment }
            },
        )
    }
}

fn nanos(nanos: u32) -> Cost {
    Cost::within_bounds(Meter::USD, Amount::from_units(nanos))
}

fn exposure() -> impl Strategy<Value = Option<Amount>> {
    option::of((0..9_u32).prop_map(Amount::from_units))
}

fn limit(meter: Meter, cap: u32, period: Period) -> Result<Limit, Failure> {
    Ok(Limit::new(meter, Amount::from_units(cap), period)?)
}

/// Every limit that accounts other than the root may have.
fn pool() -> Result<Vec<Limit>, Failure> {
    let mut limits = Vec::new();
    for meter in [Meter::USD, Meter::TOKENS, Meter::REQUESTS] {
        for period in [Period::lifetime(), Period::day(), Period::hour(), Period::minute()] {
            for cap in [30, 20, 12, 8, 8, 5, 5, 0] {
                limits.push(limit(meter.clone(), cap, period.clone())?);
            }
        }
    }
    Ok(limits)
}

fn costs() -> Result<Vec<Cost>, Failure> {
    let mut costs = Vec::new();
    for requests in [0, 1, 1, 2] {
        for tokens in [0, 0, 1, 4] {
            for dollars in [0, 1, 2, 2, 3, 3, 4, 7].map(nanos) {
                let counts = Cost::tokens(tokens).plus(&Cost::requests(requests))?;
                costs.push(dollars.plus(&counts)?);
            }
        }
    }
    Ok(costs)
}

/// The chains a template speaks of, leaf first: those the world begins with, and other ways to hang
/// the same accounts.
fn chains() -> Result<Vec<Vec<AccountId>>, Failure> {
    [
        &["agent", "key", "team", ROOT][..],
        &["other", ROOT],
        &["solo"],
        &["key", "other", ROOT],
        &["team", "other", ROOT],
        &["key", "team", "other", ROOT],
        &["other", "solo"],
    ]
    .iter()
    .map(|chain| chain.iter().map(|name| account(name)).collect())
    .collect()
}
