//! What is decided, and what a handler can then do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use keycap_base::{Labels, Networks, Resources, Scopes};
use keycap_budget::{
    AccountId, AccountSpec, Amendment, Amount, ChainSpec, Claim, HoldId, Ledger, Limit, Limits,
    Meter, NewHold, OnExpiry, Operation, OwnerId, Status, Sweep, apply_one, usd,
};
use keycap_gate::{
    BuildError, Code, Decision, Gate, Guard, Mode, Refusal, TemplateError, Usage, track_usage,
};
use keycap_verify::{IssuedKeys, MemoryKeyStore, NewKey};
use parking_lot::Mutex;
use support::{Sent, World, finish};

fn dollars(text: &str) -> Amount {
    Meter::USD.parse_amount(text).unwrap()
}

#[tokio::test]
async fn p1_a_thousand_requests_at_once_on_a_cap_for_a_hundred_admit_exactly_a_hundred() {
    let world = World::with(&["$1 per day"]).await;
    let guarded = world.guarded(Guard::fixed(usd!(0.01)));
    let all: Vec<_> = (0..1_000).map(|_| guarded.decide(&world.request, None)).collect();
    let mut admitted = 0;
    for decision in futures_util::future::join_all(all).await {
        match decision {
            Decision::Admitted(key) => {
                drop(key.track(usd!(0.01)));
                finish(key, 200);
                admitted += 1;
            }
            Decision::Refused(refusal) => assert_eq!(refusal.code(), Code::BudgetReserved),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(admitted, 100);
    assert_eq!(world.at_rest().await.0, "$1.00");
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::BudgetExceeded);
}

#[tokio::test]
async fn p4_the_refusal_says_whether_the_rest_is_spent_reserved_or_too_small_for_ever() {
    let world = World::with(&["$1 per day"]).await;
    assert_eq!(world.code(Guard::fixed(usd!(1.01))).await, Code::HoldExceedsCap);
    let key = world.admitted(Guard::fixed(usd!(0.8))).await;
    assert_eq!(world.code(Guard::fixed(usd!(0.3))).await, Code::BudgetReserved);
    key.track(usd!(0.8)).await.unwrap();
    finish(key, 200);
    world.at_rest().await;
    assert_eq!(world.code(Guard::fixed(usd!(0.3))).await, Code::BudgetExceeded);
    finish(world.admitted(Guard::fixed(usd!(0.2))).await, 200);
}

#[tokio::test]
async fn a_request_may_wait_for_what_others_have_reserved() {
    let world = Arc::new(World::with(&["$1 per day"]).await);
    let first = world.admitted(Guard::fixed(usd!(1))).await;
    let guarded = world.guarded(Guard::fixed(usd!(0.5)).wait_up_to(Duration::from_secs(20)));
    let waiting = tokio::spawn(guarded.decide(&world.request, None));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    finish(first, 500);
    assert!(matches!(waiting.await.unwrap(), Decision::Admitted(_)));
}

/// A client that sent one request after the other met its own last hold: the answer left before what
/// it had not spent was given back, and near the cap the next request was refused as reserved.
#[tokio::test]
async fn p4_a_client_alone_is_never_in_its_own_way() {
    for guard in [Guard::fixed(usd!(0.02)), Guard::by_handler()] {
        let world = World::with(&["$0.10 per day"]).await;
        for _ in 0..9 {
            let key = world.admitted(guard.clone()).await;
            key.reserve(usd!(0.02)).await.unwrap();
            drop(key.track(usd!(0.01)));
            finish(key, 200);
        }
        assert_eq!(world.code(Guard::fixed(usd!(0.02))).await, Code::BudgetExceeded);
        finish(world.admitted(Guard::fixed(usd!(0.01))).await, 500);
    }
}

#[tokio::test]
async fn by_handler_is_admitted_while_something_is_left_and_reserves_later() {
    let world = World::with(&["$1 per day"]).await;
    let key = world.admitted(Guard::by_handler()).await;
    let refusal = key.reserve(usd!(1.5)).await.unwrap_err();
    assert_eq!(refusal.code(), Code::HoldExceedsCap);
    key.reserve(usd!(0.6)).await.unwrap();
    key.reserve(usd!(0.4)).await.unwrap();
    assert_eq!(world.shown().await.1, "$0.60");
    assert_eq!(key.remaining(&Meter::USD), Some(dollars("$1")));
    key.extend(usd!(0.4)).await.unwrap();
    assert_eq!(world.shown().await.1, "$1.00");
    assert_eq!(key.extend(usd!(0.1)).await.unwrap_err().code(), Code::HoldExceedsCap);
    assert_eq!(world.code(Guard::by_handler()).await, Code::BudgetReserved);
    key.track(usd!(0.9)).await.unwrap();
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.90");
}

#[tokio::test]
async fn remaining_counts_the_requests_own_hold_as_its_own() {
    let world = World::with(&["$0.10 per day"]).await;
    let key = world.admitted(Guard::fixed(usd!(0.02))).await;
    assert_eq!(key.remaining(&Meter::USD), Some(dollars("$0.10")));
    let other = world.admitted(Guard::fixed(usd!(0.03))).await;
    key.track(usd!(0.01)).await.unwrap();
    assert_eq!(key.remaining(&Meter::USD), Some(dollars("$0.06")));
    assert_eq!(key.remaining(&Meter::TOKENS), None);
    finish(other, 500);
    finish(key, 200);
}

#[tokio::test]
async fn an_inner_guard_adds_requirements_and_tops_up_but_holds_nothing_twice() {
    let world = World::with(&["$1 per day", "10 requests per minute"]).await;
    let outer = world.admitted(Guard::fixed(usd!(0.02))).await;
    let inner = world.guarded(Guard::fixed(usd!(0.05)).scope("chat"));
    let Decision::Admitted(key) = inner.decide(&Sent(String::new()), Some(outer.clone())).await
    else {
        panic!("the inner guard refused");
    };
    assert_eq!(world.shown().await.1, "$0.05");
    let admin = world.guarded(Guard::free().scope("admin"));
    let decision = admin.decide(&Sent(String::new()), Some(key.clone())).await;
    assert!(matches!(decision, Decision::Refused(r) if r.code() == Code::InsufficientScope));
    let unguarded = world.guarded(Guard::fixed(usd!(0.01)));
    let _same = unguarded.decide(&Sent(String::new()), Some(key.clone())).await;
    assert_eq!(world.shown().await.1, "$0.05");
    key.track(usd!(0.03)).await.unwrap();
    drop((outer, _same));
    finish(key, 200);
    assert_eq!(world.at_rest().await.0, "$0.03");
    let standings = world.gate.standings(&world.account).await.unwrap();
    assert_eq!(standings[1].spent.units(), 1);
}

#[tokio::test]
async fn an_inner_guard_that_holds_tops_up_an_outer_one_that_is_free() {
    let world = World::with(&["$1 per day"]).await;
    let outer = world.admitted(Guard::free()).await;
    let inner = world.guarded(Guard::priced(usd!(0.05)));
    let Decision::Admitted(key) = inner.decide(&Sent(String::new()), Some(outer.clone())).await
    else {
        panic!("the inner guard refused");
    };
    assert_eq!(world.shown().await.1, "$0.05");
    drop(key);
    finish(outer, 200);
    assert_eq!(world.at_rest().await, ("$0.05".to_owned(), "$0.00".to_owned()));
}

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
            Decision::Refused(refusal) => codes.push(refusal.code()),
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
async fn observe_mode_reports_and_lets_through() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let world = World::built(|builder| {
        builder.limit("$0.01 per day".parse().unwrap()).observe_only().observer(move |report| {
            assert_eq!(report.mode, Mode::ObserveOnly);
            told.lock().push(report.refusal.map(Refusal::code));
        })
    })
    .await;
    let guarded = world.guarded(Guard::fixed(usd!(0.02)));
    let Decision::Observed(Some(key), observation) = guarded.decide(&world.request, None).await
    else {
        panic!("not observed");
    };
    assert_eq!(observation.0.code(), Code::HoldExceedsCap);
    assert_eq!(key.would_refuse().map(Refusal::code), Some(Code::HoldExceedsCap));
    key.track(usd!(0.02)).await.unwrap();
    finish(key, 200);
    let nobody = guarded.decide(&Sent(String::new()), None).await;
    assert!(matches!(nobody, Decision::Observed(None, _)));
    let expected = [Some(Code::HoldExceedsCap), Some(Code::MissingKey)];
    assert_eq!(*seen.lock(), expected);
    assert_eq!(world.at_rest().await.0, "$0.02");
}

