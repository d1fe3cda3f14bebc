//! What Keycap itself shows to a provider.

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};
use zeroize::Zeroizing;

/// A credential of the application at a provider: an API key, a client secret. Redacted in `Debug`
/// and overwritten when dropped.
#[derive(Clone)]
pub(crate) struct OwnSecret(Zeroizing<String>);

impl OwnSecret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The value of an `Authorization` header: `<scheme> <this>`, marked sensitive.
    pub(crate) fn authorization(&self, scheme: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let text = Zeroizing::new(format!("{scheme} {}", self.expose()));
        let mut value = HeaderValue::from_str(&text)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for OwnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnSecret(..)")
    }
}
