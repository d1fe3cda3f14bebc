//! Every query finds its rows by an index, in order, so that a bounded one does bounded work.

use rusqlite::Connection;

use super::{accounts, charges, counters, holds, keys, names, refunds};
use crate::schema;

/// The steps by which SQLite would answer.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = explain.parameter_count();
    let steps = explain.query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get(3));
    steps.unwrap().map(Result::unwrap).collect()
}

#[test]
fn no_query_scans_or_sorts_a_table() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, keycap_base::Timestamp::EPOCH).unwrap();
    let queries = [
        accounts::QUERIES,
        charges::QUERIES,
        counters::QUERIES,
        holds::QUERIES,
        keys::QUERIES,
        names::QUERIES,
        refunds::QUERIES,
    ];
    for sql in queries.concat() {
        let plan = plan(&connection, sql);
        let bad = plan.iter().find(|step| step.contains("SCAN") || step.contains("TEMP B-TREE"));
        assert!(bad.is_none(), "{sql}: {plan:?}");
    }
}
