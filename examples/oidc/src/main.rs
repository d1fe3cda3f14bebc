//! An API for whoever has a token of an OpenID provider: each subject may spend ten cents a day,
//! however many tokens it is given.
//!
//! Environment: `OIDC_ISSUER` and `OIDC_AUDIENCE` (the issuer and what its tokens for this API say in
//! `aud`; without both, an issuer on this machine), `PORT` (3000), `KEYCAP_DB` (the budgets' file).

mod issuer;

use std::{env, time::Duration};

use anyhow::Context as _;
use axum::routing::{get, post};
use axum::{Json, Router, response::IntoResponse};
use keycap::axum::{Error as KeyError, Key, KeycapLayer};
use keycap::{Gate, Guard, LimitReport, sqlite::SqliteStore, usd};
use tokio::signal::unix::{SignalKind, signal};

use crate::issuer::Tokens;

async fn chat(key: Key) -> Result<impl IntoResponse, KeyError> {
    key.track(usd!(0.01)).await?;
    Ok(Json(serde_json::json!({ "subject": key.subject().id(), "cost": usd!(0.01) })))
}

async fn me(key: Key) -> Result<impl IntoResponse, KeyError> {
    let limits: Vec<LimitReport> = key.standings().await?.iter().map(LimitReport::from).collect();
    let (subject, claims) = (key.subject().to_string(), &key.identity().claims);
    Ok(Json(serde_json::json!({ "subject": subject, "claims": claims, "limits": limits })))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or(default.to_owned());
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let tokens = Tokens::from_environment().await?;
    let provider = tokens.provider().build().context("OIDC_ISSUER or OIDC_AUDIENCE")?;
    let store = SqliteStore::open(setting("KEYCAP_DB", "keycap-oidc.db")).await?;
    let cap = "$0.10 per day".parse()?;
    let gate = Gate::builder().ledger(store.clone()).provider(provider).limit(cap).build()?;

    let chats = KeycapLayer::new(&gate, Guard::fixed(usd!(0.01)).scope("chat"))?;
    let app = Router::new()
        .route("/chat", post(chat).route_layer(chats))
        .route("/me", get(me).route_layer(KeycapLayer::new(&gate, Guard::free())?));
    let port = setting("PORT", "3000");
    let port: u16 = port.parse().with_context(|| format!("PORT is {port:?}; use 0 to 65535"))?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.context("PORT")?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    say(&format!("http://{}", listener.local_addr()?), &tokens);
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

fn say(url: &str, tokens: &Tokens) {
    let token = match tokens.sample() {
        Some((token, another)) => {
            println!("key: {token}\nanother: {another}");
            token
        }
        None => "$TOKEN".to_owned(),
    };
    println!("listening on {url}");
    println!("curl {url}/me -H \"authorization: Bearer {token}\"");
    println!("curl -X POST {url}/chat -H \"authorization: Bearer {token}\"");
}
