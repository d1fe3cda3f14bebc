//! What tokens say, read the same way wherever they come from: a JWT (RFC 7519) or the answer of an
//! introspection endpoint (RFC 7662).
//!
//! What must not change: a claim of the wrong kind is an error, never taken for an absent one, and a
//! time that does not fit is an error, never a wrapped one. `null` is an absent claim. Scopes are
//! taken at their word: what an issuer calls `proxy.*` is a name and grants nothing under it.

#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Map, Number, Value};

use keycap_base::{Scopes, Timestamp};

use crate::json::{self, JsonError};

/// The most claims that are read.
pub(crate) const MAX_CLAIMS: usize = 128;
/// The longest JSON text of claims, in bytes.
pub(crate) const MAX_CLAIMS_BYTES: usize = 64 * 1024;
/// The longest text that is used as a subject, an issuer or an organisation, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = keycap_verify::MAX_NAME_BYTES;
/// The most audiences, or the most values of a list of texts.
pub(crate) const MAX_TEXTS: usize = 128;

/// The claims of a token, by name. Names are unique (RFC 7519 §4).
#[derive(Clone, PartialEq)]
pub(crate) struct Claims(Map<String, Value>);

/// Claims cannot be used. Says which, never what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimsError {
    #[error("more than {MAX_CLAIMS_BYTES} bytes of claims")]
    TooLong,
    #[error("{0} claims; there may be {MAX_CLAIMS}")]
    TooMany(usize),
    #[error("the claims are no JSON object whose names are unique: {0}")]
    NoObject(#[from] JsonError),
    #[error("the claim `{claim}` is not {right}")]
    Unfit { claim: Box<str>, right: &'static str },
}

impl Claims {
    /// Reads a JSON object whose names are unique, and those of the objects in it.
    pub(crate) fn read(json: &[u8]) -> Result<Self, ClaimsError> {
        if json.len() > MAX_CLAIMS_BYTES {
            return Err(ClaimsError::TooLong);
        }
        let members = json::object(json)?;
        match members.len() {
            0..=MAX_CLAIMS => Ok(Self(members)),
            more => Err(ClaimsError::TooMany(more)),
        }
    }

    /// The claim of this name; `None` where it is absent or `null`.
    pub(crate) fn value(&self, claim: &str) -> Option<&Value> {
        self.0.get(claim).filter(|value| !value.is_null())
    }

    /// A text of 1 to [`MAX_TEXT_BYTES`] bytes.
    pub(crate) fn text(&self, claim: &str) -> Result<Option<&str>, ClaimsError> {
        let Some(value) = self.value(claim) else { return Ok(None) };
        let fits = |text: &&str| (1..=MAX_TEXT_BYTES).contains(&text.len());
        let text = value.as_str().filter(fits);
        text.map(Some).ok_or_else(|| unfit(claim, "a text of 1 to 255 bytes"))
    }

    /// A text, or a list of texts, as `aud` is (RFC 7519 §4.1.3). Empty where it is absent.
    pub(crate) fn texts(&self, claim: &str) -> Result<Vec<&str>, ClaimsError> {
        let wrong = || unfit(claim, "a text or a list of at most 128 texts");
        match self.value(claim) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.as_str()]),
            Some(Value::Array(list)) if list.len() <= MAX_TEXTS => {
                list.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// A NumericDate (RFC 7519 §2): seconds since 1970, perhaps with a fraction, which is cut to
    /// milliseconds towards the past.
    pub(crate) fn date(&self, claim: &str) -> Result<Option<Timestamp>, ClaimsError> {
        let Some(value) = self.value(claim) else { return Ok(None) };
        let date = value.as_number().and_then(numeric_date);
        date.map(Some).ok_or_else(|| unfit(claim, "a number of seconds since 1970"))
    }

    /// What is granted: `scope`, separated by spaces (RFC 8693 §4.2, RFC 7662 §2.2), or where that is
    /// absent `scp`. Each may be one text or a list.
    pub(crate) fn scopes(&self) -> Result<Scopes, ClaimsError> {
        let claim = if self.value("scope").is_some() { "scope" } else { "scp" };
        let texts = self.texts(claim)?;
        Ok(Scopes::literal(texts.iter().flat_map(|text| text.split(' '))))
    }

    /// All of them.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// Shows names only.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn unfit(claim: &str, right: &'static str) -> ClaimsError {
    ClaimsError::Unfit { claim: claim.into(), right }
}

/// Whole numbers are taken as they are. Others go by their decimal digits, not by arithmetic.
fn numeric_date(number: &Number) -> Option<Timestamp> {
    let millis = match number.as_i64() {
        Some(seconds) => seconds.checked_mul(1_000)?,
        None if number.is_u64() => return None,
        None => decimal_millis(&number.as_f64()?.to_string())?,
    };
    Some(Timestamp::from_millis(millis))
}

/// Milliseconds in a decimal number of seconds, such as `-1.5`; rounded down.
fn decimal_millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let cut: String = fraction.chars().chain("000".chars()).take(3).collect();
    let beyond = fraction.chars().skip(3).any(|digit| digit != '0');
    let (whole, cut) = (whole.parse::<i64>().ok()?.checked_mul(1_000)?, cut.parse::<i64>().ok()?);
    match text.starts_with('-') {
        true => whole.checked_sub(cut)?.checked_sub(i64::from(beyond)),
        false => whole.checked_add(cut),
    }
}
