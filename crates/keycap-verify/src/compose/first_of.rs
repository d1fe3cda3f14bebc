//! One provider after the other, until one knows the secret.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::ComposeError;
use super::members::{self, Member, name_for_log};
use crate::{Answer, IdentityProvider, KeyListener, Rejection, Secret, Unavailable};

/// The most providers that are asked in turn.
pub const MAX_TURNS: usize = 8;

/// How long one provider may take before the next is asked, unless the application says otherwise.
pub const DEFAULT_TURN: Duration = Duration::from_secs(5);

/// The longest that one provider may be given.
pub const MAX_TURN: Duration = Duration::from_secs(60);

/// Asks providers in turn, until one knows the secret.
///
/// **Shows a secret to every provider up to the one that knows it**, but for those whose own
/// [`screen`](IdentityProvider::screen) refuses it. Where secrets can be told apart by what they look
/// like, [`Routes`](super::Routes) shows each to its own provider only.
///
/// - The first that knows the secret decides. So a key that one provider has revoked still passes if
///   another knows it: revoke it wherever it is known.
/// - A provider that cannot tell (it says so, panics, or takes longer than its turn) is passed by.
///   If nobody else knows the secret, nobody can tell whose it was: the answer is
///   [`Answer::Unavailable`], never a rejection (P6).
/// - If all reject, the answer is the most telling of what they said: revoked, else expired, else
///   malformed, else unknown.
///
/// ```
/// use keycap_verify::{Answer, FirstOf, IdentityProvider, Secret, StaticKey, StaticKeys};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let named = |name: &str, secret: &str| -> Result<StaticKeys, Box<dyn std::error::Error>> {
///     let key = StaticKey::new("key", &Secret::parse(secret)?.digest().to_hex());
///     Ok(StaticKeys::builder().name(name).key(key).build()?)
/// };
/// let both = FirstOf::builder().provider(named("new", "a")?).provider(named("old", "b")?).build()?;
/// let Answer::Known(identity) = both.verify(&Secret::parse("b")?).await else { panic!() };
/// assert_eq!(identity.subject.provider(), "old");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct FirstOf {
    members: Vec<Member>,
    turn: Duration,
}

/// Sets up a [`FirstOf`]; nothing is checked before [`build`](Self::build).
#[must_use]
pub struct FirstOfBuilder {
    members: Vec<Member>,
    turn: Duration,
}

impl FirstOf {
    /// Begins to set up turns.
    pub fn builder() -> FirstOfBuilder {
        FirstOfBuilder { members: Vec::new(), turn: DEFAULT_TURN }
    }
}

impl FirstOfBuilder {
    /// Asks this one next.
    pub fn provider(mut self, provider: impl IdentityProvider + 'static) -> Self {
        self.members.push(Arc::new(provider));
        self
    }

    /// How long each provider may take before the next is asked (default 5 seconds). A provider's own
    /// time-outs should be shorter. All turns together should be no longer than the gate lets a
    /// verification take: one that is cut off there tells nobody which provider was silent, so no key
    /// is served by grace on account of it.
    pub fn turn(mut self, turn: Duration) -> Self {
        self.turn = turn;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`ComposeError`] if there is no provider or more than [`MAX_TURNS`], the turn is zero or over
    /// [`MAX_TURN`], or two providers, nested ones included, have the same name or an unfit one.
    pub fn build(self) -> Result<FirstOf, ComposeError> {
        match self.members.len() {
            0 => return Err(ComposeError::Empty),
            1..=MAX_TURNS => {}
            count => return Err(ComposeError::TooManyTurns(count)),
        }
        if self.turn.is_zero() || self.turn > MAX_TURN {
            return Err(ComposeError::Turn(self.turn));
        }
        members::check_names(&self.members)?;
        Ok(FirstOf { members: self.members, turn: self.turn })
    }
}

