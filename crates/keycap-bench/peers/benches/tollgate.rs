//! Keycap beside Tollgate 0.32, its nearest peer, from a credential that is known to a cost that is
//! queued for the ledger; both over their memory stores, with their real queues. One account with one
//! price there, a chain of three with one limit each here.
//!
//! Tollgate is used in its documented order: the session's credential, `begin`, a place in the usage
//! queue, `admit`, `acquire_capacity`, `commit`, and the guard's drop, which queues the usage.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keycap::Guard;
use keycap_bench::{
    Contender, Counter, Entry, Reference, ReferenceEntry, Sent, admit, background, contest, finish,
    price, secret,
};
use keycap_peers::{KEY, keycap};
use quanta::Clock as Quanta;
use tollgate_admission::NoGate;
use tollgate_auth::{HmacRegistry, SessionCredential};
use tollgate_client::{
    AccountLeaseConfig, Clock, InstanceRuntime, InstanceRuntimeConfig, RuntimeHandle,
    SnapshotManagerConfig, SystemClock, TrackedPrincipals, UsageWriterConfig,
};
use tollgate_core::{
    AccountId, AccountSnapshot, AccountStatus, CapacityClass, CostTable, CostUnits, Generation,
    KeyId, LocalSharding, OpIndex, PermissionBits, Principal, PublishableSnapshot, RequestId,
    ResolvedLimits,
};
use tollgate_store::{AccountConfig, GrantPolicy, MemoryStore};

const ACCOUNT: AccountId = AccountId(1);
const CALL: PermissionBits = PermissionBits::bit(0);
/// How often the thread of a turn looks whether the queue is empty.
const LOOK: Duration = Duration::from_millis(1);

fn main() {
    contest(&[&[
        Entry { name: "reference", make: reference },
        Entry { name: "Keycap, hold, one cost tracked", make: tracked },
        Entry { name: "Tollgate, clock read once", make: || tollgate(Reading::Once) },
        Entry { name: "Tollgate, clock read at each step", make: || tollgate(Reading::EachStep) },
    ]]);
}

fn reference() -> Contender {
    let (secret, clock) = (secret(KEY), Quanta::new());
    let (until, own) = (clock.now() + Duration::from_secs(86_400), Counter::new(u64::MAX));
    let above = [Counter::shared(u64::MAX), Counter::shared(u64::MAX)];
    let entry = ReferenceEntry::new(until, 1, own, above);
    let table = Reference::of([(&*secret, entry)]);
    let sent = Sent::by(KEY);
    Contender::new(move |requests| {
        for _ in 0..requests {
            let admitted = table.admit(black_box(sent.0.as_bytes()), || clock.now(), 1, 1);
            assert!(admitted, "admitted");
        }
    })
}

fn tracked() -> Contender {
    let mount = |node: &keycap_bench::Node, guard| (node.guarded(guard), Sent::by(KEY));
    keycap(Guard::fixed(price()), price(), mount, |mounted, _| {
        let key = admit(&mounted.0, black_box(&mounted.1));
        drop(key.track(price()));
        finish(key);
    })
}

/// When the embedding reads the clock. Tollgate reads none by itself: it is handed the time.
#[derive(Clone, Copy)]
enum Reading {
    /// One reading serves the whole request.
    Once,
    /// As in its example and in its own adapter for axum.
    EachStep,
}

/// The one operation that is metered.
#[derive(Clone, Copy)]
struct Chat;

impl OpIndex for Chat {
    fn index(&self) -> usize {
        0
    }
}

fn tollgate(reading: Reading) -> Contender {
    let registry = HmacRegistry::new(b"a server's secret of thirty-two by");
    let key = registry.mint(KeyId(1)).expect("entropy");
    registry.install([(key.principal, key.digest, None)]);
    let store = store(key.principal);
    let _runtime = background().enter();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (runtime, handle) = InstanceRuntime::spawn(
        store.clone(),
        store.clone(),
        store.clone(),
        Arc::clone(&clock),
        config(key.principal),
    )
    .expect("a runtime");
    while !handle.readiness(clock.now()).is_ready() {
        std::thread::sleep(LOOK);
    }
    let sent = format!("Bearer {}", std::str::from_utf8(&key.secret).expect("hexadecimal"));
    let (session, done) = (SessionCredential::new(), Rc::new(Cell::new(0)));
    let count = Rc::clone(&done);
    let turn = move |requests| {
        let _running = &runtime;
        for _ in 0..requests {
            count.set(count.get() + 1);
            let (sent, id) = (black_box(sent.as_bytes()), RequestId(count.get()));
            request(&handle, &session, &registry, &*clock, reading, sent, id);
        }
    };
    let rest = move || {
        while u128::from(store.usage_recorded(ACCOUNT).0) < done.get() {
            std::thread::sleep(LOOK);
        }
    };
    Contender::new(turn).resting(rest)
}

