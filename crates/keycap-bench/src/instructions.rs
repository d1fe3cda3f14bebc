//! Counting instructions: they do not depend on neighbours or on the clock's speed.
//!
//! The processor that valgrind plays has no instructions for SHA-256, so hashing a key counts more
//! than it does on a real one; a case of its own says how much.

use std::env;
use std::process::Command;

use crate::case::{BURST, Case};

/// Bursts of the two runs. What both do alike, such as starting, drops out of the difference.
const FEW: usize = 16;
const MANY: usize = 80;

/// Instructions a request, by callgrind.
pub(crate) fn count(case: &Case) -> u64 {
    let requests = (MANY - FEW) * BURST;
    let (few, many) = (instructions_of(case, FEW), instructions_of(case, MANY));
    many.saturating_sub(few) / requests as u64
}

/// All instructions of a process that does so many bursts.
fn instructions_of(case: &Case, bursts: usize) -> u64 {
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", case.name, &bursts.to_string()])
        .output()
        .expect("valgrind is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "valgrind failed:\n{told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("callgrind tells no count:\n{told}"));
    count.trim().parse().expect("a number")
}
