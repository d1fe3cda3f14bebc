//! Addresses that clients may come from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use crate::allowance::{Allowance, TooMany, Unchecked, excerpt};

/// The most blocks one [`Networks`] holds.
pub const MAX_NETWORKS: usize = 64;

/// Bits before the IPv4 part of an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A block of addresses in CIDR notation (RFC 4632, RFC 4291), such as `10.0.0.0/8`.
///
/// A single address is a block of one. A block within `::ffff:0:0/96` is the IPv4 block it maps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// The networks that clients may come from: all, or a bounded set of [`Network`]s.
///
/// The empty set allows none. The default allows all: who sets no list restricts nothing.
///
/// ```
/// use keycap_base::Networks;
///
/// let office = Networks::of(["203.0.113.0/24", "2001:db8::/32"])?;
/// assert!(office.allows(Some("::ffff:203.0.113.7".parse().unwrap())));
/// assert!(!office.allows(None));
/// # Ok::<(), keycap_base::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Unchecked<Network>")]
pub struct Networks(Allowance<Network>);

/// Why a text is no network, or a set of them none that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Neither a block nor an address.
    #[error("`{0}` is no network; write a block such as `10.0.0.0/8` or an address")]
    Unreadable(String),
    /// Bits are set behind the prefix.
    #[error("`{given}` has bits set behind its prefix; write `{meant}`")]
    HostBits {
        /// What was written.
        given: String,
        /// The block it lies in.
        meant: String,
    },
    /// Over [`MAX_NETWORKS`].
    #[error("more than {MAX_NETWORKS} networks; use larger blocks")]
    TooMany,
}

impl From<TooMany> for NetworkError {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}

impl Network {
    /// Reads a block or an address.
    ///
    /// # Errors
    /// [`NetworkError`] if it is neither, or has bits set behind its prefix.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NetworkError> {
        let text = text.as_ref();
        let block = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| NetworkError::Unreadable(excerpt(text)))?,
        };
        if block.trunc() != block {
            let (given, meant) = (text.to_owned(), block.trunc().to_string());
            return Err(NetworkError::HostBits { given, meant });
        }
        Ok(Self(unmapped(block)))
    }

    /// Whether `address` lies in the block. An IPv4-mapped IPv6 address counts as IPv4, so `::/0`
    /// holds no IPv4 address in either spelling.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// The IPv4 block that `block` maps, if it maps one.
fn unmapped(block: IpNet) -> IpNet {
    let IpNet::V6(v6) = block else { return block };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    match mapped.map(|(address, prefix)| Ipv4Net::new(address, prefix)) {
        Some(Ok(v4)) => IpNet::V4(v4),
        Some(Err(_)) | None => block,
    }
}

impl Networks {
    /// Allows every address, and requests whose address is not known.
    #[must_use]
    pub fn all() -> Self {
        Self(Allowance::All)
    }

    /// Allows none.
    #[must_use]
    pub fn none() -> Self {
        Self(Allowance::none())
    }

    /// Allows the addresses in any of `blocks`.
    ///
    /// # Errors
    /// [`NetworkError`] for the first text that is no block, or more than [`MAX_NETWORKS`].
    pub fn of<B: AsRef<str>>(blocks: impl IntoIterator<Item = B>) -> Result<Self, NetworkError> {
        Allowance::only(blocks.into_iter().map(Network::new), MAX_NETWORKS).map(Self)
    }

    /// Whether a request from `address` is allowed. Where a list demands an address, none is refused.
    #[must_use]
    pub fn allows(&self, address: Option<IpAddr>) -> bool {
        self.0.any(|block| address.is_some_and(|address| block.contains(address)))
    }

    /// The blocks, sorted; `None` when every address is allowed.
    #[must_use]
    pub fn blocks(&self) -> Option<&[Network]> {
        self.0.members()
    }
}

impl Default for Networks {
    fn default() -> Self {
        Self::all()
    }
}

impl TryFrom<Unchecked<Network>> for Networks {
    type Error = NetworkError;

    fn try_from(read: Unchecked<Network>) -> Result<Self, NetworkError> {
        Allowance::check(read, MAX_NETWORKS).map(Self)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        Self::new(text)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn no_address_is_refused_where_a_list_demands_one() {
        assert!(Networks::all().allows(None));
        assert!(!Networks::of(["0.0.0.0/0", "::/0"]).unwrap().allows(None));
        assert!(!Networks::none().allows(None));
        assert!(!Networks::none().allows(address("127.0.0.1")));
    }

    #[test]
    fn an_ipv4_mapped_address_counts_as_ipv4() {
        let v4 = Networks::of(["10.0.0.0/8"]).unwrap();
        assert!(v4.allows(address("::ffff:10.1.2.3")) && v4.allows(address("10.1.2.3")));
        assert!(!v4.allows(address("::ffff:11.0.0.1")));
        assert!(!Networks::of(["::/0"]).unwrap().allows(address("::ffff:10.1.2.3")));
        assert_eq!(Network::new("::ffff:10.0.0.0/104"), Network::new("10.0.0.0/8"));
        assert_eq!(Network::new("::ffff:10.0.0.1"), Network::new("10.0.0.1/32"));
    }

    #[test]
    fn a_block_is_checked_when_built() {
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "example.com", "10.0.0.0/8 ", "fe80::1%eth0"] {
            assert!(matches!(Network::new(wrong), Err(NetworkError::Unreadable(_))), "{wrong:?}");
        }
        let error = Network::new("10.1.0.0/8").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`10.1.0.0/8` has bits set behind its prefix; write `10.0.0.0/8`"
        );
        assert_eq!(Network::new("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
    }

    #[test]
    fn the_set_is_bounded_also_when_deserialised() {
        let numbered = |count| (0..count).map(|n| format!("10.0.0.{n}")).collect::<Vec<_>>();
        assert!(Networks::of(numbered(MAX_NETWORKS)).is_ok());
        assert_eq!(Networks::of(numbered(MAX_NETWORKS + 1)), Err(NetworkError::TooMany));
        let text = |count| serde_json::json!({ "only": numbered(count) }).to_string();
        let read: Networks = serde_json::from_str(&text(MAX_NETWORKS)).unwrap();
        assert_eq!(read, serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap());
        assert!(serde_json::from_str::<Networks>(&text(MAX_NETWORKS + 1)).is_err());
    }
}
