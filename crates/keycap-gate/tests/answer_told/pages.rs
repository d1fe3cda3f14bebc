//! The pages that explain the codes say what the code does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keycap_gate::Code;
use serde_json::Value;

use crate::fixtures::{one_of_each, tell};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors")
}

fn page(code: Code) -> String {
    fs::read_to_string(folder().join(format!("{code}.md"))).unwrap()
}

/// The first block of that language.
fn block<'a>(page: &'a str, language: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("```{language}\n")).unwrap();
    after.split_once("\n```").unwrap().0
}

#[test]
fn there_is_a_page_for_every_code_and_no_other() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<_> = files.map(|name| name.into_string().unwrap()).collect();
    let expected = Code::ALL.iter().map(|code| format!("{code}.md"));
    assert_eq!(found, expected.chain(["README.md".to_owned()]).collect());
}

#[test]
fn the_contents_list_every_code_in_order_with_its_status() {
    let contents = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = contents.lines().filter(|line| line.starts_with("| [`"));
    let listed: Vec<_> = rows.map(|row| row.split(" | ").take(2).collect::<Vec<_>>()).collect();
    let expected =
        Code::ALL.map(|code| vec![format!("| [`{code}`]({code}.md)"), code.status().to_string()]);
    assert_eq!(listed, expected);
}

#[test]
fn p8_every_example_is_what_is_sent() {
    for refusal in one_of_each() {
        let (code, told) = (refusal.code(), tell(&refusal));
        let page = page(code);
        let (head, body) = block(&page, "http").split_once("\n\n").unwrap();
        let (status, headers) = head.split_once('\n').unwrap();
        assert!(status.starts_with(&format!("HTTP/1.1 {} ", told.status())), "{code}");
        assert!(page.starts_with(&format!("# `{code}`\n\n**{} ", told.status())), "{code}");

        let lines = told.headers().iter().map(|(name, value)| format!("{name}: {value}"));
        let names_in_lower_case = headers.lines().map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            format!("{}: {value}", name.to_ascii_lowercase())
        });
        assert!(names_in_lower_case.eq(lines), "{code}: {headers}");

        let sent: Value = serde_json::from_slice(told.body()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), sent, "{code}");
    }
}
