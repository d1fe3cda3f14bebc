//! An API for keys that Clerk keeps: how much a key may spend goes by the plan that its claims tell, and
//! all keys of an organisation share a cap besides.
//!
//! Runs against a stand-in for Clerk in this process, or against your own instance if
//! `CLERK_SECRET_KEY` is set. Environment besides: `CLERK_API_URL`, `PORT` (3000), `KEYCAP_DB`.

mod caps;
mod demo;

use std::{env, time::Duration};

use anyhow::Context as _;
use axum::routing::{get, post};
use axum::{Json, Router, response::IntoResponse};
use keycap::axum::{Error as KeyError, Key, KeycapLayer};
use keycap::clerk::{Clerk, DEFAULT_API_URL};
use keycap::{Gate, Guard, LimitReport, sqlite::SqliteStore, usd};
use tokio::signal::unix::{SignalKind, signal};

async fn chat(key: Key) -> Result<impl IntoResponse, KeyError> {
    key.track(usd!(0.01)).await?;
    Ok(Json(serde_json::json!({ "subject": key.subject().id(), "cost": usd!(0.01) })))
}

async fn me(key: Key) -> Result<impl IntoResponse, KeyError> {
    let limits: Vec<LimitReport> = key.standings().await?.iter().map(LimitReport::from).collect();
    let tier = caps::tier(key.identity());
    Ok(Json(serde_json::json!({ "subject": key.subject().id(), "tier": tier, "limits": limits })))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or(default.to_owned());
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let (clerk, demo) = match env::var("CLERK_SECRET_KEY") {
        Ok(key) => {
            (Clerk::secret_key(key).api_url(setting("CLERK_API_URL", DEFAULT_API_URL)), None)
        }
        Err(_) if env::var_os("CLERK_API_URL").is_some() => {
            anyhow::bail!("CLERK_API_URL needs CLERK_SECRET_KEY: the `sk_…` key of that instance")
        }
        Err(_) => {
            let demo = demo::Demo::start().await;
            (Clerk::secret_key(demo.secret_key()).api_url(demo.url()), Some(demo))
        }
    };
    let clerk = clerk.build().context("CLERK_SECRET_KEY or CLERK_API_URL")?;
    let store = SqliteStore::open(setting("KEYCAP_DB", "keycap-clerk.db")).await?;
    let gate = Gate::builder().ledger(store.clone()).provider(clerk);
    let gate = gate.template_fn(async |identity| caps::of(&identity)).reapply_template().build()?;

    let app = Router::new()
        .route("/chat", post(chat).route_layer(KeycapLayer::new(&gate, Guard::fixed(usd!(0.01)))?))
        .route("/me", get(me).route_layer(KeycapLayer::new(&gate, Guard::free())?));
    let port = setting("PORT", "3000");
    let port: u16 = port.parse().with_context(|| format!("PORT is {port:?}; use 0 to 65535"))?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.context("PORT")?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    demo::say(&format!("http://{}", listener.local_addr()?), demo.as_ref());
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
