use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use keycap_base::Timestamp;
use parking_lot::Mutex;

use super::*;
use crate::{
    Answer, Identity, IdentityProvider, KeyListener, KeyNews, Rejection, Secret, Subject,
    Unavailable,
};

mod chores;
mod shapes;
mod turns;

/// What a double does with every secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Knows,
    Rejects(Rejection),
    ScreensOut(Rejection),
    CannotTell,
    Panics,
    PanicsAtOnce,
    Hangs,
}

use Does::{CannotTell, Hangs, Knows, Panics, PanicsAtOnce, Rejects, ScreensOut};

/// A provider that writes down every secret it was sent. What it screened, it only looked at.
struct Double {
    name: String,
    does: Does,
    sent: Mutex<Vec<String>>,
    chores: AtomicUsize,
    listeners: AtomicUsize,
    wait: Option<Duration>,
}

impl Double {
    fn new(name: &str, does: Does) -> Arc<Self> {
        Arc::new(Self::bare(name, does))
    }

    fn bare(name: &str, does: Does) -> Self {
        Self {
            name: name.into(),
            does,
            sent: Mutex::default(),
            chores: AtomicUsize::new(0),
            listeners: AtomicUsize::new(0),
            wait: None,
        }
    }

    fn sent(&self) -> Vec<String> {
        std::mem::take(&mut self.sent.lock())
    }
}

#[async_trait]
impl IdentityProvider for Double {
    fn name(&self) -> &str {
        &self.name
    }

    fn screen(&self, _secret: &Secret) -> Option<Rejection> {
        match self.does {
            ScreensOut(rejection) => Some(rejection),
            PanicsAtOnce => panic!("told to"),
            _ => None,
        }
    }

    async fn verify(&self, secret: &Secret) -> Answer {
        self.sent.lock().push(secret.expose().to_owned());
        match self.does {
            Knows => {
                let subject = Subject::new(&self.name, "someone").unwrap();
                Answer::Known(Identity::new(subject, Timestamp::EPOCH))
            }
            Rejects(rejection) | ScreensOut(rejection) => Answer::Rejected(rejection),
            CannotTell => {
                let unavailable = Unavailable::new(&self.name);
                let told = self.wait.map(|wait| unavailable.clone().with_retry_after(wait));
                Answer::Unavailable(told.unwrap_or(unavailable))
            }
            Panics | PanicsAtOnce => panic!("told to"),
            Hangs => pending().await,
        }
    }

    fn subscribe(&self, _listener: Weak<dyn KeyListener>) {
        self.listeners.fetch_add(1, Ordering::SeqCst);
    }

    async fn housekeep(&self) {
        assert!(self.does != Panics, "told to");
        if self.does == Hangs {
            pending::<()>().await;
        }
        self.chores.fetch_add(1, Ordering::SeqCst);
    }
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

/// Who knew the secret.
fn knew(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Known(identity) => Some(identity.subject.provider()),
        Answer::Rejected(_) | Answer::Unavailable(_) => None,
    }
}
