//! Tables: faults name file, line and column; the profiles differ where they should.

use std::path::Path;

use chs_drg::{Profile, Scheme, Tables};

use crate::cases::{Cases, built, dir, tables};

/// Copies the tables, changes one file, and gives the fault.
fn fault(dir: &Path, file: &str, from: &str, to: &str) -> String {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name == file {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(text.contains(from), "{file} has no `{from}`");
            std::fs::write(copy.path().join(&name), text.replacen(from, to, 1)).unwrap();
        } else if name.ends_with(".csv") || name.ends_with(".jsonl") {
            std::os::unix::fs::symlink(entry.path(), copy.path().join(&name)).unwrap();
        }
    }
    let tables = Tables::open(copy.path());
    tables.and_then(|tables| Scheme::build(&tables, "chs_drg_11", Profile::Published)).unwrap_err().to_string()
}

#[test]
fn a_fault_in_a_table_names_file_line_and_column() {
    let Some(dir) = dir() else { return };
    let fault = |file: &str, from: &str, to: &str| fault(&dir, file, from, to);
    assert_eq!(
        fault("adrg.csv", "ppx in Pc8de681", "ppx in Pffffff"),
        "adrg.csv:2:when, character 8: there is no code set `Pffffff`"
    );
    assert_eq!(fault("mdc.csv", "chs_drg_11,1,", "chs_drg_11,one,"), "mdc.csv:2:seq: `one` is no whole number");
    assert_eq!(fault("adrg.csv", "surgical", "surgery"), "adrg.csv:2:class: `surgery` is not known here");
    assert_eq!(fault("version.csv", "checked", "tested"), "version.csv:1:checked: the column is missing");
    assert_eq!(
        fault("drg.csv", "chs_drg_11,AA1,", "chs_drg_11,AA7,"),
        "drg.csv:2:step: `chs_drg_11` has no step `AA7`"
    );
    assert!(fault("codeset.jsonl", "\"kind\"", "\"kin\"").starts_with("codeset.jsonl:1:"));
    assert!(fault("errata.csv", ",PV1,", ",PV9,").starts_with("errata.csv:2:key: "));
}

#[test]
fn an_unknown_scheme_is_named() {
    let Some(tables) = tables() else { return };
    let error = Scheme::build(tables, "atlantis", Profile::Published).unwrap_err();
    assert_eq!(error.to_string(), "the tables hold no scheme `atlantis`");
}

#[test]
fn all_29_versions_build_and_the_profiles_differ_only_where_the_errata_reach() {
    let (Some(tables), Some(cases)) = (tables(), Cases::published("cases-open.csv.gz")) else { return };
    assert_eq!(tables.schemes().count(), 29);
    for (id, differ) in [("chs_drg_11", true), ("chs_drg_10", true), ("beijing_2022", false)] {
        let schemes = [Profile::Published, Profile::Reference].map(|profile| built(tables, id, profile));
        let different = cases
            .cases
            .iter()
            .filter(|case| case.with(|record| schemes[0].group(record).drg != schemes[1].group(record).drg));
        let count = different.count();
        assert_eq!(count > 0, differ, "{id}: {count} of {}", cases.cases.len());
    }
}
