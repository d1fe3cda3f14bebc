//! The body of an answer: a problem document (RFC 9457).

use keycap_base::{Scope, Scopes, Timestamp};
use serde::Serialize;

use super::AnswerSettings;
use crate::{Denial, Disclosure, OverLimit, Refusal};

/// The members, in the order they are sent.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    error: &'static str,
    #[serde(flatten)]
    own: Own<'a>,
}

/// What a code adds.
#[derive(Serialize)]
#[serde(untagged)]
enum Own<'a> {
    Nothing {},
    Scopes { required: Vec<&'a str>, available: Vec<&'a str> },
    Resource { resource: &'a str },
    Limit { limit: LimitMember },
}

#[derive(Serialize)]
struct LimitMember {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    meter: String,
    period: String,
    #[serde(flatten)]
    figures: Option<FiguresMember>,
    resets_at: Option<String>,
}

/// Amounts are text, because they are exact and have a unit: `$0.10`, `60 requests`.
#[derive(Serialize)]
struct FiguresMember {
    cap: String,
    spent: String,
    remaining: String,
}

/// The document that tells `refusal`.
pub(super) fn body(refusal: &Refusal, settings: &AnswerSettings) -> Vec<u8> {
    let code = refusal.code();
    let status = settings.status(code);
    let (r#type, title) = match settings.type_base() {
        Some(base) => (format!("{base}{code}"), code.title()),
        None => ("about:blank".to_owned(), phrase(status)),
    };
    let (detail, error) = (code.detail(), code.as_str());
    let problem = Problem { r#type, title, status, detail, error, own: own(refusal) };
    encode(&problem)
}

#[expect(clippy::expect_used, reason = "texts and numbers under fixed names always encode")]
fn encode(problem: &Problem<'_>) -> Vec<u8> {
    serde_json::to_vec(problem).expect("texts and numbers under fixed names always encode")
}

fn own(refusal: &Refusal) -> Own<'_> {
    let Refusal::Denied(denial) = refusal else { return Own::Nothing {} };
    match denial {
        Denial::InsufficientScope { required, available } => Own::Scopes {
            required: required.iter().map(Scope::as_str).collect(),
            available: granted(available),
        },
        Denial::ResourceNotAllowed { resource, .. } => {
            Own::Resource { resource: resource.as_str() }
        }
        Denial::OverLimit(over) => Own::Limit { limit: limit(over) },
        _ => Own::Nothing {},
    }
}

fn granted(scopes: &Scopes) -> Vec<&str> {
    match scopes.patterns() {
        Some(patterns) => patterns.iter().map(|pattern| pattern.as_str()).collect(),
        None => vec!["*"],
    }
}

fn limit(over: &OverLimit) -> LimitMember {
    let standing = &over.shortfall().standing;
    let key = standing.limit.key();
    let figures = || FiguresMember {
        cap: key.meter.format(standing.limit.cap()),
        spent: key.meter.format(standing.spent),
        remaining: key.meter.format(standing.remaining()),
    };
    let shown = over.disclosure() == Disclosure::Shown;
    LimitMember {
        account: shown.then(|| standing.account.to_string()),
        meter: key.meter.to_string(),
        period: key.period.to_string(),
        figures: shown.then(figures),
        resets_at: standing.window.end.and_then(rfc3339),
    }
}

/// The instant in UTC (RFC 3339 §5.6); none beyond the year 9999.
fn rfc3339(instant: Timestamp) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(instant.as_millis()).ok()?;
    Some(instant.to_string())
}

/// The status phrase (RFC 9110 §15), the title of a problem without a type of its own.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
