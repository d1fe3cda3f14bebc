//! What observe mode did not carry out, as a handler argument.

use axum::extract::FromRequestParts;
use http::Extensions;
use http::request::Parts;
use keycap_gate::{KeyState, Refusal};

use crate::Error;
use crate::missing::missing;

/// What the gate made of the request: in observe mode, perhaps a refusal that was not carried out.
///
/// As a handler argument it needs a [`KeycapLayer`](crate::KeycapLayer) around the route.
///
/// ```
/// use keycap_axum::Observation;
///
/// async fn report(observation: Observation) -> String {
///     match observation.would_refuse() {
///         Some(refusal) => format!("would be refused: {}", refusal.code()),
///         None => "admitted".to_owned(),
///     }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(report));
/// ```
#[derive(Clone, Debug)]
pub struct Observation(Option<Refusal>);

impl Observation {
    /// The refusal that this request would have had, were it not for observe mode. For an admitted
    /// request, none.
    #[must_use]
    pub fn would_refuse(&self) -> Option<&Refusal> {
        self.0.as_ref()
    }

    /// What stands in a request's extensions; none without a layer.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        let observed = extensions.get::<keycap_gate::Observation>();
        let observed = observed.map(|observation| Self(Some(observation.0.clone())));
        observed.or_else(|| extensions.get::<KeyState>().map(|_| Self(None)))
    }

    pub(crate) fn into_refusal(self) -> Option<Refusal> {
        self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Observation {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Self::of(&parts.extensions).ok_or_else(|| missing("Observation", parts))
    }
}
