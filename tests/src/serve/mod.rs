//! Serving one description by either framework, over TCP.

mod actix;
mod axum;

use std::fmt;
use std::net::SocketAddr;

use keycap::Gate;

use crate::App;

/// A framework that Keycap has an adapter for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// axum, on hyper.
    Axum,
    /// actix-web.
    Actix,
}

impl Framework {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Axum, Self::Actix];
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Axum => "axum",
            Self::Actix => "actix",
        })
    }
}

/// A server at work. Dropped, it stops without waiting for anybody.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _running: Running,
}

enum Running {
    Axum(#[expect(dead_code, reason = "stops when dropped")] axum::Running),
    Actix(#[expect(dead_code, reason = "stops when dropped")] actix::Running),
}

impl Server {
    pub(crate) async fn start(framework: Framework, gate: &Gate, app: &App) -> Self {
        match framework {
            Framework::Axum => {
                let (address, running) = axum::serve(gate, app).await;
                Self { address, _running: Running::Axum(running) }
            }
            Framework::Actix => {
                let (address, running) = actix::serve(gate, app).await;
                Self { address, _running: Running::Actix(running) }
            }
        }
    }
}
