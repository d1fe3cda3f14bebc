//! Where the books' rows stand.
//!
//! [`Books`](crate::Books) decides; a shelf only finds rows and puts them back. The memory ledger's
//! shelf is a few maps. A SQL ledger's shelf reads rows inside a transaction and writes what was put
//! when the transaction ends. So the rules exist once.

use std::sync::Arc;

use keycap_base::Timestamp;

use crate::{
    Account, AccountId, Charge, ChargeId, Counter, CounterKey, Hold, HoldId, Refund, Sweep,
};

/// Rows by key. Books sees every row as it last put it, within and across operations.
///
/// Books puts nothing before an operation is decided, so a refused operation leaves no trace. When a
/// shelf fails in the middle, its owner throws the whole transaction away.
pub trait Shelf {
    /// Why rows cannot be read or written.
    type Error;

    /// The account of this name.
    ///
    /// # Errors
    /// When rows cannot be read. The same goes for the other methods.
    fn account(&mut self, id: &AccountId) -> Result<Option<Arc<Account>>, Self::Error>;
    /// Writes an account.
    fn put_account(&mut self, account: Arc<Account>) -> Result<(), Self::Error>;

    /// The counter; one that was never put is all zeros.
    fn counter(&mut self, key: &CounterKey) -> Result<Counter, Self::Error>;
    /// Writes a counter.
    fn put_counter(&mut self, key: &CounterKey, counter: Counter) -> Result<(), Self::Error>;
    /// Forgets a counter.
    fn drop_counter(&mut self, key: &CounterKey) -> Result<(), Self::Error>;
    /// Up to `most` counters that nothing holds and whose windows are past their retention at `now`.
    fn stale_counters(
        &mut self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<CounterKey>, Self::Error>;
    /// Whether the counter was put and not dropped.
    fn has_counter(&mut self, key: &CounterKey) -> Result<Presence, Self::Error>;

    /// The hold of this id under this root.
    fn hold(&mut self, root: &AccountId, id: HoldId) -> Result<Option<Arc<Hold>>, Self::Error>;
    /// Writes a hold.
    fn put_hold(&mut self, hold: Arc<Hold>) -> Result<(), Self::Error>;
    /// Forgets a hold.
    fn drop_hold(&mut self, root: &AccountId, id: HoldId) -> Result<(), Self::Error>;
    /// Up to `most` open holds that the sweep is to end, in any fixed order.
    fn open_holds(
        &mut self,
        sweep: &Sweep,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Hold>>, Self::Error>;
    /// Up to `most` holds whose [`Hold::kept_from`] lies before `instant`.
    fn ended_holds(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Hold>>, Self::Error>;

    /// The charge of this id under this root.
    fn charge(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Arc<Charge>>, Self::Error>;
    /// Writes a charge.
    fn put_charge(&mut self, charge: Arc<Charge>) -> Result<(), Self::Error>;
    /// Forgets a charge and its refunds.
    fn drop_charge(&mut self, root: &AccountId, id: ChargeId) -> Result<(), Self::Error>;
    /// Up to `most` charges whose [`Charge::kept_from`] lies before `instant`.
    fn old_charges(
        &mut self,
        instant: Timestamp,
        most: usize,
    ) -> Result<Vec<Arc<Charge>>, Self::Error>;

    /// The refund of this id under this root.
    fn refund(
        &mut self,
        root: &AccountId,
        id: ChargeId,
    ) -> Result<Option<Arc<Refund>>, Self::Error>;
    /// Writes a refund.
    fn put_refund(&mut self, root: &AccountId, refund: Arc<Refund>) -> Result<(), Self::Error>;

    /// How far forgetting has come; asked in every operation.
    fn horizon(&mut self) -> Result<Horizon, Self::Error>;
    /// Moves it.
    fn put_horizon(&mut self, horizon: Horizon) -> Result<(), Self::Error>;
}

/// How far forgetting has come. Neither instant ever goes back; both start at the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Horizon {
    /// When rows were last forgotten. The books' time never goes back behind it, or a forgotten
    /// window would be counted anew.
    pub pruned_at: Timestamp,
    /// The instant before which ids may have been forgotten (P3).
    pub ids: Timestamp,
}

impl Default for Horizon {
    fn default() -> Self {
        Self { pruned_at: Timestamp::EPOCH, ids: Timestamp::EPOCH }
    }
}

/// Whether a row is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It is not.
    Absent,
}
