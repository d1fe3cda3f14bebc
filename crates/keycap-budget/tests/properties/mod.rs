//! How many cases properties run.

use proptest::test_runner::Config;

/// Quick by default; as many as `PROPTEST_CASES` says when it is set.
pub(crate) fn quick() -> Config {
    let default = Config { failure_persistence: None, ..Config::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default,
        None => Config { cases: 128, ..default },
    }
}
