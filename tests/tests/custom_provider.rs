//! The example that brings keys of its own: a real process beside a real table.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

use std::path::{Path, PathBuf};

use keycap::Secret;
use keycap_tests::process::{PATIENCE, Quickstart, Start};
use keycap_tests::wire::{Request, Response, answer};
use rusqlite::{Connection, params};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::timeout;

const PROVIDER: &str = include_str!("../../examples/custom-provider/src/provider.rs");

/// The most lines that bringing one's own keys may take.
const MOST_LINES: usize = 20;

/// The example, the directory it runs in, and its table.
struct Shop {
    example: Quickstart,
    directory: TempDir,
    table: PathBuf,
}

/// A row that another product wrote: what `scopes`, `expires_at` and `revoked_at` say is SQL.
fn insert(table: &Path, key: &str, customer: &str, rest: &str) {
    let digest = Secret::parse(key).unwrap().digest().to_hex();
    let into = "INSERT INTO api_keys (sha256, customer, scopes, expires_at, revoked_at)";
    let insert = format!("{into} VALUES (?1, ?2, {rest})");
    let table = Connection::open(table).unwrap();
    assert_eq!(table.execute(&insert, params![digest, customer]), Ok(1));
}

fn start(directory: &TempDir) -> Start {
    Start::example("custom-provider", directory.path())
}

impl Shop {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let example = start(&directory).listen().await;
        let table = directory.path().join("shop.db");
        Self { example, directory, table }
    }

    async fn chat(&self, key: &str) -> Response {
        answer(self.example.address, &Request::post("/chat").bearer(key)).await
    }

    fn printed(&self, label: &str) -> String {
        self.example.process.stdout.line(label).unwrap()
    }
}

fn told(response: &Response) -> (u16, String) {
    (response.status(), response.code())
}

#[test]
fn bringing_ones_own_keys_takes_at_most_twenty_lines() {
    let code = PROVIDER.lines().skip_while(|line| !line.contains("struct OwnKeys"));
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines: Vec<_> = code.filter(is_code).collect();
    assert!((10..=MOST_LINES).contains(&lines.len()), "{}:\n{}", lines.len(), lines.join("\n"));
    let imports = |line: &str| line.starts_with("use ") || line.starts_with("//!");
    let before = PROVIDER.lines().take_while(|line| !line.contains("struct OwnKeys"));
    for line in before.filter(|line| !line.is_empty() && !line.starts_with("///")) {
        assert!(imports(line), "code above the provider is not counted: {line}");
    }
}

#[tokio::test]
async fn keys_of_the_applications_own_table_spend_from_their_customers_budget() {
    let shop = Shop::open().await;
    let good = shop.example.key.clone();
    let served = shop.chat(&good).await;
    assert_eq!((served.status(), &served.json()["customer"]), (200, &"acme".into()));
    let rest = shop.chat(&shop.printed("revoked key: ")).await;
    assert_eq!(told(&rest), (401, "revoked_key".to_owned()));
    let rest = shop.chat(&shop.printed("expired key: ")).await;
    assert_eq!(told(&rest), (401, "expired_key".to_owned()));
    let rest = shop.chat("shop_nobody-issued-this").await;
    assert_eq!(told(&rest), (401, "invalid_key".to_owned()));

    insert(&shop.table, "written-by-another-product", "acme", "'chat', NULL, NULL");
    let mut spent = 1;
    while shop.chat("written-by-another-product").await.status() == 200 {
        spent += 1;
    }
    assert_eq!(spent, 10, "both keys spend the same ten cents");
    assert_eq!(shop.chat(&good).await.code(), "budget_exceeded");
    shop.example.stop(Signal::TERM).await;
}

#[tokio::test]
async fn scopes_of_the_table_are_taken_at_their_word() {
    let shop = Shop::open().await;
    insert(&shop.table, "reads", "bolt", "'read ch.* *', NULL, NULL");
    let refused = shop.chat("reads").await;
    assert_eq!(told(&refused), (403, "insufficient_scope".to_owned()));
    assert_eq!(refused.json()["available"], serde_json::json!(["read"]));
    shop.example.stop(Signal::INT).await;
}

#[tokio::test]
async fn p6_a_table_that_cannot_answer_is_no_verdict_on_a_key() {
    let shop = Shop::open().await;
    insert(&shop.table, "misdated", "acme", "'chat', 'tomorrow', NULL");
    insert(&shop.table, "nameless", "", "'chat', NULL, NULL");
    insert(&shop.table, "late-comer", "acme", "'chat', NULL, NULL");
    let unavailable = (503, "auth_unavailable".to_owned());
    for key in ["misdated", "nameless"] {
        let refused = shop.chat(key).await;
        assert_eq!(told(&refused), unavailable, "a row that makes no sense: {key}");
    }

    let away = shop.directory.path().join("away.db");
    std::fs::rename(&shop.table, &away).unwrap();
    let refused = shop.chat("late-comer").await;
    assert_eq!(told(&refused), unavailable);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("www-authenticate").is_none(), "{refused:?}");
    assert!(!shop.table.exists(), "a look-up makes no table");

    for wrong in ["", "this is no database, however long one reads in it; ".repeat(200).as_str()] {
        std::fs::write(&shop.table, wrong).unwrap();
        assert_eq!(told(&shop.chat("late-comer").await), unavailable);
        assert_eq!(told(&shop.chat("never-issued").await), unavailable);
    }

    std::fs::rename(&away, &shop.table).unwrap();
    assert_eq!(shop.chat("late-comer").await.status(), 200, "an outage is not remembered");
    assert_eq!(told(&shop.chat("never-issued").await), (401, "invalid_key".to_owned()));
    shop.example.stop(Signal::TERM).await;
}

#[tokio::test]
async fn p9_the_table_and_the_ledger_have_no_secret_and_a_second_start_keeps_both() {
    let shop = Shop::open().await;
    let key = shop.example.key.clone();
    assert_eq!(shop.chat(&key).await.status(), 200);
    let process = shop.example.stop(Signal::TERM).await;
    assert!(!process.stderr.text().contains(&key), "in the log");
    for entry in std::fs::read_dir(shop.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!found, "the secret is in {}", path.display());
    }

    let again = start(&shop.directory).spawn();
    let address = again.stdout.wait_for_line("listening on http://");
    let address = timeout(PATIENCE, address).await.unwrap().unwrap();
    assert_eq!(again.stdout.line("key: "), None, "no key is issued into a table that has some");
    let me = answer(address.parse().unwrap(), &Request::get("/me").bearer(&key)).await;
    assert_eq!(me.json()["limits"][0]["spent"], "$0.01");
}
