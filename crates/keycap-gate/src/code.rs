//! The closed set of refusals, and how each one is told.

use std::fmt;

/// Why a request was refused, as callers see it in the member `error`. The set is closed, and a code
/// never changes its meaning.
///
/// In the order of precedence: the first condition that applies is the one that is told.
///
/// ```
/// use keycap_gate::Code;
///
/// assert_eq!(Code::BudgetExceeded.as_str(), "budget_exceeded");
/// assert_eq!(Code::BudgetExceeded.status(), 429);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The request carries no key.
    MissingKey,
    /// The key is malformed or not known.
    InvalidKey,
    /// The key is known and has expired.
    ExpiredKey,
    /// The key is known and was revoked.
    RevokedKey,
    /// An account of the chain has expired.
    AccountExpired,
    /// The request carries more than one credential.
    AmbiguousCredentials,
    /// Too many bad keys came from the address.
    TooManyFailures,
    /// An account of the chain is suspended.
    Suspended,
    /// The address is not one that the key may be used from.
    AddressNotAllowed,
    /// A scope is missing.
    InsufficientScope,
    /// The model, tool or other resource may not be used.
    ResourceNotAllowed,
    /// The hold is larger than the cap.
    HoldExceedsCap,
    /// A limit with a period of an hour or less is used up.
    RateLimited,
    /// Any other limit is spent.
    BudgetExceeded,
    /// Requests in flight hold what is left.
    BudgetReserved,
    /// The key could not be checked.
    AuthUnavailable,
    /// The ledger could not answer.
    LedgerUnavailable,
    /// The application is put together wrongly.
    Misconfigured,
}

/// How a code is told.
struct Row {
    name: &'static str,
    status: u16,
    title: &'static str,
    detail: &'static str,
}

const fn row(name: &'static str, status: u16, title: &'static str, detail: &'static str) -> Row {
    Row { name, status, title, detail }
}

impl Code {
    /// Every code, in the order of precedence.
    pub const ALL: [Self; 18] = [
        Self::MissingKey,
        Self::InvalidKey,
        Self::ExpiredKey,
        Self::RevokedKey,
        Self::AccountExpired,
        Self::AmbiguousCredentials,
        Self::TooManyFailures,
        Self::Suspended,
        Self::AddressNotAllowed,
        Self::InsufficientScope,
        Self::ResourceNotAllowed,
        Self::HoldExceedsCap,
        Self::RateLimited,
        Self::BudgetExceeded,
        Self::BudgetReserved,
        Self::AuthUnavailable,
        Self::LedgerUnavailable,
        Self::Misconfigured,
    ];

    #[rustfmt::skip]
    const fn row(self) -> Row {
        match self {
            Self::MissingKey => row("missing_key", 401, "API key missing",
                "This request needs an API key."),
            Self::InvalidKey => row("invalid_key", 401, "API key not valid",
                "This API key is not valid."),
            Self::ExpiredKey => row("expired_key", 401, "API key expired",
                "This API key has expired."),
            Self::RevokedKey => row("revoked_key", 401, "API key revoked",
                "This API key has been revoked."),
            Self::AccountExpired => row("account_expired", 403, "Account expired",
                "The account behind this API key has expired."),
            Self::AmbiguousCredentials => row("ambiguous_credentials", 400, "More than one credential",
                "This request carries more than one API key; send exactly one."),
            Self::TooManyFailures => row("too_many_failures", 429, "Too many failed attempts",
                "Too many failed attempts from this address; try again later."),
            Self::Suspended => row("suspended", 403, "Account suspended",
                "The account behind this API key is suspended."),
            Self::AddressNotAllowed => row("address_not_allowed", 403, "Address not allowed",
                "This API key may not be used from this address."),
            Self::InsufficientScope => row("insufficient_scope", 403, "Scope missing",
                "This request needs a scope that this API key does not have."),
            Self::ResourceNotAllowed => row("resource_not_allowed", 403, "Resource not allowed",
                "This API key may not use the requested resource."),
            Self::HoldExceedsCap => row("hold_exceeds_cap", 429, "Larger than the cap",
                "This request sets aside more than its limit allows in a whole period."),
            Self::RateLimited => row("rate_limited", 429, "Rate limit reached",
                "This API key has reached a rate limit; try again when the window ends."),
            Self::BudgetExceeded => row("budget_exceeded", 429, "Budget spent",
                "The budget of this API key is spent for this period."),
            Self::BudgetReserved => row("budget_reserved", 429, "Budget reserved",
                "Requests in flight have set aside what is left of this budget; try again shortly."),
            Self::AuthUnavailable => row("auth_unavailable", 503, "Key verification unavailable",
                "API keys cannot be verified at the moment; try again shortly."),
            Self::LedgerUnavailable => row("ledger_unavailable", 503, "Budget check unavailable",
                "Budgets cannot be checked at the moment; try again shortly."),
            Self::Misconfigured => row("misconfigured", 500, "Service misconfigured",
                "This service is misconfigured; its operator has the details."),
        }
    }

    /// The code as it is sent: `budget_exceeded`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The HTTP status. For [`Code::BudgetExceeded`] the application may prefer
    /// [another](crate::BudgetStatus).
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// A few words for people. The wording may change.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// A sentence for people. The wording may change.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.row().detail
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
