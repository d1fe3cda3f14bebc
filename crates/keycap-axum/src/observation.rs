//! What observe mode did not carry out, as a handler argument.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use keycap_gate::{KeyState, Refusal};
use keycap_tower::Observed;

use crate::Error;
use crate::missing::{misplaced, missing};

/// The refusal that observe mode did not carry out. Take it as `Option<Observation>`: most requests
/// have none.
///
/// ```
/// use keycap_axum::Observation;
///
/// async fn report(observation: Option<Observation>) -> String {
///     match observation {
///         Some(observation) => format!("would be refused: {}", observation.refusal().code()),
///         None => "admitted".to_owned(),
///     }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(report));
/// ```
#[derive(Clone, Debug)]
pub struct Observation(Observed);

impl Observation {
    /// The refusal that the request would have had.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        self.0.refusal()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Observation {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        match (parts.extensions.get::<Observed>(), parts.extensions.get::<KeyState>()) {
            (Some(observed), _) => Ok(Self(observed.clone())),
            (None, Some(_)) => Err(misplaced(
                parts,
                "uses Observation for a request that was admitted; take Option<Observation>",
            )),
            (None, None) => Err(missing("Observation", parts)),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Observation {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        match (parts.extensions.get::<Observed>(), parts.extensions.get::<KeyState>()) {
            (Some(observed), _) => Ok(Some(Self(observed.clone()))),
            (None, Some(_)) => Ok(None),
            (None, None) => Err(missing("Option<Observation>", parts)),
        }
    }
}
