use std::time::Duration;

use keycap_standins::faults::{Canned, DeadPort, Door, Fault, Server};

use super::*;
use crate::HttpSettings;

const PATIENCE: Duration = Duration::from_millis(300);
const HUGE: usize = 10 * 1024 * 1024;

fn valid(status: u16) -> Canned {
    Canned::json(status, data(json!({})).to_string())
}

async fn ask(origin: &str) -> Answer {
    let unkey = at(origin).http(HttpSettings::new().total_timeout(PATIENCE)).build().unwrap();
    unkey.verify(&secret(KEY)).await
}

#[tokio::test]
async fn p6_a_service_in_trouble_is_neither_a_no_nor_a_pass() {
    let transport = [
        Fault::Hang,
        Fault::Deaf,
        Fault::Garbage,
        Fault::Close,
        Fault::CloseInHead(valid(200)),
        Fault::Truncated(valid(200)),
        Fault::Chunked(HUGE),
        Fault::EndlessHeaders,
        Fault::Slow(valid(200), Door::shut()),
    ];
    let statuses = [204, 302, 307, 400, 401, 403, 404, 408, 412, 429, 500, 502, 503, 504];
    let bodies = [
        Canned::status(200),
        Canned::json(200, "<!doctype html>"),
        Canned::json(200, "{"),
        Canned::json(200, vec![b' '; HUGE]),
        Canned::json(200, "[".repeat(100_000)),
    ];
    let answers = statuses.map(valid).into_iter().chain(bodies).map(Fault::Answer);
    for fault in transport.into_iter().chain(answers) {
        let shown: String = format!("{fault:?}").chars().take(100).collect();
        let server = Server::start(fault).await;
        let why = why(&unavailable(ask(&server.origin()).await));
        println!("{shown}: {why}");
        assert!(!why.contains(KEY) && !why.contains(ROOT_KEY), "{why}");
    }
    unavailable(ask(&DeadPort::new().origin()).await);
}

#[tokio::test]
async fn p6_our_own_root_key_refused_is_said_loudly() {
    for status in [401, 403] {
        let server = Server::start(Fault::Answer(valid(status))).await;
        let why = why(&unavailable(ask(&server.origin()).await));
        assert!(why.contains("our own credentials"), "{why}");
    }
}

#[tokio::test]
async fn p8_a_throttled_workspace_says_when_to_come_back() {
    let throttled = valid(429).header("retry-after", "7");
    let server = Server::start(Fault::Answer(throttled)).await;
    let wait = unavailable(ask(&server.origin()).await).retry_after();
    assert_eq!(wait, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn p6_nothing_of_a_trouble_is_remembered() {
    let server = Server::start(Fault::Answer(Canned::json(200, "{}"))).await;
    let unkey = at(&server.origin()).build().unwrap();
    unavailable(unkey.verify(&secret(KEY)).await);
    server.set(Fault::Answer(valid(200)));
    known(unkey.verify(&secret(KEY)).await);
}

#[tokio::test]
async fn p9_a_redirect_is_not_followed_with_the_key() {
    let elsewhere = Server::start(Fault::Answer(valid(200))).await;
    let moved = Canned::status(307).header("location", elsewhere.url("/v2/keys.verifyKey"));
    let server = Server::start(Fault::Answer(moved)).await;
    unavailable(ask(&server.origin()).await);
    assert_eq!(elsewhere.tally().accepted, 0);
}
