//! A cap holds against a thousand concurrent requests, on both adapters and both ledgers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use keycap::{AccountId, AccountSpec, ChainSpec, Guard, NewKey, usd};
use keycap_tests::wire::{Request, Response};
use keycap_tests::{App, Framework, Route, Site, Store, Work, allow_many_connections};

const CONCURRENT: usize = 1_000;

async fn everywhere(app: impl Fn() -> App, test: impl AsyncFn(Site)) {
    allow_many_connections();
    for framework in Framework::ALL {
        for store in Store::ALL {
            println!("{framework}, {store:?}");
            test(app().store(store).on(framework).await).await;
        }
    }
}

/// Sends so many requests at once, each on a connection of its own.
async fn at_once(site: &Site, path: &'static str, count: usize) -> Vec<Response> {
    join_all((0..count).map(|_| site.answer("alice", Request::post(path)))).await
}

fn served(answers: &[Response]) -> usize {
    answers.iter().filter(|answer| answer.status() == 200).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_p4_of_a_thousand_concurrent_requests_exactly_a_hundred_are_served() {
    let route = || Route::guarded("/chat", Guard::fixed(usd!(0.01)), Work::Track(usd!(0.01)));
    let app = || App::limited("$1 per day").route(route());
    everywhere(app, async |site| {
        let answers = at_once(&site, "/chat", CONCURRENT).await;
        assert_eq!(served(&answers), 100);
        for answer in answers.iter().filter(|answer| answer.status() != 200) {
            let code = answer.code();
            assert!(["budget_exceeded", "budget_reserved"].contains(&&*code), "{answer:?}");
        }
        site.quiet().await;
        assert_eq!(site.counter("alice").await.spent.units(), 1_000_000_000);
        assert_eq!(site.charges("alice").await.len(), 100);
        let late = site.answer("alice", Request::post("/chat")).await;
        assert_eq!(late.code(), "budget_exceeded");
        site.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_p4_with_holds_above_the_cost_the_cap_holds_and_can_be_used_up() {
    let route = || Route::guarded("/chat", Guard::fixed(usd!(0.05)), Work::Track(usd!(0.01)));
    let app = || App::limited("$1 per day").route(route());
    everywhere(app, async |site| {
        let over = Arc::new(AtomicBool::new(false));
        let watching = watch_the_cap(&site, Arc::clone(&over));
        let answers = at_once(&site, "/chat", CONCURRENT).await;
        watching.abort();
        assert!(!over.load(Ordering::SeqCst), "spent and held passed the cap");
        let first = served(&answers);
        assert!((20..=96).contains(&first), "at least the holds that fit at once: {first}");
        site.quiet().await;
        let mut all = first;
        loop {
            let answer = site.answer("alice", Request::post("/chat")).await;
            site.quiet().await;
            if answer.status() != 200 {
                assert_eq!(answer.code(), "budget_exceeded");
                break;
            }
            all += 1;
        }
        // While $0.05 were left, a whole hold fitted: $0.96 are spent.
        assert_eq!(all, 96);
        assert_eq!(site.counter("alice").await.spent.units(), 960_000_000);
        site.close().await;
    })
    .await;
}

/// Looks again and again whether more is spent and held than the cap allows.
fn watch_the_cap(site: &Site, over: Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    let ledger = Arc::clone(&site.ledger);
    tokio::spawn(async move {
        let alice = keycap::AccountId::new("alice").unwrap();
        loop {
            for standing in ledger.standings(&alice).await.unwrap() {
                let used = standing.spent.units() + standing.held.units();
                if used > standing.limit.cap().units() {
                    over.store(true, Ordering::SeqCst);
                }
            }
            tokio::task::yield_now().await;
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_p4_the_cap_of_a_team_is_shared_exactly_by_all_its_keys() {
    let route = || Route::guarded("/chat", Guard::fixed(usd!(0.01)), Work::Track(usd!(0.01)));
    let app = || {
        App::default()
            .key("bob", NewKey::for_owner("bob"))
            .terms(|account| {
                let team = AccountSpec::new(AccountId::new("team").unwrap());
                let team = team.limit("$1 per day".parse().unwrap()).unwrap();
                let account = account.limit("$0.70 per day".parse().unwrap()).unwrap();
                ChainSpec::of(account).under(team).unwrap()
            })
            .route(route())
    };
    everywhere(app, async |site| {
        let of = async |name| join_all((0..300).map(|_| site.answer(name, Request::post("/chat"))));
        let (alice, bob) = (of("alice").await, of("bob").await);
        let (alice, bob) = tokio::join!(alice, bob);
        let (alice, bob) = (served(&alice), served(&bob));
        assert!(alice <= 70 && bob <= 70, "{alice} and {bob}");
        assert_eq!(alice + bob, 100);
        site.quiet().await;
        assert_eq!(site.counter("team").await.spent.units(), 1_000_000_000);
        site.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_while_requests_in_flight_hold_the_rest_others_are_told_reserved() {
    let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.10))));
    let slow = move |latch| Route::guarded("/slow", Guard::fixed(usd!(0.10)), work(latch));
    let quick = || Route::guarded("/chat", Guard::fixed(usd!(0.10)), Work::Track(usd!(0.10)));
    let app = || App::limited("$1 per day").route_with_latch(slow).route(quick());
    everywhere(app, async |site| {
        let in_flight = at_once(&site, "/slow", 10);
        let meanwhile = async {
            site.latch.reached(10).await;
            let refused = at_once(&site, "/chat", 50).await;
            site.latch.open();
            refused
        };
        let (in_flight, refused) = tokio::join!(in_flight, meanwhile);
        assert_eq!(served(&in_flight), 10);
        for answer in &refused {
            assert_eq!(answer.code(), "budget_reserved", "{answer:?}");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        site.quiet().await;
        assert_eq!(site.answer("alice", Request::post("/chat")).await.code(), "budget_exceeded");
        site.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_request_that_may_wait_gets_what_others_give_back() {
    let work = |latch| Work::Wait(latch, Box::new(Work::Track(usd!(0.10))));
    let slow = move |latch| Route::guarded("/slow", Guard::fixed(usd!(1)), work(latch));
    let patient = Guard::fixed(usd!(0.10)).wait_up_to(std::time::Duration::from_secs(30));
    let route = move || Route::guarded("/chat", patient.clone(), Work::Track(usd!(0.10)));
    let app = || App::limited("$1 per day").route_with_latch(slow).route(route());
    everywhere(app, async |site| {
        let in_flight = site.answer("alice", Request::post("/slow"));
        let meanwhile = async {
            site.latch.reached(1).await;
            let waiting = at_once(&site, "/chat", 9);
            let opening = async {
                tokio::task::yield_now().await;
                site.latch.open();
            };
            tokio::join!(waiting, opening).0
        };
        let (slow, patient) = tokio::join!(in_flight, meanwhile);
        assert_eq!((slow.status(), served(&patient)), (200, 9));
        site.quiet().await;
        assert_eq!(site.counter("alice").await.spent.units(), 1_000_000_000);
        site.close().await;
    })
    .await;
}
