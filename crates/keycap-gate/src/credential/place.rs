//! Where credentials may stand.

use keycap_verify::Malformed;

/// The most places that are read.
pub const MAX_PLACES: usize = 4;

/// The longest name of a header that carries a credential, in bytes.
pub const MAX_PLACE_NAME_BYTES: usize = 64;

const AUTHORIZATION: &str = "authorization";
const BEARER: &[u8] = b"bearer";
/// As nearly everybody writes it.
const USUAL_BEARER: &[u8] = b"Bearer ";

/// A place where a credential may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bearer,
    Header {
        /// As the application wrote it.
        shown: Box<str>,
        /// The same in lower case.
        lookup: Box<str>,
    },
}

/// The places where credentials may stand, in order; one to [`MAX_PLACES`], no two alike.
///
/// By default the only one is `Authorization: Bearer`. Query strings are never read: they end up in
/// logs and browser histories.
///
/// ```
/// use keycap_gate::{CredentialPlaces, Place};
///
/// let places = CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key")?])?;
/// assert_eq!(places.sensitive_headers().collect::<Vec<_>>(), ["authorization", "x-api-key"]);
/// assert_eq!(places.vary().collect::<Vec<_>>(), ["x-api-key"]);
/// # Ok::<(), keycap_gate::PlaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialPlaces(Box<[Place]>);

/// Places that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Not a header's name.
    #[error(
        "{0:?} is not a header's name; write 1 to {MAX_PLACE_NAME_BYTES} letters, digits or `-`, such as `X-API-Key`"
    )]
    Name(String),
    /// `Authorization` carries a scheme before the secret.
    #[error("`Authorization` carries a scheme; use `Place::bearer()` for it")]
    Authorization,
    /// No place at all.
    #[error("no place for credentials; name at least one, such as `Place::bearer()`")]
    None,
    /// Over [`MAX_PLACES`].
    #[error("more than {MAX_PLACES} places for credentials; each is one more way to be ambiguous")]
    TooMany,
    /// The same place twice.
    #[error("the place `{0}` is named twice; every credential in it would be ambiguous")]
    Twice(String),
}

impl Place {
    /// `Authorization: Bearer <secret>` (RFC 6750 §2.1).
    #[must_use]
    pub const fn bearer() -> Self {
        Self(Kind::Bearer)
    }

    /// A header whose whole value is the secret, without a scheme.
    ///
    /// # Errors
    /// [`PlaceError`] if `name` is not a token (RFC 9110 §5.6.2) of 1 to 64 bytes, or is
    /// `Authorization`.
    pub fn header(name: &str) -> Result<Self, PlaceError> {
        let sound = (1..=MAX_PLACE_NAME_BYTES).contains(&name.len());
        if !sound || !name.bytes().all(is_token_byte) {
            return Err(PlaceError::Name(name.chars().take(80).collect()));
        }
        let lookup = name.to_ascii_lowercase().into_boxed_str();
        if &*lookup == AUTHORIZATION {
            return Err(PlaceError::Authorization);
        }
        Ok(Self(Kind::Header { shown: name.into(), lookup }))
    }

    /// The header that is read, in lower case.
    pub(crate) fn lookup(&self) -> &str {
        match &self.0 {
            Kind::Bearer => AUTHORIZATION,
            Kind::Header { lookup, .. } => lookup,
        }
    }

    /// The header's name as the application wrote it; none for `Authorization`.
    pub(crate) fn own_header(&self) -> Option<&str> {
        match &self.0 {
            Kind::Bearer => None,
            Kind::Header { shown, .. } => Some(shown),
        }
    }

    /// What `value` has in the place of a secret; none when it is no credential of ours.
    pub(crate) fn attempt<'a>(&self, value: &'a [u8]) -> Option<Result<&'a [u8], Malformed>> {
        let value = trim(value);
        match self.0 {
            Kind::Bearer => bearer(value),
            Kind::Header { .. } => Some(Ok(value)),
        }
    }
}

/// What follows the scheme, if that is Bearer in any case. One or more spaces stand between.
#[inline]
fn bearer(value: &[u8]) -> Option<Result<&[u8], Malformed>> {
    match value.strip_prefix(USUAL_BEARER) {
        Some(rest) => Some(Ok(after_spaces(rest))),
        None => unusual_bearer(value),
    }
}

/// The same for any way to write it.
#[cold]
fn unusual_bearer(value: &[u8]) -> Option<Result<&[u8], Malformed>> {
    let scheme = value.iter().take_while(|byte| is_token_byte(**byte)).count();
    let (scheme, rest) = value.split_at(scheme);
    if !scheme.eq_ignore_ascii_case(BEARER) {
        return None;
    }
    match rest.first() {
        None | Some(b' ') => Some(Ok(after_spaces(rest))),
        Some(_) => Some(Err(Malformed::Character)),
    }
}

fn after_spaces(mut rest: &[u8]) -> &[u8] {
    while let [b' ', after @ ..] = rest {
        rest = after;
    }
    rest
}

/// Without the optional white space around it, which is no part of a field's value (RFC 9110 §5.5)
/// and which not every server takes away.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// `tchar` of RFC 9110 §5.6.2.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl CredentialPlaces {
    /// These places, in this order.
    ///
    /// # Errors
    /// [`PlaceError`] for none, more than [`MAX_PLACES`], or the same one twice.
    pub fn new(places: impl IntoIterator<Item = Place>) -> Result<Self, PlaceError> {
        let mut distinct: Vec<Place> = Vec::new();
        for place in places {
            if distinct.iter().any(|other| other.lookup() == place.lookup()) {
                return Err(PlaceError::Twice(place.lookup().to_owned()));
            }
            if distinct.len() == MAX_PLACES {
                return Err(PlaceError::TooMany);
            }
            distinct.push(place);
        }
        if distinct.is_empty() {
            return Err(PlaceError::None);
        }
        Ok(Self(distinct.into()))
    }

    /// The headers to mark as sensitive, or to take away before a request is passed on; lower case.
    pub fn sensitive_headers(&self) -> impl Iterator<Item = &str> {
        self.iter().map(Place::lookup)
    }

    /// The headers that a response must name in `Vary`; lower case.
    ///
    /// `Authorization` is not among them: shared caches leave answers to it alone (RFC 9111 §3.5).
    pub fn vary(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|place| place.own_header().is_some()).map(Place::lookup)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }
}

impl Default for CredentialPlaces {
    fn default() -> Self {
        Self([Place::bearer()].into())
    }
}
