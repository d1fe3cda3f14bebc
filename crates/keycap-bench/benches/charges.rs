//! Durable charges a second in the SQLite store, each on three accounts with one limit each: one by
//! one and in batches, by a few callers and by many, by themselves and paid from a lease for each limit,
//! as a gate does under load. Full synchronous: an answered charge is on disk.
//!
//! The database lies in the directory for temporary files, or in the one that `KEYCAP_BENCH_DIR`
//! names: a disk, not a file system in memory. A number as argument makes it so many rounds.

#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, reason = "a program")]

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use keycap::budget::{
    Amount, Batch, Claim, DEFAULT_HOLD_LIFE, HoldId, Limit, NewCharge, NewHold, OnExpiry, Outcome,
    OwnerId, Rest, audit,
};
use keycap::sqlite::SqliteStore;
use keycap::{
    AccountId, ChargeId, Clock as _, Cost, Labels, Ledger as _, Meter, Operation, Reapply,
    SystemClock, Timestamp, usd,
};
use keycap_bench::{chain, median, now, process_time};
use tempfile::TempDir;

/// How long a load is measured in each round.
const SPAN: Duration = Duration::from_secs(1);
/// How many rounds are measured unless said otherwise.
const ROUNDS: usize = 5;
/// What a commit of a small transaction appends to the log, about.
const BLOCK: usize = 4_096;

/// The limit of every account.
const LIMIT: &str = "$1000000000 per month";
/// What one lease holds: more than a round spends.
const LEASED: Amount = Amount::MAX_OPERATION;

/// Who asks, how much at once, of how many accounts, and what pays.
#[derive(Clone, Copy)]
struct Load {
    callers: usize,
    batch: usize,
    leaves: usize,
    paid: Paid,
}

/// What a charge is paid from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paid {
    /// Nothing was set aside for it.
    Unheld,
    /// A lease on each of its three limits, which stay open.
    Leases,
}

/// An account that charges are made for, and the leases that pay them.
#[derive(Clone)]
struct Payer {
    account: AccountId,
    leases: Vec<HoldId>,
}

/// What one round of a load gave.
#[derive(Clone, Copy)]
struct Figures {
    /// Charges a second.
    rate: u128,
    /// Nanoseconds of processor time a charge, all threads together.
    cost: u128,
}

const fn load(callers: usize, batch: usize, leaves: usize, paid: Paid) -> Load {
    Load { callers, batch, leaves, paid }
}

const LOADS: [Load; 14] = [
    load(1, 1, 1, Paid::Unheld),
    load(8, 1, 1, Paid::Unheld),
    load(64, 1, 1, Paid::Unheld),
    load(1_024, 1, 1, Paid::Unheld),
    load(1, 64, 1, Paid::Unheld),
    load(1, 256, 1, Paid::Unheld),
    load(1, 1_024, 1, Paid::Unheld),
    load(4, 1_024, 1, Paid::Unheld),
    load(4, 1_024, 100, Paid::Unheld),
    load(4, 1_024, 10_000, Paid::Unheld),
    load(1, 1_024, 1, Paid::Leases),
    load(4, 1_024, 1, Paid::Leases),
    load(4, 1_024, 100, Paid::Leases),
    load(4, 1_024, 10_000, Paid::Leases),
];

