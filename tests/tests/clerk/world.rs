//! A stand-in for Clerk, a provider that asks it, a ledger, and sites that share both.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use keycap::budget::{AccountSpec, ChainSpec, Counter, Retention};
use keycap::clerk::{Clerk, ClerkBuilder};
use keycap::verify::{KeyTable, KeyTableBuilder};
use keycap::{
    AccountId, Guard, Identity, IdentityProvider, Ledger, Limit, ManualClock, MemoryLedger,
    TemplateError, usd,
};
use keycap_standins::clerk::{Ended, Instance, SECRET_KEY, Setup};
use keycap_tests::wire::{Request, Response, answer};
use keycap_tests::{App, Framework, NOW, Route, Site, Work};

/// How long a verified key is believed, and a rejected one.
pub(crate) const TTL: Duration = Duration::from_secs(60);
pub(crate) const REJECTED_TTL: Duration = Duration::from_secs(5);

/// Which accounts an identity spends from.
pub(crate) type Terms = fn(&Identity) -> Result<ChainSpec, TemplateError>;

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) at: Instance,
    pub(crate) ledger: Arc<MemoryLedger>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::where_ended(Ended::Shown).await
    }

    pub(crate) async fn where_ended(ended: Ended) -> Self {
        let clock = ManualClock::at(NOW);
        let at = Setup::default().clock(clock.clone()).ended(ended).start().await;
        let ledger = MemoryLedger::with_clock(clock.clone(), Retention::default());
        Self { clock, at, ledger: Arc::new(ledger) }
    }

    pub(crate) fn provider(&self) -> Arc<Clerk> {
        Arc::new(self.provider_builder().build().unwrap())
    }

    pub(crate) fn provider_builder(&self) -> ClerkBuilder {
        Clerk::secret_key(SECRET_KEY).api_url(self.at.url()).clock(self.clock.clone())
    }

    /// An application with this provider and these terms: `/chat` costs one cent, `/admin` asks for a
    /// scope, `/me` is free.
    pub(crate) fn app(&self, provider: &Arc<impl IdentityProvider + 'static>, terms: Terms) -> App {
        app(provider, &self.ledger, &self.clock, terms)
    }

    /// The counter of an account's only limit.
    pub(crate) async fn counter(&self, account: &str) -> Counter {
        let rows = self.ledger.snapshot().await.unwrap();
        let mut counters = rows.counters.iter().filter(|(key, _)| key.account.as_str() == account);
        let counter =
            counters.next().unwrap_or_else(|| panic!("no {account}: {:?}", rows.accounts));
        assert!(counters.next().is_none(), "{account} has more than one");
        counter.1
    }

    /// What an account has spent, in cents.
    pub(crate) async fn cents(&self, account: &str) -> u128 {
        let spent = u128::try_from(self.counter(account).await.spent.units()).unwrap();
        assert_eq!(spent % 10_000_000, 0, "whole cents");
        spent / 10_000_000
    }

    pub(crate) async fn accounts(&self) -> Vec<String> {
        let rows = self.ledger.snapshot().await.unwrap();
        rows.accounts.iter().map(|account| account.id.to_string()).collect()
    }
}

pub(crate) fn app(
    provider: &Arc<impl IdentityProvider + 'static>,
    ledger: &Arc<MemoryLedger>,
    clock: &ManualClock,
    terms: Terms,
) -> App {
    let (provider, ledger, clock) = (Arc::clone(provider), Arc::clone(ledger), clock.clone());
    App::default()
        .gate(move |gate| {
            gate.provider(Arc::clone(&provider))
                .ledger(Arc::clone(&ledger))
                .clock(clock.clone())
                .live_keys(table())
                .template_fn(move |identity| ready(terms(&identity)))
                .reapply_template()
        })
        .route(Route::guarded("/chat", Guard::fixed(usd!(0.01)), Work::Track(usd!(0.01))))
        .route(Route::guarded("/admin", Guard::free().scope("admin"), Work::Show))
        .route(Route::guarded("/me", Guard::free(), Work::Show))
}

fn table() -> KeyTableBuilder {
    KeyTable::builder().live_ttl(TTL).rejected_ttl(REJECTED_TTL)
}

/// An account with this limit.
pub(crate) fn capped(account: AccountId, limit: &str) -> Result<AccountSpec, TemplateError> {
    let limit: Limit = limit.parse().map_err(TemplateError::new)?;
    AccountSpec::new(account).limit(limit).map_err(TemplateError::new)
}

pub(crate) async fn chat(site: &Site, secret: &str) -> Response {
    answer(site.address, &Request::post("/chat").bearer(secret)).await
}

#[track_caller]
pub(crate) fn assert_refused(answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{answer:?}");
}

/// Runs a test on a site of each framework, in a world of its own.
pub(crate) async fn on_both(terms: Terms, test: impl AsyncFn(&World, &Site)) {
    for framework in Framework::ALL {
        println!("{framework}");
        let world = World::new().await;
        let site = world.app(&world.provider(), terms).on(framework).await;
        test(&world, &site).await;
        site.close().await;
    }
}
