//! An extractor on a route that no layer wraps.

use axum::extract::MatchedPath;
use http::request::Parts;
use keycap_gate::{AnswerSettings, Broken, CredentialPlaces, answer};

use crate::Error;

/// The error that an extractor without a layer fails with. Callers learn that the application is
/// misconfigured; the log learns which route lacks which layer.
pub(crate) fn missing(extractor: &'static str, parts: &Parts) -> Error {
    let matched = parts.extensions.get::<MatchedPath>();
    let route = matched.map_or_else(|| parts.uri.path(), MatchedPath::as_str);
    let method = &parts.method;
    let why = format!("route {method} {route} uses {extractor} but no KeycapLayer wraps it");
    tracing::error!(%method, route, "{why}");
    let refusal = Broken::misconfigured(why).into();
    // Without a layer there is no gate whose settings could be used.
    let plain = answer(&refusal, &AnswerSettings::default(), &CredentialPlaces::default());
    Error::told(refusal, plain)
}
