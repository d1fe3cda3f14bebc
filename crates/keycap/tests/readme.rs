//! The README's samples are short; that they compile is shown by the documentation tests.

#![allow(clippy::expect_used, reason = "it is test code")]

const MOST_LINES: usize = 15;

/// The code blocks of a language, without blank lines and fences.
fn samples(readme: &str, language: &str) -> Vec<Vec<String>> {
    let opening = format!("```{language}");
    let mut blocks = readme.split(opening.as_str()).skip(1);
    blocks
        .by_ref()
        .map(|rest| {
            let block = rest.split("```").next().unwrap_or_default();
            let lines = block.lines().skip(1).filter(|line| !line.trim().is_empty());
            lines.map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn each_sample_protects_a_route_in_at_most_fifteen_lines() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("the README is there");
    let samples = samples(&readme, "rust,no_run");
    assert_eq!(samples.len(), 2, "one for axum, one for actix");
    for sample in samples {
        let lines = sample.len();
        assert!(lines <= MOST_LINES, "{lines} lines:\n{}", sample.join("\n"));
        assert!(sample.iter().all(|line| line.len() <= 100), "{sample:?}");
        for part in ["SqliteStore::open", ".mint(", "Guard::fixed", ".track("] {
            assert!(sample.iter().any(|line| line.contains(part)), "no {part}");
        }
    }
}
