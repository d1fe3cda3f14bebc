//! The headers of answers.

use std::time::Duration;

use keycap_base::Timestamp;
use keycap_budget::{Chain, Standing};

use super::{AnswerSettings, Header, PROBLEM_JSON, rate_limit_headers};
use crate::credential::Place;
use crate::{Broken, Code, CredentialPlaces, Denial, Refusal};

/// A budget that resets within this time is worth a retry by the client's own means; one that does
/// not is told with `x-should-retry: false`.
pub const SOON: Duration = Duration::from_secs(60);

/// Room for the headers of most refusals.
const USUAL_HEADERS: usize = 4;

/// The headers of a refusal, in their fixed order.
pub(super) fn of(
    refusal: &Refusal,
    settings: &AnswerSettings,
    places: &CredentialPlaces,
) -> Vec<Header> {
    let mut headers = Vec::with_capacity(USUAL_HEADERS);
    headers.push(("content-type".into(), PROBLEM_JSON.into()));
    if let Some(error) = challenge_error(refusal) {
        let challenges = places.iter().map(|place| challenge(place, settings, &error));
        headers.extend(challenges.map(|challenge| ("www-authenticate".into(), challenge.into())));
    }
    if let Some(wait) = retry_after(refusal, settings) {
        headers.push(("retry-after".into(), whole_seconds(wait).to_string().into()));
    }
    if is_retry_pointless(refusal) {
        headers.push(("x-should-retry".into(), "false".into()));
    }
    headers.extend(cache_headers(places));
    headers
}

/// The headers that stand on every admitted response: what caches must know, and how limits on
/// requests stand if the application wants that sent. To be appended to the handler's own.
///
/// `standings` are those of `chain`'s limits, as of `now`.
#[must_use]
pub fn admitted_headers(
    settings: &AnswerSettings,
    places: &CredentialPlaces,
    standings: &[Standing],
    chain: &Chain,
    now: Timestamp,
) -> Vec<Header> {
    let mut headers: Vec<Header> = cache_headers(places).collect();
    if settings.sends_rate_limits() {
        headers.extend(rate_limit_headers(standings, chain, now));
    }
    headers
}

/// Caches tell answers apart by `Authorization` of themselves, by another header only when told to.
fn cache_headers(places: &CredentialPlaces) -> impl Iterator<Item = Header> {
    let names = places.vary().fold(String::new(), |mut names, name| {
        if !names.is_empty() {
            names.push_str(", ");
        }
        names.push_str(name);
        names
    });
    let told = (!names.is_empty())
        .then(|| [("cache-control".into(), "private".into()), ("vary".into(), names.into())]);
    told.into_iter().flatten()
}

/// What a challenge says beside where the credential belongs (RFC 6750 §3).
enum ChallengeError {
    /// Nothing: no credential was sent.
    None,
    Named(&'static str),
    Scope(String),
}

fn challenge_error(refusal: &Refusal) -> Option<ChallengeError> {
    let Refusal::Denied(denial) = refusal else { return None };
    match denial {
        Denial::MissingKey => Some(ChallengeError::None),
        Denial::InvalidKey(_) | Denial::ExpiredKey | Denial::RevokedKey => {
            Some(ChallengeError::Named("invalid_token"))
        }
        Denial::AmbiguousCredentials => Some(ChallengeError::Named("invalid_request")),
        Denial::InsufficientScope { required, .. } => {
            let scopes: Vec<_> = required.iter().map(|scope| scope.as_str()).collect();
            Some(ChallengeError::Scope(scopes.join(" ")))
        }
        _ => None,
    }
}

/// A challenge (RFC 9110 §11.6.1) that names the place. No scheme is registered for keys in a header
/// of their own; `ApiKey` is what is commonly sent. Scopes, realms and names need no escaping: their
/// types exclude quotes and backslashes.
fn challenge(place: &Place, settings: &AnswerSettings, error: &ChallengeError) -> String {
    let scheme = if place.own_header().is_some() { "ApiKey" } else { "Bearer" };
    let (error, scope) = match error {
        ChallengeError::None => (None, None),
        ChallengeError::Named(name) => (Some(*name), None),
        ChallengeError::Scope(scopes) => (Some("insufficient_scope"), Some(&**scopes)),
    };
    let parameters = [
        ("realm", settings.challenge_realm()),
        ("header", place.own_header()),
        ("error", error),
        ("scope", scope),
    ];
    let mut challenge = scheme.to_owned();
    let given = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    for (index, (name, value)) in given.enumerate() {
        challenge.push_str(if index == 0 { " " } else { ", " });
        [*name, "=\"", value, "\""].iter().for_each(|part| challenge.push_str(part));
    }
    challenge
}

fn retry_after(refusal: &Refusal, settings: &AnswerSettings) -> Option<Duration> {
    match refusal {
        Refusal::Denied(denial) => denial.retry_after(),
        Refusal::Broken(broken) => is_outage(broken).then(|| outage_wait(broken, settings)),
    }
}

/// What the application says, or what the provider says if that is longer.
fn outage_wait(broken: &Broken, settings: &AnswerSettings) -> Duration {
    settings.outage_wait().max(broken.retry_after().unwrap_or_default())
}

fn is_outage(broken: &Broken) -> bool {
    matches!(broken.code(), Code::AuthUnavailable | Code::LedgerUnavailable)
}

/// Whether a client that retries by itself, within its usual seconds, would only hammer.
fn is_retry_pointless(refusal: &Refusal) -> bool {
    let Refusal::Denied(Denial::OverLimit(over)) = refusal else { return false };
    match over.code() {
        Code::HoldExceedsCap => true,
        Code::BudgetExceeded => over.retry_after().is_none_or(|wait| wait > SOON),
        _ => false,
    }
}

/// Whole seconds, rounded up, at least 1 (RFC 9110 §10.2.3).
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    let started = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(started).max(1)
}
