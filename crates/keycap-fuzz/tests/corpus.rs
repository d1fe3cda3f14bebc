//! Every fuzz target over its committed corpus, and over mutations of that.
//!
//! `KEYCAP_FUZZ_ROUNDS` (default 2000) says how many mutations each target gets, `KEYCAP_FUZZ_SEED`
//! (default 1) which ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use keycap_fuzz::{MAX_INPUT_BYTES, Mutator, TARGETS, Target};

const DEFAULT_ROUNDS: u64 = 2_000;
const DEFAULT_SEED: u64 = 1;
/// The longest input that belongs into the repository, in bytes.
const MAX_COMMITTED_BYTES: usize = 16 * 1024;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn corpus(target: Target) -> Vec<Vec<u8>> {
    let directory = root().join("corpus").join(target.name);
    let inputs = names(&directory).into_iter().map(|name| fs::read(directory.join(name)).unwrap());
    let inputs: Vec<_> = inputs.collect();
    assert!(inputs.len() >= 4, "{} has a corpus worth the name", target.name);
    inputs
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} should be a number")),
        Err(_) => default,
    }
}

/// Runs an input and shows it where something does not hold.
fn run(target: Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        panic!("{}: b\"{}\"", target.name, input.escape_ascii());
    }
}

#[test]
fn every_target_holds_over_its_corpus() {
    for target in TARGETS {
        for input in corpus(target) {
            assert!(input.len() <= MAX_COMMITTED_BYTES, "{}: {} bytes", target.name, input.len());
            run(target, &input);
        }
        run(target, b"");
    }
}

#[test]
fn every_target_holds_over_mutations_of_its_corpus() {
    let rounds = number("KEYCAP_FUZZ_ROUNDS", DEFAULT_ROUNDS);
    let seed = number("KEYCAP_FUZZ_SEED", DEFAULT_SEED);
    println!("KEYCAP_FUZZ_SEED={seed} KEYCAP_FUZZ_ROUNDS={rounds}");
    for target in TARGETS {
        let corpus = corpus(target);
        let mut mutator = Mutator::new(seed);
        for _ in 0..rounds {
            run(target, &mutator.mutate(&corpus));
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_inputs_of_bounded_size() {
    let corpus = [vec![b'a'; MAX_INPUT_BYTES], b"{\"a\":1}".to_vec(), Vec::new()];
    let made = |seed| {
        let mut mutator = Mutator::new(seed);
        std::iter::repeat_with(|| mutator.mutate(&corpus)).take(200).collect::<Vec<_>>()
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
    assert!(made(7).iter().all(|input| input.len() <= MAX_INPUT_BYTES));
    assert!(made(7).iter().any(|input| input.len() == MAX_INPUT_BYTES));
}

#[test]
fn every_target_has_a_program_and_a_corpus_and_there_are_no_others() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&root().join("corpus")), targets);
    let programs = names(&root().join("fuzz_targets"));
    let programs: BTreeSet<_> =
        programs.iter().filter_map(|name| name.strip_suffix(".rs")).collect();
    assert_eq!(programs, targets.iter().map(String::as_str).collect());
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is a [[bin]]");
    }
}
