//! A provider that says how many wait for it, so that a test can go on once all have come.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Weak;
use std::task::Poll;

use async_trait::async_trait;
use keycap::verify::{Answer, KeyListener, Rejection};
use keycap::{IdentityProvider, Secret};
use tokio::sync::watch;

/// A provider whose callers are counted while they wait.
pub struct AwaitedProvider<P> {
    inner: P,
    waiting: watch::Sender<usize>,
}

impl<P> AwaitedProvider<P> {
    /// Counts those who wait for this provider.
    pub fn new(inner: P) -> Self {
        Self { inner, waiting: watch::Sender::new(0) }
    }

    /// Waits until so many verifications are under way. A gate has one for each secret, however many
    /// requests present it.
    ///
    /// # Panics
    /// Never: the sender lives as long as this.
    pub async fn until_awaited(&self, verifications: usize) {
        let mut waiting = self.waiting.subscribe();
        waiting.wait_for(|waiting| *waiting >= verifications).await.expect("the sender lives");
    }
}

/// Counts down even where the caller left.
struct Waits<'a>(&'a watch::Sender<usize>);

impl<'a> Waits<'a> {
    fn count(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|waiting| *waiting += 1);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

#[async_trait]
impl<P: IdentityProvider> IdentityProvider for AwaitedProvider<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn names(&self) -> Vec<&str> {
        self.inner.names()
    }

    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        self.inner.names_for(secret)
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        self.inner.screen(secret)
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        let mut answer = pin!(self.inner.verify(secret));
        // Who is counted has asked, or has joined whoever did.
        if let Poll::Ready(answer) =
            poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await
        {
            return answer;
        }
        let _waits = Waits::count(&self.waiting);
        answer.await
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        self.inner.subscribe(listener);
    }

    async fn housekeep(&self) {
        self.inner.housekeep().await;
    }
}
