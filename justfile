# Recipes for people. What a change must pass is `.ci/run`; `just ci` calls it.

# The recipes.
default:
    @just --list --unsorted

# Every test, doc tests included. Arguments go to `cargo test`.
test *args:
    scripts/test {{ args }}

# The same tests with long runs: more property cases, crash rounds and odd inputs.
chaos cases="4096" rounds="50" inputs="200000":
    PROPTEST_CASES={{ cases }} KEYCAP_CHAOS_ROUNDS={{ rounds }} KEYCAP_FUZZ_ROUNDS={{ inputs }} scripts/test

# Nodes, leases and one ledger with everything going wrong: so many random steps from a seed, optimised.
simulate steps="10000000" seed="1":
    KEYCAP_SIM_STEPS={{ steps }} KEYCAP_SIM_SEED={{ seed }} cargo test --release -p keycap-sim --locked --test random -- --nocapture

# Small worlds of nodes and leases, so many states of each at most; and what threads share, with so many
# interruptions.
search states="1000000" preemptions="4":
    KEYCAP_SIM_STATES={{ states }} cargo test --release -p keycap-sim --locked --test exhaustive -- --nocapture
    KEYCAP_LOOM_PREEMPTIONS={{ preemptions }} cargo test --release -p keycap-loom --locked -- --nocapture

# One fuzz target for a while: `just fuzz unkey_answer 600`. Needs cargo-fuzz. An input that breaks
# something goes, made small, into fuzz/corpus with its fix; fuzz/found keeps the merely interesting.
fuzz target seconds="60":
    mkdir -p fuzz/found/{{ target }}
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run {{ target }} found/{{ target }} corpus/{{ target }} -- -max_total_time={{ seconds }}

# Everything a change must pass.
ci:
    .ci/run

# Rewrite the sources in the house format.
fmt:
    cargo fmt --all

# Clippy on everything, warnings are failures.
lint:
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

# The API docs, warnings are failures. `just docs --open` opens them.
docs *args:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked {{ args }}

# The benchmarks, or one: `just bench --bench admission`. BENCHMARKS.md keeps the results.
bench *args:
    cargo bench -p keycap-bench --locked {{ args }}

# All that the table of goals in BENCHMARKS.md needs, with the peers, whose workspace is their own.
goals:
    cargo bench -p keycap-bench --locked --bench path --bench threads --bench many_keys --bench ledger_load --bench first_requests --bench memory --bench idle --bench loopback
    cargo bench -p keycap-bench --locked --bench path -- instructions
    cd crates/keycap-bench/peers && cargo bench --locked
    cd crates/keycap-bench/peers && cargo bench --locked -- instructions

# Licences, bans, sources and advisories of the dependencies.
deny:
    cargo deny check

# Does it compile on the oldest Rust it promises to? Needs that toolchain.
msrv:
    cargo "+$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)" check --workspace --all-features --locked

# The capped chat API on axum. PORT, KEYCAP_DB and QUICKSTART_CAP configure it.
quickstart-axum:
    cargo run -p quickstart-axum

# The same on actix.
quickstart-actix:
    cargo run -p quickstart-actix

# A capped API for keys in a table of the application's own. PORT, SHOP_DB and KEYCAP_DB configure it.
custom-provider:
    cargo run -p custom-provider

# A capped API for keys that Clerk keeps: a stand-in, or yours with CLERK_SECRET_KEY. PORT, KEYCAP_DB.
clerk:
    cargo run -p clerk

# A capped API for tokens of an OpenID provider: one on this machine, or yours with OIDC_ISSUER and
# OIDC_AUDIENCE. PORT, KEYCAP_DB.
oidc:
    cargo run -p oidc
