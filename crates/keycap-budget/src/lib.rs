//! How much they may spend: amounts, periods, accounts, the books and the ledger.

mod amount;
mod cost;
mod cycle;
mod decimal;
mod meter;
mod period;
mod text;
mod usd;
mod window;
mod zone;

pub use amount::{Amount, AmountError};
pub use cost::{Cost, CostError, MAX_METERS};
pub use cycle::Weekday;
pub use meter::{MAX_METER_NAME, Meter, MeterError};
pub use period::{Period, PeriodError};
pub use usd::Usd;
pub use window::Window;
