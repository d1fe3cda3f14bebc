//! Every state of some small worlds.

#![allow(clippy::panic, reason = "how tests fail")]

use std::num::NonZeroU32;

use keycap_budget::lease::LeaseSettings;
use keycap_budget::{Books, MemoryShelf, Meter, Period, Retention};
use keycap_sim::{Claim, Covered, Mishaps, Plan, Pocket, Row, SmallWorld, account, limit, search};

/// How many states of each world the ordinary run looks at, at most.
const STATES: usize = 4_000;

fn most() -> usize {
    let states = std::env::var("KEYCAP_SIM_STATES").ok().and_then(|text| text.parse().ok());
    states.unwrap_or(STATES)
}

/// A key in an organisation, each with a limit on tokens.
fn plan(nodes: u8) -> Plan {
    let tokens = |cap| vec![limit(&Meter::TOKENS, cap, &Period::day())];
    let org = Row { id: account("org"), parent: None, limits: tokens(48) };
    let key = Row { id: account("key"), parent: Some(account("org")), limits: tokens(40) };
    let settings = LeaseSettings::default()
        .share(2)
        .unwrap_or_else(|error| panic!("{error}"))
        .steady(NonZeroU32::MIN)
        .least_draws(NonZeroU32::MIN);
    Plan { nodes, settings, rows: vec![org, key], drift: vec![0; usize::from(nodes)] }
}

fn small(nodes: u8, requests: &[u8], mishaps: Mishaps) -> SmallWorld {
    let claim = Claim { usd: 0, tokens: 2 };
    let requests = requests.iter().map(|node| (*node, 1, claim)).collect();
    SmallWorld { plan: plan(nodes), requests, mishaps }
}

fn covered(what: &str, small: &SmallWorld) -> Covered {
    let books = Books::new(MemoryShelf::default(), Retention::default());
    match search::<_, Pocket>(small, books, most()) {
        Ok(covered) => {
            println!("{what}: {covered:?}");
            covered
        }
        Err(way) => panic!("{what}: {way}"),
    }
}

#[test]
fn every_order_of_messages_of_two_nodes() {
    covered("two nodes", &small(2, &[0, 0, 1], Mishaps::default()));
}

#[test]
fn every_place_for_a_crash() {
    let mishaps = Mishaps { crashes: 1, ..Mishaps::default() };
    covered("a crash", &small(2, &[0, 0, 0], mishaps));
}

#[test]
fn every_place_for_a_loss_and_a_repetition() {
    let mishaps = Mishaps { losses: 1, repeats: 1, ..Mishaps::default() };
    covered("a loss, a repetition", &small(2, &[0, 0, 0], mishaps));
}
