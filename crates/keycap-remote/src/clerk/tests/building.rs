//! What fails when a provider is built, and what is taken when it does not.

use std::error::Error as _;

use keycap_verify::{Answer, IdentityProvider as _, Rejection, Secret};

use crate::clerk::{Clerk, ClerkError};

fn wrong(key: &str) -> ClerkError {
    Clerk::secret_key(key).build().unwrap_err()
}

fn taken(clerk: &Clerk) -> Vec<&'static str> {
    let screened = |text: &&str| clerk.screen(&Secret::parse(text).unwrap()).is_none();
    ["ak_1", "mt_1", "oat_1", "sk_1", "ak_", "mt_", "a.b.c"].into_iter().filter(screened).collect()
}

#[test]
fn a_wrong_key_of_our_own_is_named_and_not_shown() {
    assert_eq!(wrong("pk_live_hidden"), ClerkError::PublishableKey);
    assert_eq!(wrong("ak_hidden"), ClerkError::MachineKeyAsSecretKey);
    let long = |extra: usize| format!("sk_{}", "x".repeat(1021 + extra));
    for key in ["", "sk_", "hidden", "sk_hid den", "sk_hidden\n", "sk_hiddén", &long(1)] {
        assert_eq!(wrong(key), ClerkError::SecretKey, "{key:?}");
    }
    assert!(Clerk::secret_key(long(0)).build().is_ok());
    for key in ["", "ak_", "sk_live_hidden", "ak_hid den"] {
        let error = Clerk::machine_secret_key(key).build().unwrap_err();
        assert_eq!(error, ClerkError::MachineSecretKey, "{key:?}");
    }
    let builder = Clerk::secret_key("sk_test_hidden").machine_secret_key("ak_hidden");
    let shown = format!("{builder:?} {:?} {}", wrong("pk_hidden"), wrong("pk_hidden"));
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(!format!("{:?}", builder.build().unwrap()).contains("hidden"));
}

#[test]
fn every_other_setting_is_checked_too() {
    let clerk = || Clerk::secret_key("sk_test_1");
    for version in ["", "v1", "2026-05-1", "2026-05-123", "2026/05/12", "20260-5-12", "2026-05-1a"]
    {
        let error = clerk().api_version(version).build().unwrap_err();
        assert_eq!(error, ClerkError::ApiVersion(version.to_owned()));
    }
    assert!(clerk().api_version("2025-11-10").build().is_ok());
    let name = clerk().name("my clerk").build().unwrap_err();
    assert!(name.source().unwrap().to_string().contains("`my clerk` is no provider name"));
    let plain = clerk().api_url("http://api.clerk.com").build().unwrap_err();
    assert!(plain.source().unwrap().to_string().contains("use https://"), "{plain:?}");
    let query = clerk().api_url("https://api.clerk.com/?a=b").build().unwrap_err();
    assert_eq!(query, ClerkError::Query);
}

#[test]
fn what_is_taken_is_what_the_keys_can_verify_unless_it_is_named() {
    let both = Clerk::secret_key("sk_test_1");
    assert_eq!(taken(&both.build().unwrap()), ["ak_1", "mt_1"]);
    let machine = || Clerk::machine_secret_key("ak_own");
    assert_eq!(taken(&machine().build().unwrap()), ["mt_1"]);
    assert_eq!(taken(&Clerk::secret_key("sk_test_1").api_keys().build().unwrap()), ["ak_1"]);
    assert_eq!(taken(&Clerk::secret_key("sk_test_1").m2m_tokens().build().unwrap()), ["mt_1"]);
    let named = Clerk::secret_key("sk_test_1").api_keys().m2m_tokens();
    assert_eq!(taken(&named.build().unwrap()), ["ak_1", "mt_1"]);
    assert_eq!(machine().api_keys().build().unwrap_err(), ClerkError::ApiKeysNeedSecretKey);
}

/// Nobody listens at the address: an attempt to ask would not answer `Malformed`.
#[tokio::test]
async fn p9_a_secret_of_another_shape_is_never_sent() {
    let clerk = Clerk::secret_key("sk_test_1").api_url("http://127.0.0.1:9").build().unwrap();
    for text in ["acme_live_1", "oat_1", "ak_", "AK_1", "x.ak_.mt_", "sk_test_1"] {
        let secret = Secret::parse(text).unwrap();
        assert_eq!(clerk.screen(&secret), Some(Rejection::Malformed), "{text}");
        let answer = clerk.verify(&secret).await;
        assert!(matches!(answer, Answer::Rejected(Rejection::Malformed)), "{text}: {answer:?}");
    }
}
