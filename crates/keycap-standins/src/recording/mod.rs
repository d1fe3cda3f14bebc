//! HTTP traffic as data: what a client sent and what it was answered.
//!
//! A stand-in notes its traffic with a [`Recorder`]. The traffic of an official client, kept in a
//! [`Recording`] in the repository, is held against both sides without that client: its requests are
//! sent to the stand-in again ([`Exchange::resend`]), which must answer the same, and its answers are
//! served by a [`Replayer`] to our own client, which must ask the same.
//!
//! Only what means something is kept of headers: see [`is_kept`]. Two recordings of the same traffic
//! are equal.

mod recorder;
mod replayer;
mod resend;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use recorder::{MAX_BODY_BYTES, MAX_EXCHANGES, Recorder};
pub use replayer::Replayer;

/// The traffic of one client, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Whose, with its version: `@unkey/api 2.5.1`.
    pub client: String,
    /// What was sent and answered.
    pub exchanges: Vec<Exchange>,
}

/// A request and its response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What the client sent.
    pub request: Request,
    /// What it was answered.
    pub response: Response,
}

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, with the query if there is one.
    pub path: String,
    /// Its headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body: the value where it is JSON, text where it is text, `null` where there is none.
    pub body: Value,
}

/// What a client was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Its headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body, as in [`Request::body`].
    pub body: Value,
}

/// A recording cannot be read or written.
#[derive(Debug)]
pub struct RecordingError(String);

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordingError {}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// If there is none, or it is no recording; says which file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let failed = |why: String| RecordingError(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    /// Writes a file, so that a change shows in a diff line by line.
    ///
    /// # Errors
    /// If it cannot be written; says which file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), RecordingError> {
        let path = path.as_ref();
        let failed = |why: String| RecordingError(format!("{}: {why}", path.display()));
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.to_string()))?;
        std::fs::write(path, text + "\n").map_err(|error| failed(error.to_string()))
    }
}

/// What the transport or the runtime adds, which says nothing about the contract.
const LEFT_OUT: [&str; 13] = [
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "pragma",
    "priority",
    "sec-fetch-mode",
    "transfer-encoding",
    "user-agent",
];

/// Whether a header (name in lower case) says something about the contract.
#[must_use]
pub fn is_kept(name: &str) -> bool {
    !LEFT_OUT.contains(&name)
}

/// The headers that are kept and not empty; of several with one name, all, separated by commas.
fn kept(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::<String, String>::new();
    let told = headers.iter().filter(|(_, value)| !value.is_empty());
    for (name, value) in told.filter(|(name, _)| is_kept(name.as_str())) {
        let value = String::from_utf8_lossy(value.as_bytes());
        kept.entry(name.as_str().to_owned())
            .and_modify(|all| all.extend([", ", &value]))
            .or_insert_with(|| value.into_owned());
    }
    kept
}

/// A body as a value.
fn value(bytes: &[u8]) -> Value {
    match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(_) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// A value as a body of this type.
fn bytes(value: &Value, headers: &BTreeMap<String, String>) -> Vec<u8> {
    let is_json = headers.get("content-type").is_some_and(|kind| kind.contains("json"));
    match value {
        Value::Null if !is_json => Vec::new(),
        Value::String(text) if !is_json => text.clone().into_bytes(),
        value => value.to_string().into_bytes(),
    }
}
