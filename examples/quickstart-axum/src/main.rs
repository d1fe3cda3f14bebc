//! A chat API whose every key has a daily cap: on axum, on the embedded ledger.

use std::{env, time::Duration};

use anyhow::Context;
use axum::routing::{get, post};
use axum::{Json, Router, body::Body, response::IntoResponse};
use futures_util::{StreamExt, stream};
use keycap::axum::{Error as KeyError, Key, KeycapLayer};
use keycap::{Gate, Guard, IssuedKeys, LimitReport, Meter, NewKey, Usd, sqlite::SqliteStore, usd};
use tokio::signal::unix::{SignalKind, signal};

#[derive(serde::Deserialize)]
struct Chat {
    cost: Usd,
    work_ms: Option<u64>,
}

async fn chat(key: Key, Json(chat): Json<Chat>) -> Result<impl IntoResponse, KeyError> {
    tokio::time::sleep(Duration::from_millis(chat.work_ms.unwrap_or(0))).await;
    key.track(chat.cost).await?;
    let remaining = key.remaining(&Meter::USD).map(|left| Meter::USD.format(left));
    Ok(Json(serde_json::json!({ "cost": chat.cost, "remaining": remaining })))
}

async fn stream(key: Key) -> impl IntoResponse {
    let lines = stream::repeat(key).take(10).then(async |key| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        key.track(usd!(0.001)).await.map(|_| "one more line\n")
    });
    ([("content-type", "text/plain")], Body::from_stream(lines))
}

async fn me(key: Key) -> Result<impl IntoResponse, KeyError> {
    let limits: Vec<LimitReport> = key.standings().await?.iter().map(LimitReport::from).collect();
    let (subject, scopes) = (key.subject().to_string(), key.identity().scopes.patterns());
    Ok(Json(serde_json::json!({ "subject": subject, "scopes": scopes, "limits": limits })))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or(default.to_owned());
    let store = SqliteStore::open(setting("KEYCAP_DB", "keycap-quickstart.db")).await?;
    let keys = IssuedKeys::builder(store.clone()).build()?;
    let cap: Usd = setting("QUICKSTART_CAP", "$0.10").parse().context("QUICKSTART_CAP")?;
    let cap = format!("{cap} per day").parse()?;
    let gate = Gate::builder().ledger(store.clone()).provider(keys.clone()).limit(cap).build()?;

    let holds = |cost: Usd| KeycapLayer::new(&gate, Guard::fixed(cost).scope("chat"));
    let admins = KeycapLayer::new(&gate, Guard::free().scope("admin"))?;
    let app = Router::new()
        .route("/chat", post(chat).route_layer(holds(usd!(0.02))?))
        .route("/stream", post(stream).route_layer(holds(usd!(0.05))?))
        .route("/me", get(me).route_layer(KeycapLayer::new(&gate, Guard::free())?))
        .route("/admin-only", get("hello").route_layer(admins));
    let port = setting("PORT", "3000");
    let port: u16 = port.parse().with_context(|| format!("PORT is {port:?}; use 0 to 65535"))?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.context("PORT")?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    let key = keys.mint(NewKey::for_owner("quickstart").own_account().scopes(["chat"])).await?;
    let (url, secret) = (format!("http://{}", listener.local_addr()?), key.secret.expose());
    println!("key: {secret}\nlistening on {url}");
    println!("curl {url}/me -H 'authorization: Bearer {secret}'");
    let chat = r#"--json '{"cost": "$0.01"}'"#;
    println!("curl {url}/chat -H 'authorization: Bearer {secret}' {chat}");

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
