//! Room for many connections at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files as far as this process may: a thousand connections whose both ends
/// are here are two thousand of them.
pub fn allow_many_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it may not be raised, the test says so by failing to connect.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
