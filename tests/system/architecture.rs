//! Who may know whom, held by what cargo says.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const OURS: [&str; 9] = ["domain", "event_store", "event_log", "proof", "projections", "api", "cli", "devstack", "benchmarks"];

/// Normal dependencies, from `cargo metadata`.
fn dependencies(metadata: &Value, package: &str) -> BTreeSet<String> {
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .find(|found| found["name"] == package)
        .map(|found| {
            let dependencies = found["dependencies"].as_array().expect("dependencies").iter();
            dependencies
                .filter(|one| one["kind"].is_null())
                .map(|one| one["name"].as_str().expect("a name").to_owned())
                .collect()
        })
        .unwrap_or_default()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

#[test]
fn the_crates_know_only_whom_they_may() {
    let metadata = metadata();
    let allowed = [
        ("domain", BTreeSet::new()),
        ("event_store", BTreeSet::from(["domain"])),
        ("event_log", BTreeSet::from(["domain"])),
        ("proof", BTreeSet::from(["domain"])),
        ("projections", BTreeSet::from(["domain"])),
        ("api", BTreeSet::from(["domain", "event_store", "projections", "proof"])),
        ("devstack", BTreeSet::new()),
    ];
    for (package, allowed) in allowed {
        let known: BTreeSet<_> =
            dependencies(&metadata, package).into_iter().filter(|name| OURS.contains(&name.as_str())).collect();
        let too_much: Vec<_> = known.iter().filter(|name| !allowed.contains(name.as_str())).collect();
        assert!(too_much.is_empty(), "{package} must not know {too_much:?}");
    }
}

#[test]
fn each_server_is_known_to_few() {
    let metadata = metadata();
    let may_know =
        [("sqlx", vec!["event_store", "projections", "benchmarks"]), ("rdkafka", vec!["event_log"]), ("axum", vec!["api"])];
    for (library, knowing) in may_know {
        for package in OURS.iter().filter(|package| !knowing.contains(package)) {
            assert!(!dependencies(&metadata, package).contains(library), "{package} must not know {library}");
        }
    }
}
