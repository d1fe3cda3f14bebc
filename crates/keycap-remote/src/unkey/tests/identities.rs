use keycap_base::{MAX_LABEL_VALUE_BYTES, Scopes};

use super::*;

fn whole() -> Value {
    data(json!({
        "name": "ci",
        "enabled": true,
        "expires": NOW.as_millis() + 1_000,
        "credits": 7,
        "permissions": ["chat", "models.read", "admin.*", "*"],
        "roles": ["reader"],
        "meta": { "plan": "pro", "org": "org_9", "unkey.identity": "forged", "unkey.credits": "forged" },
        "identity": { "id": "id_1", "externalId": "user_1", "meta": { "tier": 2, "org": "org_1" } },
        "tomorrow": { "new": true },
    }))
}

async fn identity(body: Value, more: impl Fn(UnkeyBuilder) -> UnkeyBuilder) -> Answer {
    let service = service(200, &[], body).await;
    more(set_up(service.address)).build().unwrap().verify(&secret(KEY)).await
}

#[tokio::test]
async fn a_valid_key_is_all_that_unkey_says_of_it() {
    let told = known(identity(whole(), |unkey| unkey).await);
    assert_eq!(told.subject.to_string(), "unkey::user_1");
    assert_eq!(told.key_id.as_deref(), Some("key_1"));
    assert_eq!(told.organisation, None, "none was asked for");
    assert_eq!(told.scopes, Scopes::of(["chat", "models.read"]).unwrap(), "no pattern is granted");
    assert_eq!(told.labels.get("name"), Some("ci"));
    assert_eq!(told.expires_at, Some(Timestamp::from_millis(NOW.as_millis() + 1_000)));
    assert_eq!(told.asserted_at, NOW);
    assert_eq!(
        Value::Object(told.claims),
        json!({
            "plan": "pro",
            "org": "org_9",
            "unkey.roles": ["reader"],
            "unkey.credits": 7,
            "unkey.identity": { "id": "id_1", "externalId": "user_1", "meta": { "tier": 2, "org": "org_1" } },
        })
    );
}

#[tokio::test]
async fn a_bare_key_is_its_own_subject_and_grants_nothing() {
    let bare = data(json!({ "meta": { "unkey.identity": { "externalId": "user_1" } } }));
    let told = known(identity(bare, |unkey| unkey.name("keys-of-unkey")).await);
    assert_eq!(told.subject.to_string(), "keys-of-unkey:keys:key_1");
    assert_eq!(told.scopes, Scopes::none());
    assert_eq!(told.expires_at, None);
    assert!(told.labels.is_empty() && told.organisation.is_none());
    assert!(told.claims.is_empty(), "what only we say cannot be written by others: {told:?}");
}

#[tokio::test]
async fn a_key_can_be_the_subject_although_it_belongs_to_an_identity() {
    let told = known(identity(whole(), |unkey| unkey.subject(UnkeySubject::Key)).await);
    assert_eq!(told.subject.to_string(), "unkey:keys:key_1");
    assert_eq!(told.claims[IDENTITY_CLAIM]["externalId"], "user_1");
}

/// Whoever may choose the external id of a customer, such as the customer, could name another's key.
#[tokio::test]
async fn an_external_id_is_never_the_subject_of_a_key() {
    let own = known(identity(data(json!({})), |unkey| unkey).await);
    let body = data(json!({ "keyId": "key_2", "identity": { "id": "i", "externalId": "key_1" } }));
    let foreign = known(identity(body, |unkey| unkey).await);
    assert_eq!((own.subject.id(), foreign.subject.id()), ("key_1", "key_1"));
    assert_ne!(own.subject, foreign.subject);
    assert_ne!(own.subject.to_string(), foreign.subject.to_string());
}

#[tokio::test]
async fn the_organisation_is_a_field_of_the_metadata() {
    let from = |field: &'static str| move |unkey: UnkeyBuilder| unkey.organisation_claim(field);
    let organisation = |answer| known(answer).organisation.map(|name| name.to_string());
    assert_eq!(organisation(identity(whole(), from("org")).await).as_deref(), Some("org_9"));
    assert_eq!(organisation(identity(whole(), from("other")).await), None);
    let of_identity = |org: Value| {
        data(json!({ "identity": { "id": "i", "externalId": "u", "meta": { "org": org } } }))
    };
    let told = identity(of_identity(json!("org_1")), from("org")).await;
    assert_eq!(organisation(told).as_deref(), Some("org_1"));
    assert_eq!(organisation(identity(of_identity(json!(null)), from("org")).await), None);
    for unfit in [json!(7), json!(""), json!(["org_1"])] {
        let why = why(&unavailable(identity(of_identity(unfit), from("org")).await));
        assert!(why.contains("organisation"), "{why}");
    }
}

#[tokio::test]
async fn a_long_name_is_cut_to_what_a_label_holds() {
    let fits = "é".repeat(MAX_LABEL_VALUE_BYTES / 2);
    for name in [fits.clone(), format!("{fits}é"), format!("{fits}x")] {
        let told = known(told(200, data(json!({ "name": name }))).await);
        assert_eq!(told.labels.get("name"), Some(fits.as_str()));
    }
    let odd = format!("x{fits}");
    let told = known(told(200, data(json!({ "name": odd }))).await);
    assert_eq!(told.labels.get("name"), odd.strip_suffix('é'));
}

#[tokio::test]
async fn p9_debug_shows_no_secret_and_no_claims() {
    let told = known(identity(whole(), |unkey| unkey).await);
    assert!(!format!("{told:?}").contains("org_9"), "{told:?}");
    let service = service(200, &[], whole()).await;
    let builder = set_up(service.address);
    assert!(!format!("{builder:?}").contains(ROOT_KEY));
    assert!(!format!("{:?}", builder.build().unwrap()).contains(ROOT_KEY));
}
