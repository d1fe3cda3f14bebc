//! Which account pays: templates, chains and what they are evaluated again for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keycap_budget::{AccountId, AccountSpec, ChainSpec, Limit, usd};
use keycap_gate::{Code, Decision, Denial, Disclosure, Guard, Refusal, TemplateError};
use keycap_verify::NewKey;
use parking_lot::Mutex;
use support::{Sent, World, finish};

#[tokio::test]
async fn an_account_shared_by_a_team_caps_all_its_members() {
    let world = World::built(|builder| {
        builder.template_fn(|identity| async move {
            let spec = |name: &str, limit: &str| -> Result<AccountSpec, TemplateError> {
                let id = AccountId::new(name).map_err(TemplateError::new)?;
                let limit = limit.parse::<Limit>().map_err(TemplateError::new)?;
                AccountSpec::new(id).limit(limit).map_err(TemplateError::new)
            };
            let leaf = spec(identity.account.as_deref().unwrap_or("nobody"), "$0.60 per day")?;
            ChainSpec::of(leaf)
                .under(spec("team:core", "$1 per day")?)
                .and_then(|chain| {
                    chain.under(AccountSpec::new(AccountId::new("org:acme").unwrap()))
                })
                .map_err(TemplateError::new)
        })
    })
    .await;
    let mut requests = vec![Sent(world.request.0.clone())];
    for owner in ["bob", "carol"] {
        let minted = world.keys.mint(NewKey::for_owner(owner).own_account()).await.unwrap();
        requests.push(Sent(format!("Bearer {}", minted.secret.expose())));
    }
    let guarded = world.guarded(Guard::fixed(usd!(0.5)));
    let mut codes = Vec::new();
    let mut keys = Vec::new();
    for request in &requests {
        match guarded.decide(request, None).await {
            Decision::Admitted(key) => keys.push(key),
            Decision::Refused(Refusal::Denied(Denial::OverLimit(over))) => {
                assert_eq!(over.disclosure(), Disclosure::Withheld, "the team's figures");
                codes.push(over.code());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((keys.len(), codes), (2, vec![Code::BudgetReserved]));
    assert_eq!(keys[0].limits().len(), 2);
    keys.into_iter().for_each(|key| finish(key, 500));
}

#[tokio::test]
async fn a_template_that_fails_is_misconfigured_and_asked_again() {
    let world = World::built(|builder| {
        let first = Mutex::new(Some(()));
        builder.template_fn(move |identity| {
            let fails = first.lock().take().is_some();
            async move {
                match fails {
                    true => Err(TemplateError::new("no plan on file")),
                    false => {
                        let id = identity.account.as_deref().unwrap_or("nobody");
                        Ok(ChainSpec::of(AccountSpec::new(AccountId::new(id).unwrap())))
                    }
                }
            }
        })
    })
    .await;
    assert_eq!(world.code(Guard::free()).await, Code::Misconfigured);
    finish(world.admitted(Guard::free()).await, 200);
}

#[tokio::test]
async fn a_template_is_evaluated_again_only_if_asked() {
    for (asked, cap) in [("never", "$1.00 per day"), ("always", "$2.00 per day")] {
        let plan = Arc::new(Mutex::new("$1 per day"));
        let told = Arc::clone(&plan);
        let world = World::built(|builder| {
            let builder = builder.template_fn(move |identity| {
                let limit = told.lock().parse().unwrap();
                async move {
                    let id = AccountId::new(identity.account.as_deref().unwrap()).unwrap();
                    AccountSpec::new(id).limit(limit).map(ChainSpec::of).map_err(TemplateError::new)
                }
            });
            if asked == "always" { builder.reapply_template() } else { builder }
        })
        .await;
        finish(world.admitted(Guard::free()).await, 200);
        *plan.lock() = "$2 per day";
        world.clock.advance(Duration::from_secs(61));
        finish(world.admitted(Guard::free()).await, 200);
        let standings = world.gate.standings(&world.account).await.unwrap();
        assert_eq!(standings[0].limit.to_string(), cap);
    }
}

#[tokio::test]
async fn the_longest_owner_there_can_be_has_an_account_too() {
    let world = World::with(&["$1 per day"]).await;
    let owner = "%".repeat(keycap_verify::MAX_NAME_BYTES);
    let minted = world.keys.mint(NewKey::for_owner(owner)).await.unwrap();
    let request = Sent(format!("Bearer {}", minted.secret.expose()));
    let decision = world.guarded(Guard::fixed(usd!(0.01))).decide(&request, None).await;
    assert!(matches!(decision, Decision::Admitted(_)), "{decision:?}");
}
