//! The first request of a Clerk key, with the service on this machine: over loopback sockets, from a
//! gate on one thread to a stand-in on another. An illustration, since the real one is far away; how
//! often it is asked is not. A number as argument makes it so many rounds.

#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a program")]

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use futures_util::future::join_all;
use keycap::clerk::Clerk;
use keycap::gate::{Course, Decision, Guarded};
use keycap::{Guard, Secret};
use keycap_bench::{Sent, World, median, now, tokio_runtime};
use keycap_standins::clerk::{Instance, NewApiKey, SECRET_KEY, user};

/// How many rounds are measured unless said otherwise.
const ROUNDS: usize = 21;
/// Keys that are seen for the first time in each round, one after the other.
const KEYS: usize = 100;
/// First requests of one key at the same time.
const TOGETHER: usize = 1_000;

/// What one round took.
struct Figures {
    /// A verification by the stand-in itself, asked without Keycap.
    bare: Duration,
    /// The first request of a key.
    first: Duration,
    /// The next request of the same key.
    next: Duration,
    /// All first requests of one key that come together.
    together: Duration,
}

/// A row of the table: its name, what it is of a round, and how often Clerk is asked for it.
type Row = (&'static str, fn(&Figures) -> Duration, usize);

const ROWS: [Row; 4] = [
    ("the call without Keycap", |it| it.bare, 1),
    ("first request of a key", |it| it.first, 1),
    ("its next request", |it| it.next, 0),
    ("1,000 first requests of one key together, all", |it| it.together, 1),
];

fn main() {
    let rounds = env::args().skip(1).find(|it| it != "--bench").map_or(ROUNDS, |it| {
        it.parse().ok().filter(|&rounds| rounds > 0).expect("a number of rounds above 0")
    });
    let elsewhere = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let here = tokio_runtime();
    let round = |_| here.block_on(measure(elsewhere.block_on(Instance::start())));
    let rounds: Vec<Figures> = (0..rounds).map(round).collect();
    println!("\n| case | µs | least–most | calls |");
    println!("|---|---|---|---|");
    for (name, of, calls) in ROWS {
        let times = || rounds.iter().map(|round| of(round).as_nanos() / 100);
        let (least, most) = (times().min(), times().max());
        let [least, most] = [least, most].map(|it| micros(it.unwrap_or_default()));
        println!("| {name} | {} | {least}–{most} | {calls} |", micros(median(times())));
    }
}

/// Tenths of a microsecond, written.
fn micros(tenths: u128) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

async fn measure(clerk: Instance) -> Figures {
    let secret = |number: u64| {
        let created = clerk.create_key(NewApiKey::of(user(&format!("{number:04}u"))));
        Secret::parse(created.secret).expect("a secret")
    };
    let secrets: Vec<_> = (1..=KEYS as u64).map(secret).collect();
    let (warm_up, shared) = (secret(1_001), secret(1_002));
    let provider = Clerk::secret_key(SECRET_KEY).api_url(clerk.url()).build().expect("a provider");
    let world = World::knowing(provider, &shared).await;
    let guarded = world.gate.guarded(Guard::free()).expect("a guard");
    serve(&guarded, &Sent::with(&warm_up)).await;

    let bare = bare_calls(&clerk, warm_up.expose());
    let asked = clerk.verifications();
    let requests: Vec<_> = secrets.iter().map(Sent::with).collect();
    let first = serve_all(&guarded, &requests).await;
    assert_eq!(clerk.verifications() - asked, KEYS, "each key is asked about once");
    let next = serve_all(&guarded, &requests).await;
    assert_eq!(clerk.verifications() - asked, KEYS, "nobody is asked about a known key");

    let began = now();
    join_all((0..TOGETHER).map(|_| serve(&guarded, &world.sent))).await;
    let together = began.elapsed();
    assert_eq!(clerk.verifications() - asked, KEYS + 1, "asked once for all");
    Figures { bare, first, next, together }
}

/// Serves one request after the other, and says how long each took.
async fn serve_all(guarded: &Guarded, requests: &[Sent]) -> Duration {
    let began = now();
    for sent in requests {
        serve(guarded, sent).await;
    }
    began.elapsed() / u32::try_from(requests.len()).expect("few")
}

async fn serve(guarded: &Guarded, sent: &Sent) {
    match guarded.decide(sent, None).await {
        Decision::Admitted(key) => {
            let mut course = Course::begin(key);
            course.answered(200);
            course.completed();
        }
        other => panic!("not admitted: {other:?}"),
    }
}

/// Verifies a key by the least that does it: one connection, a request written and its answer read.
fn bare_calls(clerk: &Instance, secret: &str) -> Duration {
    let body = format!(r#"{{"secret":"{secret}"}}"#);
    let request = format!(
        "POST /v1/api_keys/verify HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {SECRET_KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        clerk.address,
        body.len(),
    );
    let mut stream = TcpStream::connect(clerk.address).expect("connects");
    stream.set_nodelay(true).expect("can be set");
    let began = now();
    for _ in 0..KEYS {
        stream.write_all(request.as_bytes()).expect("writes");
        assert!(read_answer(&mut stream).starts_with("HTTP/1.1 200"), "verifies");
    }
    began.elapsed() / u32::try_from(KEYS).expect("few")
}

/// The stand-in's answer, a JSON object of which nothing comes after its end.
fn read_answer(stream: &mut TcpStream) -> String {
    let (mut answer, mut part) = (String::new(), [0; 4_096]);
    while !is_whole(&answer) {
        let read = stream.read(&mut part).expect("reads");
        assert!(read > 0, "the connection ended");
        answer.push_str(std::str::from_utf8(part.get(..read).expect("read")).expect("text"));
    }
    answer
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.expect("a length").parse() == Ok(body.len())
}