#[tokio::test]
async fn a_cost_can_be_reported_from_outside_a_request() {
    let world = World::with(&["$0.10 per day"]).await;
    let early = track_usage(&world.gate, world.account.clone(), usd!(0.01)).await;
    assert!(early.is_err(), "the account was never opened: {early:?}");
    finish(world.admitted(Guard::free()).await, 200);
    let usage = Usage::of(usd!(0.25)).tagged(Labels::of([("job", "nightly")]).unwrap());
    let receipt = track_usage(&world.gate, world.account.clone(), usage).await.unwrap();
    assert_eq!(receipt.fit, keycap_budget::Fit::Over);
    assert_eq!(world.code(Guard::fixed(usd!(0.01))).await, Code::BudgetExceeded);
}

#[tokio::test]
async fn a_subject_pays_from_the_account_that_its_keys_pay_from() {
    let world = World::with(&["$0.10 per day"]).await;
    let minted = world.keys.mint(NewKey::for_owner("bob")).await.unwrap();
    let bob = Sent(format!("Bearer {}", minted.secret.expose()));
    let guarded = world.guarded(Guard::free());
    let Decision::Admitted(key) = guarded.decide(&bob, None).await else { panic!("refused") };
    track_usage(&world.gate, key.subject().clone(), usd!(0.25)).await.unwrap();
    assert!(key.standings().await.unwrap()[0].is_over());
}

