//! The command line that the programs share.

use std::env;

use crate::case::Case;
use crate::rounds::Figures;
use crate::{instructions, rounds};

/// How many rounds are timed unless said otherwise.
const ROUNDS: usize = 41;

/// Runs a program of these tables. The first case of each is what its others are compared with.
///
/// # Panics
/// When the arguments make no sense, or a case does not do what it should.
pub fn run(tables: &[&[Case]]) {
    // Cargo says `--bench` to every program it runs as a bench.
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => tables.iter().for_each(|cases| print_times(cases, ROUNDS)),
        ["instructions"] => tables.iter().for_each(|cases| print_instructions(cases)),
        ["run", name, bursts] => {
            let case = tables.iter().copied().flatten().find(|case| case.name == name);
            let mut load = (case.expect("a case of this name").prepare)();
            load(bursts.parse().expect("a number of bursts"));
        }
        [rounds] => match rounds.parse() {
            Ok(rounds @ 1..) => tables.iter().for_each(|cases| print_times(cases, rounds)),
            _ => panic!("`{rounds}` is neither `instructions` nor a number of rounds above 0"),
        },
        _ => panic!("{arguments:?}; it should be nothing, `instructions` or a number of rounds"),
    }
}

fn print_times(cases: &[Case], rounds: usize) {
    println!("\n| case | ns | quartiles | added ns | ratio |");
    println!("|---|---|---|---|---|");
    for Figures { name, median, lower, upper, added, ratio } in rounds::time(cases, rounds) {
        let (whole, hundredths) = (ratio / 100, ratio % 100);
        println!("| {name} | {median} | {lower}–{upper} | {added} | {whole}.{hundredths:02} |");
    }
}

fn print_instructions(cases: &[Case]) {
    println!("\n| case | instructions |");
    println!("|---|---|");
    for case in cases {
        println!("| {} | {} |", case.name, instructions::count(case));
    }
}
