//! Which clients are counted as one.

use std::net::IpAddr;

/// A client as failures are counted: an IPv4 address, an IPv6 /64, or nobody in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ClientAddress {
    V4(u32),
    /// The first 64 bits: one subscriber has at least that much (RFC 6177).
    V6(u64),
    Unknown,
}

impl ClientAddress {
    pub(super) fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(v4)) => Self::V4(v4.to_bits()),
            Some(IpAddr::V6(v6)) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::V6([a, b, c, d].iter().fold(0, |bits, part| bits << 16 | u64::from(*part)))
            }
            None => Self::Unknown,
        }
    }
}
