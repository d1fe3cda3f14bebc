//! What the gate may see of a request.

use std::net::IpAddr;

use smallvec::SmallVec;

/// A request as the gate reads it, free of any framework's types.
///
/// Adapters implement it over their own request. Nothing here may block or do I/O.
pub trait RequestView {
    /// The method, as sent: `GET`.
    fn method(&self) -> &str;

    /// The path, without the query string.
    fn path(&self) -> &str;

    /// Every value of the header `name`, in the order they were sent. `name` is lower case; header
    /// names compare without regard to case (RFC 9110 §5.1).
    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]>;

    /// The address at the other end of the connection, where it has one.
    fn peer(&self) -> Option<IpAddr>;
}
