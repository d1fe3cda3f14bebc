//! Scopes that stand in the account and not in the key, as `docs/migrating.md` shows it.

use std::sync::Weak;

use async_trait::async_trait;
use keycap::verify::{self, KeyListener};
use keycap::{IdentityProvider, Rejection, Scopes, Secret};

/// A provider whose keys grant everything, so that the scopes of their accounts decide alone.
pub(crate) struct ByAccount<P>(pub(crate) P);

#[async_trait]
impl<P: IdentityProvider> IdentityProvider for ByAccount<P> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn names_for(&self, secret: &Secret) -> Vec<&str> {
        self.0.names_for(secret)
    }

    fn screen(&self, secret: &Secret) -> Option<Rejection> {
        self.0.screen(secret)
    }

    async fn verify(&self, secret: &Secret) -> verify::Answer {
        let mut answer = self.0.verify(secret).await;
        if let verify::Answer::Known(identity) = &mut answer {
            identity.scopes = Scopes::all();
        }
        answer
    }

    fn subscribe(&self, listener: Weak<dyn KeyListener>) {
        self.0.subscribe(listener);
    }

    async fn housekeep(&self) {
        self.0.housekeep().await;
    }
}
