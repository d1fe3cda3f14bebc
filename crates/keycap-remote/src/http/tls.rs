//! Whom TLS trusts: the system's authorities, or only those that the application names.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::HttpSettingsError;

/// Certificates of authorities, as PEM that nobody has read yet.
#[derive(Clone)]
pub(super) struct Authorities(pub(super) Vec<u8>);

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({} bytes)", self.0.len())
    }
}

const NO_PEM: &str = "the text is not PEM; each should stand between -----BEGIN CERTIFICATE----- and \
                      -----END CERTIFICATE-----, in base64";

/// TLS that verifies, by these authorities (PEM) or else the system's. There is no other kind.
pub(super) fn config(only: Option<&Authorities>) -> Result<ClientConfig, HttpSettingsError> {
    let roots = match only {
        Some(authorities) => named(&authorities.0)?,
        None => systems()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| HttpSettingsError::Trust(error.to_string()))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

fn named(pem: &[u8]) -> Result<RootCertStore, HttpSettingsError> {
    let wrong = |error: String| HttpSettingsError::Trust(error);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // The reader's own words would show what it found, and that may be a private key.
        let certificate = certificate.map_err(|_| wrong(NO_PEM.into()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(wrong(
            "the PEM text holds none; it should begin -----BEGIN CERTIFICATE-----".into(),
        )),
        false => Ok(roots),
    }
}

fn systems() -> Result<RootCertStore, HttpSettingsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(found.certs);
    match added {
        0 => Err(HttpSettingsError::Trust(
            "the system has none; install them (Debian: ca-certificates) or name a private authority \
             with `trust_only(..)`"
                .into(),
        )),
        _ => Ok(roots),
    }
}
