//! Each secret to the one provider whose it looks to be.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::members::{self, Member};
use super::{ComposeError, Shape};
use crate::{Answer, IdentityProvider, KeyListener, Rejection, Secret};

/// The most shapes that one [`Routes`] tells apart, the rest for `otherwise` not counted.
pub const MAX_ROUTES: usize = 64;

/// Routes each secret to one provider by what it looks like: the longest prefix that fits, else a
/// JWT, else [`otherwise`](RoutesBuilder::otherwise). **No other provider sees it**, whatever the
/// chosen one answers. A secret that no route takes is [`Rejection::Unknown`] at once, and nobody is
/// asked.
///
/// Prefix and shape are written by whoever sends the secret: they choose who is asked, never what is
/// believed.
///
/// ```
/// use keycap_verify::{
///     Answer, IdentityProvider, Rejection, Routes, Secret, Shape, StaticKey, StaticKeys,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let staff = StaticKeys::builder()
///     .name("staff")
///     .key(StaticKey::new("ann", &Secret::parse("staff_ann")?.digest().to_hex()))
///     .build()?;
/// let robots = StaticKeys::builder()
///     .name("robots")
///     .key(StaticKey::new("ci", &Secret::parse("bot_ci")?.digest().to_hex()))
///     .build()?;
/// let routes = Routes::builder()
///     .prefix("staff_", staff)
///     .route([Shape::prefix("bot_"), Shape::prefix("ci_")], robots)
///     .build()?;
///
/// let Answer::Known(identity) = routes.verify(&Secret::parse("bot_ci")?).await else { panic!() };
/// assert_eq!(identity.subject.provider(), "robots");
/// assert_eq!(routes.screen(&Secret::parse("elsewhere")?), Some(Rejection::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct Routes {
    members: Vec<Member>,
    /// Heaviest first, so that the first that fits decides.
    routes: Vec<(Shape, Member)>,
    otherwise: Option<Member>,
}

/// Sets up [`Routes`]; nothing is checked before [`build`](Self::build).
#[derive(Default)]
#[must_use]
pub struct RoutesBuilder {
    given: Vec<(Vec<Shape>, Member)>,
    otherwise: Vec<Member>,
}

impl Routes {
    /// Begins to set up routes.
    pub fn builder() -> RoutesBuilder {
        RoutesBuilder::default()
    }

    /// Whose the secret looks to be.
    fn chosen(&self, secret: &Secret) -> Option<&Member> {
        let fitting = self.routes.iter().find(|(shape, _)| shape.fits(secret));
        fitting.map(|(_, member)| member).or(self.otherwise.as_ref())
    }
}

impl RoutesBuilder {
    /// Secrets that begin with `prefix` are `provider`'s.
    pub fn prefix(
        self,
        prefix: impl AsRef<str>,
        provider: impl IdentityProvider + 'static,
    ) -> Self {
        self.route([Shape::prefix(prefix)], provider)
    }

    /// Signed JWTs are `provider`'s, unless they begin with the prefix of another route.
    pub fn jwt(self, provider: impl IdentityProvider + 'static) -> Self {
        self.route([Shape::Jwt], provider)
    }

    /// Secrets of any of these shapes are `provider`'s.
    pub fn route(
        mut self,
        shapes: impl IntoIterator<Item = Shape>,
        provider: impl IdentityProvider + 'static,
    ) -> Self {
        self.given.push((shapes.into_iter().collect(), Arc::new(provider)));
        self
    }

    /// Secrets that no route takes are `provider`'s. Without this they are refused unseen.
    pub fn otherwise(mut self, provider: impl IdentityProvider + 'static) -> Self {
        self.otherwise.push(Arc::new(provider));
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`ComposeError`] if there is no route or more than [`MAX_ROUTES`], a prefix is unfit, a shape
    /// is given twice, or two providers, nested ones included, have the same name or an unfit one.
    pub fn build(mut self) -> Result<Routes, ComposeError> {
        let otherwise = self.otherwise.pop();
        if !self.otherwise.is_empty() {
            return Err(ComposeError::Twice("no route takes".into()));
        }
        let members = self.given.iter().map(|(_, member)| member).chain(&otherwise);
        let members: Vec<_> = members.cloned().collect();
        if members.is_empty() {
            return Err(ComposeError::Empty);
        }
        let count = self.given.iter().map(|(shapes, _)| shapes.len()).sum();
        if count > MAX_ROUTES {
            return Err(ComposeError::TooManyRoutes(count));
        }
        members::check_names(&members)?;
        Ok(Routes { routes: heaviest_first(self.given)?, members, otherwise })
    }
}

/// The routes, each shape checked and given once.
fn heaviest_first(given: Vec<(Vec<Shape>, Member)>) -> Result<Vec<(Shape, Member)>, ComposeError> {
    let (mut routes, mut seen) = (Vec::new(), BTreeSet::new());
    for (shapes, member) in given {
        if shapes.is_empty() {
            return Err(ComposeError::NoShape(member.name().to_owned()));
        }
        for shape in shapes {
            shape.check()?;
            if !seen.insert(shape.clone()) {
                return Err(ComposeError::Twice(shape.to_string()));
            }
            routes.push((shape, Arc::clone(&member)));
        }
    }
    routes.sort_by_key(|(shape, _)| std::cmp::Reverse(shape.weight()));
    Ok(routes)
}

#[async_trait]
impl IdentityProvider for Routes {
    /// `routes`. No subject carries it.
    fn name(&self) -> &str {
        "routes"
    }

    fn names(&self) -> Vec<&str> {
        self.members.iter().flat_map(|member| member.names()).collect()
    }

    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        self.chosen(secret).map(|member| member.names_for(secret)).unwrap_or_default()
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        match self.chosen(secret) {
            Some(member) => member.screen(secret),
            None => Some(Rejection::Unknown),
        }
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        match self.chosen(secret) {
            Some(member) => member.verify(secret).await,
            None => Answer::Rejected(Rejection::Unknown),
        }
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        members::subscribe(&self.members, &listener);
    }

    async fn housekeep(&self) {
        members::housekeep(&self.members).await;
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        map.entries(self.routes.iter().map(|(shape, member)| (shape, member.name())));
        map.entries(self.otherwise.iter().map(|member| ("otherwise", member.name())));
        map.finish()
    }
}

impl fmt::Debug for RoutesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutesBuilder").field("given", &self.given.len()).finish_non_exhaustive()
    }
}
