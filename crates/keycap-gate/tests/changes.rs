//! What a change to a key or an account does to the next request, and to one that waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Networks, Resources, Scopes};
use keycap_budget::{Amendment, Ledger, Limits, Operation, Status, apply_one, usd};
use keycap_gate::{Code, Decision, Guard};
use keycap_verify::{DeniedUntil, IssuedKeys, MemoryKeyStore, NewKey, Secret};
use support::{Sent, World, finish};

async fn amend(world: &World, amendment: Amendment) {
    let chain = world.ledger.inner.chain(&world.account).await.unwrap().unwrap();
    let version = chain.leaf().version;
    let operation = Operation::Amend { account: world.account.clone(), version, amendment };
    apply_one(&world.ledger, operation).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_amendment_is_obeyed_by_the_next_request() {
    let guard = || Guard::fixed(usd!(0.01)).scope("chat").resource("gpt-4o");
    let later = support::START.plus(Duration::from_secs(60));
    let cases = [
        (Amendment::new().status(Status::Suspended), Code::Suspended),
        (Amendment::new().expires_at(Some(support::START)), Code::AccountExpired),
        (Amendment::new().scopes(Scopes::none()), Code::InsufficientScope),
        (Amendment::new().resources(Resources::of(["o1*"]).unwrap()), Code::ResourceNotAllowed),
        (Amendment::new().networks(Networks::of(["10.0.0.0/8"]).unwrap()), Code::AddressNotAllowed),
        (
            Amendment::new().limits(Limits::of(["$0 per day".parse().unwrap()]).unwrap()),
            Code::HoldExceedsCap,
        ),
    ];
    for (amendment, code) in cases {
        let world = World::with(&["$1 per day"]).await;
        finish(world.admitted(guard()).await, 500);
        amend(&world, amendment).await;
        assert_eq!(world.code(guard()).await, code);
        let mended = Amendment::new()
            .status(Status::Active)
            .expires_at(Some(later))
            .scopes(Scopes::all())
            .resources(Resources::all())
            .networks(Networks::all())
            .limits(Limits::none());
        amend(&world, mended).await;
        finish(world.admitted(guard()).await, 500);
    }
}

#[tokio::test]
async fn p7_a_revoked_or_expired_key_is_refused_at_its_next_request() {
    let world = World::with(&["$1 per day"]).await;
    let id = world.admitted(Guard::free()).await.identity().key_id.clone().unwrap();
    let _set = world.keys.set_expiry(&id.parse().unwrap(), Some(support::START)).await.unwrap();
    assert_eq!(world.code(Guard::free()).await, Code::ExpiredKey);
    let _set = world.keys.set_expiry(&id.parse().unwrap(), None).await.unwrap();
    finish(world.admitted(Guard::free()).await, 200);
    let _revoked = world.keys.revoke(&id.parse().unwrap()).await.unwrap();
    assert_eq!(world.code(Guard::free()).await, Code::RevokedKey);
}

/// A request that waited for what others held was admitted on what was known when it came, although
/// its key was revoked, or its account suspended, while it waited.
#[tokio::test]
async fn p7_a_key_revoked_while_its_request_waits_is_refused() {
    let world = World::with(&["$1 per day"]).await;
    let first = world.admitted(Guard::fixed(usd!(1))).await;
    let guarded = world.guarded(Guard::fixed(usd!(0.5)).wait_up_to(Duration::from_secs(20)));
    let waiting = tokio::spawn(guarded.decide(&world.request, None));
    tokio::task::yield_now().await;
    let key_id = first.identity().key_id.as_deref().unwrap();
    let _revoked = world.keys.revoke(&key_id.parse().unwrap()).await.unwrap();
    finish(first, 500);
    assert!(matches!(waiting.await.unwrap(), Decision::Refused(_)));
}

/// A key that was revoked through another handle on the same store was served until the table's memory
/// of it ended: each handle told only its own listeners.
#[tokio::test]
async fn p7_a_key_revoked_through_another_handle_on_the_store_is_refused_at_once() {
    let store = Arc::new(MemoryKeyStore::new());
    let handle = || IssuedKeys::builder(Arc::clone(&store)).build().unwrap();
    let (ours, theirs) = (handle(), handle());
    let world = World::built(|builder| builder.provider(ours.clone())).await;
    let minted = theirs.mint(NewKey::for_owner("acme")).await.unwrap();
    let request = Sent(format!("Bearer {}", minted.secret.expose()));
    let guarded = world.guarded(Guard::free());
    assert!(matches!(guarded.decide(&request, None).await, Decision::Admitted(_)));
    let _revoked = theirs.revoke(&minted.record.id).await.unwrap();
    let decision = guarded.decide(&request, None).await;
    assert!(matches!(decision, Decision::Refused(r) if r.code() == Code::RevokedKey));
}

/// Whatever its provider says: the key of the test is in order and stays so.
#[tokio::test]
async fn p7_a_denied_digest_is_revoked_at_its_next_request_until_it_is_taken_back() {
    let world = World::with(&["$1 per day"]).await;
    finish(world.admitted(Guard::free()).await, 200);
    let secret = world.request.0.strip_prefix("Bearer ").unwrap();
    let digest = Secret::parse(secret).unwrap().digest();
    let until = DeniedUntil::Time(support::START.plus(Duration::from_secs(600)));
    world.gate.deny(&digest, until).unwrap();
    assert_eq!(world.code(Guard::free()).await, Code::RevokedKey);
    world.clock.advance(Duration::from_secs(599));
    assert_eq!(world.code(Guard::free()).await, Code::RevokedKey);
    world.gate.stop_denying(&digest);
    finish(world.admitted(Guard::free()).await, 200);
}
