//! What every file keeps to, and what the documents promise.

use std::{collections::BTreeSet, path::Path};

use super::{files, read};

const LONGEST: usize = 500;

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|found| extensions.contains(&found))
}

#[test]
fn every_source_file_is_short_and_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for path in files().into_iter().filter(|path| has_extension(path, &["rs"])) {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST}", path.display()));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: begins without `//! `", path.display()));
        }
    }
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

#[test]
fn no_room_is_called_after_nothing() {
    let vague = ["utils", "util", "common", "helpers", "helper", "misc"];
    let found: Vec<_> = files()
        .into_iter()
        .filter(|path| path.iter().any(|part| vague.iter().any(|name| stem_is(part, name))))
        .collect();
    assert!(found.is_empty(), "name these by what they hold: {found:?}");
}

fn stem_is(part: &std::ffi::OsStr, name: &str) -> bool {
    part.to_str().is_some_and(|part| part == name || part.strip_suffix(".rs") == Some(name))
}

#[test]
fn the_commands_of_the_readme_are_those_that_ci_runs() {
    let readme = read(Path::new("README.md"));
    let shown: BTreeSet<_> = readme.lines().filter(|line| line.starts_with("cargo ")).collect();
    assert_eq!(shown, BTreeSet::from(["cargo run --release", "cargo test --workspace"]));
    let ci = read(Path::new(".ci/run"));
    let contributing = read(Path::new("CONTRIBUTING.md"));
    let is_run = |command: &str| ci.lines().any(|line| line.trim_start().starts_with(command));
    assert!(is_run("cargo test --workspace"));
    for command in contributing.lines().filter(|line| line.starts_with("cargo ")) {
        assert!(is_run(command), "CONTRIBUTING.md says `{command}`, .ci/run does not run it");
    }
}

#[test]
fn every_ban_of_clippy_says_why() {
    let clippy: toml::Table = read(Path::new("clippy.toml")).parse().unwrap();
    for list in ["disallowed-methods", "disallowed-types", "disallowed-macros"] {
        let bans = clippy.get(list).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        for ban in bans {
            assert!(
                ban.get("reason").is_some_and(|reason| reason.as_str().is_some_and(|why| why.len() > 20)),
                "{ban}"
            );
        }
    }
}
