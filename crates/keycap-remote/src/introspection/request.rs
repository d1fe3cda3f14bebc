//! What is sent about a token (RFC 7662 §2.1).

use std::sync::Arc;

use bytes::Bytes;
use form_urlencoded::Serializer;
use keycap_verify::Secret;
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderValue};
use zeroize::Zeroizing;

use crate::http::{Call, CallError};

use super::client_authentication::ClientAuthentication;

const FORM: &str = "application/x-www-form-urlencoded";

/// More than a token of ordinary length and the names around it, so that the form grows rarely: what
/// it grows out of is not overwritten.
const FORM_CAPACITY: usize = 2 * keycap_verify::MAX_SECRET_BYTES;

/// Where and as whom the server is asked.
#[derive(Debug)]
pub(super) struct Request {
    endpoint: Url,
    authentication: ClientAuthentication,
}

impl Request {
    pub(super) fn new(endpoint: Url, authentication: ClientAuthentication) -> Self {
        Self { endpoint, authentication }
    }

    /// The call that asks about this token. It only reads, so it may be sent twice; its body is written
    /// for each attempt, since an assertion may not.
    pub(super) fn about(self: &Arc<Self>, token: &Secret) -> Result<Call, CallError> {
        let (request, token) = (Arc::clone(self), token.clone());
        let call = Call::post("introspect", self.endpoint.clone(), FORM, Bytes::new())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .written_anew(move || request.form(&token))
            .repeatable();
        self.authentication.head(call)
    }

    /// What is shown of our own.
    pub(super) fn own(&self) -> Vec<&str> {
        self.authentication.own()
    }

    fn form(&self, token: &Secret) -> Result<Bytes, CallError> {
        let mut form = Serializer::new(String::with_capacity(FORM_CAPACITY));
        form.append_pair("token", token.expose());
        form.append_pair("token_type_hint", "access_token");
        self.authentication.sign(&mut form)?;
        Ok(Bytes::from_owner(Zeroizing::new(form.finish())))
    }
}
