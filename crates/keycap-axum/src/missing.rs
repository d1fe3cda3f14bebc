//! An extractor on a route where it cannot work.

use axum::extract::MatchedPath;
use http::request::Parts;
use keycap_gate::Told;

use crate::Error;

/// No layer wraps the route of this extractor.
pub(crate) fn missing(extractor: &str, parts: &Parts) -> Error {
    misplaced(parts, &format!("uses {extractor} but no KeycapLayer wraps it"))
}

/// The error of an extractor that cannot work on its route, for this reason.
pub(crate) fn misplaced(parts: &Parts, why: &str) -> Error {
    let matched = parts.extensions.get::<MatchedPath>();
    let route = matched.map_or_else(|| parts.uri.path(), MatchedPath::as_str);
    Error(Told::misconfigured(format!("route {} {route} {why}", parts.method)))
}
