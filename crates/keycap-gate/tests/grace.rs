//! A provider that is away, with grace and without.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it is test code")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keycap_base::{Scopes, Timestamp};
use keycap_budget::{AccountSpec, ChainSpec};
use keycap_gate::{Code, Decision, GateBuilder, Guard, TemplateError, Trust, default_account};
use keycap_verify::{
    Answer, FirstOf, GRACE_PAUSE, Identity, IdentityProvider, KeyTable, Rejection, Secret, Subject,
    Unavailable,
};
use parking_lot::Mutex;
use support::{Mood, World, finish};

const TTL: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug)]
enum Says {
    Known,
    Rejected(Rejection),
    CannotTell,
    Hangs,
    Panics,
}

/// A provider that says what it is told to.
struct Foreign {
    name: &'static str,
    says: Mutex<Says>,
    asked: Mutex<usize>,
    screens: Option<Rejection>,
}

impl Foreign {
    fn new(name: &'static str, says: Says) -> Arc<Self> {
        Arc::new(Self::bare(name, says))
    }

    fn bare(name: &'static str, says: Says) -> Self {
        Self { name, says: Mutex::new(says), asked: Mutex::new(0), screens: None }
    }

    fn will(&self, says: Says) {
        *self.says.lock() = says;
    }
}

#[async_trait]
impl IdentityProvider for Foreign {
    fn name(&self) -> &str {
        self.name
    }

    fn screen(&self, _secret: &Secret) -> Option<Rejection> {
        self.screens
    }

    async fn verify(&self, _secret: &Secret) -> Answer {
        *self.asked.lock() += 1;
        let says = *self.says.lock();
        match says {
            Says::Known => {
                let subject = Subject::new(self.name, "alice").unwrap();
                let mut identity = Identity::new(subject, Timestamp::EPOCH);
                identity.scopes = Scopes::all();
                Answer::Known(identity)
            }
            Says::Rejected(rejection) => Answer::Rejected(rejection),
            Says::CannotTell => Answer::Unavailable(Unavailable::new(self.name)),
            Says::Hangs => std::future::pending().await,
            Says::Panics => panic!("told to"),
        }
    }
}

fn graceful(builder: GateBuilder) -> GateBuilder {
    builder.live_keys(KeyTable::builder().serve_unverified_in_outage(GRACE))
}

/// The code of a refusal; none if the request is admitted.
async fn outcome(world: &World) -> Option<Code> {
    match world.guarded(Guard::free()).decide(&world.request, None).await {
        Decision::Admitted(key) => {
            finish(key, 200);
            None
        }
        Decision::Refused(refusal) => Some(refusal.code()),
        Decision::Observed(..) => panic!("nobody observes"),
    }
}

