//! Whom TLS trusts.

use keycap_standins::faults::{Authority, Fault, Server};

use super::{Bench, SHORT, fine, once, patient, url};
use crate::http::{Call, CallError, HttpSettings, HttpSettingsError};

async fn ask(settings: HttpSettings, server: &Server, host: &str) -> Result<u16, CallError> {
    let call = Call::read("look", url(&server.origin_as(host)));
    Bench::new(settings).send(call).await.map(|reply| reply.status)
}

fn unreachable(outcome: &Result<u16, CallError>) -> bool {
    matches!(outcome, Err(CallError::Unreachable(_)))
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_it_is_named() {
    let (authority, another) = (Authority::new(), Authority::new());
    let server = Server::start_tls(authority.certify("localhost"), fine()).await;

    let named = ask(once().trust_only(authority.pem()), &server, "localhost").await;
    assert_eq!(named, Ok(200));
    let of_two = format!("{}{}", another.pem(), authority.pem());
    assert_eq!(ask(once().trust_only(of_two), &server, "localhost").await, Ok(200));

    let strange = ask(once().trust_only(another.pem()), &server, "localhost").await;
    assert!(unreachable(&strange), "{strange:?}");
    assert_eq!(server.seen().len(), 2, "nothing was sent to the server that is not trusted");
}

#[tokio::test]
async fn the_systems_authorities_do_not_vouch_for_a_private_one() {
    let server = Server::start_tls(Authority::new().certify("localhost"), fine()).await;
    match crate::http::tls::config(None) {
        Ok(_) => {
            let outcome = ask(once(), &server, "localhost").await;
            assert!(unreachable(&outcome), "{outcome:?}");
        }
        Err(error) => assert!(error.to_string().contains("ca-certificates"), "{error}"),
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.certify("elsewhere.example"), fine()).await;
    for host in ["localhost", "127.0.0.1"] {
        let outcome = ask(once().trust_only(authority.pem()), &server, host).await;
        assert!(unreachable(&outcome), "{host}: {outcome:?}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_certificate_may_name_an_address() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.certify("127.0.0.1"), fine()).await;
    assert_eq!(ask(once().trust_only(authority.pem()), &server, "127.0.0.1").await, Ok(200));
}

#[tokio::test]
async fn a_handshake_that_hangs_is_a_connection_that_fails() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.certify("localhost"), Fault::Deaf).await;
    let settings = once().connect_timeout(SHORT).trust_only(authority.pem());
    let outcome = ask(settings, &server, "localhost").await;
    assert!(unreachable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn plain_http_where_tls_is_spoken_is_broken() {
    let server = Server::start_tls(Authority::new().certify("localhost"), fine()).await;
    let plain = server.origin().replace("https", "http");
    let error = Bench::new(once()).send(Call::read("look", url(&plain))).await.map(drop);
    assert!(matches!(error, Err(CallError::Broken(_))), "{error:?}");
}

#[test]
fn authorities_that_cannot_be_read_fail_at_build() {
    let build = |pem: &str| {
        let clock = std::sync::Arc::new(keycap_base::SystemClock);
        crate::http::Client::build("acme", patient().trust_only(pem), clock).map(drop)
    };
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, word) in [
        ("", "BEGIN CERTIFICATE"),
        ("not PEM at all", "BEGIN CERTIFICATE"),
        ("-----BEGIN CERTIFICATE-----\n", "PEM"),
        (garbage, ""),
    ] {
        let error = build(pem).expect_err(pem);
        assert!(matches!(error, HttpSettingsError::Trust(_)), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}
