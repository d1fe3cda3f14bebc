//! Every state of some small worlds, and a part of the states of some that are larger.
//! `KEYCAP_SIM_STATES` looks at more of them; they are printed with `-- --nocapture`.

#![allow(clippy::panic, reason = "how tests fail")]

use std::num::NonZeroU32;

use keycap_budget::lease::LeaseSettings;
use keycap_budget::{Books, MemoryShelf, Meter, Period, Retention};
use keycap_sim::{Claim, Covered, Mishaps, Plan, Pocket, Row, SmallWorld, account, limit, search};

/// How many states of a larger world the ordinary run looks at.
const PART: usize = 2_000;

/// A world that is searched whole has fewer states than this.
const WHOLE: usize = 10_000;

/// How many states to look at.
fn at_least(states: usize) -> usize {
    let name = "KEYCAP_SIM_STATES";
    let parsed = |text: String| text.parse().unwrap_or_else(|_| panic!("{name}={text}"));
    states.max(std::env::var(name).map_or(0, parsed))
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

/// Goes through so many states of the world, and says how much of it was seen.
fn covered(what: &str, small: &SmallWorld, most: usize) -> Covered {
    let books = Books::new(MemoryShelf::default(), Retention::default());
    match search::<_, Pocket>(small, books, most) {
        Ok(covered) => {
            println!("{what}: {covered:?}");
            covered
        }
        Err(way) => panic!("{what}: {way}"),
    }
}

/// Every state there is, and that is so many at least: a search that sees less has gone blind.
fn whole(what: &str, small: &SmallWorld, states: usize) {
    let covered = covered(what, small, at_least(WHOLE));
    assert!(covered.is_all && covered.states >= states && covered.rests > 0, "{what}: {covered:?}");
}

/// A part of the states of a world that has more.
fn part(what: &str, small: &SmallWorld) {
    let covered = covered(what, small, at_least(PART));
    assert!(covered.is_all || covered.states == at_least(PART), "{what}: {covered:?}");
    assert!(covered.states >= PART, "{what}: {covered:?}");
}

#[test]
fn i1_to_i7_hold_in_every_order_of_messages() {
    whole("a request", &small(1, &[0], Mishaps::default()), 600);
}

#[test]
fn i1_to_i7_hold_at_every_place_for_a_crash() {
    let mishaps = Mishaps { crashes: 1, ..Mishaps::default() };
    whole("a request, a crash", &small(1, &[0], mishaps), 5_900);
}

#[test]
fn i1_to_i7_hold_at_every_place_for_a_loss() {
    let mishaps = Mishaps { losses: 1, ..Mishaps::default() };
    whole("a request, a loss", &small(1, &[0], mishaps), 4_000);
}

#[test]
fn i1_to_i7_hold_at_every_place_for_a_call_back() {
    let mishaps = Mishaps { call_backs: 1, ..Mishaps::default() };
    whole("a request, a call-back", &small(1, &[0], mishaps), 5_800);
}

#[test]
fn i1_to_i7_hold_where_messages_are_repeated() {
    let mishaps = Mishaps { repeats: 1, ..Mishaps::default() };
    part("a request, a repetition", &small(1, &[0], mishaps));
}

#[test]
fn i1_to_i7_hold_where_answers_are_given_up() {
    let mishaps = Mishaps { impatience: 1, ..Mishaps::default() };
    part("a request, an answer given up", &small(1, &[0], mishaps));
}

#[test]
fn i1_to_i7_hold_where_time_passes() {
    let mishaps = Mishaps { passes: 2, ..Mishaps::default() };
    part("a request, time", &small(1, &[0], mishaps));
}

#[test]
fn i1_to_i7_hold_between_two_nodes() {
    let mishaps = Mishaps { crashes: 1, losses: 1, ..Mishaps::default() };
    part("two nodes", &small(2, &[0, 1], Mishaps::default()));
    part("two nodes, a crash, a loss", &small(2, &[0, 0, 1, 0], mishaps));
}

#[test]
fn i1_to_i7_hold_between_three_nodes() {
    part("three nodes", &small(3, &[0, 1, 2], Mishaps::default()));
}
