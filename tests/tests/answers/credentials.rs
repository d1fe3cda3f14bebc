//! Where a key may stand in a request, and what else may stand there.

use keycap::{CredentialPlaces, Guard, Place};
use keycap_tests::wire::{Request, ask};
use keycap_tests::{App, Route, Site, Told, Work, same_on_both};

use crate::troubled::troubled;

#[tokio::test(flavor = "multi_thread")]
async fn p8_odd_credentials_are_told_alike_by_both() {
    let secret = Site::secret("alice");
    let longest = "a".repeat(4096);
    let too_long = "a".repeat(4097);
    let lines: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("200 lower-case scheme", vec![format!("bearer {secret}").into()]),
        ("200 upper-case scheme", vec![format!("BEARER {secret}").into()]),
        ("200 several spaces", vec![format!("Bearer    {secret}").into()]),
        ("400 two headers", vec![format!("Bearer {secret}").into(); 2]),
        ("200 Basic beside it", vec![b"Basic YTpi".into(), format!("Bearer {secret}").into()]),
        ("401 empty", vec![b"".into()]),
        ("401 scheme only", vec![b"Bearer".into()]),
        ("401 scheme and space", vec![b"Bearer ".into()]),
        ("401 no scheme", vec![secret.clone().into()]),
        ("401 the longest", vec![format!("Bearer {longest}").into()]),
        ("401 over-long", vec![format!("Bearer {too_long}").into()]),
        ("401 non-ASCII", vec!["Bearer schlüssel".into()]),
        ("401 bytes that are no text", vec![b"Bearer \xff\xfe".into()]),
        ("401 a comma from a proxy", vec![format!("Bearer {secret}, Bearer {secret}").into()]),
        ("401 Basic", vec![b"Basic YTpi".into()]),
        ("401 a tab for the space", vec![format!("Bearer\t{secret}").into()]),
        ("401 a tab after the space", vec![format!("Bearer \t{secret}").into()]),
        ("401 something after it", vec![format!("Bearer {secret} x").into()]),
        ("401 quoted", vec![format!("Bearer \"{secret}\"").into()]),
        ("401 another scheme's prefix", vec![format!("BearerX {secret}").into()]),
    ];
    let told = same_on_both(troubled, async |site: &Site| {
        let mut told = Told::default();
        for (label, values) in &lines {
            let request = values.iter().fold(Request::post("/chat"), |request, value| {
                request.header("Authorization", value)
            });
            told.add(label, ask(site.address, &request).await);
        }
        let query = format!("/chat?access_token={secret}&api_key={secret}");
        told.add("401 in the query", ask(site.address, &Request::post(query)).await);
        told
    })
    .await;
    for (label, answer) in told.answers() {
        assert_eq!(answer.status().to_string(), label[..3], "{label}: {answer:?}");
    }
    assert_eq!(told.answer("400 two headers").code(), "ambiguous_credentials");
    assert_eq!(told.answer("401 Basic").code(), "missing_key");
    assert_eq!(told.answer("401 over-long").code(), "invalid_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_header_of_its_own_carries_the_key_alike_in_both() {
    let places = || CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key").unwrap()]);
    let secret = Site::secret("alice");
    let app = || troubled().gate(move |gate| gate.credentials(places().unwrap()));
    let told = same_on_both(app, async |site: &Site| {
        let mut told = Told::default();
        let in_header = Request::post("/chat").header("x-api-key", &secret);
        told.add("header", ask(site.address, &in_header).await);
        told.add("bearer", site.ask("alice", Request::post("/chat")).await);
        told.add("both", site.ask("alice", in_header.clone()).await);
        told.add("twice", ask(site.address, &in_header.clone().header("X-Api-Key", "x")).await);
        let basic = in_header.clone().header("Authorization", "Basic YTpi");
        told.add("Basic beside it", ask(site.address, &basic).await);
        told.add("none", ask(site.address, &Request::post("/chat")).await);
        told
    })
    .await;
    for (label, status) in [("header", 200), ("bearer", 200), ("Basic beside it", 200)] {
        assert_eq!(told.answer(label).status(), status, "{label}");
    }
    for label in ["both", "twice"] {
        assert_eq!(told.answer(label).code(), "ambiguous_credentials", "{label}");
    }
    for (label, answer) in told.answers() {
        assert_eq!(answer.header("vary"), Some("x-api-key"), "{label}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("private"), "{label}");
    }
    let challenges: Vec<_> = told.answer("none").headers.iter().filter(is_challenge).collect();
    assert_eq!(challenges.len(), 2, "one for each place");
}

fn is_challenge(header: &&(String, Vec<u8>)) -> bool {
    header.0 == "www-authenticate"
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_the_handler_sees_no_credential_once_it_is_stripped() {
    let routes = || App::default().route(Route::guarded("/", Guard::free(), Work::Show));
    let kept = same_on_both(routes, async |site: &Site| {
        let mut told = Told::default();
        told.add("kept", site.ask("alice", Request::get("/")).await);
        told
    })
    .await;
    let sent = format!("Bearer {}", Site::secret("alice"));
    assert_eq!(kept.answer("kept").json()["seen"][0][1], sent);
    let places = || CredentialPlaces::new([Place::bearer(), Place::header("X-API-Key").unwrap()]);
    let stripping =
        || routes().gate(move |gate| gate.credentials(places().unwrap()).strip_credential());
    let stripped = same_on_both(stripping, async |site: &Site| {
        let mut told = Told::default();
        told.add("bearer", site.ask("alice", Request::get("/")).await);
        let header = Request::get("/").header("X-API-Key", Site::secret("alice"));
        told.add("header", ask(site.address, &header).await);
        told
    })
    .await;
    for (label, answer) in stripped.answers() {
        let shown = answer.json();
        assert_eq!(shown["subject"], "keycap::alice", "{label}: {answer:?}");
        assert_eq!(shown["seen"], serde_json::json!([]), "{label}");
    }
}