fn main() {
    let rounds = env::args().skip(1).find(|it| it != "--bench").map_or(ROUNDS, |it| {
        it.parse().ok().filter(|&rounds| rounds > 0).expect("a number of rounds above 0")
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut syncs = Vec::new();
    let mut table = [const { Vec::new() }; LOADS.len()];
    for _ in 0..rounds {
        syncs.push(syncs_a_second());
        for (figures, load) in table.iter_mut().zip(LOADS) {
            figures.push(runtime.block_on(measure(load)));
        }
    }
    let syncs = median(syncs);
    println!("one thread, append {BLOCK} bytes and fdatasync: {syncs} a second");
    println!(
        "\n| callers | batch | leaf accounts | paid from | charges/s | least–most | processor ns a charge |"
    );
    println!("|---|---|---|---|---|---|---|");
    LOADS.into_iter().zip(&table).for_each(|(load, figures)| print_row(load, figures));
}

fn print_row(load: Load, figures: &[Figures]) {
    let Load { callers, batch, leaves, paid } = load;
    let paid = match paid {
        Paid::Unheld => "–",
        Paid::Leases => "three leases",
    };
    let rates = || figures.iter().map(|figures| figures.rate);
    let (rate, cost) = (median(rates()), median(figures.iter().map(|figures| figures.cost)));
    let (least, most) = (rates().min().unwrap_or(rate), rates().max().unwrap_or(rate));
    println!("| {callers} | {batch} | {leaves} | {paid} | {rate} | {least}–{most} | {cost} |");
}

/// What the disk can do: the yardstick for charges one by one.
fn syncs_a_second() -> u128 {
    let directory = directory();
    let mut file = File::create(directory.path().join("plain")).expect("a file");
    let (began, mut syncs) = (now(), 0_u128);
    while began.elapsed() < SPAN {
        file.write_all(&[0; BLOCK]).expect("writes");
        file.sync_data().expect("is on disk");
        syncs += 1;
    }
    syncs * 1_000 / began.elapsed().as_millis()
}

async fn measure(load: Load) -> Figures {
    let directory = directory();
    let store = SqliteStore::open(directory.path().join("bench.db")).await.expect("opens");
    let leaves: Vec<AccountId> = (0..load.leaves).map(leaf).collect();
    open_accounts(&store, &leaves).await;
    let payers: Arc<[Payer]> = payers(&store, &leaves, load.paid).await.into();
    let (began, ran) = (now(), process_time());
    let call = |caller| tokio::spawn(call(store.clone(), load, caller, Arc::clone(&payers)));
    let callers: Vec<_> = (0..load.callers).map(call).collect();
    let mut charges = 0;
    for caller in callers {
        charges += caller.await.expect("finishes");
    }
    let (took, ran) = (began.elapsed(), process_time() - ran);
    check(&store, &leaves, load.paid, charges).await;
    store.close().await;
    Figures { rate: charges * 1_000 / took.as_millis(), cost: ran.as_nanos() / charges }
}

/// Sends batches until the span is over, each charge on the next account.
async fn call(store: SqliteStore, load: Load, caller: usize, payers: Arc<[Payer]>) -> u128 {
    let (began, mut charges) = (now(), 0);
    let mut next = payers.iter().cycle().skip(caller * load.batch % payers.len());
    while began.elapsed() < SPAN {
        let operations = next.by_ref().take(load.batch).map(|payer| charge(payer, load.paid));
        let batch = Batch::new(operations.collect()).expect("within bounds");
        charges += store.apply(batch).await.expect("applies").len() as u128;
    }
    charges
}

fn charge(payer: &Payer, paid: Paid) -> Operation {
    let id = ChargeId::generate(SystemClock.now());
    let account = payer.account.clone();
    let charge = NewCharge { id, account, cost: cost(), tags: Labels::new() };
    match paid {
        Paid::Unheld => Operation::Charge(charge),
        Paid::Leases => Operation::Settle { charge, holds: payer.leases.clone(), rest: Rest::Keep },
    }
}

/// The accounts, each with its own lease and those of the accounts above it.
async fn payers(store: &SqliteStore, leaves: &[AccountId], paid: Paid) -> Vec<Payer> {
    if paid == Paid::Unheld {
        return leaves.iter().map(|it| Payer { account: it.clone(), leases: vec![] }).collect();
    }
    let chain = chain(leaves[0].as_str(), LIMIT);
    let above: Vec<AccountId> = chain.accounts().skip(1).map(|it| it.id().clone()).collect();
    let above = lease(store, &above).await;
    let own = lease(store, leaves).await;
    let payer = |(account, own): (&AccountId, HoldId)| {
        let leases = std::iter::once(own).chain(above.iter().copied()).collect();
        Payer { account: account.clone(), leases }
    };
    leaves.iter().zip(own).map(payer).collect()
}

/// Takes a lease on each account's limit.
async fn lease(store: &SqliteStore, accounts: &[AccountId]) -> Vec<HoldId> {
    let (now, mut leases) = (SystemClock.now(), Vec::new());
    let owner = OwnerId::generate(now);
    let limit: Limit = LIMIT.parse().expect("a limit");
    for accounts in accounts.chunks(keycap::budget::MAX_BATCH) {
        let hold = |account: &AccountId| {
            let (id, claim) = (HoldId::generate(now), Claim::Limit(limit.key().clone(), LEASED));
            let (account, life, on_expiry) =
                (account.clone(), DEFAULT_HOLD_LIFE, OnExpiry::Capture);
            NewHold { id, account, claim, owner, life, on_expiry, exposure: None }
        };
        let holds: Vec<NewHold> = accounts.iter().map(hold).collect();
        leases.extend(holds.iter().map(|hold| hold.id));
        let batch = Batch::new(holds.into_iter().map(Operation::Hold).collect());
        for held in store.apply(batch.expect("within bounds")).await.expect("answers") {
            assert!(matches!(held, Ok(Outcome::Held(_))), "a lease is taken");
        }
    }
    leases
}

fn cost() -> Cost {
    usd!(0.000000001).into()
}

fn leaf(number: usize) -> AccountId {
    AccountId::new(format!("user:{number}")).expect("a name")
}

async fn open_accounts(store: &SqliteStore, leaves: &[AccountId]) {
    for leaves in leaves.chunks(keycap::budget::MAX_BATCH) {
        let open = |leaf: &AccountId| Operation::Open {
            chain: chain(leaf.as_str(), LIMIT),
            asserted_at: Timestamp::EPOCH,
            reapply: Reapply::Never,
        };
        let batch = Batch::new(leaves.iter().map(open).collect()).expect("within bounds");
        store.apply(batch).await.expect("answers").into_iter().for_each(|opened| {
            opened.expect("opens");
        });
    }
}

/// Makes sure that every charge is on record and paid; the books of a small load are audited whole.
async fn check(store: &SqliteStore, leaves: &[AccountId], paid: Paid, charges: u128) {
    let standings = store.standings(&leaves[0]).await.expect("reads");
    assert_eq!(standings.len(), 3, "three accounts with one limit each");
    let root = standings.last().expect("an organisation");
    let spent = u128::try_from(root.spent.units()).expect("is not negative");
    let each = u128::try_from(cost().amount(&Meter::USD).units()).expect("is not negative");
    assert_eq!(spent, charges * each, "every charge counts once");
    let left = if paid == Paid::Leases { LEASED } else { Amount::ZERO };
    assert_eq!(root.held.units(), left.saturating_sub(root.spent).units(), "leases paid for all");
    if charges < 20_000 {
        audit(&store.snapshot().await.expect("reads")).expect("adds up");
    }
}

fn directory() -> TempDir {
    match env::var_os("KEYCAP_BENCH_DIR") {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .expect("a directory")
}
