//! The answers of the old middleware, as `docs/migrating.md` shows them.

use keycap::gate::AnswerError;
use keycap::{Answer, Code, Denial, Refusal};

#[derive(serde::Serialize)]
struct Before<'a> {
    error: &'a str,
    #[serde(flatten)]
    scopes: Option<Needed<'a>>,
}

#[derive(serde::Serialize)]
struct Needed<'a> {
    required: Option<&'a str>,
    available: Option<Vec<&'a str>>,
}

/// Tells what the old middleware had a word for in its words, and all else in ours.
pub(crate) fn as_before(refusal: &Refusal, answer: Answer) -> Result<Answer, AnswerError> {
    let (status, error) = match refusal.code() {
        Code::MissingKey => (401, "Missing API key"),
        Code::InvalidKey | Code::ExpiredKey | Code::RevokedKey => (401, "invalid_key"),
        Code::AccountExpired => (401, "expired"),
        Code::Suspended => (401, "revoked"),
        Code::AuthUnavailable | Code::LedgerUnavailable => (500, "auth_unavailable"),
        same => (answer.status(), same.as_str()),
    };
    let scopes = match refusal {
        Refusal::Denied(Denial::InsufficientScope { required, available }) => Some(Needed {
            required: required.first().map(|scope| scope.as_str()),
            available: available.patterns().map(|all| all.iter().map(|one| one.as_str()).collect()),
        }),
        _ => None,
    };
    let body = serde_json::to_vec(&Before { error, scopes }).unwrap_or_default();
    let answer = answer.with_status(status)?.with_body(body);
    answer.with_header("content-type", "application/json; charset=utf-8")
}