impl FirstOf {
    /// What one member says. What it panics with is its own: to the others it could not tell.
    async fn ask(&self, member: &Member, secret: &Secret) -> Answer {
        let asking = AssertUnwindSafe(async {
            match member.screen(secret) {
                Some(rejection) => Answer::Rejected(rejection),
                None => member.verify(secret).await,
            }
        });
        let why = match tokio::time::timeout(self.turn, asking.catch_unwind()).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(_panic)) => "it panicked".to_owned(),
            Err(_elapsed) => format!("it took longer than its turn of {:?}", self.turn),
        };
        let provider = format!("the provider `{}`", name_for_log(member));
        Answer::Unavailable(Unavailable::because(&provider, why))
    }
}

/// What those who were asked so far have said, none of whom knew the secret.
#[derive(Default)]
struct SoFar {
    rejection: Option<Rejection>,
    unavailable: Option<Unavailable>,
    silent: BTreeSet<String>,
}

impl SoFar {
    fn rejected(&mut self, rejection: Rejection) {
        let most_telling = self.rejection.into_iter().chain([rejection]);
        self.rejection = most_telling.min_by_key(|rejection| rank(*rejection));
    }

    /// Keeps the one that may be back soonest: then there is a point in asking again.
    fn could_not_tell(&mut self, member: &Member, unavailable: Unavailable) {
        let cause = &unavailable as &dyn std::error::Error;
        tracing::warn!(provider = name_for_log(member), cause, "a provider was passed by");
        self.silent.extend(unavailable.silent().map(str::to_owned));
        if unavailable.silent().next().is_none() {
            self.silent.extend(member.names().into_iter().map(str::to_owned));
        }
        let soonest = self.unavailable.take().into_iter().chain([unavailable]);
        self.unavailable = soonest.min_by_key(Unavailable::retry_after);
    }

    fn answer(self) -> Answer {
        match self.unavailable {
            Some(unavailable) => {
                let silent = self.silent.iter().map(String::as_str);
                Answer::Unavailable(unavailable.with_silent(silent))
            }
            None => Answer::Rejected(self.rejection.unwrap_or(Rejection::Unknown)),
        }
    }
}

/// The most telling rejection has the lowest.
fn rank(rejection: Rejection) -> u8 {
    match rejection {
        Rejection::Revoked => 0,
        Rejection::Expired => 1,
        Rejection::Malformed => 2,
        Rejection::Unknown => 3,
    }
}

#[async_trait]
impl IdentityProvider for FirstOf {
    /// `first_of`. No subject carries it.
    fn name(&self) -> &str {
        "first_of"
    }

    fn names(&self) -> Vec<&str> {
        self.members.iter().flat_map(|member| member.names()).collect()
    }

    /// Those of the members that do not refuse it by looking at it. One that panics may yet know it.
    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        let refuses = |member: &Member| {
            catch_unwind(AssertUnwindSafe(|| member.screen(secret)))
                .is_ok_and(|told| told.is_some())
        };
        let asked = self.members.iter().filter(|member| !refuses(member));
        asked.flat_map(|member| member.names_for(secret)).collect()
    }

    /// Refuses what every member refuses. One that panics may yet know the secret.
    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        let mut so_far = SoFar::default();
        for member in &self.members {
            so_far.rejected(catch_unwind(AssertUnwindSafe(|| member.screen(secret))).ok()??);
        }
        so_far.rejection
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        let mut so_far = SoFar::default();
        for member in &self.members {
            match self.ask(member, secret).await {
                Answer::Known(identity) => return Answer::Known(identity),
                Answer::Rejected(rejection) => so_far.rejected(rejection),
                Answer::Unavailable(unavailable) => so_far.could_not_tell(member, unavailable),
            }
        }
        so_far.answer()
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        members::subscribe(&self.members, &listener);
    }

    async fn housekeep(&self) {
        members::housekeep(&self.members).await;
    }
}

impl fmt::Debug for FirstOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| member.name())).finish()
    }
}

impl fmt::Debug for FirstOfBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstOfBuilder").field("turn", &self.turn).finish_non_exhaustive()
    }
}
