//! The tree tests itself: Chinese stands where it belongs, files say what they are for, nothing is forgotten.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The files git knows or would take, with their texts.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .filter_map(|path| Some((path.to_owned(), std::fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The part of a Rust file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn code_and_templates_hold_keys_not_chinese() {
    for (path, text) in files(&[".rs", ".html", ".sql"]) {
        // The samples are data of tests, which have Chinese names in them on purpose.
        let is_test = ["/tests/", "/benches/", "libs/samples/"].iter().any(|part| path.contains(part));
        let is_test = is_test || path.ends_with("_tests.rs");
        if is_test {
            continue;
        }
        let comments_dropped: String = without_tests(&text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("{#"))
            .collect();
        if let Some(at) = comments_dropped.find(is_han) {
            let around: String = comments_dropped[at..].chars().take(20).collect();
            panic!("{path} holds Chinese: {around}");
        }
    }
}

#[test]
fn every_rust_file_says_what_it_is_for() {
    for (path, text) in files(&[".rs"]) {
        let is_unit_test_file = path.ends_with("_tests.rs");
        assert!(is_unit_test_file || text.starts_with("//!"), "{path} does not begin with `//!`");
    }
}

#[test]
fn no_file_holds_what_only_a_workbench_should() {
    let banned = ["XXX", "FIXME", "TODO", "<<<<<<<", ">>>>>>>"];
    for (path, text) in files(&[".rs", ".html", ".sql", ".toml", ".mjs", ".js", ".css"]) {
        if path.ends_with("tidy.rs") || path.ends_with("package-lock.json") {
            continue;
        }
        for word in banned {
            assert!(!text.contains(word), "{path} holds `{word}`");
        }
        assert!(!text.contains('\r'), "{path} has carriage returns");
        assert!(text.is_empty() || text.ends_with('\n'), "{path} does not end with a line end");
    }
}

#[test]
fn no_statement_is_put_together_from_text() {
    for (path, text) in files(&[".rs"]) {
        // Migrations, throwaway databases and the copying of whole tables take names from the schema, never from people.
        let is_store =
            ["migrate.rs", "testing.rs", "backup.rs"].iter().any(|file| path == format!("engines/store/src/{file}"));
        assert!(is_store || !text.contains("AssertSqlSafe") || path.ends_with("tidy.rs"), "{path} makes SQL of text");
    }
}
