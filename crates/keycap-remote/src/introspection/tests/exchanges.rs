//! What is sent, byte for byte, as the standards have it.

use keycap_standins::faults::{Seen, Server};
use keycap_verify::{Answer, IdentityProvider as _};

use super::*;

/// The token as a form has it: all but letters, digits and `*-._` is encoded.
const TOKEN_IN_FORM: &str = "token=a-token%2Fof%2Balice%7E._%3D&token_type_hint=access_token";

async fn exchange(client: impl FnOnce(IntrospectionBuilder) -> IntrospectionBuilder) -> Seen {
    let server = Server::start(says(ACTIVE)).await;
    let url = server.url("/introspect?tenant=7");
    let provider = client(Introspection::endpoint(url)).build().unwrap();
    let answer = provider.verify(&token()).await;
    assert!(matches!(answer, Answer::Known(_)), "{answer:?}");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    seen[0].clone()
}

/// The values of all headers of this name.
fn headers<'a>(seen: &'a Seen, name: &str) -> Vec<&'a str> {
    let named = seen.headers.iter().filter(|(found, _)| found == name);
    named.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn a_token_is_asked_about_in_the_body_of_a_post() {
    let seen = exchange(|builder| builder.client_secret_basic("api", "secret")).await;
    assert_eq!((&*seen.method, &*seen.target), ("POST", "/introspect?tenant=7"));
    assert_eq!(headers(&seen, "content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(headers(&seen, "accept"), ["application/json"]);
    assert_eq!(seen.text(), TOKEN_IN_FORM);
    assert!(seen.headers.iter().all(|(_, value)| !value.contains("a-token")), "{seen:?}");
}

#[tokio::test]
async fn client_secret_basic_is_form_encoded_before_it_is_joined() {
    let basic = async |id: &str, secret: &str| {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        let seen = exchange(|builder| builder.client_secret_basic(id, secret)).await;
        assert_eq!(seen.text(), TOKEN_IN_FORM, "nothing of it is in the body");
        headers(&seen, "authorization").join("|")
    };
    // RFC 6749 §2.3.1, its own example.
    let expected = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
    assert_eq!(basic("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw").await, expected);
    // printf %s 'app%3Aodd+%2B%25:test%3Asecret+of%2Bapp%26odd%252F' | base64 -w0
    let expected = "Basic YXBwJTNBb2RkKyUyQiUyNTp0ZXN0JTNBc2VjcmV0K29mJTJCYXBwJTI2b2RkJTI1MkY=";
    assert_eq!(basic("app:odd +%", "test:secret of+app&odd%2F").await, expected);
}

#[tokio::test]
async fn client_secret_post_is_in_the_body_alone() {
    let post = |id: &'static str, secret: &'static str| {
        exchange(move |builder| builder.client_secret_post(id, secret))
    };
    // RFC 6749 §2.3.1, its own example.
    let seen = post("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw").await;
    let client = "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw";
    assert_eq!(seen.text(), format!("{TOKEN_IN_FORM}&{client}"));
    assert!(headers(&seen, "authorization").is_empty());
    let seen = post("app:odd +%", "test:secret of+app&odd%2F").await;
    let client = "client_id=app%3Aodd+%2B%25&client_secret=test%3Asecret+of%2Bapp%26odd%252F";
    assert_eq!(seen.text(), format!("{TOKEN_IN_FORM}&{client}"));
}
