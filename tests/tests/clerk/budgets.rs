//! Whose budget a request spends: the application's choice, in its template.

use std::sync::Arc;

use keycap::budget::ChainSpec;
use keycap::{Identity, TemplateError, key_account, organisation_account, subject_account};
use keycap_standins::clerk::{NewApiKey, NewToken, machine, organisation, user};
use keycap_tests::Framework;
use keycap_tests::wire::{Request, answer};

use crate::world::{World, assert_refused, capped, chat, on_both};

fn by_key(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    Ok(ChainSpec::of(capped(key_account(identity)?, "$0.02 per day")?))
}

fn by_subject(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    Ok(ChainSpec::of(capped(subject_account(identity)?, "$0.02 per day")?))
}

/// A key of an organisation has a cap of its own, under the organisation's.
fn by_key_and_organisation(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    let key = capped(key_account(identity)?, "$0.02 per day")?;
    let organisation = capped(organisation_account(identity)?, "$0.03 per day")?;
    ChainSpec::of(key).under(organisation).map_err(TemplateError::new)
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_two_keys_of_one_user_have_a_budget_each_if_budgets_go_by_key() {
    on_both(by_key, async |world, site| {
        let keys = [0, 1].map(|_| world.at.create_key(NewApiKey::of(user("alice"))));
        for key in &keys {
            for _ in 0..2 {
                assert_eq!(chat(site, &key.secret).await.status(), 200);
            }
            assert_refused(&chat(site, &key.secret).await, 429, "budget_exceeded");
            assert_eq!(world.cents(&format!("key:clerk//{}", key.id)).await, 2);
        }
        assert_eq!(world.accounts().await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_two_keys_of_one_user_share_a_budget_if_budgets_go_by_subject() {
    on_both(by_subject, async |world, site| {
        let keys = [0, 1].map(|_| world.at.create_key(NewApiKey::of(user("alice"))));
        for key in &keys {
            assert_eq!(chat(site, &key.secret).await.status(), 200);
        }
        for key in &keys {
            assert_refused(&chat(site, &key.secret).await, 429, "budget_exceeded");
        }
        let other = world.at.create_key(NewApiKey::of(user("bob")));
        assert_eq!(chat(site, &other.secret).await.status(), 200, "another user's is another");
        assert_eq!(world.accounts().await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_keys_of_an_organisation_share_its_budget_and_have_their_own() {
    on_both(by_key_and_organisation, async |world, site| {
        let acme = organisation("acme");
        let [one, two] = [0, 1].map(|_| world.at.create_key(NewApiKey::of(&acme)));
        for _ in 0..2 {
            assert_eq!(chat(site, &one.secret).await.status(), 200);
        }
        assert_refused(&chat(site, &one.secret).await, 429, "budget_exceeded");
        assert_eq!(chat(site, &two.secret).await.status(), 200);
        let spent = chat(site, &two.secret).await;
        assert_refused(&spent, 429, "budget_exceeded");
        assert_eq!(world.cents(&format!("org:clerk//{acme}")).await, 3);
        assert_eq!(world.cents(&format!("key:clerk//{}", two.id)).await, 1);
    })
    .await;
}

/// A token is short-lived: a budget of its own would be a fresh one with every token.
#[tokio::test(flavor = "multi_thread")]
async fn p1_tokens_of_one_machine_share_its_budget_and_have_none_of_their_own() {
    on_both(by_subject, async |world, site| {
        let worker = machine("worker");
        let _key = world.at.add_machine(&worker, &[]);
        for _ in 0..2 {
            let token = world.at.create_token(&worker, NewToken::default());
            assert_eq!(chat(site, &token.secret).await.status(), 200);
        }
        let third = world.at.create_token(&worker, NewToken::default());
        assert_refused(&chat(site, &third.secret).await, 429, "budget_exceeded");
        assert_eq!(world.accounts().await.len(), 1);
    })
    .await;
    on_both(by_key, async |world, site| {
        let worker = machine("worker");
        let _key = world.at.add_machine(&worker, &[]);
        let token = world.at.create_token(&worker, NewToken::default());
        assert_refused(&chat(site, &token.secret).await, 500, "misconfigured");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_granted_literally_and_a_secret_of_another_shape_is_not_asked_about() {
    on_both(by_subject, async |world, site| {
        let admin =
            async |secret: &str| answer(site.address, &Request::get("/admin").bearer(secret)).await;
        let of = |scope: &str| world.at.create_key(NewApiKey::of(user("alice")).scopes([scope]));
        assert_eq!(admin(&of("admin").secret).await.status(), 200);
        assert_refused(&admin(&of("*").secret).await, 403, "insufficient_scope");
        assert_refused(&admin(&of("admin.*").secret).await, 403, "insufficient_scope");
        let asked = world.at.verifications();
        for secret in ["acme_live_1", "oat_1", "sk_test_1", "ak_", "a.b.c"] {
            assert_refused(&chat(site, secret).await, 401, "invalid_key");
        }
        assert_eq!(world.at.verifications(), asked);
    })
    .await;
}

/// With both keys, the machine's is shown for tokens and the instance's for API keys.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_machines_own_key_only_tokens_that_are_meant_for_it_are_valid() {
    for framework in Framework::ALL {
        let world = World::new().await;
        let (worker, called) = (machine("worker"), machine("called"));
        let own = world.at.add_machine(&called, &[]);
        let _worker = world.at.add_machine(&worker, &[&called]);
        let provider = world.provider_builder().machine_secret_key(own).build().unwrap();
        let site = world.app(&Arc::new(provider), by_subject).on(framework).await;
        let key = world.at.create_key(NewApiKey::of(user("alice")));
        assert_eq!(chat(&site, &key.secret).await.status(), 200);
        let meant = world.at.create_token(&worker, NewToken::default());
        assert_eq!(chat(&site, &meant.secret).await.status(), 200);
        let elsewhere = world.at.create_token(&called, NewToken::default());
        assert_refused(&chat(&site, &elsewhere.secret).await, 401, "invalid_key");
        site.close().await;
    }
}
