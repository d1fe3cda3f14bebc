//! A limit as an application may show it to its callers.

use keycap_budget::Standing;
use serde::Serialize;

/// How a limit stands, ready to be sent as JSON. Amounts are text, because they are exact and have a
/// unit: `$0.10`, `60 requests`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitReport {
    /// Whose limit.
    pub account: String,
    /// What is counted.
    pub meter: String,
    /// How often it starts anew.
    pub period: String,
    /// The most that may be spent in the window.
    pub cap: String,
    /// What was spent in it.
    pub spent: String,
    /// What requests under way have set aside.
    pub held: String,
    /// What nobody has spent or set aside.
    pub remaining: String,
    /// When the window ends (RFC 3339); none for a lifetime.
    pub resets_at: Option<String>,
}

impl From<&Standing> for LimitReport {
    fn from(standing: &Standing) -> Self {
        let key = standing.limit.key();
        Self {
            account: standing.account.to_string(),
            meter: key.meter.to_string(),
            period: key.period.to_string(),
            cap: key.meter.format(standing.limit.cap()),
            spent: key.meter.format(standing.spent),
            held: key.meter.format(standing.held),
            remaining: key.meter.format(standing.remaining()),
            resets_at: standing.window.end.map(|end| end.to_string()),
        }
    }
}
