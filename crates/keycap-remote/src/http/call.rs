//! One call and its reply.

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::de::DeserializeOwned;

use super::CallError;
use crate::json;

/// Whether a call may be sent again after its first sending may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing at the provider: it only reads, whatever its method.
    Safe,
    /// It may change something, such as a count of uses: only if nothing was sent.
    OnlyUnsent,
}

/// What a call asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The key that somebody presents, which may be made up.
    OneKey,
    /// Nothing that a caller has a say in.
    AllKeys,
}

/// Writes the body of one attempt.
type WriteBody = dyn Fn() -> Result<Bytes, CallError> + Send + Sync;

/// One call, complete but for who sends it how.
pub(crate) struct Call {
    /// Names the call in spans and metrics: a word of ours, never anything a caller sent.
    pub(crate) operation: &'static str,
    pub(crate) repeat: Repeat,
    pub(crate) about: About,
    pub(crate) request: reqwest::Request,
    write: Option<Box<WriteBody>>,
}

impl Call {
    /// A GET, which is about all keys: no key is ever in a URL.
    pub(crate) fn read(operation: &'static str, url: Url) -> Self {
        let request = reqwest::Request::new(reqwest::Method::GET, url);
        Self { operation, repeat: Repeat::Safe, about: About::AllKeys, request, write: None }
    }

    /// A POST of a body of this media type, about one key.
    pub(crate) fn post(
        operation: &'static str,
        url: Url,
        media_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut request = reqwest::Request::new(reqwest::Method::POST, url);
        let media_type = HeaderValue::from_static(media_type);
        request.headers_mut().insert(reqwest::header::CONTENT_TYPE, media_type);
        *request.body_mut() = Some(body.into().into());
        Self { operation, repeat: Repeat::OnlyUnsent, about: About::OneKey, request, write: None }
    }

    /// Says that the call only reads, so that it may be sent twice.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Safe;
        self
    }

    /// With a body that is written anew for each attempt, because some of it is accepted only once.
    pub(crate) fn written_anew(
        mut self,
        write: impl Fn() -> Result<Bytes, CallError> + Send + Sync + 'static,
    ) -> Self {
        self.write = Some(Box::new(write));
        self
    }

    /// What one attempt sends.
    pub(super) fn attempt(&self) -> Result<reqwest::Request, CallError> {
        let Some(mut request) = self.request.try_clone() else {
            return Err(CallError::Broken("the call's body can be read only once".into()));
        };
        if let Some(write) = &self.write {
            *request.body_mut() = Some(write()?.into());
        }
        Ok(request)
    }

    /// With a header; of two with the same name the later stays.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.request.headers_mut().insert(name, value);
        self
    }
}

/// What a provider answered, whole: a status of 200 to 499, but for 401, 403, 408 and 429.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body, read as JSON whose objects have no name twice.
    ///
    /// # Errors
    /// [`CallError::Unreadable`], which says where and not what: the body may hold a secret.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        Ok(json::read(&self.body)?)
    }
}
