//! Which cache lines two threads write that admit keys of different organisations: none together.
//!
//! Valgrind's `lackey` traces every store of a program, which is this test binary run again. There the
//! two threads take turns, so that every store between two marks is one of theirs: what they write
//! does not depend on when.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "how tests fail")]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader, Read, Write as _, stdin};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use keycap::gate::Guarded;
use keycap_tests::peers::skip;
use keycap_tests::steady::{BURST, Sent, Steady, admit, finish, released};

/// Says to this binary that it is the program.
const TRACED: &str = "KEYCAP_TRACED";
const PROGRAM: &str = "the_program_that_is_traced";
/// A store here is a mark.
static MARK: AtomicU64 = AtomicU64::new(0);
/// Where that is in the other process, which waits until it is known.
static MARK_AT: OnceLock<u64> = OnceLock::new();
/// Of every architecture that matters.
const LINE: u64 = 64;

/// By cache line, the instruction that last wrote it.
type Written = BTreeMap<u64, u64>;

#[test]
fn p5_threads_of_two_organisations_write_no_cache_line_together() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip("valgrind");
    }
    let mut command = Command::new("valgrind");
    command.args(["--tool=lackey", "--trace-mem=yes"]).arg(env::current_exe().expect("a path"));
    command.args(["--exact", PROGRAM, "--nocapture", "--test-threads=1"]).env(TRACED, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("valgrind starts");
    let (mut go, stdout) = (child.stdin.take().expect("input"), child.stdout.take());
    let trace = child.stderr.take().expect("a trace");
    let reader = thread::spawn(|| read(trace));
    let mut lines = BufReader::new(stdout.expect("output")).lines();
    let address = lines.by_ref().find_map(|line| {
        let line = line.expect("reads");
        u64::from_str_radix(line.split_once("mark at 0x")?.1, 16).ok()
    });
    MARK_AT.set(address.expect("the program names its mark")).expect("once");
    go.write_all(b"go\n").expect("is heard");
    let rest: Vec<_> = lines.map(|line| line.expect("reads")).collect();
    assert!(child.wait().expect("ends").success(), "{rest:?}");
    let [one, other] = reader.join().expect("reads");
    assert!(one.len() > 4 && other.len() > 4, "{} and {} lines", one.len(), other.len());
    let both: Vec<_> =
        one.iter().filter_map(|(line, by)| Some((line, by, other.get(line)?))).collect();
    // Valgrind loads the program at 0x108000: what `addr2line` takes is so much less.
    assert!(both.is_empty(), "written by both, line and instructions: {both:#x?}");
}

/// What each of the two threads wrote between its marks.
fn read(trace: impl Read) -> [Written; 2] {
    let (mut written, mut marks, mut by) = ([const { Written::new() }; 2], 0, 0);
    for line in BufReader::with_capacity(1 << 20, trace).split(b'\n') {
        let line = line.expect("reads");
        let Some((kind, address, size)) = record(&line) else { continue };
        match kind {
            b'I' => by = address,
            b'S' | b'M' if MARK_AT.get() == Some(&address) => marks += 1,
            // Odd: between the first and the second mark, or the third and the fourth.
            b'S' | b'M' if marks % 2 == 1 => {
                for line in address / LINE..=(address + size - 1) / LINE {
                    written[marks / 2].insert(line * LINE, by);
                }
            }
            _ => {}
        }
    }
    assert_eq!(marks, 4, "two threads, two marks each");
    written
}

/// A line such as ` S 04222c10,8` or `I  04001f30,3`.
fn record(line: &[u8]) -> Option<(u8, u64, u64)> {
    let kind = *line.get(..2)?.iter().find(|byte| **byte != b' ')?;
    let (address, size) = std::str::from_utf8(line.get(3..)?).ok()?.split_once(',')?;
    Some((kind, u64::from_str_radix(address, 16).ok()?, size.parse().ok()?))
}

/// Run by the test above; for others, nothing.
#[test]
fn the_program_that_is_traced() {
    if env::var_os(TRACED).is_none() {
        return;
    }
    println!("mark at {:p}", &raw const MARK);
    let _ = stdin().read_line(&mut String::new()).expect("reads");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
    let steady = runtime.block_on(Steady::new(2));
    let guarded = steady.gate.guarded(released()).expect("a guard");
    let handle = runtime.handle();
    thread::scope(|scope| {
        let workers = [0, 1].map(|key| {
            let (ask, asked) = sync_channel::<Marked>(0);
            let (answer, answered) = sync_channel(0);
            let (guarded, sent) = (&guarded, &steady.sent[key]);
            scope.spawn(move || {
                let _runtime = handle.enter();
                for marked in asked {
                    burst(guarded, sent, marked);
                    answer.send(()).expect("is heard");
                }
            });
            move |marked| {
                ask.send(marked).expect("is heard");
                answered.recv().expect("answers");
            }
        });
        let unmarked = || workers.iter().for_each(|work| work(Marked::No));
        runtime.block_on(steady.until_steady(unmarked));
        for work in &workers {
            work(Marked::Yes);
            runtime.block_on(steady.rest());
        }
    });
}

#[derive(Clone, Copy)]
enum Marked {
    Yes,
    No,
}

fn burst(guarded: &Guarded, sent: &Sent, marked: Marked) {
    let requests = |count| (0..count).for_each(|_| finish(admit(guarded, sent)));
    match marked {
        // Every instruction is written down by now: few.
        Marked::No => requests(BURST / 4),
        Marked::Yes => {
            MARK.store(1, Ordering::SeqCst);
            requests(BURST);
            MARK.store(1, Ordering::SeqCst);
        }
    }
}
