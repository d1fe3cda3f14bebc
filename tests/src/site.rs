//! A test application that is being served.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keycap::budget::{Charge, Counter, Retention, Snapshot, audit};
use keycap::sqlite::SqliteStore;
use keycap::verify::Import;
use keycap::{
    AccountId, Gate, IssuedKeys, KeyRecord, Ledger, ManualClock, MemoryKeyStore, MemoryLedger,
    Secret, TemplateError, Timestamp,
};
use tempfile::TempDir;

use crate::doubles::{SlowAnswers, Switch, WaywardLedger, WaywardProvider};
use crate::serve::Server;
use crate::wait::eventually;
use crate::wire::{self, Request, Response};
use crate::{App, Framework, Latch, Store};

/// What the clock of every site shows at first: 2026-03-10T12:00:00Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

/// The name of a key; its secret is derived from it.
pub type KeyName = &'static str;

/// A test application that is being served, and all its parts.
pub struct Site {
    /// Who serves it.
    pub framework: Framework,
    /// Where.
    pub address: SocketAddr,
    /// The time of its gate and its ledger.
    pub clock: ManualClock,
    /// Its gate.
    pub gate: Gate,
    /// Its ledger, without the double round it.
    pub ledger: Arc<dyn Ledger>,
    /// Its keys.
    pub keys: IssuedKeys,
    /// The double round its key store.
    pub key_store: Arc<SlowAnswers<MemoryKeyStore>>,
    /// The switch of its provider.
    pub provider: Switch,
    /// The switch of its ledger.
    pub ledger_switch: Switch,
    /// The door that handlers may stop at.
    pub latch: Latch,
    records: Vec<(KeyName, KeyRecord)>,
    store: Option<SqliteStore>,
    directory: TempDir,
    _server: Server,
}

impl Site {
    pub(crate) async fn open(app: &App, framework: Framework) -> Self {
        let clock = ManualClock::at(NOW);
        let directory = tempfile::tempdir().unwrap();
        let store = match app.store {
            Store::Memory => None,
            Store::Sqlite => Some(sqlite(&directory, &clock).await),
        };
        let ledger: Arc<dyn Ledger> = match &store {
            Some(store) => Arc::new(store.clone()),
            None => Arc::new(MemoryLedger::with_clock(clock.clone(), Retention::default())),
        };
        let key_store = Arc::new(SlowAnswers::new(MemoryKeyStore::default()));
        let keys = IssuedKeys::builder(key_store.clone()).clock(clock.clone()).foreign_keys();
        let keys = keys.build().unwrap();
        let records = import(&keys, app).await;
        let (provider, ledger_switch) = (Switch::default(), Switch::default());
        let accounts = app.clone();
        let builder = Gate::builder()
            .ledger(WaywardLedger { inner: ledger.clone(), switch: ledger_switch.clone() })
            .provider(WaywardProvider { inner: keys.clone(), switch: provider.clone() })
            .clock(clock.clone())
            .template_fn(move |identity| {
                let owner = AccountId::new(identity.subject.id()).map_err(TemplateError::new);
                std::future::ready(owner.map(|account| accounts.chain(account)))
            });
        let gate = (app.configure)(builder).build().unwrap();
        let server = Server::start(framework, &gate, app).await;
        Self {
            framework,
            address: server.address,
            clock,
            gate,
            ledger,
            keys,
            key_store,
            provider,
            ledger_switch,
            latch: app.latch.clone(),
            records,
            store,
            directory,
            _server: server,
        }
    }

    /// The secret of the key with this name.
    #[must_use]
    pub fn secret(name: KeyName) -> String {
        format!("tested-{name}-0123456789abcdefghijklmnopqrstuvwxyz")
    }

    /// The stored row of the key with this name.
    #[must_use]
    pub fn record(&self, name: KeyName) -> &KeyRecord {
        let found = self.records.iter().find(|(known, _)| *known == name);
        &found.expect("a key of the application").1
    }

    /// Sends a request with this key on a connection of its own.
    pub async fn ask(&self, name: KeyName, request: Request) -> Option<Response> {
        wire::ask(self.address, &request.bearer(&Self::secret(name))).await
    }

    /// As [`ask`](Self::ask), where there must be an answer.
    pub async fn answer(&self, name: KeyName, request: Request) -> Response {
        wire::answer(self.address, &request.bearer(&Self::secret(name))).await
    }

    /// The counter of an account's only limit in its only window.
    pub async fn counter(&self, account: &str) -> Counter {
        let snapshot = self.ledger.snapshot().await.unwrap();
        let of = |(key, _): &&(keycap::budget::CounterKey, _)| key.account.as_str() == account;
        let found: Vec<_> = snapshot.counters.iter().filter(of).collect();
        assert!(found.len() <= 1, "{account} has {} counters", found.len());
        let known = |row: &keycap::budget::Account| row.id.as_str() == account;
        let is_known = snapshot.accounts.is_empty() || snapshot.accounts.iter().any(known);
        assert!(is_known, "no account {account}, but {:?}", snapshot.accounts);
        found.first().map(|(_, counter)| *counter).unwrap_or_default()
    }

    /// An account's charges, oldest first.
    pub async fn charges(&self, account: &str) -> Vec<Charge> {
        let account = AccountId::new(account).unwrap();
        let mut charges = self.ledger.charges(&account, None, 1_000).await.unwrap();
        charges.reverse();
        charges
    }

    /// Shuts the gate down: what its requests cost is settled, and what it leased is given back.
    pub async fn give_back(&self) {
        self.gate.shutdown(Duration::from_secs(10)).await.unwrap();
    }

    /// Waits until nothing is held on any account and returns all rows, which must add up.
    pub async fn quiet(&self) -> Snapshot {
        let snapshot = async || self.ledger.snapshot().await.unwrap();
        let quiet = |rows: &Snapshot| rows.counters.iter().all(|(_, one)| one.held.is_zero());
        let rows = eventually("quiet", snapshot, quiet).await;
        audit(&rows).unwrap();
        rows
    }

    /// The files of the database; none where it is in memory.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Ends the gate, and the store if there is one.
    pub async fn close(self) {
        self.give_back().await;
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

async fn sqlite(directory: &TempDir, clock: &ManualClock) -> SqliteStore {
    let path = directory.path().join("keycap.db");
    SqliteStore::options().clock(clock.clone()).open(path).await.unwrap()
}

async fn import(keys: &IssuedKeys, app: &App) -> Vec<(KeyName, KeyRecord)> {
    let mut records = Vec::new();
    for (name, key) in &app.keys {
        let digest = Secret::parse(Site::secret(name)).unwrap().digest();
        match keys.import(digest, key.clone()).await.unwrap() {
            Import::Imported(record) => records.push((*name, record)),
            Import::Duplicate => panic!("two keys are named {name}"),
        }
    }
    records
}
