//! Finding the one secret that a request carries.

mod place;
mod presented;

use keycap_verify::{Malformed, Secret};

pub(crate) use place::is_token_byte;
pub use place::{CredentialPlaces, MAX_PLACE_NAME_BYTES, MAX_PLACES, Place, PlaceError};
pub use presented::Presented;

use crate::RequestView;

/// What stands in the places where credentials may.
///
/// Every value that stands in a configured place counts, a malformed one too: with two of them,
/// choosing would be a guess about who pays. Another scheme in `Authorization`, such as Basic, is no
/// credential and does not count.
#[derive(Clone, Debug)]
#[must_use]
pub enum Credential {
    /// None.
    Missing,
    /// One, and it is written like a secret.
    Found(Secret),
    /// One, and it is not.
    Malformed(Malformed),
    /// Two or more, even if they are the same.
    Ambiguous,
}

impl CredentialPlaces {
    /// Reads the credential of `request`. No I/O.
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
    /// use keycap_gate::{Credential, CredentialPlaces};
    ///
    /// let places = CredentialPlaces::default();
    /// let Credential::Found(secret) = places.read(&Sent("bearer acme_4eC39Hq")) else { panic!() };
    /// assert_eq!(secret.expose(), "acme_4eC39Hq");
    /// assert!(matches!(places.read(&Sent("Basic YTpi")), Credential::Missing));
    /// ```
    pub fn read(&self, request: &dyn RequestView) -> Credential {
        match self.find(request) {
            Presented::Missing => Credential::Missing,
            Presented::Found(bytes) => {
                Secret::parse(bytes).map_or_else(Credential::Malformed, Credential::Found)
            }
            Presented::Malformed(why) => Credential::Malformed(why),
            Presented::Ambiguous => Credential::Ambiguous,
        }
    }
}
