//! An address where nobody answers.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of the loopback address that refuses connections for as long as this lives: it is bound, so
/// that nobody else gets it, and nobody listens.
#[derive(Debug)]
pub struct DeadPort {
    address: SocketAddr,
    _bound: TcpSocket,
}

impl DeadPort {
    /// A port that the operating system chooses.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it takes a resource")]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        Self {
            address: socket.local_addr().expect("a bound socket has an address"),
            _bound: socket,
        }
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}