#[tokio::test]
async fn p8_only_accounts_marked_visible_show_their_figures() {
    let world = World::with(&["$0.01 per day"]).await;
    let Refusal::Denied(keycap_gate::Denial::OverLimit(over)) =
        world.refused(Guard::fixed(usd!(0.02))).await
    else {
        panic!("not refused by a limit");
    };
    assert_eq!(over.disclosure(), keycap_gate::Disclosure::Shown);
}

#[tokio::test]
async fn what_is_configured_wrongly_fails_when_it_is_built() {
    let keys = || IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().unwrap();
    let ledger = keycap_budget::MemoryLedger::new;
    let full = || Gate::builder().ledger(ledger()).provider(keys());
    assert!(matches!(Gate::builder().provider(keys()).build(), Err(BuildError::NoLedger)));
    assert!(matches!(Gate::builder().ledger(ledger()).build(), Err(BuildError::NoProvider)));
    let twice = full().limit("$1 per day".parse().unwrap()).limit("$2 per day".parse().unwrap());
    assert!(matches!(twice.build(), Err(BuildError::Limit(_))));
    let gate = full().build().unwrap();
    let wrong = [
        Guard::free().scope("two words"),
        Guard::fixed(usd!(0)),
        Guard::priced(usd!(0)),
        Guard::free().resource(""),
    ];
    for guard in wrong {
        let error = gate.guarded(guard).unwrap_err().to_string();
        assert!(error.starts_with("the guard"), "{error}");
    }
    let outside = std::thread::spawn(move || {
        let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().unwrap();
        Gate::builder().ledger(keycap_budget::MemoryLedger::new()).provider(keys).build()
    });
    assert!(matches!(outside.join().unwrap(), Err(BuildError::NoRuntime)));
}

