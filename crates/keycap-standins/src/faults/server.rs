//! The server: one task, and one for each connection, all of which end when it is dropped.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::wire::{self, After, Stream};
use super::{Certified, Fault, Seen};

/// A server on a port of 127.0.0.1 that the operating system chooses.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

/// What has arrived so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections accepted.
    pub accepted: usize,
    /// Connections that are open now.
    pub open: usize,
    /// Requests read to their end.
    pub requests: usize,
}

struct Shared {
    next: Mutex<VecDeque<Fault>>,
    always: Mutex<Fault>,
    seen: Mutex<Vec<Seen>>,
    tally: watch::Sender<Tally>,
}

impl Server {
    /// A server that speaks plain HTTP and does `fault` to every request.
    pub async fn start(fault: Fault) -> Self {
        Self::listen("http", None, fault).await
    }

    /// A server that speaks HTTPS with this certificate.
    pub async fn start_tls(certified: Certified, fault: Fault) -> Self {
        Self::listen("https", Some(certified.acceptor()), fault).await
    }

    async fn listen(scheme: &'static str, tls: Option<TlsAcceptor>, fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            next: Mutex::default(),
            always: Mutex::new(fault),
            seen: Mutex::default(),
            tally: watch::Sender::new(Tally::default()),
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Self { address, scheme, shared, accepting: task.abort_handle() }
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The origin as this host name would spell it, such as `https://localhost:<port>`.
    #[must_use]
    pub fn origin_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.address.port())
    }

    /// The origin and a path that begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Does `fault` to every request from now on.
    pub fn set(&self, fault: Fault) {
        self.shared.next.lock().clear();
        *self.shared.always.lock() = fault;
    }

    /// Does each of these to one request, in this order, and then again what was last [`set`](Self::set).
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.shared.next.lock() = faults.into_iter().collect();
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    /// What has arrived so far, as numbers.
    #[must_use]
    pub fn tally(&self) -> Tally {
        *self.shared.tally.borrow()
    }

    /// Waits until at least so many requests have arrived.
    pub async fn until_seen(&self, requests: usize) {
        self.until(|tally| tally.requests >= requests).await;
    }

    /// Waits until the numbers are as `wanted` says.
    pub async fn until(&self, mut wanted: impl FnMut(&Tally) -> bool) {
        let mut tally = self.shared.tally.subscribe();
        tally.wait_for(|tally| wanted(tally)).await.expect("the server holds the sender");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        connections.spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let _open = Open::count(&shared);
    if matches!(shared.now(), Fault::Deaf) {
        return std::future::pending().await;
    }
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    while let Ok(Some(seen)) = wire::request(&mut *stream).await {
        let fault = shared.take(seen);
        if !matches!(wire::answer(&mut *stream, fault).await, Ok(After::Keep)) {
            return;
        }
    }
}

impl Shared {
    /// What will be done to the next request.
    fn now(&self) -> Fault {
        let next = self.next.lock().front().cloned();
        next.unwrap_or_else(|| self.always.lock().clone())
    }

    /// Writes a request down and says what is done to it.
    fn take(&self, seen: Seen) -> Fault {
        let fault = self.next.lock().pop_front();
        let fault = fault.unwrap_or_else(|| self.always.lock().clone());
        self.seen.lock().push(seen);
        self.tally.send_modify(|tally| tally.requests += 1);
        fault
    }
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn count(shared: &'a Shared) -> Self {
        shared.tally.send_modify(|tally| {
            tally.accepted += 1;
            tally.open += 1;
        });
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.tally.send_modify(|tally| tally.open -= 1);
    }
}
