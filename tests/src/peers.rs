//! Others' software that the tests are held against: a real OpenID provider, and the official clients
//! of services that verify keys. `tests/peers/README.md` says what they are and how they are run.
//!
//! `scripts/test` installs them and names them in the environment. Where nothing is named, whoever
//! asks for one is given `None` after the test was reported as skipped ([`skip`]): the test returns,
//! and is counted as skipped, not as passed.

mod oidc;
mod wish;

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub use oidc::{Fault, Oidc};
pub use wish::{Client, OPAQUE_RESOURCE, Wish, resource};

/// The longest that a script may run, or a provider take to be ready.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Reports the running test as skipped, for want of `what`: on standard error, and to `scripts/test`
/// where that counts. To be called once, by a test that then returns.
///
/// # Panics
/// When the file that `KEYCAP_SKIPS` names cannot be written.
pub fn skip(what: &str) {
    let thread = std::thread::current();
    let line = format!("{}: needs {what}\n", thread.name().unwrap_or("a test"));
    // Not `eprintln!`: what that prints is shown for tests that fail only.
    let _ = io::stderr().write_all(format!("SKIPPED {line}").as_bytes());
    if let Some(path) = named("KEYCAP_SKIPS") {
        let mut file =
            OpenOptions::new().append(true).create(true).open(path).expect("KEYCAP_SKIPS");
        file.write_all(line.as_bytes()).expect("KEYCAP_SKIPS");
    }
}

/// Runs a script of `tests/peers` to its end and gives the lines of JSON that it printed. None, and
/// the test is reported as skipped, where Node or the script's packages are missing.
///
/// # Panics
/// When the script fails, prints something else, or does not end in time.
pub async fn run_node(script: &str, arguments: &[&str], stdin: &Value) -> Option<Vec<Value>> {
    let mut command = node(script)?;
    let mut child = command.args(arguments).spawn().expect("Node starts");
    let output = timeout(PATIENCE, async {
        give(&mut child, stdin).await;
        child.wait_with_output().await.expect("the script's output")
    });
    let output = output.await.unwrap_or_else(|_elapsed| panic!("{script} does not end"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {}\n{errors}", output.status);
    let printed = String::from_utf8(output.stdout).expect("text");
    Some(printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

/// The script may end before it has read all: what it says then is the better report.
async fn give(child: &mut Child, document: &Value) {
    let mut stdin = child.stdin.take().expect("its input");
    let _ = stdin.write_all(document.to_string().as_bytes()).await;
}

/// Node with a script, all of its streams piped; it dies with the test.
fn node(script: &str) -> Option<Command> {
    let (Some(node), Some(peers)) = (named("KEYCAP_NODE"), named("KEYCAP_PEERS")) else {
        skip("Node and the packages of tests/peers, which scripts/test provides");
        return None;
    };
    let mut command = Command::new(node);
    command.arg(PathBuf::from(peers).join(script)).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

/// An environment variable, unless it is empty.
fn named(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}