fn request(
    handle: &RuntimeHandle,
    session: &SessionCredential,
    registry: &HmacRegistry,
    clock: &dyn Clock,
    reading: Reading,
    sent: &[u8],
    id: RequestId,
) {
    let credential = sent.strip_prefix(b"Bearer ").expect("a bearer");
    let now = clock.now();
    let again = || match reading {
        Reading::Once => now,
        Reading::EachStep => clock.now(),
    };
    let caller = session.authenticate(Some(credential), registry, now).expect("a known key");
    let context = handle.begin(caller, CALL, again()).expect("known and permitted");
    let slot = handle.recorder().try_reserve().expect("room in the queue");
    let pending = context.admit(&[(Chat, 1)], slot, again()).expect("funded");
    let ready = pending.acquire_capacity(&NoGate).expect("no gate");
    let committed = ready.commit(id, again()).map_err(|(error, _)| error).expect("in time");
    drop(committed);
}

/// An account with more than it can spend, and its one caller. A request costs one unit.
fn store(caller: Principal) -> Arc<MemoryStore> {
    let store = MemoryStore::new(GrantPolicy::default()).expect("a policy");
    store.create_account(AccountConfig {
        account_id: ACCOUNT,
        initial_balance: CostUnits(1_000_000_000_000_000),
        status: AccountStatus::Active,
        capacity_class: CapacityClass::Assured,
    });
    let costs = CostTable::builder(CostUnits(0), CostUnits(0)).weight(&Chat, CostUnits(1)).build();
    let day = Timestamp::from_second(4_102_444_800).expect("in range");
    let snapshot = AccountSnapshot::builder(
        ACCOUNT,
        Generation(1),
        AccountStatus::Active,
        day,
        CALL,
        ResolvedLimits::new(64),
        Arc::new(costs),
    );
    let snapshot = PublishableSnapshot::try_new(Arc::new(snapshot.build())).expect("consistent");
    store.publish_snapshot(caller, snapshot).expect("the account exists");
    store
}

/// As in its introduction, with a lease and a queue for a high rate.
fn config(caller: Principal) -> InstanceRuntimeConfig {
    let seconds = Duration::from_secs;
    InstanceRuntimeConfig {
        snapshots: SnapshotManagerConfig {
            principals: TrackedPrincipals::All { seed: vec![caller] },
            refresh_interval: seconds(30),
            unknown_ttl: SignedDuration::from_secs(60),
            revoked_ttl: SignedDuration::from_hours(1),
            retry_backoff: Duration::from_millis(200),
            max_concurrent_fetches: 16,
            fetch_timeout: seconds(5),
            enumeration_timeout: seconds(30),
        },
        leases: AccountLeaseConfig {
            target_grant: CostUnits(1_000_000_000),
            low_water: CostUnits(100_000_000),
            lease_ttl: SignedDuration::from_secs(300),
            expiry_safety_margin: SignedDuration::from_secs(2),
            poll_interval: Duration::from_millis(20),
            store_call_timeout: seconds(5),
            shutdown_release_deadline: seconds(5),
        },
        usage: UsageWriterConfig {
            queue_capacity: 65_536,
            max_batch: 1_024,
            flush_interval: Duration::from_millis(5),
            retry_backoff: Duration::from_millis(50),
            shutdown_drain_deadline: seconds(5),
            ingest_timeout: seconds(5),
        },
        sharding: LocalSharding::SINGLE,
        snapshot_history_capacity: NonZeroUsize::new(1_024).expect("not zero"),
        idle_account_linger: seconds(1),
        manager_restart_backoff: Duration::from_millis(200),
        shutdown_deadline: seconds(15),
    }
}
