//! Applications may replace the rendering, with what can be sent.

use std::sync::Arc;

use keycap_gate::{Answer, AnswerError, Denial, Refusal, Rendering};

use crate::fixtures::{tell, written};

#[test]
fn a_rendering_sees_the_refusal_and_changes_the_answer() {
    let rendering: Rendering = Arc::new(|refusal: &Refusal, told: Answer| {
        let page = told.with_header("Content-Type", "text/plain").unwrap();
        page.with_status(418).unwrap().with_body(format!("no: {}", refusal.code()))
    });
    let refusal = Denial::RevokedKey.into();
    assert_eq!(
        written(&rendering(&refusal, tell(&refusal))),
        "418\nwww-authenticate: Bearer error=\"invalid_token\"\ncontent-type: text/plain\n\n\
         no: revoked_key"
    );
}

#[test]
fn an_answer_can_always_be_sent() {
    for status in [0, 100, 199, 600, u16::MAX] {
        assert_eq!(Answer::new(status), Err(AnswerError::Status(status)));
        let ok = Answer::new(200).unwrap();
        assert_eq!(ok.with_status(status), Err(AnswerError::Status(status)));
    }
    assert!(Answer::new(200).is_ok() && Answer::new(599).is_ok());
    let answer = Answer::new(403).unwrap();
    for name in ["", "a b", "a:", "é", "a\r\nset-cookie"] {
        let error = answer.clone().with_header(name, "x");
        assert_eq!(error, Err(AnswerError::Name(name.to_owned())));
    }
    for value in ["a\r\nset-cookie: b", "\0", "é", "\t"] {
        let error = answer.clone().with_header("X-Why", value);
        assert_eq!(error, Err(AnswerError::Value("x-why".to_owned())));
    }
}

#[test]
fn headers_are_found_replaced_and_taken_away_in_any_case() {
    let answer = Answer::new(401).unwrap().with_header("X-One", "1").unwrap();
    let answer = answer.with_header("x-two", "2").unwrap().with_header("x-ONE", "3").unwrap();
    assert_eq!(answer.header("X-oNE"), Some("3"));
    let (status, headers, body) = answer.without_header("X-TWO").into_parts();
    assert_eq!(
        (status, &headers[..], &body[..]),
        (401, &[("x-one".into(), "3".into())][..], &[][..])
    );
}
