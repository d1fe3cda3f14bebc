//! A signed token in compact form (RFC 7515 §7.1), taken apart.
//!
//! What must not change: there is exactly one way to write a token that is read. Padding, white space,
//! the other base64 alphabet and bits left over (RFC 4648 §3.5) are refused, so that a token has no
//! second spelling with a digest of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Header, HeaderError};

/// A token whose parts can be read. Nothing of it is believed yet.
pub(crate) struct Compact<'a> {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

/// A text is no signed token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompactError {
    #[error("it does not have three parts, none of them empty, with a dot between")]
    Parts,
    #[error("its {0} is not base64url without padding and bits left over")]
    Encoding(&'static str),
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    pub(crate) fn read(text: &'a str) -> Result<Self, CompactError> {
        let (signed, signature) = text.rsplit_once('.').ok_or(CompactError::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(CompactError::Parts)?;
        let parts = [header, payload, signature];
        if parts.iter().any(|part| part.is_empty()) || payload.contains('.') {
            return Err(CompactError::Parts);
        }
        let header = Header::read(&decode(header, "header")?)?;
        let payload = decode(payload, "payload")?;
        Ok(Self { header, payload, signed, signature: decode(signature, "signature")? })
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, CompactError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| CompactError::Encoding(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;

    /// `{"alg":"EdDSA"}`
    const HEADER: &str = "eyJhbGciOiJFZERTQSJ9";

    fn refused(text: &str) -> CompactError {
        Compact::read(text).map(|token| token.header).unwrap_err()
    }

    #[test]
    fn a_token_has_exactly_three_parts() {
        let text = format!("{HEADER}.e30.AA");
        let token = Compact::read(&text).unwrap();
        assert_eq!(token.header.algorithm, Algorithm::EdDsa);
        assert_eq!((token.payload.as_slice(), token.signature.as_slice()), (&b"{}"[..], &[0][..]));
        assert_eq!(token.signed, format!("{HEADER}.e30"));
        for wrong in ["", ".", "..", "...", "a", "a.b", &format!("{HEADER}.e30."), ".e30.AA"] {
            assert_eq!(refused(wrong), CompactError::Parts, "{wrong}");
        }
        for wrong in [format!("{HEADER}..AA"), format!("{HEADER}.e30.AA.AA.AA"), format!("{text}.")]
        {
            assert_eq!(refused(&wrong), CompactError::Parts, "{wrong}");
        }
    }

    #[test]
    fn a_token_is_written_in_one_way_only() {
        let (payload, signature) =
            (CompactError::Encoding("payload"), CompactError::Encoding("signature"));
        for (wrong, error) in [
            ("e30=.AA", &payload),
            ("e30.AA==", &signature),
            ("e30.AB", &signature),
            ("e31.AA", &payload),
            ("e30.A", &signature),
            ("e30.A+", &signature),
            ("e30.A/", &signature),
            ("e30.A~", &signature),
            ("e30.AA\n", &signature),
            ("e30. AA", &signature),
        ] {
            assert_eq!(&refused(&format!("{HEADER}.{wrong}")), error, "{wrong}");
        }
        assert_eq!(refused(&format!("{HEADER}=.e30.AA")), CompactError::Encoding("header"));
        assert_eq!(refused(" eyJh.e30.AA"), CompactError::Encoding("header"));
    }
}
