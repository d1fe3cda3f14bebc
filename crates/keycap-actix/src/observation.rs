//! What observe mode did not carry out, as a handler argument.

use std::future::{Ready, ready};

use actix_web::dev::{Extensions, Payload, ServiceRequest};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use keycap_gate::{Gate, KeyState, Refusal, Told};

use crate::Error;
use crate::error::missing;

/// What the gate made of the request: in observe mode, perhaps a refusal that was not carried out.
///
/// As a handler argument it needs a [`Keycap`](crate::Keycap) around the route.
///
/// ```
/// use actix_web::{App, web};
/// use keycap_actix::Observation;
///
/// async fn report(observation: Observation) -> String {
///     match observation.would_refuse() {
///         Some(refusal) => format!("would be refused: {}", refusal.code()),
///         None => "admitted".to_owned(),
///     }
/// }
/// # let _ = App::new().route("/", web::get().to(report));
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

    /// What stands in a request's extensions; none without a middleware.
    fn of(extensions: &Extensions) -> Option<Self> {
        let observed = extensions.get::<keycap_gate::Observation>();
        let observed = observed.map(|observation| Self(Some(observation.0.clone())));
        observed.or_else(|| extensions.get::<KeyState>().map(|_| Self(None)))
    }
}

/// Tells the handler what observe mode did not carry out. The gate goes along, to render it where
/// there is no key to ask.
pub(crate) fn note(request: &ServiceRequest, gate: Gate, observation: keycap_gate::Observation) {
    let mut extensions = request.extensions_mut();
    extensions.insert(observation);
    extensions.insert(gate);
}

/// The observed refusal, as an answer.
pub(crate) fn carried_out(extensions: &Extensions) -> Option<Error> {
    let observation = extensions.get::<keycap_gate::Observation>()?;
    Some(Error(Told::by(extensions.get::<Gate>()?, observation.0.clone())))
}

impl FromRequest for Observation {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let observation = Self::of(&request.extensions());
        ready(observation.ok_or_else(|| missing("Observation", request)))
    }
}
