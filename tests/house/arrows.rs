//! Who may import whom, held against what Cargo says.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Every room with the rooms that it imports. An edge that is gone must be struck off: the list never allows more than
/// there is. `None`: it may import any of ours.
const ARROWS: &[(&str, Option<&[&str]>)] = &[
    (
        "atelier",
        Some(&["atelier-actors", "atelier-domain", "atelier-providers", "atelier-store", "atelier-web"]),
    ),
    ("atelier-actors", Some(&["atelier-domain", "atelier-store"])),
    ("atelier-bench", None),
    ("atelier-domain", Some(&[])),
    ("atelier-providers", Some(&["atelier-domain"])),
    ("atelier-sim", Some(&[])),
    ("atelier-store", Some(&["atelier-domain"])),
    ("atelier-web", Some(&["atelier-actors", "atelier-domain"])),
];

/// Programs that may come and go, and import nothing of ours: they see Atelier from outside.
const OUTSIDERS: &[&str] = &["atelier-powercut"];

/// What tests may import beyond that.
const TEST_ARROWS: &[(&str, &str)] = &[("atelier", "atelier-sim")];

/// Crates that only some rooms may name.
const RESERVED: &[(&str, &[&str])] = &[
    ("sled", &["atelier-store"]),
    ("actix-web", &["atelier-web", "atelier", "atelier-bench"]),
    ("rustls", &["atelier-providers"]),
];

struct Package {
    name: String,
    /// Name of the dependency, and whether it is for tests only.
    dependencies: BTreeSet<(String, bool)>,
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(super::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter().map(|package| Package {
        name: text(&package["name"]),
        dependencies: package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| (text(&dependency["name"]), dependency["kind"] == "dev"))
            .collect(),
    });
    packages.collect()
}

#[test]
fn no_room_is_unknown_to_the_plan() {
    let planned: BTreeSet<_> =
        ARROWS.iter().map(|(name, _)| *name).chain(OUTSIDERS.iter().copied()).collect();
    let found = packages();
    let found: BTreeSet<_> = found.iter().map(|package| package.name.as_str()).collect();
    let strangers: Vec<_> = found.difference(&planned).collect();
    assert!(strangers.is_empty(), "rooms that the plan does not have: {strangers:?}");
    let gone: Vec<_> = planned.difference(&found).filter(|name| !OUTSIDERS.contains(name)).collect();
    assert!(gone.is_empty(), "rooms that do not exist: {gone:?}");
}

#[test]
fn rooms_import_what_the_plan_says_and_nothing_else() {
    let packages = packages();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let plan: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let imports = |tests: bool| {
            let of_kind = package.dependencies.iter().filter(move |(_, for_tests)| *for_tests == tests);
            of_kind.map(|(name, _)| name.as_str()).filter(|name| ours.contains(name)).collect::<BTreeSet<_>>()
        };
        let allowed = plan.get(package.name.as_str()).copied().unwrap_or(Some(&[]));
        if let Some(allowed) = allowed {
            let allowed: BTreeSet<_> = allowed.iter().copied().collect();
            let found = imports(false);
            wrong.extend(
                found.difference(&allowed).map(|to| format!("{} must not import {to}", package.name)),
            );
            wrong.extend(
                allowed
                    .difference(&found)
                    .map(|to| format!("{} does not import {to}: strike it off", package.name)),
            );
        }
        let in_tests = imports(true);
        let stray = in_tests.iter().filter(|to| !TEST_ARROWS.contains(&(package.name.as_str(), to)));
        wrong.extend(stray.map(|to| format!("tests of {} must not import {to}", package.name)));
    }
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

#[test]
fn reserved_crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for package in packages() {
        for (reserved, rooms) in RESERVED {
            let names_it = package.dependencies.iter().any(|(name, _)| name == reserved);
            if names_it && !rooms.contains(&package.name.as_str()) {
                wrong.push(format!("{} names {reserved}, which belongs to {rooms:?}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}
