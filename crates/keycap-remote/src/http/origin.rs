//! Which URLs a provider may have.

use std::net::IpAddr;

use reqwest::Url;

use super::HttpSettingsError;

/// Where plain HTTP may be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    OnThisMachine,
    Anywhere,
}

/// Reads a URL that calls may be sent to: HTTPS, or HTTP to this machine (or anywhere, if so chosen).
pub(super) fn read(text: &str, plain: Plain) -> Result<Url, HttpSettingsError> {
    let Ok(url) = Url::parse(text) else {
        let wrong = "is no URL; it should be written like https://api.example.com";
        return Err(HttpSettingsError::Url { url: "…".into(), wrong });
    };
    match wrong(&url, plain) {
        None => Ok(url),
        Some(wrong) => Err(HttpSettingsError::Url { url: shown(&url), wrong }),
    }
}

fn wrong(url: &Url, plain: Plain) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some("is not HTTP; it should begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("holds credentials; give them to the provider instead");
    }
    if url.fragment().is_some() {
        return Some("has a fragment (`#…`), which is never sent; leave it out");
    }
    if url.scheme() == "http" && plain == Plain::OnThisMachine && !is_this_machine(url) {
        return Some("is plain HTTP, which anyone on the way can read; use https://");
    }
    None
}

/// A loopback address, or the name that always stands for one (RFC 6761 §6.3), with or without the
/// root's dot. Names that merely end in `localhost` are not believed: not every resolver knows them.
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    matches!(host, "localhost" | "localhost.")
        || bare.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// As much of a URL as may be shown: neither user and password nor query and fragment. Nothing of what
/// is not HTTP, which may be a secret in the wrong place.
fn shown(url: &Url) -> String {
    match (url.scheme(), url.host_str(), url.port()) {
        (scheme @ ("http" | "https"), Some(host), Some(port)) => {
            format!("{scheme}://{host}:{port}{}", url.path())
        }
        (scheme @ ("http" | "https"), Some(host), None) => {
            format!("{scheme}://{host}{}", url.path())
        }
        _ => "…".into(),
    }
}
