//! Figures and account ids are shown to those who may see them.

use keycap_budget::{Cause, Chain, Figures, Meter};
use keycap_gate::{Denial, Disclosure, Refusal};
use serde_json::Value;

use crate::fixtures::{TEAM, USER, account, chain, shortfall, standing, tell};

use Disclosure::{Shown, Withheld};

#[test]
fn the_leaf_sees_its_own_figures_and_others_see_what_is_shown() {
    use Figures::{Hidden, LeafOnly, Shown as ToAll};
    for (user, team, users, teams) in [
        (LeafOnly, LeafOnly, Shown, Withheld),
        (LeafOnly, ToAll, Shown, Shown),
        (ToAll, Hidden, Shown, Withheld),
        (Hidden, ToAll, Withheld, Shown),
        (Hidden, Hidden, Withheld, Withheld),
    ] {
        let chain = chain(user, team);
        assert_eq!(Disclosure::of(&account(USER), &chain), users, "{user:?}, {team:?}");
        assert_eq!(Disclosure::of(&account(TEAM), &chain), teams, "{user:?}, {team:?}");
        assert_eq!(Disclosure::of(&account("user_1"), &chain), Withheld);
    }
}

fn limit(owner: &str, chain: &Chain) -> Value {
    let standing = standing(owner, Meter::USD, "day", ["5", "4", "1"]);
    let refusal: Refusal = Denial::over_limit(shortfall(standing, Cause::Spent), chain).into();
    let mut body: Value = serde_json::from_slice(tell(&refusal).body()).unwrap();
    body["limit"].take()
}

#[test]
fn of_an_account_that_is_not_shown_meter_period_and_reset_are_told() {
    let withheld = serde_json::json!({
        "meter": "usd", "period": "day", "resets_at": "2026-03-02T00:00:00Z",
    });
    let ours = chain(Figures::LeafOnly, Figures::LeafOnly);
    assert_eq!(limit(TEAM, &ours), withheld);
    assert_eq!(limit(USER, &chain(Figures::Hidden, Figures::Shown)), withheld);
    assert_eq!(limit(USER, &ours)["account"], USER);
    assert_eq!(limit(TEAM, &chain(Figures::Hidden, Figures::Shown))["spent"], "$4.00");
}
