//! A misbehaving server, a provider that asks it, and a site behind that provider.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use keycap::budget::{AccountSpec, ChainSpec, Retention};
use keycap::clerk::HttpSettings;
use keycap::verify::{KeyTable, KeyTableBuilder};
use keycap::{
    Guard, Identity, IdentityProvider, Limit, ManualClock, MemoryLedger, TemplateError,
    subject_account, usd,
};
use keycap_standins::faults::{Fault, Server};
use keycap_tests::wire::{Request, Response, answer};
use keycap_tests::{App, Framework, NOW, Route, Site, Work};

use crate::peer::Peer;

/// How long a verified key is believed, and a rejected one.
pub(crate) const TTL: Duration = Duration::from_secs(60);
pub(crate) const REJECTED_TTL: Duration = Duration::from_secs(5);
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) server: Server,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) provider: Arc<dyn IdentityProvider>,
}

impl World {
    pub(crate) async fn new(peer: &Peer, fault: Fault) -> Self {
        Self::named("remote", peer, fault, patient()).await
    }

    pub(crate) async fn named(name: &str, peer: &Peer, fault: Fault, http: HttpSettings) -> Self {
        let clock = ManualClock::at(NOW);
        let server = Server::start(fault).await;
        let ledger = Arc::new(MemoryLedger::with_clock(clock.clone(), Retention::default()));
        let provider = peer.provider(name, &server.origin(), &clock, http);
        Self { clock, server, ledger, provider }
    }

    /// An application whose `/chat` costs a cent: two of them a day, or five with the plan `pro`.
    pub(crate) fn app(&self, table: KeyTableBuilder) -> App {
        let (provider, ledger) = (Arc::clone(&self.provider), Arc::clone(&self.ledger));
        let clock = self.clock.clone();
        App::default()
            .gate(move |gate| {
                gate.provider(Arc::clone(&provider))
                    .ledger(Arc::clone(&ledger))
                    .clock(clock.clone())
                    .live_keys(table.clone())
                    .template_fn(|identity| ready(by_plan(&identity)))
                    .reapply_template()
            })
            .route(Route::guarded("/chat", Guard::fixed(usd!(0.01)), Work::Track(usd!(0.01))))
            .route(Route::guarded("/me", Guard::free(), Work::Show))
    }

    pub(crate) async fn site(&self, framework: Framework) -> Site {
        self.app(table()).on(framework).await
    }
}

/// Our terms: a customer's plan is in the claims, under whatever the provider calls them.
fn by_plan(identity: &Identity) -> Result<ChainSpec, TemplateError> {
    let plan = identity.claims.get("plan").and_then(|plan| plan.as_str());
    let limit = match plan {
        Some("pro") => "$0.05 per day",
        _ => "$0.02 per day",
    };
    let limit: Limit = limit.parse().map_err(TemplateError::new)?;
    let account = AccountSpec::new(subject_account(identity)?);
    Ok(ChainSpec::of(account.limit(limit).map_err(TemplateError::new)?))
}

pub(crate) fn table() -> KeyTableBuilder {
    KeyTable::builder().live_ttl(TTL).rejected_ttl(REJECTED_TTL)
}

/// One attempt, of long enough for a busy machine, and a circuit that stays closed.
pub(crate) fn patient() -> HttpSettings {
    HttpSettings::new().attempts(1).circuit_failures(1_000)
}

pub(crate) async fn ask(site: &Site, path: &'static str, secret: &str) -> Response {
    answer(site.address, &Request::get(path).bearer(secret)).await
}

#[track_caller]
pub(crate) fn assert_refused(answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{answer:?}");
}

/// Nobody could be asked: the caller is to come back, and nothing is said about the key.
#[track_caller]
pub(crate) fn assert_unavailable(answer: &Response) {
    assert_refused(answer, 503, "auth_unavailable");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None, "it says nothing about the key");
}

/// Runs a test for each provider on a site of each framework; the server first does `fault`.
pub(crate) async fn for_each(
    fault: impl Fn(&Peer) -> Fault,
    test: impl AsyncFn(&Peer, &World, Framework),
) {
    for peer in Peer::all() {
        for framework in Framework::ALL {
            println!("{peer}, {framework}");
            test(&peer, &World::new(&peer, fault(&peer)).await, framework).await;
        }
    }
}
