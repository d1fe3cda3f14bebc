//! How Keycap shows the server who it is (RFC 6749 §2.3.1, RFC 7523 §2.2).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use reqwest::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::http::{Call, CallError, OwnSecret};

use super::IntrospectionError;
use super::client_assertions::ClientAssertions;

/// What an assertion is, to the server (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client's id and what proves that it is the client.
#[derive(Debug)]
pub(super) enum ClientAuthentication {
    /// `client_secret_basic`: what follows `Basic` in the header, and the secret in it. A `HeaderValue`
    /// would not be overwritten when it is dropped, so each call makes one.
    Basic { credentials: OwnSecret, secret: OwnSecret },
    /// `client_secret_post`.
    Post { id: String, secret: OwnSecret },
    /// `private_key_jwt`.
    PrivateKeyJwt(ClientAssertions),
}

impl ClientAuthentication {
    /// In a header of its own (RFC 6749 §2.3.1): both parts are form-encoded first, so that a colon in
    /// the id, or a letter outside ASCII, cannot be misread.
    pub(super) fn basic(id: &str, secret: &OwnSecret) -> Result<Self, IntrospectionError> {
        check(id, secret)?;
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let in_form = Zeroizing::new(encoded(secret.expose()));
        let pair = Zeroizing::new(format!("{}:{}", encoded(id), *in_form));
        let credentials = OwnSecret::new(BASE64_STANDARD.encode(&*pair));
        Ok(Self::Basic { credentials, secret: secret.clone() })
    }

    /// In the body.
    pub(super) fn post(id: String, secret: OwnSecret) -> Result<Self, IntrospectionError> {
        check(&id, &secret)?;
        Ok(Self::Post { id, secret })
    }

    /// Signed anew for each attempt.
    pub(super) fn private_key_jwt(
        assertions: ClientAssertions,
    ) -> Result<Self, IntrospectionError> {
        check_text(CLIENT_ID, &assertions.client_id)?;
        Ok(Self::PrivateKeyJwt(assertions))
    }

    /// Adds what belongs in the body.
    pub(super) fn sign(&self, form: &mut Serializer<'_, String>) -> Result<(), CallError> {
        match self {
            Self::Basic { .. } => {}
            Self::Post { id, secret } => {
                form.append_pair("client_id", id);
                form.append_pair("client_secret", secret.expose());
            }
            Self::PrivateKeyJwt(assertions) => {
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", &assertions.next()?);
            }
        }
        Ok(())
    }

    /// What is shown in every call. An assertion is shown once and is of no use a minute later.
    pub(super) fn own(&self) -> Vec<&str> {
        match self {
            Self::Basic { credentials, secret } => vec![credentials.expose(), secret.expose()],
            Self::Post { secret, .. } => vec![secret.expose()],
            Self::PrivateKeyJwt(_) => Vec::new(),
        }
    }

    /// Adds what belongs in the head.
    pub(super) fn head(&self, call: Call) -> Result<Call, CallError> {
        let unfit = |_| CallError::Unsigned("our own credentials fit no header");
        match self {
            Self::Basic { credentials, .. } => {
                let header = credentials.authorization("Basic").map_err(unfit)?;
                Ok(call.header(AUTHORIZATION, header))
            }
            Self::Post { .. } | Self::PrivateKeyJwt(_) => Ok(call),
        }
    }
}

const CLIENT_ID: &str = "client id";
const CLIENT_SECRET: &str = "client secret";

fn check(id: &str, secret: &OwnSecret) -> Result<(), IntrospectionError> {
    check_text(CLIENT_ID, id)?;
    check_text(CLIENT_SECRET, secret.expose())
}

/// `*VSCHAR` (RFC 6749 appendix A.1, A.2), and not empty. Catches the line end of a file above all.
fn check_text(what: &'static str, text: &str) -> Result<(), IntrospectionError> {
    let wrong = match text {
        "" => "is empty",
        text if text.chars().any(char::is_control) => "has a control character, such as a line end",
        text if !text.is_ascii() => "has a character outside ASCII",
        _ => return Ok(()),
    };
    Err(IntrospectionError::Client { what, wrong })
}
