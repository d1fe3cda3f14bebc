//! The provider against the stand-in of an issuer, over HTTP; the pure parts without.
#![allow(clippy::needless_pass_by_value, reason = "JSON is written where it is used")]

mod faults;
mod hostile;
mod published;
mod settings;
mod terms;

use std::time::Duration;

use keycap_base::{ManualClock, Timestamp};
use keycap_standins::issuer::{self, AUDIENCE, Issuer};
use keycap_verify::{Answer, Identity, IdentityProvider, Rejection, Secret, Unavailable};
use serde_json::{Value, json};

use super::{Jwt, JwtBuilder};

const NOW_S: i64 = 1_773_144_000;
const NOW: Timestamp = Timestamp::from_millis(NOW_S * 1_000);

/// How the issuer signs, where it does not matter.
const ANY: issuer::Algorithm = issuer::Algorithm::EdDsa;

/// An issuer, and a provider that relies on it.
struct World {
    clock: ManualClock,
    issuer: Issuer,
    tokens: Jwt,
}

impl World {
    async fn new() -> Self {
        Self::with(|tokens| tokens).await
    }

    async fn with(more: impl FnOnce(JwtBuilder) -> JwtBuilder) -> Self {
        let clock = ManualClock::at(NOW);
        let issuer = Issuer::start(clock.clone()).await;
        let tokens = Jwt::issuer(issuer.url()).audience(AUDIENCE).discover().clock(clock.clone());
        Self { tokens: more(tokens).build().unwrap(), clock, issuer }
    }

    fn token(&self, claims: Value) -> String {
        self.issuer.token(ANY, claims)
    }

    async fn verify(&self, token: &str) -> Answer {
        verify(&self.tokens, token).await
    }

    /// What a token with these claims is answered.
    async fn says(&self, claims: Value) -> Told {
        told(self.verify(&self.token(claims)).await)
    }
}

/// An answer in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Known,
    Rejected(Rejection),
    Unavailable,
}

const UNKNOWN: Told = Told::Rejected(Rejection::Unknown);

fn told(answer: Answer) -> Told {
    match answer {
        Answer::Known(_) => Told::Known,
        Answer::Rejected(rejection) => Told::Rejected(rejection),
        Answer::Unavailable(_) => Told::Unavailable,
    }
}

/// As a gate asks: it looks first.
async fn verify(tokens: &Jwt, token: &str) -> Answer {
    let secret = Secret::parse(token).unwrap();
    match tokens.screen(&secret) {
        Some(rejection) => Answer::Rejected(rejection),
        None => tokens.verify(&secret).await,
    }
}

fn known(answer: Answer) -> Identity {
    match answer {
        Answer::Known(identity) => identity,
        other => panic!("{other:?}"),
    }
}

fn unavailable(answer: Answer) -> Unavailable {
    match answer {
        Answer::Unavailable(unavailable) => unavailable,
        other => panic!("{other:?}"),
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
