//! Dependencies run one way: apps, edges, slices, engines, kernel; libs stand aside. A slice never knows another slice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

/// Outside crates that only the named crates may list.
const OWNERS: &[(&str, &[&str])] = &[
    ("sqlx", &["yiti-store"]),
    ("argon2", &["yiti-directory"]),
    ("rust-i18n", &["yiti-web"]),
    ("tower-http", &["yiti-web"]),
    ("hyper", &["yiti-web"]),
    ("hyper-util", &["yiti-web"]),
    ("dicom-core", &["yiti-dicom", "yiti"]),
    ("jpeg-decoder", &["yiti-dicom"]),
    ("image", &["yiti-dicom"]),
    ("pinyin", &["yiti-record", "yiti-dicom"]),
    ("unicode-normalization", &["yiti-record"]),
];

/// The crate that tests of every layer may know, as a dependency of tests alone.
const FOR_TESTS: &str = "samples";

/// Which place of the order a folder has; a crate may only know places below its own, or its own where `may_know_peers`.
fn layer(folder: &str) -> Option<(u8, bool)> {
    Some(match folder {
        "kernel" => (0, false),
        "libs" => (0, false),
        "engines" => (1, true),
        "slices" => (2, false),
        "edges" => (3, false),
        "apps" => (4, false),
        _ => return None,
    })
}

fn metadata() -> Json {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn dependencies_run_one_way() {
    let metadata = metadata();
    let root = metadata["workspace_root"].as_str().unwrap();
    let mut folders: BTreeMap<String, String> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let inside = manifest.strip_prefix(root).unwrap().trim_start_matches('/');
        folders.insert(package["name"].as_str().unwrap().into(), inside.split('/').next().unwrap().into());
    }
    let mut faults = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let (own, may_know_peers) = layer(&folders[name]).unwrap_or_else(|| panic!("`{name}` has no layer"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            if other == FOR_TESTS {
                if dependency["kind"] != "dev" {
                    faults.insert(format!("{name} -> {other} outside its tests"));
                }
            } else if let Some(folder) = folders.get(other) {
                let (theirs, _) = layer(folder).unwrap();
                if theirs > own || (theirs == own && own > 0 && !may_know_peers) || (own == 0 && folder != "kernel") {
                    faults.insert(format!("{name} -> {other}"));
                }
            }
            if let Some((_, owners)) = OWNERS.iter().find(|(owned, _)| *owned == other)
                && !owners.contains(&name)
            {
                faults.insert(format!("{name} lists {other}, which belongs to {owners:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package["name"]);
    }
}
