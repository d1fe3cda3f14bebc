//! Meeting a key for the first time: the provider verifies it, the template says which account
//! pays, the ledger opens that account. Once for all who want the same key, and all of it again when
//! the table's memory of the key ends.

use std::sync::Arc;

use keycap_budget::{Batch, ChainSpec, Operation, Outcome};
use keycap_verify::{Answer, Digest, Found, Identity, LoadError, Loaded, Secret};

use crate::core::Core;
use crate::known_key::KnownKey;
use crate::shield::shielded_async;
use crate::tab::unexpected;
use crate::{Broken, settler};

impl Core {
    /// What there is to know about a key that is not in the table.
    pub(crate) async fn acquaint(
        &self,
        secret: &Secret,
        digest: &Digest,
    ) -> Result<Found<Arc<KnownKey>>, Broken> {
        let found = self.table.load(digest, &*self.clock, || self.meet_key(secret)).await;
        match found {
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

    async fn meet_key(&self, secret: &Secret) -> Result<Loaded<Arc<KnownKey>>, Broken> {
        match self.provider.verify(secret).await {
            Answer::Known(identity) => {
                let key_id = identity.key_id.clone();
                let expires_at = identity.expires_at;
                let payload = Arc::new(self.provision(identity).await?);
                Ok(Loaded::Live { payload, key_id, expires_at })
            }
            Answer::Rejected(rejection) => Ok(Loaded::Rejected(rejection)),
            Answer::Unavailable(unavailable) => Err(unavailable.into()),
        }
    }

    /// Finds or opens the accounts that an identity spends from.
    async fn provision(&self, identity: Identity) -> Result<KnownKey, Broken> {
        let yielded = async { self.template.chain(&identity).await };
        let yielded = shielded_async("the account template", yielded);
        let spec = yielded.await.map_err(Broken::misconfigured)?.map_err(Broken::misconfigured)?;
        let outcome = self.open_chain(&identity, spec).await?;
        match outcome {
            Outcome::Opened { chain, .. } => Ok(KnownKey::new(identity, chain)),
            other => Err(unexpected(&other)),
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
