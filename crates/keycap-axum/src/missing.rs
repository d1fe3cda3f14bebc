//! An extractor on a route where it cannot work.

use axum::extract::MatchedPath;
use http::request::Parts;
use keycap_gate::{AnswerSettings, Broken, CredentialPlaces, answer};

use crate::Error;

/// No layer wraps the route of this extractor.
pub(crate) fn missing(extractor: &str, parts: &Parts) -> Error {
    misplaced(parts, &format!("uses {extractor} but no KeycapLayer wraps it"))
}

/// Callers learn that the application is misconfigured; the log learns which route, and why.
pub(crate) fn misplaced(parts: &Parts, why: &str) -> Error {
    let matched = parts.extensions.get::<MatchedPath>();
    let route = matched.map_or_else(|| parts.uri.path(), MatchedPath::as_str);
    let why = format!("route {} {route} {why}", parts.method);
    tracing::error!("{why}");
    let refusal = Broken::misconfigured(why).into();
    // Without a layer there is no gate whose settings could be used.
    let plain = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
    Error::told(refusal, plain)
}
