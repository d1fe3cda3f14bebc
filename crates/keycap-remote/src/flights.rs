//! One call for all who ask for the same secret at the same time.
//!
//! The table of live keys asks once for all requests of one gate; this does the same for all gates
//! that share a provider. Nothing is remembered: who comes after an answer asks again. Whoever joins a
//! call under way gets an answer as old as the call, which the client's total time bounds.
//!
//! There is one entry for each secret that is asked about now, so never more than callers, and the
//! gates bound those.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use keycap_verify::{Answer, Digest};

#[cfg(test)]
mod tests;

/// Calls under way, by the digest of the secret that they ask about.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<Digest, watch::Receiver<Option<Answer>>>>,
}

impl Flights {
    /// What `ask` answers, or what it answers to somebody who asks for the same already.
    ///
    /// Cancel safe: when the one who asks is dropped or panics, another who waits asks.
    pub(crate) async fn once<F>(&self, digest: &Digest, ask: impl Fn() -> F) -> Answer
    where
        F: Future<Output = Answer>,
    {
        loop {
            let mut landing = match self.join(digest) {
                Part::Leads(flight) => {
                    let answer = ask().await;
                    return flight.land(answer);
                }
                Part::Follows(landing) => landing,
            };
            if let Ok(answer) = landing.wait_for(Option::is_some).await
                && let Some(answer) = answer.clone()
            {
                return answer;
            }
        }
    }

    fn join(&self, digest: &Digest) -> Part<'_> {
        let mut under_way = self.under_way.lock();
        if let Some(landing) = under_way.get(digest) {
            return Part::Follows(landing.clone());
        }
        let (sender, landing) = watch::channel(None);
        under_way.insert(*digest, landing);
        Part::Leads(Flight { flights: self, digest: *digest, sender: Arc::new(sender) })
    }
}

enum Part<'a> {
    Leads(Flight<'a>),
    Follows(watch::Receiver<Option<Answer>>),
}

/// A call under way. Dropped without an answer, it makes way for another.
struct Flight<'a> {
    flights: &'a Flights,
    digest: Digest,
    sender: Arc<watch::Sender<Option<Answer>>>,
}

impl Flight<'_> {
    /// Gives the answer to all who wait. The entry goes first, so that nobody finds an old answer.
    fn land(self, answer: Answer) -> Answer {
        let sender = Arc::clone(&self.sender);
        drop(self);
        sender.send_replace(Some(answer.clone()));
        answer
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.under_way.lock().remove(&self.digest);
    }
}
