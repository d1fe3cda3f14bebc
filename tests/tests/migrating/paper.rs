//! The paper itself: its samples are the code that is tested here, and the tests it names exist.

use std::path::Path;

pub(crate) const PAPER: &str = include_str!("../../../docs/migrating.md");
const SAMPLES: [&str; 4] = [
    include_str!("before.rs"),
    include_str!("plan.rs"),
    include_str!("granted.rs"),
    include_str!("carried.rs"),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_samples_are_the_code_that_is_tested() {
    for sample in SAMPLES {
        let code = sample.lines().filter(|line| !line.starts_with("//!"));
        let code: Vec<_> = code.map(|line| line.replace("pub(crate) ", "")).collect();
        let code = code.join("\n");
        assert!(PAPER.contains(code.trim()), "not in the paper:\n{code}");
    }
}

/// A test is named as a link: its name in backticks, then the file it is in.
#[test]
fn every_test_that_is_named_exists_where_it_is_said_to_be() {
    let mut named = 0;
    for link in PAPER.split("[`").skip(1) {
        let Some((name, rest)) = link.split_once("`](../") else { continue };
        let Some((path, _)) = rest.split_once(')') else { continue };
        let file = root().join(path);
        assert!(file.exists(), "no such file: {path}");
        if path.ends_with(".rs") && name.contains('_') {
            let source = std::fs::read_to_string(&file).unwrap();
            assert!(source.contains(&format!("fn {name}(")), "no {name} in {path}");
            named += 1;
        }
    }
    assert!(named >= 20, "{named} tests are named");
}

/// The bodies shown as theirs are those that the tests compare with.
#[test]
fn every_old_body_in_the_tests_is_in_the_paper() {
    let tests = include_str!("answers.rs");
    let bodies = tests.split("r#\"").skip(1).filter_map(|rest| rest.split("\"#").next());
    let bodies: std::collections::BTreeSet<_> =
        bodies.filter(|body| body.starts_with('{')).collect();
    assert!(bodies.len() >= 7, "{bodies:?}");
    for body in bodies {
        assert!(PAPER.contains(body), "not in the paper: {body}");
    }
}
