//! The rules of the house that no compiler checks: who may import whom, how long files are, what documents promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arrows;
mod files;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that belongs to the repository, with its path from the root.
fn files() -> Vec<PathBuf> {
    const NOT_OURS: &[&str] = &["target", ".git", "__pycache__", "node_modules"];
    let mut found = Vec::new();
    let mut dirs = vec![root().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let runtime = dir == root().join("data") && name != "README.md";
            if NOT_OURS.contains(&name.as_str()) || name.starts_with(".venv") || runtime {
                continue;
            }
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "the repository was not found");
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}
