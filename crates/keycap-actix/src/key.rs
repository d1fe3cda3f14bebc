//! The key's state as a handler argument.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use keycap_budget::{Cost, Standing};
use keycap_gate::{Gate, KeyState, Receipt, Told, Usage};
use pin_project_lite::pin_project;

use crate::Error;
use crate::error::missing;
use crate::observation::carried_out;

/// Who is calling, what they may still spend, and the meter for the work. A handler argument on
/// routes wrapped in [`Keycap`](crate::Keycap); everything that is not here is
/// [`KeyState`]'s.
///
/// Cheap to clone. The request's hold ends when its response body has ended and the last clone is
/// dropped, so move a clone into a stream or a spawned task that goes on spending.
///
/// Without a middleware around the route the answer is `misconfigured`, and the log names the route.
/// In observe mode nobody may be identified: `Key` then answers with the refusal that was observed,
/// `Option<Key>` is `None`.
#[derive(Clone, Debug)]
pub struct Key(KeyState);

impl Key {
    /// Records what the work cost. Call it once or many times.
    ///
    /// The cost is queued before this returns; the future only waits until it is durable, and
    /// dropping it loses nothing. A cost with an id or tags of its own may have to wait for a place
    /// in the queue first; that wait is in the future.
    ///
    /// # Errors
    /// In the future: see [`TrackError`](keycap_gate::TrackError).
    pub fn track(&self, usage: impl Into<Usage>) -> Tracking {
        Tracking { gate: self.gate(), inner: self.0.track(usage) }
    }

    /// Sees to it that the request's hold covers `cost` in all, costs tracked already included: for
    /// handlers that know the cost once they have read the body.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was.
    pub async fn reserve(&self, cost: impl Into<Cost>) -> Result<(), Error> {
        self.0.reserve(cost).await.map_err(|refusal| Error(Told::by(&self.gate(), refusal)))
    }

    /// Holds `cost` more, for work that goes on, such as a stream.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was.
    pub async fn extend(&self, cost: impl Into<Cost>) -> Result<(), Error> {
        self.0.extend(cost).await.map_err(|refusal| Error(Told::by(&self.gate(), refusal)))
    }

    /// How every limit of the key's chain stands now, asked of the ledger, leaf first.
    ///
    /// # Errors
    /// When the ledger cannot answer.
    pub async fn standings(&self) -> Result<Vec<Standing>, Error> {
        self.0.standings().await.map_err(|refusal| Error(Told::by(&self.gate(), refusal)))
    }

    /// The same without actix, for code that does not know it.
    #[must_use]
    pub fn into_state(self) -> KeyState {
        self.0
    }
}

impl Deref for Key {
    type Target = KeyState;

    fn deref(&self) -> &KeyState {
        &self.0
    }
}

impl FromRequest for Key {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let known = extensions.get::<KeyState>().cloned().map(Self);
        ready(
            known
                .ok_or_else(|| carried_out(&extensions).unwrap_or_else(|| missing("Key", request))),
        )
    }
}

pin_project! {
    /// Waits for a cost to be durable. The cost is queued already: dropping this loses nothing, unless
    /// it still needed a place of its own.
    #[must_use = "the cost is queued, but only the awaited answer says that it is durable"]
    pub struct Tracking {
        gate: Gate,
        #[pin]
        inner: keycap_gate::Tracking,
    }
}

impl Future for Tracking {
    type Output = Result<Receipt, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let tracked = this.inner.poll(context);
        tracked.map_err(|error| Error(Told::by(this.gate, error)))
    }
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracking").finish_non_exhaustive()
    }
}
