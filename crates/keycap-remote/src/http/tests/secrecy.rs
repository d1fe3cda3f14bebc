//! Nothing that is secret reaches a log, whatever goes wrong and however much is logged.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::OnceLock;

use keycap_standins::faults::{Authority, Canned, Fault, Server};
use reqwest::header::AUTHORIZATION;

use super::{AMPLE, Bench, Log, SHORT, fine, once, status, url};
use crate::http::{Call, OwnSecret, Reply};

const OURS: &str = "own-credential-5Hk2";
const THEIRS: &str = "presented-key-8Xw1";
const ANSWERED: &str = "answered-secret-3Qz7";

/// What libraries write by the `log` crate, of this whole process.
fn library_log() -> &'static Log {
    struct Logger(Log);
    impl log::Log for Logger {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            let line = format!("{} {}\n", record.target(), record.args());
            let _ = std::io::Write::write_all(&mut self.0.clone(), line.as_bytes());
        }
        fn flush(&self) {}
    }
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        log::set_boxed_logger(Box::new(Logger(log.clone()))).expect("no other logger");
        log::set_max_level(log::LevelFilter::Trace);
        log
    })
}

fn call(server: &Server) -> Call {
    let target = format!("{}/verify?token={THEIRS}", server.origin_as("localhost"));
    Call::post("verify", url(&target), "application/json", format!(r#"{{"key":"{THEIRS}"}}"#))
        .repeatable()
        .header(AUTHORIZATION, OwnSecret::new(OURS).authorization("Bearer").expect("a header"))
}

/// An error and all that it carries.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:?} {error}");
    let mut next = error.source();
    while let Some(source) = next {
        let _ = write!(text, " {source:?} {source}");
        next = source.source();
    }
    text
}

#[tokio::test]
async fn p9_no_secret_is_logged_or_told() {
    let libraries = library_log();
    let ours = Log::default();
    let guard = ours.trace();
    let authority = Authority::new();
    let body = Canned::json(200, format!(r#"{{"secret":"{ANSWERED}"#));
    let header = Canned::status(500).header("x-echo", ANSWERED);
    let mut errors = String::new();
    for fault in [
        fine(),
        Fault::Answer(body.clone()),
        Fault::Answer(header),
        status(401),
        status(429),
        Fault::Answer(Canned::status(302).header("location", format!("/?key={ANSWERED}"))),
        Fault::Garbage,
        Fault::CloseInHead(body.clone()),
        Fault::Truncated(body),
        Fault::Chunked(300 * 1024),
        Fault::EndlessHeaders,
        Fault::Hang,
    ] {
        for server in [
            Server::start(fault.clone()).await,
            Server::start_tls(authority.certify("localhost"), fault.clone()).await,
        ] {
            let total = if matches!(fault, Fault::Hang) { 5 * SHORT } else { AMPLE };
            let settings = once().attempts(2).total_timeout(total).trust_only(authority.pem());
            let bench = Bench::new(settings);
            let read = |reply: Reply| reply.json::<serde_json::Value>();
            if let Err(error) = bench.client.ask(call(&server), read).await {
                errors.push_str(&told(&bench.client.unavailable(error)));
            }
            let seen = server.seen();
            let first = seen.first().expect("it was asked");
            assert_eq!(first.header("authorization"), Some(&*format!("Bearer {OURS}")));
            assert!(first.text().contains(THEIRS));
        }
    }
    drop(guard);
    let logs = [("ours", ours.text()), ("libraries", libraries.text()), ("errors", errors)];
    for (whose, text) in &logs {
        for secret in [OURS, THEIRS, ANSWERED] {
            assert!(!text.contains(secret), "{whose}: {secret}");
        }
    }
    let [(_, ours), (_, libraries), (_, errors)] = &logs;
    assert!(ours.contains("provider_call"), "our spans were captured");
    assert!(ours.contains("hyper_util"), "hyper's events were captured");
    assert!(libraries.contains("reqwest") && libraries.contains("rustls"), "so were theirs");
    assert!(errors.contains("cannot answer"), "and errors were told");
}

#[test]
fn p9_our_own_secrets_are_redacted() {
    let secret = OwnSecret::new(OURS);
    assert!(!format!("{secret:?}").contains(OURS));
    let header = secret.authorization("Bearer").expect("a header");
    assert!(header.is_sensitive() && !format!("{header:?}").contains(OURS));
}
