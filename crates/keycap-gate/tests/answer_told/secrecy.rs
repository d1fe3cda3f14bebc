//! What is for the log says why, and nothing says a secret.

use std::error::Error as _;

use keycap_budget::{Cause, LedgerError};
use keycap_gate::{Broken, Code, Credential, CredentialPlaces, Denial, Refusal, RequestView};
use keycap_verify::{Rejection, Unavailable};
use smallvec::{SmallVec, smallvec};

use crate::fixtures::{USER, dollars, one_of_each, tell};

struct Bearing(Vec<u8>);

impl RequestView for Bearing {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn header_values(&self, _: &str) -> SmallVec<[&[u8]; 2]> {
        smallvec![&self.0[..]]
    }

    fn peer(&self) -> Option<std::net::IpAddr> {
        None
    }
}

#[test]
fn p9_a_malformed_credential_is_not_repeated() {
    let sent = Bearing(b"Bearer acme_4eC39HqLyjWDarj,acme_4eC39HqLyjWDarj".to_vec());
    let Credential::Malformed(why) = CredentialPlaces::default().read(&sent) else { panic!() };
    let refusal: Refusal = Denial::from(why).into();
    let body = String::from_utf8(tell(&refusal).body().to_vec()).unwrap();
    for shown in [refusal.to_string(), format!("{refusal:?}"), body] {
        assert!(!shown.contains("4eC39"), "{shown}");
    }
}

#[test]
fn callers_are_not_told_why_a_key_is_invalid_and_the_log_is() {
    let why = [
        Denial::from(keycap_verify::Malformed::Empty),
        Denial::from(Rejection::Malformed),
        Denial::from(Rejection::Unknown),
    ];
    let logged: Vec<_> = why.iter().map(ToString::to_string).collect();
    assert!(logged[0] != logged[1] && logged[1] != logged[2] && logged[0] != logged[2]);
    let [first, rest @ ..] = why.map(|denial| tell(&denial.into()));
    assert!(rest.iter().all(|told| *told == first));
}

#[test]
fn a_known_key_is_told_what_became_of_it() {
    assert_eq!(Denial::from(Rejection::Revoked).code(), Code::RevokedKey);
    assert_eq!(Denial::from(Rejection::Expired).code(), Code::ExpiredKey);
}

#[test]
fn p6_what_is_broken_carries_its_cause_for_the_log_alone() {
    let causes = [
        Broken::auth_unavailable("10.0.0.5 refused"),
        Broken::from(Unavailable::because("clerk", "10.0.0.5 refused")),
        Broken::from(LedgerError::new("10.0.0.5 refused")),
        Broken::misconfigured("10.0.0.5 refused"),
    ];
    for broken in causes {
        let refusal = Refusal::from(broken);
        let mut cause = refusal.source();
        while let Some(next) = cause.and_then(|cause| cause.source()) {
            cause = Some(next);
        }
        assert_eq!(cause.unwrap().to_string(), "10.0.0.5 refused");
        let body = String::from_utf8(tell(&refusal).body().to_vec()).unwrap();
        assert!(!body.contains("10.0.0.5"), "{body}");
        assert!(refusal.to_string().starts_with(refusal.code().as_str()));
    }
}

#[test]
fn every_refusal_says_its_code_first_in_the_log() {
    for refusal in one_of_each() {
        let logged = refusal.to_string();
        assert!(logged.starts_with(refusal.code().as_str()), "{logged}");
    }
    let spent = dollars(USER, "day", ["0.10", "0.08", "0.02"], Cause::Spent);
    assert_eq!(
        spent.to_string(),
        "budget_exceeded: $0.000000001 wanted, $0.08 spent and $0.02 held of $0.10 per day, \
         account user_2f7a"
    );
}
