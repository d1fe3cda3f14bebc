//! A provider or a ledger that fails, hangs or panics: 503, nothing cached, nothing lost, and all is
//! well as soon as it is well (P2, P6).
#![allow(clippy::unwrap_used, clippy::panic, reason = "how tests fail")]

use std::time::Duration;

use keycap::budget::HoldState;
use keycap::{ChainSpec, Guard, NewKey, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::wire::{Request, Response, ask};
use keycap_tests::{App, Framework, Route, Site, Store, Work};

/// Long enough for a busy machine that is well, short enough to be waited for.
const PATIENCE: Duration = Duration::from_millis(500);

const TROUBLE: [Mood; 3] = [Mood::Failing, Mood::Hanging, Mood::Panicking];

fn app(store: Store) -> App {
    let waiting = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.01))));
    App::limited("$1 per day")
        .store(store)
        .key("bob", NewKey::for_owner("bob"))
        .gate(|gate| {
            gate.verify_timeout(2 * PATIENCE).ledger_timeout(PATIENCE).confirm_timeout(PATIENCE)
        })
        .route(Route::guarded("/chat", Guard::fixed(usd!(0.05)), Work::Track(usd!(0.01))))
        .route(Route::guarded("/me", Guard::free(), Work::Show))
        .route_with_latch(move |latch| {
            Route::guarded("/slow", Guard::fixed(usd!(0.05)), waiting(latch))
        })
}

async fn everywhere(test: impl AsyncFn(&Site, Mood)) {
    for framework in Framework::ALL {
        for store in Store::ALL {
            for mood in TROUBLE {
                println!("{framework}, {store:?}, {mood:?}");
                let site = app(store).on(framework).await;
                test(&site, mood).await;
                site.close().await;
            }
        }
    }
}

async fn chat(site: &Site, name: &'static str) -> Response {
    site.answer(name, Request::post("/chat")).await
}

#[track_caller]
fn assert_unavailable(answer: &Response, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (503, code), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("www-authenticate"), None, "it says nothing about the key");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_provider_in_trouble_is_told_as_unavailable_and_forgotten_once_it_is_well() {
    everywhere(async |site, mood| {
        assert_eq!(chat(site, "bob").await.status(), 200);
        site.provider.set(mood);
        assert_unavailable(&chat(site, "alice").await, "auth_unavailable");
        let unknown = Request::post("/chat").bearer("nobody-issued-this");
        let answer = ask(site.address, &unknown).await.unwrap();
        assert_unavailable(&answer, "auth_unavailable");
        assert_eq!(chat(site, "bob").await.status(), 200, "a key that is known needs no provider");
        site.provider.set(Mood::Well);
        assert_eq!(chat(site, "alice").await.status(), 200, "nothing was cached");
        assert_eq!(ask(site.address, &unknown).await.unwrap().code(), "invalid_key");
    })
    .await;
}

/// A provider may trip over the very bytes of a secret, such as one shorter than its prefix.
#[tokio::test(flavor = "multi_thread")]
async fn p6_a_provider_that_panics_at_the_sight_of_a_secret_is_told_as_unavailable() {
    for framework in Framework::ALL {
        let site = app(Store::Memory).on(framework).await;
        site.provider.set(Mood::PanickingAtOnce);
        assert_unavailable(&chat(&site, "alice").await, "auth_unavailable");
        site.provider.set(Mood::Well);
        assert_eq!(chat(&site, "alice").await.status(), 200);
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_template_that_panics_is_told_as_misconfigured() {
    for framework in Framework::ALL {
        let app = app(Store::Memory).terms(|account| match account.id().as_str() {
            "alice" => panic!("this template was told to panic"),
            _ => ChainSpec::of(account),
        });
        let site = app.on(framework).await;
        let answer = chat(&site, "alice").await;
        assert_eq!((answer.status(), answer.code().as_str()), (500, "misconfigured"));
        assert_eq!(chat(&site, "bob").await.status(), 200, "{framework}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_failing_key_store_is_told_as_unavailable() {
    for framework in Framework::ALL {
        let site = app(Store::Memory).on(framework).await;
        site.key_store.switch.set(Mood::Failing);
        assert_unavailable(&chat(&site, "alice").await, "auth_unavailable");
        site.key_store.switch.set(Mood::Well);
        assert_eq!(chat(&site, "alice").await.status(), 200);
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_ledger_in_trouble_is_told_as_unavailable_and_admits_nobody() {
    everywhere(async |site, mood| {
        assert_eq!(chat(site, "alice").await.status(), 200);
        site.ledger_switch.set(mood);
        assert_unavailable(&chat(site, "alice").await, "ledger_unavailable");
        assert_unavailable(&chat(site, "bob").await, "ledger_unavailable");
        site.ledger_switch.set(Mood::Well);
        assert_eq!(chat(site, "alice").await.status(), 200);
        assert_eq!(chat(site, "bob").await.status(), 200, "nothing was cached");
    })
    .await;
}

/// A ledger that took the hold and then panicked, or whose answer was lost: nobody settles that hold,
/// so the gate gives it back, also where the ledger was asked for an answer at once.
#[tokio::test(flavor = "multi_thread")]
async fn p4_a_hold_whose_answer_was_lost_is_given_back() {
    for framework in Framework::ALL {
        for store in Store::ALL {
            let site = app(store).on(framework).await;
            assert_eq!(chat(&site, "alice").await.status(), 200);
            site.ledger_switch.set(Mood::Mumbling);
            assert_unavailable(&chat(&site, "alice").await, "ledger_unavailable");
            site.ledger_switch.set(Mood::Well);
            let rows = site.quiet().await;
            let ended: Vec<_> = rows.holds.iter().map(|hold| hold.state).collect();
            assert_eq!(ended.len(), 2, "the ledger took the hold: {framework}, {store:?}");
            assert!(!ended.contains(&HoldState::Captured), "{ended:?}");
            assert_eq!(site.counter("alice").await.spent.units(), 10_000_000);
            site.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_p3_a_cost_tracked_while_the_ledger_fails_is_recorded_once_it_is_well() {
    for framework in Framework::ALL {
        for store in Store::ALL {
            for mood in [Mood::Failing, Mood::Stalled, Mood::Panicking] {
                let site = app(store).on(framework).await;
                let request = site.answer("alice", Request::post("/slow"));
                let trouble = async {
                    site.latch.reached(1).await;
                    site.ledger_switch.set(mood);
                    site.latch.open();
                };
                let (answer, ()) = tokio::join!(request, trouble);
                // It is not known to be durable, and the handler says so.
                assert_unavailable(&answer, "ledger_unavailable");
                site.ledger_switch.set(Mood::Well);
                site.quiet().await;
                let spent = site.counter("alice").await.spent.units();
                assert_eq!(spent, 10_000_000, "{framework}, {store:?}, {mood:?}");
                assert_eq!(site.charges("alice").await.len(), 1);
                site.close().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_short_stall_refuses_nobody() {
    for framework in Framework::ALL {
        let site = app(Store::Sqlite).on(framework).await;
        site.provider.set(Mood::Stalled);
        let requests = futures_util::future::join_all((0..20).map(|_| chat(&site, "alice")));
        let recovery = async {
            tokio::task::yield_now().await;
            site.provider.set(Mood::Well);
        };
        let (answers, ()) = tokio::join!(requests, recovery);
        assert!(answers.iter().all(|answer| answer.status() == 200), "{answers:?}");
        site.quiet().await;
        site.close().await;
    }
}
