use proptest::prelude::*;

use super::*;

fn claims(json: &str) -> Claims {
    Claims::read(json.as_bytes()).unwrap()
}

fn date(number: &str) -> Result<Option<i64>, ClaimsError> {
    let claims = claims(&format!(r#"{{"exp":{number}}}"#));
    claims.date("exp").map(|date| date.map(Timestamp::as_millis))
}

#[test]
fn claims_are_one_object_with_unique_names() {
    assert!(Claims::read(br#"{"a":1,"b":{"a":2}}"#).is_ok());
    let wrong = [
        "",
        "[]",
        "1",
        "null",
        "\"a\"",
        "{",
        "{}x",
        r#"{"a":1,"a":1}"#,
        r#"{"sub":"a","org":[{"id":"x","id":"y"}]}"#,
        r#"{"exp":1,"\u0065xp":2}"#,
    ];
    for wrong in wrong {
        assert!(matches!(Claims::read(wrong.as_bytes()), Err(ClaimsError::NoObject(_))), "{wrong}");
    }
    assert!(Claims::read(b"\xff\xfe").is_err() && Claims::read(b"{\"a\":\"\xff\"}").is_err());
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert!(Claims::read(deep.as_bytes()).is_err());
}

#[test]
fn claims_are_bounded_in_number_and_in_size() {
    let of = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"c{n}\":0")).collect();
        Claims::read(format!("{{{}}}", members.join(",")).as_bytes())
    };
    assert!(of(MAX_CLAIMS).is_ok());
    assert_eq!(of(MAX_CLAIMS + 1), Err(ClaimsError::TooMany(MAX_CLAIMS + 1)));
    let sized = |bytes: usize| Claims::read(format!("{{{}}}", " ".repeat(bytes - 2)).as_bytes());
    assert!(sized(MAX_CLAIMS_BYTES).is_ok());
    assert_eq!(sized(MAX_CLAIMS_BYTES + 1), Err(ClaimsError::TooLong));
}

#[test]
fn an_error_says_where_and_which_never_what() {
    let error = Claims::read(br#"{"sub":"hush","hush":"hush","sub":1}"#).unwrap_err().to_string();
    assert!(!error.contains("hush") && error.contains("line 1"), "{error}");
    let told = claims(r#"{"sub":["hush"]}"#);
    let error = told.text("sub").unwrap_err().to_string();
    assert!(!error.contains("hush") && error.contains("`sub`"), "{error}");
    assert!(!format!("{told:?}").contains("hush"));
}

#[test]
fn a_date_is_seconds_perhaps_with_a_fraction() {
    for (number, millis) in [
        ("0", 0),
        ("1700000000", 1_700_000_000_000),
        ("1700000000.0", 1_700_000_000_000),
        ("1700000000.5", 1_700_000_000_500),
        ("1700000000.1239", 1_700_000_000_123),
        ("1.7e9", 1_700_000_000_000),
        ("1e-9", 0),
        ("-1", -1_000),
        ("-0.5", -500),
        ("-1.5", -1_500),
        ("-1.0009765625", -1_001),
        ("9223372036854775", 9_223_372_036_854_775_000),
    ] {
        assert_eq!(date(number), Ok(Some(millis)), "{number}");
    }
}

#[test]
fn a_date_that_does_not_fit_is_an_error_and_no_other_date() {
    let beyond = ["9223372036854776", "-9223372036854776", "9223372036854775807"];
    let huge = ["18446744073709551615", "18446744073709551616", "1e16", "1e300", "-1e300"];
    let other = ["\"1700000000\"", "true", "[]", "{}", "[1700000000]"];
    for wrong in beyond.iter().chain(&huge).chain(&other) {
        assert!(date(wrong).is_err(), "{wrong}");
    }
    assert_eq!(date("null"), Ok(None));
    assert_eq!(claims("{}").date("exp"), Ok(None));
    let endless = Claims::read(br#"{"exp":1e999}"#);
    assert!(endless.and_then(|claims| claims.date("exp")).is_err());
}

#[test]
fn a_text_is_bounded_and_of_the_right_kind() {
    let of = |bytes: usize| claims(&format!(r#"{{"sub":"{}"}}"#, "s".repeat(bytes)));
    assert!(of(MAX_TEXT_BYTES).text("sub").unwrap().is_some());
    assert!(of(MAX_TEXT_BYTES + 1).text("sub").is_err() && of(0).text("sub").is_err());
    for wrong in ["1", "true", "[\"a\"]", "{}"] {
        assert!(claims(&format!(r#"{{"sub":{wrong}}}"#)).text("sub").is_err(), "{wrong}");
    }
    assert_eq!(claims(r#"{"sub":null}"#).text("sub"), Ok(None));
}

#[test]
fn an_audience_is_one_text_or_a_list() {
    let texts = |json: &str| {
        let claims = claims(&format!(r#"{{"aud":{json}}}"#));
        claims.texts("aud").map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(texts(r#""a b""#).unwrap(), ["a b"]);
    assert_eq!(texts(r#"["a","b"]"#).unwrap(), ["a", "b"]);
    assert!(texts("[]").unwrap().is_empty() && texts("null").unwrap().is_empty());
    for wrong in ["1", "{}", "[1]", r#"["a",null]"#, r#"[["a"]]"#] {
        assert!(texts(wrong).is_err(), "{wrong}");
    }
    let of = |count: usize| texts(&serde_json::to_string(&vec!["a"; count]).unwrap());
    assert!(of(MAX_TEXTS).is_ok() && of(MAX_TEXTS + 1).is_err());
}

#[test]
fn scopes_are_read_from_scope_or_scp_and_taken_at_their_word() {
    let scopes = |json: &str| claims(json).scopes().map(|scopes| scopes.to_string());
    for (json, granted) in [
        (r#"{"scope":"chat  admin "}"#, "admin chat"),
        (r#"{"scope":["chat","admin"]}"#, "admin chat"),
        (r#"{"scp":["chat","admin"]}"#, "admin chat"),
        (r#"{"scp":"chat admin"}"#, "admin chat"),
        (r#"{"scope":"chat","scp":["admin"]}"#, "chat"),
        (r#"{"scope":null,"scp":["admin"]}"#, "admin"),
        (r#"{"scope":"","scp":["admin"]}"#, ""),
        (r#"{"scope":"* chat.* chat"}"#, "chat"),
        ("{}", ""),
    ] {
        assert_eq!(scopes(json).as_deref(), Ok(granted), "{json}");
    }
    for wrong in [r#"{"scope":1}"#, r#"{"scp":[1]}"#, r#"{"scope":{}}"#] {
        assert!(scopes(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_date_with_a_fraction_is_at_most_a_millisecond_off(seconds in -1_000_000_000_i64..10_000_000_000, millis in 0_i64..1_000) {
        let text = format!("{seconds}.{millis:03}");
        let wanted = if text.starts_with('-') { seconds * 1_000 - millis } else { seconds * 1_000 + millis };
        let read = date(&text).unwrap().unwrap();
        prop_assert!((wanted - 1..=wanted).contains(&read), "{} is {}", text, read);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Claims::read(&bytes).map(|claims| (claims.scopes(), claims.date("exp").ok()));
    }
}