#[tokio::test(start_paused = true)]
async fn p6_a_dead_provider_is_503_without_grace_and_softened_with_it() {
    for trouble in [Says::CannotTell, Says::Hangs, Says::Panics] {
        for (with_grace, expected) in [("no", Some(Code::AuthUnavailable)), ("yes", None)] {
            let provider = Foreign::new("foreign", Says::Known);
            let seen = Arc::new(Mutex::new(Vec::new()));
            let told = Arc::clone(&seen);
            let world = World::built(|builder| {
                let builder = builder.provider(Arc::clone(&provider));
                let builder = builder.observer(move |report| told.lock().push(report.trust));
                if with_grace == "yes" { graceful(builder) } else { builder }
            })
            .await;
            assert_eq!(outcome(&world).await, None);
            provider.will(trouble);
            world.clock.advance(TTL);
            assert_eq!(outcome(&world).await, expected, "{trouble:?}, grace: {with_grace}");
            let trust = if expected.is_none() { Trust::Graced } else { Trust::Verified };
            assert_eq!(*seen.lock(), [Trust::Verified, trust]);

            world.clock.advance(GRACE);
            assert_eq!(outcome(&world).await, Some(Code::AuthUnavailable), "grace ends");
            provider.will(Says::Known);
            assert_eq!(outcome(&world).await, None, "and nothing was kept against the key");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_in_grace_do_not_each_wait_for_the_provider() {
    let provider = Foreign::new("foreign", Says::Known);
    let world = World::built(|builder| graceful(builder.provider(Arc::clone(&provider)))).await;
    assert_eq!(outcome(&world).await, None);
    provider.will(Says::Hangs);
    world.clock.advance(TTL);
    let begin = tokio::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(outcome(&world).await, None);
    }
    assert_eq!(begin.elapsed(), keycap_gate::DEFAULT_VERIFY_TIMEOUT, "the first one's wait");
    assert_eq!(*provider.asked.lock(), 2);
    world.clock.advance(GRACE_PAUSE);
    assert_eq!(outcome(&world).await, None);
    assert_eq!(*provider.asked.lock(), 3);
}

#[tokio::test(start_paused = true)]
async fn p6_grace_softens_neither_the_ledger_nor_the_template() {
    let provider = Foreign::new("foreign", Says::Known);
    let template = Arc::new(Mutex::new("well"));
    let mood = Arc::clone(&template);
    let world = World::built(|builder| {
        graceful(builder.provider(Arc::clone(&provider))).template_fn(move |identity| {
            let mood = *mood.lock();
            async move {
                match mood {
                    "fails" => Err(TemplateError::new("no plan on file")),
                    "hangs" => std::future::pending().await,
                    "panics" => panic!("told to"),
                    _ => Ok(ChainSpec::of(AccountSpec::new(default_account(&identity)?))),
                }
            }
        })
    })
    .await;
    assert_eq!(outcome(&world).await, None);
    world.clock.advance(TTL);
    for mood in [Mood::Fails, Mood::Hangs, Mood::Panics] {
        world.ledger.set(mood);
        assert_eq!(outcome(&world).await, Some(Code::LedgerUnavailable));
    }
    world.ledger.set(Mood::Well);
    for (mood, code) in [
        ("fails", Code::Misconfigured),
        ("panics", Code::Misconfigured),
        ("hangs", Code::AuthUnavailable),
    ] {
        *template.lock() = mood;
        assert_eq!(outcome(&world).await, Some(code), "{mood}");
    }
    provider.will(Says::CannotTell);
    assert_eq!(outcome(&world).await, None, "the provider, it does");
}

/// One of two is away while the other, whose key it is, takes the key back. "I could not ask one of
/// them" must not serve a key by grace that its own provider has just revoked or does not know now.
#[tokio::test]
async fn p7_the_silence_of_another_provider_serves_nobody_by_grace() {
    let cases = [
        (Says::CannotTell, Says::Rejected(Rejection::Revoked), Some(Code::AuthUnavailable)),
        (Says::CannotTell, Says::Rejected(Rejection::Unknown), Some(Code::AuthUnavailable)),
        (Says::Panics, Says::Rejected(Rejection::Expired), Some(Code::AuthUnavailable)),
        (Says::Rejected(Rejection::Unknown), Says::CannotTell, None),
        (Says::CannotTell, Says::Panics, None),
    ];
    for (other, own, expected) in cases {
        let providers = [
            Foreign::new("other", Says::Rejected(Rejection::Unknown)),
            Foreign::new("own", Says::Known),
        ];
        let nested = FirstOf::builder().provider(Arc::clone(&providers[1])).build().unwrap();
        let both = FirstOf::builder().provider(Arc::clone(&providers[0])).provider(nested);
        let both = both.build().unwrap();
        let world = World::built(|builder| graceful(builder.provider(both))).await;
        assert_eq!(outcome(&world).await, None);
        providers[0].will(other);
        providers[1].will(own);
        world.clock.advance(TTL);
        assert_eq!(outcome(&world).await, expected, "{other:?}, {own:?}");
    }
}

/// The key's own provider has said no, beside another that could not tell. When it falls silent itself
/// later, what it said still stands.
#[tokio::test]
async fn p7_a_rejection_beside_an_outage_is_not_forgotten_in_the_next() {
    let (other, own) = (
        Foreign::new("other", Says::Rejected(Rejection::Unknown)),
        Foreign::new("own", Says::Known),
    );
    let both = FirstOf::builder().provider(Arc::clone(&own)).provider(Arc::clone(&other));
    let both = both.build().unwrap();
    let world = World::built(|builder| graceful(builder.provider(both))).await;
    assert_eq!(outcome(&world).await, None);
    world.clock.advance(TTL);
    other.will(Says::CannotTell);
    own.will(Says::Rejected(Rejection::Revoked));
    assert_eq!(outcome(&world).await, Some(Code::AuthUnavailable));
    own.will(Says::CannotTell);
    assert_eq!(outcome(&world).await, Some(Code::AuthUnavailable), "it was revoked");
}

/// A verification that is cut off tells nobody which of several providers was silent: the key's own may
/// have rejected it before. Where no other can be asked about the secret, it was its own.
#[tokio::test(start_paused = true)]
async fn p7_a_verification_of_several_that_is_cut_off_serves_nobody_by_grace() {
    for (screens, own_says, expected) in [
        (None, Says::Rejected(Rejection::Revoked), Some(Code::AuthUnavailable)),
        (None, Says::Hangs, Some(Code::AuthUnavailable)),
        (Some(Rejection::Malformed), Says::Hangs, None),
    ] {
        let own = Foreign::new("own", Says::Known);
        let other = Foreign { screens, ..Foreign::bare("other", Says::Hangs) };
        let both = FirstOf::builder().provider(Arc::clone(&own)).provider(other);
        let both = both.turn(keycap_gate::DEFAULT_VERIFY_TIMEOUT * 2).build().unwrap();
        let world = World::built(|builder| graceful(builder.provider(both))).await;
        assert_eq!(outcome(&world).await, None);
        world.clock.advance(TTL);
        own.will(own_says);
        assert_eq!(outcome(&world).await, expected, "{screens:?}, {own_says:?}");
        own.will(Says::CannotTell);
        assert_eq!(outcome(&world).await, expected, "nor does the next outage");
    }
}
