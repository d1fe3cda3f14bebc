//! The examples as real processes: built once, started, signalled, killed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Framework;

/// The longest a process may take to say that it listens, or to end.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The examples that are started here.
const EXAMPLES: [&str; 5] =
    ["quickstart-axum", "quickstart-actix", "custom-provider", "clerk", "oidc"];

/// The binary of an example, built if it is not there or stale.
fn binary(example: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        // target/<profile>/deps/<test>
        let test = std::env::current_exe().expect("the path of the test");
        let profile = test.ancestors().nth(2).expect("a profile's directory").to_owned();
        build(&profile);
        profile
    });
    directory.join(format!("{example}{}", std::env::consts::EXE_SUFFIX))
}

fn build(profile_directory: &Path) {
    let profile = match profile_directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = profile_directory.parent().expect("a target directory");
    let mut command = std::process::Command::new(env!("CARGO"));
    // Named together with the tests, so that what they share is built once for both.
    command.args(["build", "--quiet", "-p", env!("CARGO_PKG_NAME")]);
    command.args(EXAMPLES.iter().flat_map(|example| ["-p", example]));
    command.args(["--profile", profile, "--target-dir"]).arg(target);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = command.output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the examples do not build:\n{errors}");
}

/// Everything a stream has said so far.
#[derive(Clone, Debug)]
pub struct Printed {
    bytes: Arc<watch::Sender<Vec<u8>>>,
    /// Nothing is ever sent: it closes when the stream has ended.
    ended: watch::Receiver<()>,
}

impl Printed {
    fn by(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (ending, ended) = watch::channel(());
        let printed = Self { bytes: Arc::new(watch::Sender::new(Vec::new())), ended };
        let to = Arc::clone(&printed.bytes);
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                to.send_modify(|all| all.extend_from_slice(&buffer[..count]));
            }
            drop(ending);
        });
        printed
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    /// The text, once the stream has ended.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn to_its_end(&self) -> String {
        let mut ended = self.ended.clone();
        let closed = timeout(PATIENCE, ended.changed()).await;
        assert!(matches!(closed, Ok(Err(_))), "the stream does not end: {}", self.text());
        self.text()
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.borrow()).into_owned()
    }

    /// What follows `label` on the first whole line that begins with it, if there is one.
    #[must_use]
    pub fn line(&self, label: &str) -> Option<String> {
        let text = self.text();
        let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.find_map(|line| Some(line.strip_prefix(label)?.trim_end().to_owned()))
    }

    /// Waits for such a line. None when the stream has ended without one.
    pub async fn wait_for_line(&self, label: &str) -> Option<String> {
        let mut changes = self.bytes.subscribe();
        loop {
            if let Some(found) = self.line(label) {
                return Some(found);
            }
            changes.changed().await.ok()?;
        }
    }
}

/// How to start an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct Start {
    example: String,
    directory: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Start {
    /// A quickstart in this directory, on any port, with the defaults for everything else.
    pub fn new(framework: Framework, directory: &Path) -> Self {
        Self::example(format!("quickstart-{framework}"), directory)
    }

    /// The example of this name, likewise.
    pub fn example(name: impl Into<String>, directory: &Path) -> Self {
        let environment = vec![("PORT", "0".to_owned())];
        Self { example: name.into(), directory: directory.to_owned(), environment }
    }

    /// With an environment variable.
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Without an environment variable.
    pub fn unset(mut self, name: &'static str) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self
    }

    /// Starts the process, whatever it will do.
    pub fn spawn(&self) -> Process {
        let mut command = Command::new(binary(&self.example));
        let settings = ["PORT", "KEYCAP_DB", "QUICKSTART_CAP", "SHOP_DB"];
        let services = ["CLERK_SECRET_KEY", "CLERK_API_URL", "OIDC_ISSUER", "OIDC_AUDIENCE"];
        for name in settings.into_iter().chain(services) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::spawn(command)
    }

    /// Starts the process and waits until it listens.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn listen(&self) -> Quickstart {
        let process = self.spawn();
        let said = async {
            let key = process.stdout.wait_for_line("key: ").await;
            (key, process.stdout.wait_for_line("listening on http://").await)
        };
        match timeout(PATIENCE, said).await {
            Ok((Some(key), Some(address))) => {
                let address = address.parse().expect("an address to listen on");
                Quickstart { key, address, process }
            }
            other => panic!("{} does not listen ({other:?}): {process:?}", self.example),
        }
    }
}

/// A process that was started. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it printed.
    pub stdout: Printed,
    /// What it logged.
    pub stderr: Printed,
}

impl Process {
    /// Starts a command whose output and errors are piped.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the process starts");
        let stdout = Printed::by(child.stdout.take().expect("its output"));
        let stderr = Printed::by(child.stderr.take().expect("its errors"));
        Self { child, stdout, stderr }
    }

    /// Its id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process lives")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("the signal is sent");
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn ended(&mut self) -> ExitStatus {
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.expect("a status"),
            Err(_elapsed) => panic!("the process does not end: {self:?}"),
        }
    }
}

/// A quickstart that listens.
#[derive(Debug)]
pub struct Quickstart {
    /// The key it printed.
    pub key: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub process: Process,
}

impl Quickstart {
    /// Kills it without a word, and waits until it is gone.
    pub async fn kill(mut self) {
        self.process.signal(Signal::KILL);
        self.process.ended().await;
    }

    /// Asks it to end, and sees that it does so in order.
    ///
    /// # Panics
    /// When it does not end, or not with status 0.
    pub async fn stop(mut self, signal: Signal) -> Process {
        self.process.signal(signal);
        let status = self.process.ended().await;
        assert!(status.success(), "after {signal:?}: {status}: {:?}", self.process);
        self.process
    }
}
