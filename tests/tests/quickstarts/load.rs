//! Clients that spend as fast as they can, and remember what was acknowledged.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keycap::budget::Snapshot;
use keycap::{Cost, Meter};
use keycap_tests::wait::eventually;
use keycap_tests::wire::Wire;
use tokio::task::JoinHandle;

use crate::talk::chat;

const CLIENTS: usize = 8;

/// Clients that spend, each cost another one, and what they know of it.
#[derive(Clone, Default)]
pub(crate) struct Load {
    next: Arc<AtomicUsize>,
    acknowledged: Arc<Mutex<BTreeSet<usize>>>,
}

impl Load {
    pub(crate) fn acknowledged(&self) -> BTreeSet<usize> {
        self.acknowledged.lock().unwrap().clone()
    }

    pub(crate) fn sent(&self) -> usize {
        self.next.load(Ordering::SeqCst)
    }

    /// Spends over one connection until it breaks.
    async fn spend(self, address: SocketAddr, key: String) {
        let mut wire = Wire::connect(address).await;
        loop {
            let nanodollars = self.next.fetch_add(1, Ordering::SeqCst) + 1;
            let request = chat(&key, &format!("$0.{nanodollars:09}"), 0);
            match wire.ask(&request).await {
                Some(answer) if answer.status() == 200 && !answer.body.is_empty() => {
                    assert!(answer.json()["cost"].is_string());
                    self.acknowledged.lock().unwrap().insert(nanodollars);
                }
                // Shutting down, it refuses; nothing else is refused under this cap.
                Some(answer) => assert_eq!(answer.code(), "ledger_unavailable", "{answer:?}"),
                None => return,
            }
        }
    }

    /// Starts so many clients.
    pub(crate) fn clients(&self, address: SocketAddr, key: &str) -> Vec<JoinHandle<()>> {
        let client = |_| tokio::spawn(self.clone().spend(address, key.to_owned()));
        (0..CLIENTS).map(client).collect()
    }

    /// Waits until so many costs were acknowledged.
    pub(crate) async fn acknowledged_at_least(&self, count: usize) {
        let acknowledged = async || self.acknowledged().len();
        eventually("load", acknowledged, |have| *have >= count).await;
    }
}

/// Every cost on record for an account, in nanodollars.
pub(crate) fn recorded(rows: &Snapshot, account: &str) -> Vec<usize> {
    let own = rows.charges.iter().filter(|charge| charge.account.as_str() == account);
    own.map(|charge| nanodollars(&charge.cost)).collect()
}

pub(crate) fn nanodollars(cost: &Cost) -> usize {
    usize::try_from(cost.amount(&Meter::USD).units()).unwrap()
}
