//! An application in front of a provider, and everything that it shows and keeps.

use std::sync::Arc;

use keycap::verify::{Answer, KeyTable};
use keycap::{Gate, Guard, IdentityProvider, ManualClock, Secret, usd};
use keycap_tests::doubles::Mood;
use keycap_tests::log::Log;
use keycap_tests::metered::Metered;
use keycap_tests::sought::{Sought, told};
use keycap_tests::wire::{Request, Response, answer, ask};
use keycap_tests::{App, Framework, Route, Site, Store, Work};

/// How long a provider's outage is borne for a key that was known.
pub(crate) const GRACE: std::time::Duration = std::time::Duration::from_secs(300);

pub(crate) type Provider = Arc<dyn IdentityProvider>;

/// An application that asks this provider and keeps its ledger in files.
pub(crate) fn app(provider: &Provider, clock: &ManualClock) -> App {
    let (provider, clock) = (Arc::clone(provider), clock.clone());
    App::limited("$0.50 per day")
        .store(Store::Sqlite)
        .gate(move |gate| {
            gate.provider(Arc::clone(&provider))
                .clock(clock.clone())
                .live_keys(KeyTable::builder().serve_unverified_in_outage(GRACE))
        })
        .route(Route::guarded("/chat", Guard::fixed(usd!(0.05)), Work::Track(usd!(0.05))))
        .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Limits))
        .route(Route::guarded("/panic", Guard::free(), Work::Panic))
}

/// Searches all of it as it comes by, and the rest at the end.
pub(crate) struct Search {
    log: Log,
    metered: Metered,
    pub(crate) sought: Sought,
}

impl Search {
    pub(crate) fn begin(sought: Sought) -> Self {
        Self { log: Log::capture(), metered: Metered::capture(), sought }
    }

    /// Presents this at every route, in the ways that a caller may; returns the plain answer.
    pub(crate) async fn present(&self, site: &Site, secret: &str) -> Response {
        for request in [
            Request::get("/admin").bearer(secret),
            Request::get("/panic").bearer(secret),
            Request::get("/chat").bearer(secret).bearer(secret),
            Request::get("/chat").header("Authorization", format!("Bearer {secret}, x")),
        ] {
            // A panic may end the connection without an answer.
            if let Some(answer) = ask(site.address, &request).await {
                self.answer(&answer);
            }
        }
        self.chat(site, secret).await
    }

    /// Presents this once.
    pub(crate) async fn chat(&self, site: &Site, secret: &str) -> Response {
        let answer = answer(site.address, &Request::post("/chat").bearer(secret)).await;
        self.answer(&answer);
        answer
    }

    #[track_caller]
    pub(crate) fn answer(&self, answer: &Response) {
        let mut text = format!("{answer:?}\n{}\n", answer.line);
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value)));
        }
        text.push_str(&String::from_utf8_lossy(&answer.body));
        self.sought.assert_hidden("an answer", &text);
    }

    /// What the provider itself says of a secret, with all that it carries.
    pub(crate) async fn verdict(&self, provider: &Provider, secret: &str) {
        let secret = Secret::parse(secret).unwrap();
        let answer = provider.verify(&secret).await;
        self.sought.assert_not_in_debug("a provider's answer", &answer);
        if let Answer::Unavailable(unavailable) = &answer {
            self.sought.assert_hidden("why it is unavailable", &told(unavailable));
        }
        provider.housekeep().await;
    }

    /// Lets the ledger fail as well, then searches the gate and the files.
    pub(crate) async fn end(&self, site: Site, secret: &str) {
        for mood in [Mood::Failing, Mood::Panicking] {
            site.ledger_switch.set(mood);
            self.chat(&site, secret).await;
        }
        site.ledger_switch.set(Mood::Well);
        site.quiet().await;
        let gate: &Gate = &site.gate;
        self.sought.assert_not_in_debug("the gate", gate);
        let rows = site.ledger.snapshot().await.unwrap();
        self.sought.assert_not_in_debug("the ledger's rows", &rows);
        let files = site.files();
        assert!(!files.is_empty(), "the ledger is in files");
        for file in files {
            let found = self.sought.find_in_bytes(&std::fs::read(&file).unwrap());
            assert_eq!(found, None, "{}", file.display());
        }
        site.close().await;
    }

    /// Searches the log and the metrics, which must have these words in them.
    #[track_caller]
    pub(crate) fn finish(&self, logged: &[&str], metered: &[&str]) {
        let (log, metrics) = (self.log.text(), self.metered.text());
        for word in logged {
            assert!(log.contains(word), "{word:?} should have been logged");
        }
        for word in metered {
            assert!(metrics.contains(word), "{word:?} should have been metered: {metrics}");
        }
        self.sought.assert_hidden("the log", &log);
        self.sought.assert_hidden("a metric", &metrics);
    }
}

/// Serves it.
pub(crate) async fn serve(provider: &Provider, clock: &ManualClock, on: Framework) -> Site {
    app(provider, clock).on(on).await
}
