//! One decision path: verify, account, policy, hold.

mod code;
mod denial;
mod refusal;

pub use code::Code;
pub use denial::{Denial, Disclosure, Invalid, OverLimit, RESERVED_RETRY_AFTER};
pub use refusal::{Broken, Refusal};
