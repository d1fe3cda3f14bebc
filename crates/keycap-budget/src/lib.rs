//! How much they may spend: amounts, periods, accounts, the books and the ledger.
//!
//! The rules stand in one place, [`Books`]: a pure function of rows, an operation and the time. A
//! [`Ledger`] makes its decisions atomic and durable. Everything here counts in integers.

mod account;
mod amount;
mod audit;
mod books;
mod charge;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cost;
mod cycle;
mod decimal;
mod hold;
mod id;
pub mod lease;
mod ledger;
mod limit;
mod listeners;
mod memory;
mod meter;
mod operation;
mod outcome;
mod period;
mod shelf;
mod text;
mod usd;
mod window;
mod zone;

pub use account::{
    Account, AccountSpec, Amendment, Applied, Chain, ChainError, ChainSpec, Figures, MAX_CHAIN,
    Status, Terms,
};
pub use amount::{Amount, AmountError};
pub use audit::{Snapshot, Violation, audit};
pub use books::{Books, Decided, MAX_SWEEP, Retention, RetentionError};
pub use charge::{Charge, ChargeLeg, Fit, NewCharge, Refund};
pub use cost::{Cost, CostError, MAX_METERS};
pub use cycle::Weekday;
pub use hold::{Claim, DEFAULT_HOLD_LIFE, Hold, HoldState, Leg, OnExpiry};
pub use id::{AccountId, BadId, ChargeId, HoldId, MAX_ACCOUNT_ID, OwnerId};
pub use ledger::{AccountListener, Ledger, LedgerError, MAX_PAGE, NotNow, apply_one, only};
pub use limit::{Counter, CounterKey, Limit, LimitError, LimitKey, Limits, MAX_LIMITS};
pub use listeners::Listeners;
pub use memory::{MemoryLedger, MemoryShelf};
pub use meter::{MAX_METER_NAME, Meter, MeterError};
pub use operation::{
    Batch, BatchError, MAX_BATCH, MAX_SETTLE_HOLDS, NewHold, Operation, Reapply, Rest, Sweep,
};
pub use outcome::{Cause, Fault, Held, Outcome, Progress, Recorded, Shortfall, Standing};
pub use period::{Period, PeriodError};
pub use shelf::{Horizon, Presence, Shelf};
pub use usd::Usd;
pub use window::Window;
