//! One call for all who ask for the same secret at the same time.
//!
//! The table of live keys asks once for all requests of one gate; this does the same for all gates
//! that share a provider. Nothing is remembered: who comes after an answer asks again. Whoever joins a
//! call under way gets an answer as old as the call; a call that takes longer than any may is passed
//! by, because nobody may ever come back to its future.
//!
//! There is one entry for each secret that is asked about now, so never more than callers, and the
//! gates bound those.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use keycap_verify::{Answer, Digest};

#[cfg(test)]
mod tests;

/// Calls under way, by the digest of the secret that they ask about.
pub(crate) struct Flights {
    longest: Duration,
    under_way: Mutex<HashMap<Digest, Landing>>,
}

/// A call under way, as those see it who wait for its answer.
#[derive(Clone)]
struct Landing {
    due: Instant,
    answer: watch::Receiver<Option<Answer>>,
}

impl Flights {
    /// For calls that take no longer than `longest`, all that is done for them included.
    pub(crate) fn new(longest: Duration) -> Self {
        Self { longest, under_way: Mutex::default() }
    }

    /// What `ask` answers, or what it answers to somebody who asks for the same already.
    ///
    /// Cancel safe: when the one who asks is dropped or panics, another who waits asks.
    pub(crate) async fn once<F>(&self, digest: &Digest, ask: impl Fn() -> F) -> Answer
    where
        F: Future<Output = Answer>,
    {
        loop {
            match self.join(digest) {
                Part::Leads(flight) => {
                    let answer = ask().await;
                    return flight.land(answer);
                }
                Part::Follows(landing) => {
                    if let Some(answer) = landing.wait().await {
                        return answer;
                    }
                }
            }
        }
    }

    fn join(&self, digest: &Digest) -> Part<'_> {
        let mut under_way = self.under_way.lock();
        let now = Instant::now();
        if let Some(landing) = under_way.get(digest).filter(|landing| now < landing.due) {
            return Part::Follows(landing.clone());
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(*digest, Landing { due: now + self.longest, answer });
        Part::Leads(Flight { flights: self, digest: *digest, sender })
    }
}

impl Landing {
    /// The answer; `None` if the one who asks has left, or takes too long.
    async fn wait(mut self) -> Option<Answer> {
        let answer =
            timeout_at(self.due, self.answer.wait_for(Option::is_some)).await.ok()?.ok()?;
        answer.clone()
    }
}

enum Part<'a> {
    Leads(Flight<'a>),
    Follows(Landing),
}

/// A call under way. Dropped without an answer, it makes way for another.
struct Flight<'a> {
    flights: &'a Flights,
    digest: Digest,
    sender: watch::Sender<Option<Answer>>,
}

impl Flight<'_> {
    /// Gives the answer to all who wait. The entry goes first, so that nobody finds an old answer.
    fn land(self, answer: Answer) -> Answer {
        let sender = self.sender.clone();
        drop(self);
        sender.send_replace(Some(answer.clone()));
        answer
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let own = self.sender.subscribe();
        let is_own = |landing: &Landing| landing.answer.same_channel(&own);
        let mut under_way = self.flights.under_way.lock();
        if under_way.get(&self.digest).is_some_and(is_own) {
            under_way.remove(&self.digest);
        }
    }
}
