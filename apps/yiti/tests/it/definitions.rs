//! The definitions that come with the product are sound, cite known sources, and their cases hold.

use std::collections::BTreeSet;

use yiti_kernel::definition::File;

fn files() -> Vec<File> {
    yiti::definitions::files(None).unwrap()
}

#[test]
fn all_definitions_are_sound() {
    if let Err(faults) = yiti::definitions::load(None) {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn every_shipped_figure_says_its_rule_in_words() {
    let kit = yiti::definitions::load(None).unwrap_or_else(|_| panic!("faults")).kit;
    let measures = kit.get::<yiti_measure::Measures>();
    let silent = measures.iter().filter(|m| m.versions.iter().any(|version| version.says.is_none()));
    let silent: Vec<&str> = silent.map(|m| &*m.id).collect();
    assert!(silent.is_empty(), "{silent:?}");
    let sources = kit.get::<yiti_kernel::definition::Sources>();
    let cited: Vec<String> = measures.iter().map(|m| sources.cite(&m.provenance, yiti_kernel::Lang::Zh)).collect();
    assert!(cited.iter().all(|title| !title.is_ascii()), "{cited:?}");
}

#[test]
fn a_fault_in_an_overlay_is_named_with_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("diagnostics")).unwrap();
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions/diagnostics/settings.toml"));
    let text = text.unwrap().replace("lease_minutes = 15", "lease_minutes = \"a while\"");
    std::fs::write(folder.path().join("diagnostics/settings.toml"), text).unwrap();
    let faults = yiti::definitions::load(Some(folder.path())).err().unwrap();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].path.as_str(), faults[0].line, faults[0].column), ("diagnostics/settings.toml", 3, 17));
}

#[test]
fn every_permission_of_a_role_is_asked_for_somewhere() {
    let asked: BTreeSet<&str> = yiti::site::slices()
        .iter()
        .flat_map(|slice| slice.routes().to_vec())
        .filter_map(|route| match route.access {
            yiti_web::Access::Permission(permission) => Some(permission),
            yiti_web::Access::Public | yiti_web::Access::SignedIn => None,
        })
        .collect();
    // Asked for inside acts, not by a route of their own.
    let inside = ["patient.register", "drg.read_all"];
    let definitions = yiti::definitions::load(None).unwrap_or_else(|faults| panic!("{faults:?}"));
    for role in definitions.roles.iter() {
        for permission in &role.permissions {
            let is_known = asked.contains(permission.as_str()) || inside.contains(&permission.as_str());
            assert!(is_known, "role `{}` has `{permission}`, which nothing asks for", role.id);
        }
    }
}

#[test]
fn the_cases_of_clocks_hold() {
    let all = files();
    let below = |folder: &str, cases: bool| -> Vec<File> {
        all.iter().filter(|f| f.path.starts_with(folder) && f.path.contains("/cases/") == cases).cloned().collect()
    };
    let calendars = yiti_clock::Calendars::load(&below("calendars/", false)).unwrap();
    let rules = yiti_clock::Rules::load(&below("clocks/", false), &calendars).unwrap();
    let count = yiti_clock::case::run_cases(&below("clocks/cases/", true), &rules);
    assert!(count.unwrap_or_else(|faults| panic!("{faults:?}")) >= 8);
}

#[test]
fn the_cases_of_measures_hold() {
    let all = files();
    let below = |folder: &str, cases: bool| -> Vec<File> {
        all.iter().filter(|f| f.path.starts_with(folder) && f.path.contains("/cases/") == cases).cloned().collect()
    };
    let measures = yiti_measure::Measures::load(
        &below("measures/", false),
        &[&yiti_diagnostics::facts::REMOTE_READ, &yiti_drg::facts::STAY],
    )
    .unwrap();
    let count = yiti_measure::case::run_cases(&below("measures/cases/", true), &measures);
    assert!(count.unwrap_or_else(|faults| panic!("{faults:?}")) >= 10);
}

#[test]
fn every_packed_table_and_every_scheme_is_sound() {
    let definitions = yiti::definitions::load(None).unwrap_or_else(|faults| panic!("{faults:?}"));
    definitions.kit.get::<yiti_drg::codes::Packed>().check().unwrap();
    definitions.kit.get::<yiti_drg::schemes::Schemes>().check().unwrap();
}

#[test]
fn a_packed_table_of_the_hospital_that_is_broken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("frontpage")).unwrap();
    std::fs::write(folder.path().join("frontpage/icd10.csv.gz"), [0x1f, 0x8b, 8, 0, 1, 2, 3]).unwrap();
    let faults = yiti::definitions::load(Some(folder.path())).err().unwrap();
    assert_eq!(faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), ["frontpage/icd10.csv.gz"]);
}
