//! One decision path: verify, account, policy, hold.
