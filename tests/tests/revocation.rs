//! A key that is revoked, expires, is suspended or minted, over HTTP (P7).
#![allow(clippy::unwrap_used, clippy::panic, reason = "how tests fail")]

use std::time::Duration;

use keycap::budget::{Amendment, Operation, apply_one};
use keycap::verify::{ExpirySetting, Import, Revocation};
use keycap::{AccountId, Guard, NewKey, Secret, Status, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::wire::{Request, Response};
use keycap_tests::{App, Framework, NOW, Route, Site, Work};

fn app() -> App {
    App::limited("$1 per day")
        .key("brief", NewKey::for_owner("alice").expires_at(NOW.plus(Duration::from_secs(10))))
        .route(Route::guarded("/chat", Guard::fixed(usd!(0.01)), Work::Track(usd!(0.01))))
}

async fn on_both(test: impl AsyncFn(&Site)) {
    for framework in Framework::ALL {
        println!("{framework}");
        let site = app().on(framework).await;
        test(&site).await;
        site.quiet().await;
        site.close().await;
    }
}

async fn chat(site: &Site, name: &'static str) -> Response {
    site.answer(name, Request::post("/chat")).await
}

async fn revoke(site: &Site, name: &'static str) {
    let revoked = site.keys.revoke(&site.record(name).id).await.unwrap();
    assert_eq!(revoked, Revocation::Revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_the_next_request_after_a_revocation_is_refused() {
    on_both(async |site| {
        assert_eq!(chat(site, "alice").await.status(), 200);
        revoke(site, "alice").await;
        let refused = chat(site, "alice").await;
        assert_eq!((refused.status(), refused.code().as_str()), (401, "revoked_key"));
    })
    .await;
}

/// A look-up has read the key's row as valid; then the key is revoked; then the look-up answers.
#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_revoked_during_a_lookup_stays_revoked() {
    on_both(async |site| {
        site.key_store.switch.set(Mood::Stalled);
        let in_flight =
            async { tokio::join!(chat(site, "alice"), chat(site, "alice"), chat(site, "alice")) };
        let revocation = async {
            site.key_store.looked_up(1).await;
            revoke(site, "alice").await;
            site.key_store.switch.set(Mood::Well);
        };
        let ((one, two, three), ()) = tokio::join!(in_flight, revocation);
        for answer in [one, two, three, chat(site, "alice").await] {
            assert_eq!(answer.code(), "revoked_key", "{answer:?}");
        }
        assert_eq!(site.counter("alice").await.spent.units(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_after_a_revocation_no_request_is_served_however_many_are_under_way() {
    on_both(async |site| {
        let flood = async |count: usize| {
            futures_util::future::join_all((0..count).map(|_| chat(site, "alice"))).await
        };
        let revocation = async {
            tokio::task::yield_now().await;
            revoke(site, "alice").await;
            flood(20).await
        };
        let (_, after) = tokio::join!(flood(50), revocation);
        for answer in after {
            assert_eq!(answer.code(), "revoked_key", "{answer:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_ends_at_its_expiry_and_at_once_when_that_is_brought_forward() {
    on_both(async |site| {
        assert_eq!(chat(site, "brief").await.status(), 200);
        site.clock.advance(Duration::from_millis(9_999));
        assert_eq!(chat(site, "brief").await.status(), 200);
        site.clock.advance(Duration::from_millis(1));
        assert_eq!(chat(site, "brief").await.code(), "expired_key");
        assert_eq!(chat(site, "alice").await.status(), 200);
        let id = &site.record("alice").id;
        assert_eq!(site.keys.set_expiry(id, Some(NOW)).await.unwrap(), ExpirySetting::Set);
        assert_eq!(chat(site, "alice").await.code(), "expired_key");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_suspended_account_is_refused_at_once_and_served_at_once_again() {
    on_both(async |site| {
        assert_eq!(chat(site, "alice").await.status(), 200);
        for (status, code) in [(Status::Suspended, "suspended"), (Status::Active, "")] {
            let account = AccountId::new("alice").unwrap();
            let version = site.ledger.chain(&account).await.unwrap().unwrap().leaf().version;
            let amendment = Amendment::new().status(status);
            let amend = Operation::Amend { account, version, amendment };
            apply_one(&*site.ledger, amend).await.unwrap().unwrap();
            assert_eq!(chat(site, "alice").await.code(), code);
        }
    })
    .await;
}

async fn import(site: &Site, name: &'static str) {
    let digest = Secret::parse(Site::secret(name)).unwrap().digest();
    let imported = site.keys.import(digest, NewKey::for_owner("alice")).await.unwrap();
    assert!(matches!(imported, Import::Imported(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_minted_after_its_digest_was_rejected_works_at_once() {
    on_both(async |site| {
        assert_eq!(chat(site, "late").await.code(), "invalid_key");
        assert_eq!(chat(site, "late").await.code(), "invalid_key");
        import(site, "late").await;
        assert_eq!(chat(site, "late").await.status(), 200);
    })
    .await;
}

/// A look-up has found nothing; then the key is minted; then the look-up answers.
#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_minted_during_a_lookup_works_at_once() {
    on_both(async |site| {
        site.key_store.switch.set(Mood::Stalled);
        let minting = async {
            site.key_store.looked_up(1).await;
            import(site, "late").await;
            site.key_store.switch.set(Mood::Well);
        };
        let _either = tokio::join!(chat(site, "late"), minting);
        assert_eq!(chat(site, "late").await.status(), 200);
    })
    .await;
}
