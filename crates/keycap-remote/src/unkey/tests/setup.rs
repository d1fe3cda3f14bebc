use super::*;

#[tokio::test]
async fn p9_the_root_key_and_the_key_go_where_the_official_client_puts_them() {
    let service = service(200, &[], data(json!({}))).await;
    known(set_up(service.address).build().unwrap().verify(&secret(KEY)).await);
    let seen = service.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/v2/keys.verifyKey"));
    let expected = [
        ("accept", "application/json".to_owned()),
        ("authorization", format!("Bearer {ROOT_KEY}")),
        ("content-type", "application/json".to_owned()),
    ];
    let seen = seen[0].headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_without_asking() {
    let service = service(200, &[], data(json!({}))).await;
    let unkey = set_up(service.address).prefix("acme").build().unwrap();
    let longest = format!("acme_{}", "x".repeat(MAX_KEY_BYTES - 5));
    for fits in [KEY, &longest] {
        assert_eq!(unkey.screen(&secret(fits)), None, "{fits}");
    }
    let too_long = format!("{longest}x");
    for foreign in ["acme", "acme-1", "Acme_1", "other_acme_1", &too_long] {
        assert_eq!(unkey.screen(&secret(foreign)), Some(Rejection::Unknown), "{foreign}");
        let answer = unkey.verify(&secret(foreign)).await;
        assert!(matches!(answer, Answer::Rejected(Rejection::Unknown)), "{answer:?}");
    }
    assert_eq!(service.seen(), [], "nobody was asked");

    let any = set_up(service.address).build().unwrap();
    assert_eq!(any.screen(&secret("other_acme_1")), None);
    assert_eq!(any.screen(&secret(&"x".repeat(MAX_KEY_BYTES))), None);
    assert_eq!(any.screen(&secret(&"x".repeat(MAX_KEY_BYTES + 1))), Some(Rejection::Unknown));
}

#[tokio::test]
async fn many_who_ask_for_the_same_key_make_one_call() {
    let service = service(200, &[], data(json!({}))).await;
    let unkey = Arc::new(set_up(service.address).build().unwrap());
    let ask = |_| {
        let unkey = Arc::clone(&unkey);
        async move { known(unkey.verify(&secret(KEY)).await) }
    };
    let all = (0..200).map(ask).map(tokio::spawn).collect::<Vec<_>>();
    for one in all {
        assert_eq!(one.await.unwrap().key_id.as_deref(), Some("key_1"));
    }
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn a_path_in_front_of_the_api_is_kept() {
    for (api, expected) in [
        ("http://127.0.0.1:1", "http://127.0.0.1:1/v2/keys.verifyKey"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/v2/keys.verifyKey"),
        ("https://proxy.example/unkey/", "https://proxy.example/unkey/v2/keys.verifyKey"),
    ] {
        let unkey = Unkey::root_key(ROOT_KEY).api_url(api).build().unwrap();
        assert_eq!(unkey.0.verify_url.as_str(), expected);
    }
    let unkey = Unkey::root_key(ROOT_KEY).build().unwrap();
    assert_eq!(unkey.0.verify_url.as_str(), "https://api.unkey.com/v2/keys.verifyKey");
    assert_eq!(unkey.name(), "unkey");
}

#[test]
fn a_wrong_configuration_fails_when_it_is_built_and_says_what_would_be_right() {
    let set_up = || Unkey::root_key(ROOT_KEY);
    let table = [
        (Unkey::root_key(""), "root key is empty"),
        (Unkey::root_key("two words"), "dashboard"),
        (Unkey::root_key("line\nbreak"), "dashboard"),
        (Unkey::root_key("x".repeat(4097)), "too long"),
        (set_up().name(""), "provider name"),
        (set_up().name("two words"), "provider name"),
        (set_up().prefix(""), "1 to 16"),
        (set_up().prefix("with-dash"), "with-dash"),
        (set_up().prefix("seventeen_letters"), "1 to 16"),
        (set_up().organisation_claim(""), "metadata"),
        (set_up().api_url("https://api.unkey.com/?a=b"), "query"),
        (set_up().api_url("http://api.unkey.com"), "https://"),
        (set_up().api_url("api.unkey.com"), "https://"),
    ];
    for (builder, expected) in table {
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("line"), "the root key is not shown: {error}");
    }
    assert!(Unkey::root_key("x".repeat(4096)).prefix("sixteen__letters").build().is_ok());
}
