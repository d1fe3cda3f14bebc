//! Requests a second over loopback sockets, an axum server with and without the layer: an illustration.
//! Sockets and the scheduler cost many times what the layer does, and this machine's neighbours more, so
//! the interval says how little the difference means. A number as argument makes it so many rounds.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a program"
)]

use std::env;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use keycap::Guard;
use keycap::axum::KeycapLayer;
use keycap_bench::{Node, ROOMY, Sent, background, median, now, price, quartiles};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 21;
const SPAN: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 32;

fn main() {
    let rounds = env::args().skip(1).find(|it| it != "--bench").map_or(ROUNDS, |it| {
        it.parse().ok().filter(|&rounds| rounds > 0).expect("a number of rounds above 0")
    });
    let node = Node::new(ROOMY);
    node.know(0);
    let layer = KeycapLayer::new(&node.gate, Guard::priced(price())).expect("a guard");
    let servers = [("bare", serve(router())), ("Keycap, priced", serve(router().layer(layer)))];
    let mut table = servers.map(|_| Vec::with_capacity(rounds));
    servers.iter().for_each(|&(_, address)| {
        requests_a_second(address);
    });
    for _ in 0..rounds {
        for (rates, (_, address)) in table.iter_mut().zip(servers) {
            rates.push(requests_a_second(address));
        }
    }
    println!("\n| server | requests a second | quartiles | least–most |");
    println!("|---|---|---|---|");
    for ((name, _), rates) in servers.iter().zip(&table) {
        let (lower, upper) = quartiles(rates.iter().copied());
        let (least, most) =
            (rates.iter().min().expect("rounds"), rates.iter().max().expect("rounds"));
        let middle = median(rates.iter().copied());
        println!("| {name} | {middle} | {lower}–{upper} | {least}–{most} |");
    }
    let percent = |(bare, with): (&u64, &u64)| with * 100 / bare.max(&1);
    let ratios: Vec<u64> = table[0].iter().zip(&table[1]).map(percent).collect();
    let (lower, upper) = quartiles(ratios.iter().copied());
    println!("\nwith the layer, in the same round: {} % ({lower}–{upper} %)", median(ratios));
}

fn router() -> Router {
    Router::new().route("/chat", post(async || "ok"))
}

/// A server on the thread of the gate's tasks.
fn serve(app: Router) -> SocketAddr {
    background().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("listens");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        address
    })
}

/// What connections on this thread get answered, each one request at a time.
fn requests_a_second(address: SocketAddr) -> u64 {
    let runtime = keycap_bench::tokio_runtime();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let calls = (0..CONNECTIONS).map(|_| tokio::task::spawn_local(call(address)));
        let mut answered = 0;
        for calling in calls.collect::<Vec<_>>() {
            answered += calling.await.expect("calls");
        }
        answered * 1_000 / u64::try_from(SPAN.as_millis()).expect("short")
    })
}

async fn call(address: SocketAddr) -> u64 {
    let request = format!(
        "POST /chat HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-length: 0\r\n\r\n",
        Sent::by(0).0
    );
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.set_nodelay(true).expect("no delay");
    let (began, mut answered, mut buffer) = (now(), 0, [0; 2_048]);
    while began.elapsed() < SPAN {
        stream.write_all(request.as_bytes()).await.expect("writes");
        let mut read = 0;
        while !buffer[..read].ends_with(b"\r\n\r\nok") {
            let more = stream.read(&mut buffer[read..]).await.expect("reads");
            assert!(more > 0, "the server closed the connection");
            read += more;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "served");
        answered += 1;
    }
    answered
}
