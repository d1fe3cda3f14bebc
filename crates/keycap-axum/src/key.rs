//! The key as a handler argument.

use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use keycap_budget::{Cost, Standing};
use keycap_gate::{KeyState, Told, Usage};
use keycap_tower::Observed;

use crate::missing::missing;
use crate::{Error, Tracking};

/// Who is calling, what they may still spend, and the meter for the work.
///
/// As a handler argument, `Key` needs a [`KeycapLayer`](crate::KeycapLayer) around the route; without
/// one the answer is `misconfigured`, and the log names the route. In observe mode nobody may be
/// identified: `Key` then answers with the refusal that was observed, `Option<Key>` is `None`.
///
/// A `Key` is a [`KeyState`], whose [`track`](Self::track), [`reserve`](Self::reserve),
/// [`extend`](Self::extend) and [`standings`](Self::standings) fail with this crate's [`Error`].
/// Cheap to clone. The request's hold ends when its response body has ended and the last clone is
/// dropped, so a clone in a spawned task keeps the hold until the task is done.
#[derive(Clone, Debug)]
pub struct Key(KeyState);

impl Key {
    /// Records what the work cost. Call it once or many times.
    ///
    /// The cost is queued before this returns; the future only waits until it is durable. See
    /// [`KeyState::track`].
    ///
    /// # Errors
    /// In the future: when the cost is not known to be on record.
    pub fn track(&self, usage: impl Into<Usage>) -> Tracking {
        Tracking::new(self.0.track(usage), self.0.gate())
    }

    /// Sees to it that the request's hold covers `cost` in all, costs tracked already included: for
    /// handlers that know the cost once they have read the body.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was.
    pub async fn reserve(&self, cost: impl Into<Cost>) -> Result<(), Error> {
        self.0.reserve(cost).await.map_err(|refusal| Error(Told::by(&self.0.gate(), refusal)))
    }

    /// Holds `cost` more, for work that goes on, such as a stream.
    ///
    /// # Errors
    /// The refusal, if it does not fit; the hold stays as it was.
    pub async fn extend(&self, cost: impl Into<Cost>) -> Result<(), Error> {
        self.0.extend(cost).await.map_err(|refusal| Error(Told::by(&self.0.gate(), refusal)))
    }

    /// How every limit of the chain stands now, asked of the ledger.
    ///
    /// # Errors
    /// When the ledger cannot answer.
    pub async fn standings(&self) -> Result<Vec<Standing>, Error> {
        self.0.standings().await.map_err(|refusal| Error(Told::by(&self.0.gate(), refusal)))
    }
}

impl Deref for Key {
    type Target = KeyState;

    fn deref(&self) -> &KeyState {
        &self.0
    }
}

impl From<Key> for KeyState {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let extensions = &parts.extensions;
        match (extensions.get::<KeyState>(), extensions.get::<Observed>()) {
            (Some(key), _) => Ok(Self(key.clone())),
            (None, Some(observed)) => Err(Error(observed.told())),
            (None, None) => Err(missing("Key", parts)),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Key {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        match (parts.extensions.get::<KeyState>(), parts.extensions.get::<Observed>()) {
            (Some(key), _) => Ok(Some(Self(key.clone()))),
            (None, Some(_)) => Ok(None),
            (None, None) => Err(missing("Option<Key>", parts)),
        }
    }
}