/// Lets the gate's own timers, which run on tokio's paused time, come round.
async fn housekeeping_comes_round() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

#[tokio::test(start_paused = true)]
async fn holds_of_living_requests_are_renewed_dead_ones_swept_and_late_costs_put_right() {
    let world = World::built(|builder| {
        builder.limit("$1 per day".parse().unwrap()).hold_life(Duration::from_secs(3))
    })
    .await;
    let key = world.admitted(Guard::fixed(usd!(0.5))).await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(2));
        housekeeping_comes_round().await;
    }
    assert_eq!(world.shown().await, ("$0.00".to_owned(), "$0.50".to_owned()));
    world.ledger.set(support::Mood::Fails);
    world.clock.advance(Duration::from_secs(4));
    housekeeping_comes_round().await;
    let sweep = Operation::Sweep(Sweep::Expired);
    apply_one(&world.ledger.inner, sweep).await.unwrap().unwrap();
    world.ledger.set(support::Mood::Well);
    assert_eq!(world.shown().await, ("$0.50".to_owned(), "$0.00".to_owned()));
    key.track(usd!(0.1)).await.unwrap();
    finish(key, 200);
    let settled = async {
        while world.shown().await.0 != "$0.10" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn holds_that_nobody_ends_are_swept_by_the_gate_itself() {
    let world = World::with(&["$1 per day"]).await;
    finish(world.admitted(Guard::free()).await, 200);
    let orphan = Operation::Hold(NewHold {
        id: HoldId::generate(support::START),
        account: world.account.clone(),
        claim: Claim::Chain(usd!(0.3).into()),
        owner: OwnerId::generate(support::START),
        life: Duration::from_secs(60),
        on_expiry: OnExpiry::Capture,
        exposure: None,
    });
    apply_one(&world.ledger.inner, orphan).await.unwrap().unwrap();
    world.clock.advance(Duration::from_secs(60));
    housekeeping_comes_round().await;
    assert_eq!(world.shown().await, ("$0.30".to_owned(), "$0.00".to_owned()));
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

/// How long a request waits was told by the clock: set back, it made the wait as much longer.
#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_does_not_make_a_wait_longer() {
    let world = World::with(&["$1 per day"]).await;
    let first = world.admitted(Guard::fixed(usd!(1))).await;
    let waits = Guard::fixed(usd!(0.5)).wait_up_to(Duration::from_secs(20));
    let refused = tokio::time::timeout(Duration::from_secs(21), world.code(waits)).await;
    assert_eq!(refused.unwrap(), Code::BudgetReserved);
    finish(first, 500);
}

/// In observe mode a reservation in the handler was refused all the same, and nobody was told.
#[tokio::test]
async fn observe_mode_lets_reservations_through_and_counts_requests() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let world = World::built(|builder| {
        let limits = ["$0.01 per day", "8 requests per day"];
        let builder = limits.iter().fold(builder, |b, limit| b.limit(limit.parse().unwrap()));
        builder.observe_only().observer(move |report| {
            told.lock().push(report.refusal.map(Refusal::code));
        })
    })
    .await;
    let key = world.admitted(Guard::by_handler()).await;
    key.reserve(usd!(0.02)).await.unwrap();
    key.track(usd!(0.02)).await.unwrap();
    finish(key, 200);
    world.at_rest().await;
    let decision = world.guarded(Guard::by_handler()).decide(&world.request, None).await;
    let Decision::Observed(Some(key), _) = decision else { panic!("not observed") };
    finish(key, 200);
    world.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    let expected = [None, Some(Code::HoldExceedsCap), Some(Code::BudgetExceeded)];
    assert_eq!(*seen.lock(), expected);
    let standings = world.ledger.inner.standings(&world.account).await.unwrap();
    assert_eq!(standings[1].spent.units(), 2);
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
