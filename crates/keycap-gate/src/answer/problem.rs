//! The body of an answer: a problem document (RFC 9457).

use std::fmt;

use keycap_base::{Scope, Scopes, Timestamp};
use keycap_budget::{Amount, Meter, Period};
use serde::{Serialize, Serializer};

use super::AnswerSettings;
use crate::{Code, Denial, Disclosure, OverLimit, Refusal};

/// Room for most documents, in bytes.
const USUAL_BYTES: usize = 512;

/// The members, in the order they are sent. All is written straight into the document.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: Text<Type<'a>>,
    title: &'static str,
    status: u16,
    detail: &'static str,
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<LimitMember<'a>>,
}

/// Amounts are text, because they are exact and have a unit: `$0.10`, `60 requests`.
#[derive(Serialize)]
struct LimitMember<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    meter: &'a str,
    period: Text<&'a Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<Text<Figure<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<Text<Figure<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<Text<Figure<'a>>>,
    resets_at: Option<Text<jiff::Timestamp>>,
}

/// The document that tells `refusal`.
pub(super) fn body(refusal: &Refusal, settings: &AnswerSettings) -> Vec<u8> {
    let code = refusal.code();
    let status = settings.status(code);
    let (r#type, title) = match settings.type_base() {
        Some(base) => (Type::Under(base, code), code.title()),
        None => (Type::Blank, phrase(status)),
    };
    let plain = Problem {
        r#type: Text(r#type),
        title,
        status,
        detail: code.detail(),
        error: code.as_str(),
        required: None,
        available: None,
        resource: None,
        limit: None,
    };
    match refusal {
        Refusal::Denied(denial) => encode(&plain.of(denial)),
        Refusal::Broken(_) => encode(&plain),
    }
}

#[expect(clippy::expect_used, reason = "texts and numbers under fixed names always encode")]
fn encode(problem: &Problem<'_>) -> Vec<u8> {
    let mut document = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut document, problem)
        .expect("texts and numbers under fixed names always encode");
    document
}

impl<'a> Problem<'a> {
    /// With what a denial adds.
    fn of(self, denial: &'a Denial) -> Self {
        match denial {
            Denial::InsufficientScope { required, available } => Self {
                required: Some(required.iter().map(Scope::as_str).collect()),
                available: Some(granted(available)),
                ..self
            },
            Denial::ResourceNotAllowed { resource, .. } => {
                Self { resource: Some(resource.as_str()), ..self }
            }
            Denial::OverLimit(over) => Self { limit: Some(limit(over)), ..self },
            _ => self,
        }
    }
}

fn granted(scopes: &Scopes) -> Vec<&str> {
    match scopes.patterns() {
        Some(patterns) => patterns.iter().map(|pattern| pattern.as_str()).collect(),
        None => vec!["*"],
    }
}

fn limit(over: &OverLimit) -> LimitMember<'_> {
    let standing = &over.shortfall().standing;
    let key = standing.limit.key();
    let shown = over.disclosure() == Disclosure::Shown;
    let figure = |amount| shown.then_some(Text(Figure { meter: &key.meter, amount }));
    LimitMember {
        account: shown.then(|| standing.account.as_str()),
        meter: key.meter.name(),
        period: Text(&key.period),
        cap: figure(standing.limit.cap()),
        spent: figure(standing.spent),
        remaining: figure(standing.remaining()),
        resets_at: standing.window.end.and_then(instant),
    }
}

/// The instant in UTC (RFC 3339 §5.6); none beyond the year 9999.
fn instant(instant: Timestamp) -> Option<Text<jiff::Timestamp>> {
    jiff::Timestamp::from_millisecond(instant.as_millis()).ok().map(Text)
}

/// What is written as it is shown.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The type of a problem.
enum Type<'a> {
    Blank,
    Under(&'a str, Code),
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("about:blank"),
            Self::Under(base, code) => {
                f.write_str(base)?;
                f.write_str(code.as_str())
            }
        }
    }
}

struct Figure<'a> {
    meter: &'a Meter,
    amount: Amount,
}

impl fmt::Display for Figure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.meter.written(self.amount).fmt(f)
    }
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
