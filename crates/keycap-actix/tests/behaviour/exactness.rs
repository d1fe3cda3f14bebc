//! A cap for 100 requests and 1,000 at once: exactly 100 are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::test::{call_service, init_service};
use actix_web::{App, web};
use futures_util::future::join_all;
use keycap_actix::{Error, Key};
use keycap_budget::usd;
use tokio::sync::Semaphore;

use crate::fixtures::{HalfClosed, PATIENCE, Server, bill, gate, get, holding};

const REQUESTS: usize = 1_000;
const SERVED: usize = 100;

/// Admitted requests wait at the door until all others were refused, so that all are under way at once.
struct Door {
    refused: AtomicUsize,
    open: Semaphore,
}

impl Door {
    fn new() -> web::Data<Self> {
        web::Data::new(Self { refused: AtomicUsize::new(0), open: Semaphore::new(0) })
    }

    fn refuse(&self) {
        if self.refused.fetch_add(1, Ordering::SeqCst) + 1 == REQUESTS - SERVED {
            self.open.close();
        }
    }
}

async fn work(key: Key, door: web::Data<Door>) -> Result<&'static str, Error> {
    assert!(door.open.acquire().await.is_err(), "it is closed to let everyone through");
    key.track(usd!(0.01)).await?;
    Ok("served")
}

#[actix_rt::test]
async fn p1_thousand_at_once_on_one_worker_serve_exactly_the_cap() {
    let (gate, door) = (gate("$1 per day"), Door::new());
    let app = App::new()
        .app_data(door.clone())
        .wrap(holding(&gate, usd!(0.01)))
        .route("/", web::get().to(work));
    let app = init_service(app).await;
    let ask = || async {
        let status = call_service(&app, get("/").to_request()).await.status().as_u16();
        if status == 429 {
            door.refuse();
        }
        status
    };
    let asked = join_all((0..REQUESTS).map(|_| ask()));
    let statuses = tokio::time::timeout(PATIENCE, asked).await.expect("no more than the cap");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), SERVED);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), REQUESTS - SERVED);
    assert_eq!(bill(&gate).await, ("$1.00".into(), vec![]));
}

/// Workers are threads of their own; the gate lives on the main one.
#[actix_rt::test]
async fn p1_thousand_connections_on_four_workers_serve_exactly_the_cap() {
    let (gate, door) = (gate("$1 per day"), Door::new());
    let (keycap, shared) = (holding(&gate, usd!(0.01)), door.clone());
    let server = Server::start(4, HalfClosed::Served, move |app| {
        app.app_data(shared.clone());
        app.service(web::resource("/").wrap(keycap.clone()).to(work));
    });
    let server = Arc::new(server);
    let ask = || async {
        let answer = server.ask("GET", "/").await;
        if answer.starts_with("HTTP/1.1 429 ") {
            door.refuse();
        }
        answer
    };
    let asked = join_all((0..REQUESTS).map(|_| ask()));
    let answers = tokio::time::timeout(PATIENCE, asked).await.expect("no more than the cap");
    let served = answers.iter().filter(|answer| answer.ends_with("served")).count();
    assert_eq!(served, SERVED);
    Arc::into_inner(server).unwrap().stop().await;
    assert_eq!(bill(&gate).await, ("$1.00".into(), vec![]));
}
