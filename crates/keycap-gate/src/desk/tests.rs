use std::sync::Arc;

use keycap_base::{ManualClock, Scopes, Timestamp};
use keycap_budget::{Account, AccountId, Applied, Chain, Terms};
use keycap_verify::{Digest, Found, Identity, KeyTable, Loaded, Subject};

use super::seats::{LEAST_SETS, MOST_SETS, Seats, WAYS};
use super::*;
use crate::known_key::KnownKey;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

type Table = KeyTable<KnownKey, ()>;

fn known_key() -> KnownKey {
    let (id, terms) = (AccountId::new("key").unwrap(), Arc::new(Terms::default()));
    let applied = Applied { terms: terms.clone(), parent: None, asserted_at: NOW };
    let account = Account {
        root: id.clone(),
        id,
        parent: None,
        height: 0,
        version: 1,
        opened_at: NOW,
        applied,
        terms,
    };
    let mut identity = Identity::new(Subject::new("test", "alice").unwrap(), NOW);
    identity.scopes = Scopes::all();
    KnownKey::new(identity, Chain::new(vec![account.into()]).unwrap(), &Arc::default())
}

fn digest(number: u64) -> Digest {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&spread.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    Digest::from_bytes(bytes)
}

/// Meets a key, as a first request does.
fn meet(table: &Table, digest: &Digest, id: &str) -> Known {
    let clock = ManualClock::at(NOW);
    let ask = || async {
        let (payload, key_id) = (known_key(), Some(id.into()));
        Ok(Loaded::Live { payload, key_id, expires_at: None, reading: None })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    match runtime.block_on(table.load(digest, &clock, ask)) {
        Ok(Found::Live(entry)) => Known::met(entry),
        _ => panic!("not live"),
    }
}

#[test]
fn p7_a_key_that_is_revoked_is_gone_from_every_desk_at_once() {
    let (gate, table) = (GateNumber::next(), Table::default());
    let digest = digest(1);
    let known = meet(&table, &digest, "key_1");
    let (kept, go) = std::sync::mpsc::sync_channel(1);
    let (revoked, told) = std::sync::mpsc::sync_channel(1);
    let other = std::thread::spawn(move || {
        keep(gate, &known, NOW);
        kept.send(find(gate, &digest, NOW).is_some()).unwrap();
        told.recv().unwrap();
        find(gate, &digest, NOW).is_some()
    });
    assert!(go.recv().unwrap(), "it is at hand");
    table.forget_key("key_1");
    revoked.send(()).unwrap();
    assert!(!other.join().unwrap());
}

#[test]
fn p7_a_key_whose_time_is_over_is_not_found() {
    let (gate, table) = (GateNumber::next(), Table::default());
    let known = meet(&table, &digest(1), "key_1");
    keep(gate, &known, NOW);
    let end = known.entry().serves_until();
    assert!(find(gate, &digest(1), end.minus(std::time::Duration::from_millis(1))).is_some());
    assert!(find(gate, &digest(1), end).is_none());
}

/// Two gates in one process may know the same secret by different accounts.
#[test]
fn p1_a_gate_does_not_find_what_another_has_met() {
    let (one, other, table) = (GateNumber::next(), GateNumber::next(), Table::default());
    keep(one, &meet(&table, &digest(1), "key_1"), NOW);
    assert!(find(one, &digest(1), NOW).is_some());
    assert!(find(other, &digest(1), NOW).is_none());
}

#[test]
fn p1_digests_that_begin_alike_are_told_apart() {
    let (gate, table) = (GateNumber::next(), Table::default());
    let mut alike = *digest(1).as_bytes();
    alike[31] ^= 1;
    keep(gate, &meet(&table, &digest(1), "key_1"), NOW);
    assert!(find(gate, &Digest::from_bytes(alike), NOW).is_none());
}

#[test]
fn seats_are_bounded() {
    let (gate, table) = (GateNumber::next(), Table::default());
    let mut seats = Seats::new();
    assert!(seats.find(gate, &digest(0), NOW).is_none(), "no room is made before it is needed");
    let most = *MOST_SETS * WAYS;
    let last = 2 * u64::try_from(LEAST_SETS * WAYS).unwrap();
    for number in 0..=last {
        let known = meet(&table, &digest(number), &format!("key_{number}"));
        seats.keep(gate, known, NOW);
        assert!(seats.find(gate, &digest(number), NOW).is_some(), "whoever came last is at hand");
        assert!(seats.len() <= most);
    }
    assert!(seats.sets() > LEAST_SETS, "they grow with use: {}", seats.sets());
    assert!(seats.sets() <= *MOST_SETS);
    seats.grow_to_the_most(gate, &meet(&table, &digest(0), "key_0"), NOW);
    assert_eq!(seats.sets(), *MOST_SETS);
}

/// What is at hand must not keep a gate, and with it the ledger's file, alive.
#[test]
fn a_desk_keeps_the_entry_and_nothing_else() {
    let (gate, table) = (GateNumber::next(), Arc::new(Table::default()));
    keep(gate, &meet(&table, &digest(1), "key_1"), NOW);
    let weak = Arc::downgrade(&table);
    drop(table);
    assert!(weak.upgrade().is_none());
}
