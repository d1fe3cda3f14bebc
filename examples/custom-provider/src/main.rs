//! An API for the keys that an application already has: they stay in its own table, as the SHA-256
//! digests it stored, and Keycap caps what each customer spends.
//!
//! `provider.rs` is what one writes to bring keys of one's own; `table.rs` is the query that an
//! application already has; `demo.rs` makes a table to try it with. Environment: `PORT` (3000),
//! `SHOP_DB` (the table's file), `KEYCAP_DB` (the budgets' file).

mod demo;
mod provider;
mod table;

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::routing::{get, post};
use axum::{Json, Router, response::IntoResponse};
use keycap::axum::{Error as KeyError, Key, KeycapLayer};
use keycap::{Gate, Guard, LimitReport, sqlite::SqliteStore, usd};
use tokio::signal::unix::{SignalKind, signal};

use crate::provider::OwnKeys;
use crate::table::ApiKeys;

async fn chat(key: Key) -> Result<impl IntoResponse, KeyError> {
    key.track(usd!(0.01)).await?;
    Ok(Json(serde_json::json!({ "customer": key.subject().id(), "cost": usd!(0.01) })))
}

async fn me(key: Key) -> Result<impl IntoResponse, KeyError> {
    let limits: Vec<LimitReport> = key.standings().await?.iter().map(LimitReport::from).collect();
    Ok(Json(serde_json::json!({ "customer": key.subject().id(), "limits": limits })))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or(default.to_owned());
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let table = PathBuf::from(setting("SHOP_DB", "shop.db"));
    let issued = demo::issue(&table).context("SHOP_DB")?;
    let store = SqliteStore::open(setting("KEYCAP_DB", "keycap-custom-provider.db")).await?;
    let keys = OwnKeys(ApiKeys(Arc::new(table)));
    let cap = "$0.10 per day".parse()?;
    let gate = Gate::builder().ledger(store.clone()).provider(keys).limit(cap).build()?;

    let chats = KeycapLayer::new(&gate, Guard::fixed(usd!(0.01)).scope("chat"))?;
    let app = Router::new()
        .route("/chat", post(chat).route_layer(chats))
        .route("/me", get(me).route_layer(KeycapLayer::new(&gate, Guard::free())?));
    let port = setting("PORT", "3000");
    let port: u16 = port.parse().with_context(|| format!("PORT is {port:?}; use 0 to 65535"))?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.context("PORT")?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    say(&format!("http://{}", listener.local_addr()?), issued);
    let (finish, told) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async { drop(told.await) });
    let server = tokio::spawn(server.into_future());
    tokio::select!(_ = term.recv() => {}, _ = int.recv() => {});
    drop(finish);
    let _ = tokio::time::timeout(Duration::from_secs(10), server).await;
    if let Err(busy) = gate.shutdown(Duration::from_secs(10)).await {
        eprintln!("{busy}; the next start ends what they hold");
    }
    store.close().await;
    Ok(())
}

/// The keys are shown once, when they are issued: the table has only their digests.
fn say(url: &str, issued: Option<demo::Issued>) {
    let key = match issued {
        Some(issued) => {
            println!("key: {}", issued.good);
            println!("revoked key: {}\nexpired key: {}", issued.revoked, issued.expired);
            issued.good
        }
        None => {
            println!("keys: those that were shown when the table was made");
            "$KEY".to_owned()
        }
    };
    println!("listening on {url}");
    println!("curl {url}/me -H \"authorization: Bearer {key}\"");
    println!("curl -X POST {url}/chat -H \"authorization: Bearer {key}\"");
}
