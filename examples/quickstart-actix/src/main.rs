//! A chat API whose every key has a daily cap: on actix, on the embedded ledger.

use std::{env, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use anyhow::Context;
use futures_util::{StreamExt, stream};
use keycap::actix::{self, Key, Keycap};
use keycap::{Gate, Guard, IssuedKeys, LimitReport, Meter, NewKey, Usd, sqlite::SqliteStore, usd};
use tokio::signal::unix::{SignalKind, signal};

#[derive(serde::Deserialize)]
struct Chat {
    cost: Usd,
    #[serde(default)]
    work_ms: u64,
}

async fn chat(key: Key, chat: web::Json<Chat>) -> Result<impl Responder, actix::Error> {
    tokio::time::sleep(Duration::from_millis(chat.work_ms)).await;
    key.track(chat.cost).await?;
    let remaining = key.remaining(&Meter::USD).map(|left| Meter::USD.format(left));
    Ok(web::Json(serde_json::json!({ "cost": chat.cost, "remaining": remaining })))
}

async fn stream(key: Key) -> impl Responder {
    let lines = stream::repeat(key).take(10).then(|key| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        key.track(usd!(0.001)).await.map(|_| web::Bytes::from("one more line\n"))
    });
    HttpResponse::Ok().content_type("text/plain").streaming(lines)
}

async fn me(key: Key) -> Result<impl Responder, actix::Error> {
    let limits: Vec<LimitReport> = key.standings().await?.iter().map(LimitReport::from).collect();
    let (subject, scopes) = (key.subject().to_string(), key.identity().scopes.patterns());
    Ok(web::Json(serde_json::json!({ "subject": subject, "scopes": scopes, "limits": limits })))
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name, default: &str| env::var(name).unwrap_or(default.to_owned());
    let store = SqliteStore::open(setting("KEYCAP_DB", "keycap-quickstart.db")).await?;
    let keys = IssuedKeys::builder(store.clone()).build()?;
    let cap: Usd = setting("QUICKSTART_CAP", "$0.10").parse().context("QUICKSTART_CAP")?;
    let cap = format!("{cap} per day").parse()?;
    let gate = Gate::builder().ledger(store.clone()).provider(keys.clone()).limit(cap).build()?;

    let chats = Keycap::new(&gate, Guard::fixed(usd!(0.02)).scope("chat"))?;
    let streams = Keycap::new(&gate, Guard::fixed(usd!(0.05)).scope("chat"))?;
    let anyone = Keycap::new(&gate, Guard::free())?;
    let admins = Keycap::new(&gate, Guard::free().scope("admin"))?;
    let app = move || {
        App::new()
            .route("/chat", web::post().to(chat).wrap(chats.clone()))
            .route("/stream", web::post().to(stream).wrap(streams.clone()))
            .route("/me", web::get().to(me).wrap(anyone.clone()))
            .route("/admin-only", web::get().to(|| async { "hello" }).wrap(admins.clone()))
    };
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = async move { tokio::select!(_ = term.recv() => {}, _ = int.recv() => {}) };
    let port = setting("PORT", "3000");
    let port: u16 = port.parse().with_context(|| format!("PORT is {port:?}; use 0 to 65535"))?;
    let server = HttpServer::new(app).shutdown_signal(told).shutdown_timeout(10);
    let server = server.bind(("127.0.0.1", port)).context("PORT")?;
    let key = keys.mint(NewKey::for_owner("quickstart").own_account().scopes(["chat"])).await?;
    let secret = key.secret.expose();
    let url = format!("http://{}", server.addrs().pop().context("no address")?);
    println!("key: {secret}\nlistening on {url}");
    println!("curl {url}/me -H 'authorization: Bearer {secret}'");
    let chat = r#"--json '{"cost": "$0.01"}'"#;
    println!("curl {url}/chat -H 'authorization: Bearer {secret}' {chat}");
    server.run().await?;
    if let Err(busy) = gate.shutdown(Duration::from_secs(10)).await {
        eprintln!("{busy}; the next start ends what they hold");
    }
    store.close().await;
    Ok(())
}
