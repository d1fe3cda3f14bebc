//! Accounts under accounts, and what a caller may see of them.

use std::time::Duration;

use keycap::budget::{AccountSpec, ChainSpec};
use keycap::{AccountId, Guard, NewKey, Scopes, usd};
use keycap_tests::wire::Request;
use keycap_tests::{App, Route, Site, Told, Work, same_on_both};

/// Two keys, each with an account of its own under one team's.
fn team() -> App {
    let guard = || Guard::fixed(usd!(0.05)).scope("chat");
    App::default()
        .key("bob", NewKey::for_owner("bob").scopes(["chat", "admin"]))
        .terms(|account| {
            let team = AccountSpec::new(AccountId::new("the-team").unwrap());
            let team = team.scopes(Scopes::of(["chat"]).unwrap());
            let account = account.limit("$0.08 per day".parse().unwrap()).unwrap();
            let team = team.limit("$0.10 per month".parse().unwrap()).unwrap();
            ChainSpec::of(account).under(team).unwrap()
        })
        .route(Route::guarded("/chat", guard(), Work::Track(usd!(0.05))))
        .route(Route::guarded("/admin", guard().scope("admin"), Work::Track(usd!(0.05))))
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_p8_a_teams_cap_binds_all_its_keys_and_its_figures_stay_its_own() {
    let told = same_on_both(team, async |site: &Site| {
        let mut told = Told::default();
        for (label, name) in
            [("alice", "alice"), ("alice again", "alice"), ("bob", "bob"), ("bob again", "bob")]
        {
            told.add(label, site.ask(name, Request::post("/chat")).await);
            site.quiet().await;
        }
        told.add("bob's admin", site.ask("bob", Request::post("/admin")).await);
        site.clock.advance(Duration::from_secs(24 * 60 * 60));
        told.add("alice, next day", site.ask("alice", Request::post("/chat")).await);
        site.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
        told.add("alice, next month", site.ask("alice", Request::post("/chat")).await);
        told
    })
    .await;
    let own = told.answer("alice again").json();
    assert_eq!(own["error"], "budget_exceeded");
    assert_eq!(
        (&own["limit"]["account"], &own["limit"]["cap"]),
        (&"alice".into(), &"$0.08".into())
    );
    assert_eq!(own["limit"]["spent"], "$0.05");
    assert_eq!(told.answer("bob").status(), 200);
    for label in ["bob again", "alice, next day"] {
        let shared = told.answer(label).json();
        assert_eq!(shared["error"], "budget_exceeded", "{label}");
    }
    let shared = told.answer("alice, next day").json();
    assert_eq!(shared["limit"]["period"], "month");
    assert_eq!(shared["limit"]["resets_at"], "2026-04-01T00:00:00Z");
    assert!(!shared.to_string().contains("the-team"), "{shared}");
    assert_eq!(shared["limit"].get("spent"), None, "{shared}");
    assert_eq!(told.answer("alice, next month").status(), 200);
    // The key has the scope; its team does not.
    assert_eq!(told.answer("bob's admin").code(), "insufficient_scope");
}

/// `available` was the key's own list once, also where an account granted less.
#[tokio::test(flavor = "multi_thread")]
async fn p8_the_scopes_that_are_shown_are_those_of_the_whole_chain_alike_in_both() {
    let app = || {
        App::default()
            .key("bob", NewKey::for_owner("bob").scopes(["proxy.*", "usage"]))
            .terms(|account| {
                let team = AccountSpec::new(AccountId::new("team").unwrap());
                let team = team.scopes(Scopes::of(["proxy.*", "admin"]).unwrap());
                let account = account.scopes(Scopes::of(["proxy.chat", "usage"]).unwrap());
                ChainSpec::of(account).under(team).unwrap()
            })
            .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Show))
    };
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        told.add("bob", site.ask("bob", Request::post("/admin")).await);
        told
    })
    .await;
    assert_eq!(told.answer("bob").json()["available"], serde_json::json!(["proxy.chat"]));
}
