//! The description as an actix app.

use std::net::SocketAddr;

use actix_web::body::BoxBody;
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App as ActixApp, HttpRequest, HttpResponse, HttpServer, Resource};
use keycap::actix::{Error, Key, Keycap};
use keycap::{Gate, Guard, KeyState, Usage, Usd};

use crate::App;
use crate::app::{HalfClosed, Route, Takes};
use crate::reply::{Content, Reply};
use crate::work::{CREDENTIAL_HEADERS, Caller, Seen, Work, perform};

pub(super) struct Running(ServerHandle);

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent at once; only its answer would have to be awaited.
        drop(self.0.stop(false));
    }
}

const WORKERS: usize = 2;

pub(super) async fn serve(gate: &Gate, app: &App) -> (SocketAddr, Running) {
    let (tell, told) = tokio::sync::oneshot::channel();
    let (gate, app) = (gate.clone(), app.clone());
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let (address, server) = start(&gate, app);
            tell.send((address, Running(server.handle()))).ok();
            server.await.unwrap();
        });
    });
    told.await.unwrap()
}

fn start(gate: &Gate, app: App) -> (SocketAddr, actix_web::dev::Server) {
    let half_closed = app.half_closed == HalfClosed::Served;
    let served = Served { gate: gate.clone(), app };
    match served.app.outer.clone() {
        None => {
            let factory = move || ActixApp::new().configure(|config| served.routes(config));
            let server = HttpServer::new(factory).workers(WORKERS).disable_signals();
            let server = server.h1_allow_half_closed(half_closed).bind(("127.0.0.1", 0)).unwrap();
            (server.addrs()[0], server.run())
        }
        Some(guard) => {
            let keycap = served.keycap(&guard);
            let factory = move || {
                ActixApp::new().wrap(keycap.clone()).configure(|config| served.routes(config))
            };
            let server = HttpServer::new(factory).workers(WORKERS).disable_signals();
            let server = server.h1_allow_half_closed(half_closed).bind(("127.0.0.1", 0)).unwrap();
            (server.addrs()[0], server.run())
        }
    }
}

struct Served {
    gate: Gate,
    app: App,
}

impl Clone for Served {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone(), app: self.app.clone() }
    }
}

impl Served {
    fn keycap(&self, guard: &Guard) -> Keycap {
        Keycap::new(&self.gate, guard.clone()).unwrap()
    }

    fn routes(&self, config: &mut ServiceConfig) {
        for route in &self.app.routes {
            let guards: Vec<_> = route.guards.iter().map(|guard| self.keycap(guard)).collect();
            match <[Keycap; 2]>::try_from(guards) {
                Ok([outer, inner]) => config.service(resource(route).wrap(inner).wrap(outer)),
                Err(guards) => match <[Keycap; 1]>::try_from(guards) {
                    Ok([only]) => config.service(resource(route).wrap(only)),
                    Err(guards) => {
                        assert!(guards.is_empty(), "this harness nests two guards at most");
                        config.service(resource(route))
                    }
                },
            };
        }
    }
}

fn resource(route: &Route) -> Resource {
    let work = route.work.clone();
    let handler = match route.takes {
        Takes::Key => web::route()
            .to(move |key: Key, request: HttpRequest| handle(work.clone(), key, request)),
        Takes::OptionalKey => web::route().to(move |key: Option<Key>, request: HttpRequest| {
            let work = work.clone();
            async move {
                match key {
                    Some(key) => handle(work, key, request).await,
                    None => Ok(response(Reply::no_key())),
                }
            }
        }),
    };
    web::resource(route.path).route(handler)
}

async fn handle(work: Work, key: Key, request: HttpRequest) -> Result<HttpResponse, Error> {
    let headers = request.headers();
    let seen = CREDENTIAL_HEADERS.iter().flat_map(|name| {
        let shown = |value: &actix_web::http::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into()
        };
        headers.get_all(*name).map(move |value| ((*name).to_owned(), shown(value)))
    });
    let seen: Seen = seen.collect();
    drop(request);
    perform(work, key, seen).await.map(response)
}

fn response(reply: Reply) -> HttpResponse<BoxBody> {
    let mut builder = HttpResponse::build(StatusCode::from_u16(reply.status).unwrap());
    match reply.content {
        Content::Json(text) => builder.content_type("application/json").body(text),
        Content::Stream(stream) => builder.content_type("text/plain").streaming(stream),
    }
}

impl Caller for Key {
    type Error = Error;

    fn state(&self) -> &KeyState {
        self
    }

    async fn track(&self, usage: Usage) -> Result<(), Error> {
        Key::track(self, usage).await.map(|_receipt| ())
    }

    async fn reserve(&self, cost: Usd) -> Result<(), Error> {
        Key::reserve(self, cost).await
    }

    async fn extend(&self, cost: Usd) -> Result<(), Error> {
        Key::extend(self, cost).await
    }
}
