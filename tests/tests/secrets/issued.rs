//! Keycap's own keys: in no log line, no answer, no database and no `Debug`.

use std::fmt::Debug;

use keycap::gate::Credential;
use keycap::verify::{Answer, IdentityProvider as _, KeyStore as _};
use keycap::{CredentialPlaces, Guard, KeyFormat, NewKey, Place, Secret, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::log::Log;
use keycap_tests::wire::{Request, Response, Wire, ask};
use keycap_tests::{App, Framework, Route, Site, Store, StreamEnd, Work};

/// Every secret that the script sends, under a name to report it by.
fn sent() -> Vec<(&'static str, String)> {
    let minted = KeyFormat::new("unknown").unwrap().mint().unwrap();
    vec![
        ("alice's", Site::secret("alice")),
        ("a revoked one", Site::secret("revoked")),
        ("an expired one", Site::secret("expired")),
        ("one of the format that nobody issued", minted.expose().to_owned()),
        ("one that nobody issued", Site::secret("nobody")),
        ("a malformed one", "tested-malformed\"0123456789abcdefghijklmnopqrstuvwxyz".to_owned()),
    ]
}

fn app(store: Store) -> App {
    let places = CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key").unwrap()]);
    App::limited("$0.10 per day")
        .store(store)
        .key("revoked", NewKey::for_owner("alice"))
        .key("expired", NewKey::for_owner("alice").expires_at(keycap_tests::NOW))
        .gate(move |gate| gate.credentials(places.clone().unwrap()))
        .route(Route::guarded("/chat", Guard::fixed(usd!(0.05)), Work::Track(usd!(0.05))))
        .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Limits))
        .route(Route::guarded("/panic", Guard::free(), Work::Panic))
        .route(Route::guarded("/uncovered", Guard::by_handler(), Work::Track(usd!(0.01))))
        .route(Route::open("/bare", Work::Limits))
        .route_with_latch(|latch| {
            let work = Work::Stream(None, latch, StreamEnd::Fails);
            Route::guarded("/stream", Guard::free(), work)
        })
}

/// Sends every secret everywhere, in all weathers, and returns all answers.
async fn run(site: &Site, secrets: &[(&'static str, String)]) -> Vec<Response> {
    site.latch.open();
    let _ = site.keys.revoke(&site.record("revoked").id).await.unwrap();
    let mut answers = Vec::new();
    for provider in [Mood::Failing, Mood::Panicking, Mood::Well] {
        site.provider.set(provider);
        for (_, secret) in secrets {
            for path in ["/chat", "/admin", "/panic", "/uncovered", "/bare", "/stream", "/none"] {
                for request in [
                    Request::get(path).bearer(secret),
                    Request::get(path).header("X-API-Key", secret),
                    Request::get(path).bearer(secret).header("X-API-Key", secret),
                    Request::get(path).header("Authorization", format!("Basic {secret}")),
                    Request::get(path).header("Authorization", format!("Bearer {secret}, x")),
                ] {
                    answers.extend(ask(site.address, &request).await);
                }
            }
        }
    }
    for ledger in [Mood::Failing, Mood::Panicking] {
        site.ledger_switch.set(ledger);
        answers.extend(site.ask("alice", Request::get("/chat")).await);
    }
    site.ledger_switch.set(Mood::Well);
    leave(site).await;
    answers
}

/// A client that leaves in the middle of its request.
async fn leave(site: &Site) {
    let mut wire = Wire::connect(site.address).await;
    let mut bytes = Request::get("/chat").bearer(&Site::secret("alice")).bytes();
    bytes.truncate(bytes.len() - 4);
    wire.send(&bytes).await.unwrap();
    wire.reset();
}

/// Every form in which a secret must not be seen.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    if let Ok(secret) = Secret::parse(secret) {
        forms.push(secret.digest().to_hex());
        forms.push(secret.digest().to_hex().to_uppercase());
        forms.push(format!("{:?}", secret.digest().as_bytes()));
        forms.push(format!("{:?}", secret.expose().as_bytes()));
    }
    forms
}

#[track_caller]
fn assert_hidden(place: &str, text: &str, secrets: &[(&'static str, String)]) {
    for (name, secret) in secrets {
        for form in forms(secret) {
            if let Some(at) = text.find(&form) {
                let line = text[..at].lines().count();
                panic!("{place} shows {name} key, in line {line}: {form}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_no_secret_is_logged_told_stored_or_shown() {
    let (log, secrets) = (Log::capture(), sent());
    for framework in Framework::ALL {
        for store in Store::ALL {
            let site = app(store).on(framework).await;
            for answer in run(&site, &secrets).await {
                assert_hidden("an answer", &format!("{answer:?}"), &secrets);
                assert_hidden("a body", &String::from_utf8_lossy(&answer.body), &secrets);
            }
            site.quiet().await;
            shows_nothing(&site, &secrets).await;
            assert_eq!(site.files().is_empty(), store == Store::Memory);
            for path in site.files() {
                let bytes = std::fs::read(&path).unwrap();
                assert_hidden("the database", &String::from_utf8_lossy(&bytes), &secrets);
            }
            site.close().await;
        }
    }
    let text = log.text();
    for expected in ["request refused", "request admitted", "cannot decide", "TRACE"] {
        assert!(text.contains(expected), "{expected:?} should have been logged");
    }
    assert_hidden("the log", &text, &secrets);
}

/// The `Debug` of everything that touches a secret.
async fn shows_nothing(site: &Site, secrets: &[(&'static str, String)]) {
    let secret = Secret::parse(Site::secret("alice")).unwrap();
    let answer: Answer = site.keys.verify(&secret).await;
    let record = site.key_store.by_digest(&secret.digest()).await.unwrap();
    let minted = site.keys.mint(NewKey::for_owner("alice")).await.unwrap();
    let shown: [&dyn Debug; 8] = [
        &secret,
        &secret.digest(),
        &Credential::Found(secret.clone()),
        &answer,
        &record,
        &minted,
        &site.gate,
        &site.keys,
    ];
    for shown in shown {
        let text = format!("{shown:?} {shown:#?}");
        assert_hidden("Debug", &text, secrets);
        assert!(!text.contains(minted.secret.expose()), "{text}");
    }
}
