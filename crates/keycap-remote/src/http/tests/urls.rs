//! Which URLs are taken, and what errors show of the others.

use crate::http::{HttpSettings, HttpSettingsError};

fn refused(text: &str) -> String {
    let error = HttpSettings::new().url(text).expect_err(text);
    assert!(matches!(error, HttpSettingsError::Url { .. }));
    error.to_string()
}

#[test]
fn https_is_taken_everywhere_and_http_on_this_machine() {
    for text in [
        "https://api.example.com",
        "https://api.example.com:8443/v1/?tenant=a",
        "https://[2001:db8::1]/",
        "http://localhost:3000",
        "http://localhost.:3000",
        "http://LOCALHOST",
        "http://127.0.0.1:3000/path",
        "http://127.8.9.10",
        "http://127.1",
        "http://[::1]:3000",
        "http://[::ffff:127.0.0.1]",
    ] {
        assert!(HttpSettings::new().url(text).is_ok(), "{text}");
    }
}

#[test]
fn p9_http_to_elsewhere_is_refused_unless_chosen() {
    for text in [
        "http://api.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::2]",
        "http://[::ffff:10.0.0.1]",
        "http://localhost.example.com",
        "http://evil.localhost",
        "http://127.0.0.1.example.com",
    ] {
        assert!(refused(text).contains("plain HTTP"), "{text}");
        assert!(HttpSettings::new().insecure_plain_http().url(text).is_ok(), "{text}");
    }
}

#[test]
fn p9_what_is_refused_shows_no_secret() {
    for text in [
        "https://me:hush@api.example.com/path",
        "https://hush@api.example.com",
        "https:me:hush@api.example.com",
        r"https:\\me:hush@api.example.com",
        "http://api.example.com/path?token=hush",
        "https://api.example.com/#hush",
        "https://me:hush#x@api.example.com",
        "ftp://me:hush@example.com/",
        "hush:hush",
        "hush",
        "sk_live_hush",
        "https://hush hush",
        "",
    ] {
        let error = refused(text);
        assert!(!error.contains("hush"), "{text}: {error}");
        assert!(!error.contains("me:"), "{text}: {error}");
    }
}

#[test]
fn what_is_refused_says_what_would_be_right() {
    assert_eq!(
        refused("http://api.example.com:81/v1?a=b"),
        "`http://api.example.com:81/v1` is plain HTTP, which anyone on the way can read; use https://"
    );
    assert_eq!(refused("ftp://example.com/x"), "`…` is not HTTP; it should begin with https://");
    assert_eq!(
        refused("api.example.com"),
        "`…` is no URL; it should be written like https://api.example.com"
    );
}
