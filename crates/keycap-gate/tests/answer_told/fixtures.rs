//! A user under a team, their limits, and a refusal of every kind.

use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Resource, Scope, Scopes, Timestamp};
use keycap_budget::{
    Account, AccountId, Amount, Applied, Cause, Chain, Figures, Limit, Meter, Period, Shortfall,
    Standing, Terms,
};
use keycap_gate::{
    Answer, AnswerSettings, Broken, CredentialPlaces, Denial, Invalid, Place, Refusal, answer,
};

pub(crate) const USER: &str = "user_2f7a";
pub(crate) const TEAM: &str = "team_9";

/// 2026-03-01T14:07:12Z: 35,568 seconds before the day ends, 48 before the minute does.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_374_032_000);

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn row(name: &str, parent: Option<&str>, figures: Figures) -> Arc<Account> {
    let terms = Arc::new(Terms { figures, ..Terms::default() });
    let parent = parent.map(account);
    Arc::new(Account {
        id: account(name),
        parent: parent.clone(),
        root: account(TEAM),
        height: 0,
        terms: terms.clone(),
        version: 1,
        opened_at: NOW,
        applied: Applied { terms, parent, asserted_at: NOW },
    })
}

/// The user under the team, with these figures each.
pub(crate) fn chain(user: Figures, team: Figures) -> Chain {
    Chain::new(vec![row(USER, Some(TEAM), user), row(TEAM, None, team)]).unwrap()
}

/// The usual chain: the leaf's figures are shown, the team's are not.
pub(crate) fn usual() -> Chain {
    chain(Figures::LeafOnly, Figures::LeafOnly)
}

/// How a limit of `cap` stands at [`NOW`]. Amounts as text of the meter.
pub(crate) fn standing(owner: &str, meter: Meter, period: &str, figures: [&str; 3]) -> Standing {
    let amount = |text: &str| -> Amount { meter.parse_amount(text).unwrap() };
    let period: Period = period.parse().unwrap();
    let [cap, spent, held] = figures.map(amount);
    Standing {
        account: account(owner),
        window: period.window(NOW),
        limit: Limit::new(meter, cap, period).unwrap(),
        spent,
        held,
        own: Amount::ZERO,
    }
}

/// A refusal by that limit.
pub(crate) fn shortfall(standing: Standing, cause: Cause) -> Shortfall {
    let ends_in = standing.window.end.map(|end| end.since(NOW));
    Shortfall { standing, wanted: Amount::from_units(1), cause, ends_in }
}

/// A refusal of the user by `owner`'s limit on dollars.
pub(crate) fn dollars(owner: &str, period: &str, figures: [&str; 3], cause: Cause) -> Refusal {
    let standing = standing(owner, Meter::USD, period, figures);
    Denial::over_limit(shortfall(standing, cause), &usual()).into()
}

/// A refusal of the user by `owner`'s limit on requests.
pub(crate) fn requests(owner: &str, period: &str, cause: Cause) -> Refusal {
    let standing = standing(owner, Meter::REQUESTS, period, ["60", "60", "0"]);
    Denial::over_limit(shortfall(standing, cause), &usual()).into()
}

pub(crate) fn scopes_missing(required: &[&str], available: &[&str]) -> Refusal {
    let required = required.iter().map(|scope| Scope::new(scope).unwrap()).collect();
    let available = Scopes::of(available).unwrap();
    Denial::InsufficientScope { required, available }.into()
}

/// One refusal for every code, in the order of [`Code::ALL`](keycap_gate::Code::ALL).
pub(crate) fn one_of_each() -> Vec<Refusal> {
    let team = || account(TEAM);
    let resource = Resource::new("gpt-large").unwrap();
    let day = |figures, cause| dollars(USER, "day", figures, cause);
    vec![
        Denial::MissingKey.into(),
        Denial::InvalidKey(Invalid::Unknown).into(),
        Denial::ExpiredKey.into(),
        Denial::RevokedKey.into(),
        Denial::AccountExpired { account: team() }.into(),
        Denial::AmbiguousCredentials.into(),
        Denial::TooManyFailures { retry_after: Duration::from_millis(16_001) }.into(),
        Denial::Suspended { account: team() }.into(),
        Denial::AddressNotAllowed { account: team(), address: None }.into(),
        scopes_missing(&["admin"], &["chat"]),
        Denial::ResourceNotAllowed { account: team(), resource }.into(),
        day(["0.10", "0.03", "0"], Cause::LargerThanCap),
        requests(USER, "minute", Cause::Spent),
        day(["0.10", "0.10", "0"], Cause::Spent),
        day(["0.10", "0.04", "0.06"], Cause::Reserved),
        Broken::auth_unavailable("connection refused").into(),
        Broken::ledger_unavailable("disk full").into(),
        Broken::misconfigured("no layer").into(),
    ]
}

/// Told as most applications tell it: with documented types, in `Authorization` alone.
pub(crate) fn documented() -> AnswerSettings {
    AnswerSettings::default().types_under("https://docs.example.com/errors/").unwrap()
}

pub(crate) fn tell(refusal: &Refusal) -> Answer {
    answer(refusal, &documented(), &CredentialPlaces::default())
}

pub(crate) fn bearer_or_header() -> CredentialPlaces {
    CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key").unwrap()]).unwrap()
}

/// The answer as text: status, a line for each header, an empty line, the body.
pub(crate) fn written(answer: &Answer) -> String {
    let lines = answer.headers().iter().map(|(name, value)| format!("{name}: {value}\n"));
    let lines: String = lines.collect();
    format!("{}\n{lines}\n{}", answer.status(), std::str::from_utf8(answer.body()).unwrap())
}
