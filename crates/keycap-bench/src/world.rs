//! What requests need: a gate over a memory ledger, a key, a chain of three accounts.

use std::net::IpAddr;
use std::sync::Arc;

use keycap::budget::NewCharge;
use keycap::{
    AccountId, AccountSpec, ChainSpec, ChargeId, Clock as _, Cost, Gate, IdentityProvider,
    IssuedKeys, Labels, Limit, MemoryKeyStore, MemoryLedger, NewKey, Operation, RequestView,
    Secret, SystemClock, Timestamp, apply_one, usd,
};
use smallvec::{SmallVec, smallvec};

const LEAF: &str = "user:alice";
const ROOMY: &str = "$1000000000 per month";
const TIGHT: &str = "$1 per month";

/// What one request costs.
#[must_use]
pub fn price() -> Cost {
    usd!(0.01).into()
}

/// A gate and a key that it knows.
pub struct World {
    /// The gate.
    pub gate: Gate,
    /// The request's line and headers.
    pub sent: Sent,
}

impl World {
    /// A key whose chain (user, team, organisation, one limit each) has room for everything.
    ///
    /// # Panics
    /// When it cannot be made. The same goes for the other worlds.
    pub async fn roomy() -> Self {
        Self::with_limit(ROOMY).await
    }

    /// A key that has spent all it may.
    pub async fn spent() -> Self {
        let world = Self::with_limit(TIGHT).await;
        let account = AccountId::new(LEAF).expect("a name");
        let id = ChargeId::generate(SystemClock.now());
        let charge = NewCharge { id, account, cost: usd!(1).into(), tags: Labels::new() };
        let ledger = Arc::clone(world.gate.ledger());
        apply_one(&*ledger, Operation::Charge(charge)).await.expect("answers").expect("charges");
        world
    }

    /// This provider and a secret that it knows, with room for everything.
    pub async fn knowing(provider: impl IdentityProvider + 'static, secret: &Secret) -> Self {
        Self::over(provider, secret, ROOMY).await
    }

    async fn with_limit(limit: &'static str) -> Self {
        let (keys, secret) = issued().await;
        Self::over(keys, &secret, limit).await
    }

    async fn over(
        provider: impl IdentityProvider + 'static,
        secret: &Secret,
        limit: &'static str,
    ) -> Self {
        let ledger = MemoryLedger::new();
        let opening = Operation::Open {
            chain: chain(LEAF, limit),
            asserted_at: Timestamp::EPOCH,
            reapply: keycap::Reapply::Never,
        };
        apply_one(&ledger, opening).await.expect("answers").expect("opens");
        let gate = Gate::builder()
            .ledger(ledger)
            .provider(provider)
            .template_fn(move |_| async move { Ok(chain(LEAF, limit)) })
            .build()
            .expect("a gate");
        Self { gate, sent: Sent::with(secret) }
    }

    /// Makes sure that every one of so many requests was settled, each at `cost`.
    ///
    /// # Panics
    /// When it is not so: then something else was measured than the table says.
    pub async fn check(&self, requests: usize, cost: &Cost) {
        let account = AccountId::new(LEAF).expect("a name");
        let standings = self.gate.standings(&account).await.expect("reads");
        assert_eq!(standings.len(), 3, "three accounts with one limit each");
        for standing in standings {
            assert!(standing.held.is_zero(), "{} still holds something", standing.account);
            let each = cost.amount(&standing.limit.key().meter).units();
            let spent = i64::try_from(requests).expect("fits") * each;
            assert_eq!(standing.spent.units(), spent, "{} requests on record", requests);
        }
    }
}

/// Keys of our own, kept in memory, and the secret of one.
///
/// # Panics
/// When there is no randomness.
pub async fn issued() -> (IssuedKeys, Secret) {
    let keys = IssuedKeys::builder(Arc::new(MemoryKeyStore::new())).build().expect("keys");
    let minted = keys.mint(NewKey::for_owner("alice").scopes(["chat"])).await.expect("mints");
    (keys, minted.secret)
}

/// A chain of three accounts with this limit each.
///
/// # Panics
/// When the name or the limit cannot stand.
pub fn chain(leaf: &str, limit: &str) -> ChainSpec {
    let spec = |name: &str| {
        let limit: Limit = limit.parse().expect("a limit");
        AccountSpec::new(AccountId::new(name).expect("a name")).limit(limit).expect("one limit")
    };
    let chain = ChainSpec::of(spec(leaf)).under(spec("team:search")).expect("a chain");
    chain.under(spec("org:acme")).expect("a chain")
}

/// A request's line and headers: `POST /chat` with this `Authorization`.
#[derive(Clone)]
pub struct Sent(pub String);

impl Sent {
    /// A request with this key.
    #[must_use]
    pub fn with(secret: &Secret) -> Self {
        Self(format!("Bearer {}", secret.expose()))
    }

    /// A request with the key of this number of a [`Node`](crate::Node).
    #[must_use]
    pub fn by(key: usize) -> Self {
        Self(format!("Bearer {}", crate::secret(key)))
    }

    /// The same request with the key of this number, of at most six digits, in place: headers come
    /// from a buffer that is in the cache, however many keys there are.
    pub fn change_to(&mut self, key: usize) {
        self.0.truncate(self.0.len().saturating_sub(6));
        for scale in [100_000, 10_000, 1_000, 100, 10, 1] {
            self.0.push(char::from(b"0123456789"[key / scale % 10]));
        }
    }
}

impl RequestView for Sent {
    fn method(&self) -> &str {
        "POST"
    }

    fn path(&self) -> &str {
        "/chat"
    }

    fn header_values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        match name {
            "authorization" => smallvec![self.0.as_bytes()],
            _ => smallvec![],
        }
    }

    fn peer(&self) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 7]))
    }
}
