//! The bytes that a request presents as its secret, before they are looked at.
//!
//! Nothing is copied here and no character is checked: a live key is found by the digest of the bytes,
//! and what is no secret has no live key. Whoever does not find one reads the bytes as a secret.

use std::fmt;

use keycap_verify::{MAX_SECRET_BYTES, Malformed};

use super::CredentialPlaces;
use crate::RequestView;

/// What stands in the places where credentials may, as it was sent.
///
/// Like [`Credential`](super::Credential), but for the characters. `Debug` shows none of them.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Presented<'a> {
    /// Nothing.
    Missing,
    /// These bytes, 1 to [`MAX_SECRET_BYTES`] of them; any bytes.
    Found(&'a [u8]),
    /// What is no secret, whatever its characters.
    Malformed(Malformed),
    /// Two or more credentials, even if they are the same.
    Ambiguous,
}

impl CredentialPlaces {
    /// Finds the credential of `request` and leaves it where it is. No I/O.
    ///
    /// ```
    /// # use keycap_gate::RequestView;
    /// # use smallvec::{SmallVec, smallvec};
    /// # struct Sent(&'static str);
    /// # impl RequestView for Sent {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
    /// #         if name == "authorization" { smallvec![self.0.as_bytes()] } else { smallvec![] }
    /// #     }
    /// #     fn peer(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// use keycap_gate::{CredentialPlaces, Presented};
    /// use keycap_verify::{Digest, Secret};
    ///
    /// let sent = Sent("Bearer acme_4eC39Hq");
    /// let Presented::Found(bytes) = CredentialPlaces::default().find(&sent) else { panic!() };
    /// assert_eq!(Digest::of_presented(bytes), Secret::parse(bytes)?.digest());
    /// # Ok::<(), keycap_verify::Malformed>(())
    /// ```
    pub fn find<'a>(&self, request: &'a dyn RequestView) -> Presented<'a> {
        let mut only = None;
        for place in self.iter() {
            let values = request.header_values(place.lookup());
            for value in values.iter().copied() {
                let Some(attempt) = place.attempt(value) else { continue };
                if only.replace(attempt).is_some() {
                    return Presented::Ambiguous;
                }
            }
        }
        match only {
            None => Presented::Missing,
            Some(Ok([])) => Presented::Malformed(Malformed::Empty),
            Some(Ok(bytes)) if bytes.len() > MAX_SECRET_BYTES => {
                Presented::Malformed(Malformed::TooLong)
            }
            Some(Ok(bytes)) => Presented::Found(bytes),
            Some(Err(why)) => Presented::Malformed(why),
        }
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing"),
            Self::Found(_) => f.write_str("Found(..)"),
            Self::Malformed(why) => f.debug_tuple("Malformed").field(why).finish(),
            Self::Ambiguous => f.write_str("Ambiguous"),
        }
    }
}
