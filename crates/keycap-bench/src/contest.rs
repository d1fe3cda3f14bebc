//! Contenders that stay as they are from round to round, such as a gate that has its leases: each has
//! its turn in every round, and is compared with the first within the round.

use std::cell::RefCell;
use std::env;

use crate::clock::{process_time, thread_time};
use crate::counting::asked_from_here;
use crate::rounds::{Figures, figures, median};
use crate::steps;

/// Requests of one turn.
const TURN: usize = 4_096;
/// How many rounds are timed unless said otherwise.
const ROUNDS: usize = 41;
/// Requests whose instructions are counted.
const STEPPED: usize = 64;

/// One that takes part, by the name in its table.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Makes it ready: warm, and at rest.
    pub make: fn() -> Contender,
}

/// One that is ready.
pub struct Contender {
    turn: Box<dyn FnMut(usize)>,
    rest: Box<dyn FnMut()>,
}

impl Contender {
    /// Does so many requests in a turn, on the thread that calls it.
    pub fn new(turn: impl FnMut(usize) + 'static) -> Self {
        Self { turn: Box::new(turn), rest: Box::new(|| {}) }
    }

    /// Waits, after a turn, until nothing of it is under way any more on other threads.
    #[must_use]
    pub fn resting(self, rest: impl FnMut() + 'static) -> Self {
        Self { rest: Box::new(rest), ..self }
    }
}

/// What a turn took.
#[derive(Clone, Copy)]
struct Turn {
    /// Picoseconds a request, on its thread.
    took: u64,
    /// The same, on all others, until it was at rest.
    behind: u64,
    /// Questions to the ledger on its thread.
    asked: u64,
}

/// Runs a program of these tables: without arguments or with a number of rounds it times them, with
/// `instructions` it counts them, one by one.
///
/// # Panics
/// When the arguments make no sense, or a contender does not do what it should.
pub fn contest(tables: &[&[Entry]]) {
    // Cargo says `--bench` to every program it runs as a bench.
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => tables.iter().for_each(|entries| print_times(entries, ROUNDS)),
        ["instructions"] => tables.iter().for_each(|entries| print_instructions(entries)),
        ["step", name] => step(tables, name),
        [rounds] => {
            let rounds = rounds.parse().ok().filter(|&rounds| rounds > 0);
            let rounds = rounds.expect("`instructions` or a number of rounds above 0");
            tables.iter().for_each(|entries| print_times(entries, rounds));
        }
        _ => panic!("{arguments:?}; it should be nothing, `instructions` or a number of rounds"),
    }
}

fn print_times(entries: &[Entry], rounds: usize) {
    let mut contenders: Vec<_> = entries.iter().map(|entry| (entry.make)()).collect();
    let mut table: Vec<Vec<Turn>> = entries.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        // Another one comes first each time.
        for index in (0..entries.len()).map(|index| (index + round) % entries.len()) {
            let turn = take_turn(&mut contenders[index]);
            table[index].push(turn);
        }
    }
    println!("\n| case | ns | quartiles | added ns | ratio | behind, ns | asked |");
    println!("|---|---|---|---|---|---|---|");
    let times = |turns: &[Turn]| turns.iter().map(|turn| turn.took).collect::<Vec<_>>();
    let first = times(&table[0]);
    for (entry, turns) in entries.iter().zip(&table) {
        let Figures { name, median: took, lower, upper, added, ratio } =
            figures(entry.name, &times(turns), &first);
        let (whole, hundredths) = (ratio / 100, ratio % 100);
        let behind = median(turns.iter().map(|turn| turn.behind)) / 1_000;
        let asked: u64 = turns.iter().map(|turn| turn.asked).sum();
        let each = format!("{asked} of {}", rounds * TURN);
        println!(
            "| {name} | {took} | {lower}–{upper} | {added} | {whole}.{hundredths:02} | {behind} | {each} |"
        );
    }
}

fn take_turn(contender: &mut Contender) -> Turn {
    (contender.turn)(TURN / 8);
    (contender.rest)();
    let (asked, all, began) = (asked_from_here(), process_time(), thread_time());
    (contender.turn)(TURN);
    let took = thread_time() - began;
    (contender.rest)();
    let others = (process_time() - all).saturating_sub(thread_time() - began);
    let each = |span: std::time::Duration| {
        u64::try_from(span.as_nanos() * 1_000 / TURN as u128).unwrap_or(u64::MAX)
    };
    Turn { took: each(took), behind: each(others), asked: asked_from_here() - asked }
}

fn print_instructions(entries: &[Entry]) {
    println!("\n| case | instructions | least–most | ratio |");
    println!("|---|---|---|---|");
    let mut first = None;
    for Entry { name, .. } in entries {
        let counts = steps::count(&["step", name]);
        let (middle, least, most) = (
            median(counts.iter().copied()),
            counts.iter().min().copied().unwrap_or_default(),
            counts.iter().max().copied().unwrap_or_default(),
        );
        let hundredths = middle * 100 / (*first.get_or_insert(middle)).max(1);
        let (whole, hundredths) = (hundredths / 100, hundredths % 100);
        println!("| {name} | {middle} | {least}–{most} | {whole}.{hundredths:02} |");
    }
}

/// The part of a counting run that is watched. Between marks there is one request each time, after others
/// at full speed: to be stopped at each instruction makes a request last for milliseconds, and what the
/// clock asks for now and then, such as to look at it anew, would fall on each.
fn step(tables: &[&[Entry]], name: &str) {
    let entry = tables.iter().copied().flatten().find(|entry| entry.name == name);
    let Contender { turn, rest } = &mut (entry.expect("a contender of this name").make)();
    turn(TURN);
    let turn = RefCell::new(turn);
    let before = || {
        rest();
        (turn.borrow_mut())(STEPPED);
    };
    steps::marked(STEPPED, before, || (turn.borrow_mut())(1));
}
