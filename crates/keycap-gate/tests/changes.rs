//! What a change to a key or an account does to the next request, and to one that waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use keycap_base::{Clock, ManualClock, Networks, Resources, Scopes};
use keycap_budget::{
    AccountSpec, Amendment, ChainSpec, Ledger, Limits, MemoryLedger, Operation, Retention, Status,
    apply_one, usd,
};
use keycap_gate::{Code, Decision, Gate, Guard, LimitReport};
use keycap_verify::{
    Answer, DEFAULT_LIVE_TTL, DeniedUntil, Identity, IdentityProvider, IssuedKeys, MemoryKeyStore,
    NewKey, Secret, Subject,
};
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

/// Says who presents a secret, all at once when the door opens, and counts how often it was asked.
struct Crowd {
    door: tokio::sync::Barrier,
    asked: AtomicUsize,
    clock: ManualClock,
}

#[async_trait]
impl IdentityProvider for Crowd {
    fn name(&self) -> &str {
        "crowd"
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.asked.load(Ordering::SeqCst) <= MEMBERS * 2 {
            self.door.wait().await;
        }
        let subject = Subject::new("crowd", secret.expose()).unwrap();
        Answer::Known(Identity::new(subject, self.clock.now()))
    }
}

const MEMBERS: usize = 200;

/// A template that says something new of everybody makes every verification amend an account. Each
/// amendment used to overtake all other lookups under way: many gave up, with a 503, and all asked
/// their provider several times.
#[tokio::test]
async fn p4_a_template_that_changes_for_everybody_costs_each_key_one_verification() {
    let clock = ManualClock::at(support::START);
    let (door, asked) = (tokio::sync::Barrier::new(MEMBERS), AtomicUsize::new(0));
    let crowd = Arc::new(Crowd { door, asked, clock: clock.clone() });
    let tier = Arc::new(AtomicUsize::new(1));
    let limit = Arc::clone(&tier);
    let template = move |identity: Identity| {
        let limit = format!("${} per day", limit.load(Ordering::SeqCst)).parse().unwrap();
        let account = keycap_gate::subject_account(&identity);
        std::future::ready(
            account.map(|id| ChainSpec::of(AccountSpec::new(id).limit(limit).unwrap())),
        )
    };
    let (ledger_clock, gate_clock) = (clock.clone(), clock.clone());
    let ledger = MemoryLedger::with_clock(ledger_clock, Retention::default());
    let builder = Gate::builder().ledger(ledger).provider(Arc::clone(&crowd)).clock(gate_clock);
    let gate = builder.template_fn(template).reapply_template().build().unwrap();
    let guarded = gate.guarded(Guard::fixed(usd!(0.01))).unwrap();
    for (dollars, calls) in [(1, MEMBERS), (2, 2 * MEMBERS)] {
        tier.store(dollars, Ordering::SeqCst);
        let requests = (0..MEMBERS).map(|member| {
            let request = Sent(format!("Bearer member-{member}"));
            let guarded = guarded.clone();
            async move { guarded.decide(&request, None).await }
        });
        for decision in futures_util::future::join_all(requests).await {
            let Decision::Admitted(key) = decision else { panic!("{decision:?}") };
            let limits: Vec<_> = key.limits().iter().map(LimitReport::from).collect();
            assert_eq!(limits[0].cap, format!("${dollars}.00"));
            finish(key, 200);
        }
        assert_eq!(crowd.asked.load(Ordering::SeqCst), calls);
        clock.advance(DEFAULT_LIVE_TTL);
    }
}
