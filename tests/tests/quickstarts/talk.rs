//! Speaking to a quickstart, and reading what it left.

use std::net::SocketAddr;
use std::path::Path;

use keycap::budget::{Snapshot, audit};
use keycap::sqlite::SqliteStore;
use keycap::{Amount, Ledger as _, Meter};
use keycap_tests::Framework;
use keycap_tests::process::{Quickstart, Start};
use keycap_tests::wait::eventually;
use keycap_tests::wire::{Request, Response, answer};
use tempfile::TempDir;

/// A directory for one quickstart's files.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A quickstart whose database lies in this directory.
pub(crate) fn start(framework: Framework, directory: &TempDir) -> Start {
    let database = directory.path().join("keycap.db");
    Start::new(framework, directory.path()).set("KEYCAP_DB", database.display().to_string())
}

/// A request to `/chat`.
pub(crate) fn chat(key: &str, cost: &str, work_ms: u32) -> Request {
    let body = format!(r#"{{"cost": "{cost}", "work_ms": {work_ms}}}"#);
    Request::post("/chat").bearer(key).json(&body)
}

/// Spends this cost and returns the answer.
pub(crate) async fn spend(quickstart: &Quickstart, cost: &str) -> Response {
    answer(quickstart.address, &chat(&quickstart.key, cost, 0)).await
}

/// Waits until a key holds nothing, and returns its limit: what a request held and did not spend goes
/// back just after its answer.
pub(crate) async fn settled(quickstart: &Quickstart) -> serde_json::Value {
    let shown = async || limit(quickstart.address, &quickstart.key).await;
    eventually("settled", shown, |limit| limit["held"] == "$0.00").await
}

/// The only limit of a key, as `/me` shows it.
pub(crate) async fn limit(address: SocketAddr, key: &str) -> serde_json::Value {
    let answer = answer(address, &Request::get("/me").bearer(key)).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let limits = answer.json()["limits"].as_array().unwrap().clone();
    assert_eq!(limits.len(), 1, "{limits:?}");
    limits[0].clone()
}

/// What is left in a database that nobody uses any more; it must add up.
pub(crate) async fn rows(directory: &Path) -> Snapshot {
    let store = SqliteStore::open(directory.join("keycap.db")).await.unwrap();
    let rows = store.snapshot().await.unwrap();
    audit(&rows).unwrap();
    store.close().await;
    rows
}

/// The account that pays for a key.
pub(crate) async fn account(address: SocketAddr, key: &str) -> String {
    limit(address, key).await["account"].as_str().unwrap().to_owned()
}

/// What an account has spent and holds in all windows, as written: `("$0.01", "$0.00")`.
pub(crate) fn shown(rows: &Snapshot, account: &str) -> (String, String) {
    let own = rows.counters.iter().filter(|(key, _)| key.account.as_str() == account);
    let (spent, held) = own.fold((0, 0), |(spent, held), (_, counter)| {
        (spent + counter.spent.units(), held + counter.held.units())
    });
    let written = |units| Meter::USD.format(Amount::new(units).unwrap());
    (written(spent), written(held))
}
