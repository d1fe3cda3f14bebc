//! Meeting a key for the first time: the provider verifies it, the template says which account
//! pays, the ledger opens that account. Once for all who want the same key, and all of it again when
//! the table's memory of the key ends.

use keycap_budget::{Batch, Chain, ChainSpec, Operation, Outcome};
use keycap_verify::{Answer, Digest, Found, Identity, LoadError, Loaded, Outage, Reading, Secret};
use parking_lot::Mutex;

use crate::core::Core;
use crate::known_key::KnownKey;
use crate::shield::shielded_async;
use crate::tab::unexpected;
use crate::{Broken, settler};

/// How often a chain is read that keeps changing.
const MAX_READINGS: usize = 3;

/// The names of the providers that a lookup waits for at the moment; none before they are asked, and
/// when they have answered. One that ends meanwhile is their doing; otherwise the template and the
/// ledger have theirs.
#[derive(Default)]
struct Stage<'a>(Mutex<Vec<&'a str>>);

impl<'a> Stage<'a> {
    fn providers_are_asked(&self, names: Vec<&'a str>) {
        *self.0.lock() = names;
    }

    fn providers_have_answered(&self) {
        self.0.lock().clear();
    }

    /// Whose silence it was that a lookup of a key failed that was known.
    fn cause(&self, error: &LoadError<Broken>, known: &KnownKey) -> Outage {
        let own = known.identity.subject.provider();
        match error {
            LoadError::Failed(broken) => match broken.unavailable() {
                Some(unavailable) if unavailable.concerns(own) => Outage::Provider,
                Some(_another) => Outage::Elsewhere,
                None => Outage::Not,
            },
            LoadError::TimedOut | LoadError::Panicked => match **self.0.lock() {
                [] => Outage::Not,
                [only] if only == own => Outage::Provider,
                _ => Outage::Elsewhere,
            },
            LoadError::Overtaken | LoadError::Abandoned | LoadError::Busy => Outage::Not,
        }
    }
}

impl Core {
    /// What there is to know about a key that is not in the table.
    pub(crate) async fn acquaint(
        &self,
        secret: &Secret,
        digest: &Digest,
    ) -> Result<Found<KnownKey>, Broken> {
        let stage = Stage::default();
        let ask = || self.meet_key(secret, &stage);
        let cause = |error: &_, known: &KnownKey| stage.cause(error, known);
        match self.table.load_in_outage(digest, &*self.clock, ask, cause).await {
            Ok(found) => {
                if let Found::Live(_) = &found {
                    self.failures.remember(digest, self.clock.now());
                }
                Ok(found)
            }
            Err(LoadError::Failed(broken)) => Err(Broken::clone(&broken)),
            Err(other) => Err(Broken::auth_unavailable(other.to_string())),
        }
    }

    async fn meet_key<'a>(
        &'a self,
        secret: &Secret,
        stage: &Stage<'a>,
    ) -> Result<Loaded<KnownKey>, Broken> {
        stage.providers_are_asked(self.provider.names_for(secret));
        let answer = self.provider.verify(secret).await;
        stage.providers_have_answered();
        match answer {
            Answer::Known(identity) => {
                let key_id = identity.key_id.clone();
                let expires_at = identity.expires_at;
                let (known, reading) = self.provision(identity).await?;
                let (payload, reading) = (known, Some(reading));
                Ok(Loaded::Live { payload, key_id, expires_at, reading })
            }
            Answer::Rejected(rejection) => Ok(Loaded::Rejected(rejection)),
            Answer::Unavailable(unavailable) => Err(unavailable.into()),
        }
    }

    /// Finds or opens the accounts that an identity spends from.
    async fn provision(&self, identity: Identity) -> Result<(KnownKey, Reading), Broken> {
        let yielded = async { self.template.chain(&identity).await };
        let yielded = shielded_async("the account template", yielded);
        let spec = yielded.await.map_err(Broken::misconfigured)?.map_err(Broken::misconfigured)?;
        let (chain, reading) = self.read_chain(&identity, spec).await?;
        let chain = self.ancestors.shared(chain);
        let known = KnownKey::new(identity, chain, &self.leasing.tills);
        self.leasing.note_chain(&known);
        Ok((known, reading))
    }

    /// Opens a chain and reads it, once more if it changes meanwhile: opening is itself a change where
    /// the template says something new. The provider need not be asked again for that. What changes too
    /// often is left to the table, which does not believe it.
    async fn read_chain(
        &self,
        identity: &Identity,
        spec: ChainSpec,
    ) -> Result<(Chain, Reading), Broken> {
        let mut readings = 1;
        loop {
            let reading = self.table.begin_reading(spec.accounts().map(|spec| spec.id().as_str()));
            let chain = match self.open_chain(identity, spec.clone()).await? {
                Outcome::Opened { chain, .. } => chain,
                other => return Err(unexpected(&other)),
            };
            if readings == MAX_READINGS || self.table.still_stands(&reading) {
                return Ok((chain, reading));
            }
            readings += 1;
        }
    }

    /// A chain that makes no sense against the books is the template's fault, not the ledger's.
    async fn open_chain(&self, identity: &Identity, chain: ChainSpec) -> Result<Outcome, Broken> {
        let (asserted_at, reapply) = (identity.asserted_at, self.reapply);
        let batch = Batch::of(Operation::Open { chain, asserted_at, reapply });
        let answers = settler::ask(&*self.ledger, batch, self.ledger_timeout).await?;
        keycap_budget::only(answers)?.map_err(Broken::misconfigured)
    }
}
