//! Every way in which a provider can misbehave, with the secrets that it was sent in its mouth.

use std::time::Duration;

use keycap::clerk::HttpSettings;
use keycap_standins::faults::{Authority, Canned, DeadPort, Fault, Server};

/// Who answers, and how.
pub(crate) enum Weather {
    /// So, over plain HTTP.
    Answers(Fault),
    /// So, over TLS.
    Encrypted(Fault),
    /// Not in time.
    Slow(Fault),
    /// Nobody.
    Dead,
    /// Somebody whose certificate is not trusted.
    Distrusted(Fault),
}

/// Where a provider is, for as long as this lives.
pub(crate) struct Place {
    pub(crate) origin: String,
    pub(crate) http: HttpSettings,
    pub(crate) server: Option<Server>,
    _dead: Option<DeadPort>,
}

/// An answer with this text wherever it may stand.
fn saying(status: u16, echo: &str) -> Canned {
    let in_header = echo.replace('\n', " ");
    let canned = Canned::status(status).header("content-type", format!("text/{in_header}"));
    let canned = ["x-echo", "www-authenticate", "retry-after", "set-cookie", "server"]
        .into_iter()
        .fold(canned, |canned, name| canned.header(name, in_header.clone()));
    canned.body(echo)
}

/// All of them, for a provider that says this.
pub(crate) fn all(echo: &str) -> Vec<Weather> {
    let json = serde_json::json!({ echo: echo }).to_string();
    let twice = format!("{{{text}:1,{text}:1}}", text = serde_json::json!(echo));
    let line = echo.replace(['\n', ' '], "_");
    let elsewhere = format!("https://elsewhere.example/{line}?token={line}");
    let mut faults: Vec<_> = [200, 204, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 999]
        .into_iter()
        .map(|status| Fault::Answer(saying(status, echo)))
        .collect();
    faults.extend([200, 400, 404].into_iter().flat_map(|status| {
        [&json, &twice].map(|body| Fault::Answer(Canned::json(status, body.clone())))
    }));
    faults.extend(
        [301, 302, 307].into_iter().map(|status| {
            Fault::Answer(saying(status, echo).header("location", elsewhere.clone()))
        }),
    );
    faults.extend([
        Fault::Answer(Canned::status(429).header("retry-after", "1").body(echo)),
        Fault::Answer(Canned::status(200).header("x-bad", format!("{line}\u{1}"))),
        Fault::Answer(Canned::status(200).header(format!("bad {line}"), "x")),
        Fault::Answer(Canned::status(200).header("content-length", line.clone())),
        Fault::Garbage,
        Fault::Close,
        Fault::CloseInHead(saying(200, echo)),
        Fault::Truncated(Canned::json(200, json.clone())),
        Fault::Chunked(300 * 1024),
        Fault::EndlessHeaders,
    ]);
    let mut all: Vec<_> = faults.into_iter().map(Weather::Answers).collect();
    all.extend([
        Weather::Encrypted(Fault::Answer(saying(200, echo))),
        Weather::Encrypted(Fault::Truncated(saying(200, echo))),
        Weather::Slow(Fault::Hang),
        Weather::Slow(Fault::Deaf),
        Weather::Dead,
        Weather::Distrusted(Fault::Answer(saying(200, echo))),
    ]);
    all
}

impl Weather {
    pub(crate) async fn come(self) -> Place {
        let patient = HttpSettings::new().attempts(1).circuit_failures(1_000);
        let span = Duration::from_millis(200);
        let (authority, another) = (Authority::new(), Authority::new());
        match self {
            Self::Answers(fault) => at(Server::start(fault).await, patient),
            Self::Slow(fault) => {
                let hasty = patient.connect_timeout(span).total_timeout(span);
                at(Server::start(fault).await, hasty)
            }
            Self::Dead => {
                let dead = DeadPort::new();
                Place { origin: dead.origin(), http: patient, server: None, _dead: Some(dead) }
            }
            Self::Encrypted(fault) => {
                let server = Server::start_tls(authority.certify("127.0.0.1"), fault).await;
                at(server, patient.trust_only(authority.pem()))
            }
            Self::Distrusted(fault) => {
                let server = Server::start_tls(authority.certify("127.0.0.1"), fault).await;
                at(server, patient.trust_only(another.pem()))
            }
        }
    }
}

fn at(server: Server, http: HttpSettings) -> Place {
    Place { origin: server.origin(), http, server: Some(server), _dead: None }
}
