//! What a token says of its own signature.
//!
//! Everything here is written by whoever sends the token. It may choose among the keys of an issuer,
//! and nothing else: `jwk`, `jku`, `x5u` and `x5c` are not read.

use serde_json::{Map, Value};

use super::Algorithm;
use crate::claims::{Claims, ClaimsError};

/// The longest `kid` or `typ`, in bytes.
const MAX_MEMBER_BYTES: usize = 255;

/// The header of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    /// Which key (`kid`).
    pub(crate) key_id: Option<Box<str>>,
    /// What kind of token (`typ`).
    pub(crate) kind: Option<Box<str>>,
}

/// A header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("its header is no JSON object with unique names: {0}")]
    Object(#[from] ClaimsError),
    #[error("its `alg` is none of RS256, PS256, ES256 and EdDSA")]
    Algorithm,
    #[error("its `{0}` is not a text of 1 to {MAX_MEMBER_BYTES} bytes")]
    Member(&'static str),
    #[error("it asks for an extension (`{0}`), and none is known")]
    Extension(&'static str),
}

impl Header {
    /// Reads a header. Names are unique (RFC 7515 §4); an extension that must be understood (§4.1.11,
    /// RFC 7797 §3) is not.
    pub(crate) fn read(json: &[u8]) -> Result<Self, HeaderError> {
        let members = Claims::read(json)?.into_map();
        for extension in ["crit", "b64"] {
            if members.contains_key(extension) {
                return Err(HeaderError::Extension(extension));
            }
        }
        let algorithm = members.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
        Ok(Self {
            algorithm: algorithm.ok_or(HeaderError::Algorithm)?,
            key_id: text(&members, "kid")?,
            kind: text(&members, "typ")?,
        })
    }
}

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<Box<str>>, HeaderError> {
    let Some(member) = members.get(name) else { return Ok(None) };
    let text = member.as_str().filter(|text| (1..=MAX_MEMBER_BYTES).contains(&text.len()));
    text.map(|text| Some(text.into())).ok_or(HeaderError::Member(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Header, HeaderError> {
        Header::read(json.as_bytes())
    }

    #[test]
    fn a_header_names_an_algorithm_and_perhaps_a_key() {
        let header = read(r#"{"alg":"ES256","kid":"1","typ":"at+jwt"}"#).unwrap();
        let (kid, typ) = (header.key_id.as_deref(), header.kind.as_deref());
        assert_eq!((header.algorithm, kid, typ), (Algorithm::Es256, Some("1"), Some("at+jwt")));
    }

    #[test]
    fn no_algorithm_is_guessed() {
        let names =
            ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "rs256", "ES256K"];
        for name in names {
            assert_eq!(
                read(&format!(r#"{{"alg":"{name}"}}"#)),
                Err(HeaderError::Algorithm),
                "{name}"
            );
        }
        for json in ["{}", r#"{"alg":null}"#, r#"{"alg":["RS256"]}"#, r#"{"ALG":"RS256"}"#] {
            assert_eq!(read(json), Err(HeaderError::Algorithm), "{json}");
        }
    }

    #[test]
    fn extensions_are_refused_and_names_are_unique() {
        for member in [r#""crit":["exp"]"#, r#""crit":[]"#, r#""crit":null"#, r#""b64":false"#] {
            let header = read(&format!(r#"{{"alg":"ES256",{member}}}"#));
            assert!(matches!(header, Err(HeaderError::Extension(_))), "{member}");
        }
        for json in
            [r#"{"alg":"none","alg":"ES256"}"#, r#"{"alg":"ES256","\u0061lg":"none"}"#, "[]"]
        {
            assert!(matches!(read(json), Err(HeaderError::Object(_))), "{json}");
        }
    }

    #[test]
    fn the_name_of_a_key_is_a_bounded_text() {
        let of =
            |bytes: usize| read(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(bytes)));
        assert!(of(1).is_ok() && of(MAX_MEMBER_BYTES).is_ok());
        assert_eq!(of(0), Err(HeaderError::Member("kid")));
        assert_eq!(of(MAX_MEMBER_BYTES + 1), Err(HeaderError::Member("kid")));
        assert_eq!(read(r#"{"alg":"ES256","kid":1}"#), Err(HeaderError::Member("kid")));
        assert_eq!(read(r#"{"alg":"ES256","typ":{}}"#), Err(HeaderError::Member("typ")));
    }
}
