//! What is sent, byte for byte, as the standards have it.

use keycap_verify::{Answer, IdentityProvider as _};

use super::*;

const ACTIVE: &str = r#"{"active":true,"token_type":"Bearer","sub":"alice"}"#;

/// The token as a form has it: all but letters, digits and `*-._` is encoded.
const TOKEN_IN_FORM: &str = "token=a-token%2Fof%2Balice%7E._%3D&token_type_hint=access_token";

async fn exchange(
    client: impl FnOnce(IntrospectionBuilder) -> IntrospectionBuilder,
) -> (Vec<String>, String) {
    let server = OneShot::answering(ACTIVE).await;
    let provider = client(Introspection::endpoint(&server.url)).build().unwrap();
    let answer = provider.verify(&token()).await;
    assert!(matches!(answer, Answer::Known(_)), "{answer:?}");
    server.received().await
}

fn header<'a>(head: &'a [String], name: &str) -> Vec<&'a str> {
    let named = |line: &'a String| line.split_once(": ").filter(|(found, _)| *found == name);
    head.iter().filter_map(named).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_token_is_asked_about_in_the_body_of_a_post() {
    let (head, body) = exchange(|builder| builder.client_secret_basic("api", "secret")).await;
    assert_eq!(head[0], "POST /introspect HTTP/1.1");
    assert_eq!(header(&head, "content-type"), ["application/x-www-form-urlencoded"]);
    assert_eq!(header(&head, "accept"), ["application/json"]);
    assert_eq!(header(&head, "content-length"), [body.len().to_string()]);
    assert_eq!(body, TOKEN_IN_FORM);
    assert!(head.iter().all(|line| !line.contains("a-token")), "{head:?}");
}

#[tokio::test]
async fn client_secret_basic_is_form_encoded_before_it_is_joined() {
    let basic = async |id: &str, secret: &str| {
        let (id, secret) = (id.to_owned(), secret.to_owned());
        let (head, body) = exchange(|builder| builder.client_secret_basic(id, secret)).await;
        assert_eq!(body, TOKEN_IN_FORM, "nothing of it is in the body");
        header(&head, "authorization").join("|")
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
    let (head, body) = post("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw").await;
    let client = "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw";
    assert_eq!(body, format!("{TOKEN_IN_FORM}&{client}"));
    assert!(header(&head, "authorization").is_empty());
    let (_, body) = post("app:odd +%", "test:secret of+app&odd%2F").await;
    let client = "client_id=app%3Aodd+%2B%25&client_secret=test%3Asecret+of%2Bapp%26odd%252F";
    assert_eq!(body, format!("{TOKEN_IN_FORM}&{client}"));
}
