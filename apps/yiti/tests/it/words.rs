//! Every word a page asks for stands in `locales/` in both languages.

use std::collections::BTreeSet;
use std::path::Path;

use yiti_kernel::Lang;

fn texts(endings: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, endings: &[&str], out: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                if !["tests", "target", "node_modules", ".git", "web"].iter().any(|skipped| path.ends_with(skipped))
                    || path.ends_with("engines/web")
                {
                    walk(&path, endings, out);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                out.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut out = Vec::new();
    for folder in ["engines", "slices", "edges", "apps"] {
        walk(&root.join(folder), endings, &mut out);
    }
    out
}

fn missing(key: &str) -> bool {
    Lang::ALL.iter().any(|lang| !yiti_web::has_key(*lang, key))
}

#[test]
fn every_key_of_a_template_has_words_in_both_languages() {
    let mut faults = BTreeSet::new();
    for (path, text) in texts(&[".html"]) {
        for key in yiti_web::keys_used_in_templates(&text) {
            if missing(&key) {
                faults.insert(format!("{path}: {key}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_refusal_has_words_in_both_languages() {
    let mut faults = BTreeSet::new();
    for (path, text) in texts(&[".rs"]) {
        if !path.contains("/src/") {
            continue;
        }
        for line in text.lines() {
            // Keys are written whole where a rule names its text.
            for part in line.split('"').skip(1).step_by(2) {
                let is_key = [
                    "diagnostics.refused.",
                    "diagnostics.incomplete.",
                    "diagnostics.error.",
                    "drg.error.",
                    "drg.fault.",
                    "drg_analysis_error.",
                    "settlement_error.",
                    "regroup_error.",
                    "front_page_import.",
                ]
                .iter()
                .any(|start| part.starts_with(start) && part.len() > start.len());
                if is_key && missing(part) {
                    faults.insert(format!("{path}: {part}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_role_task_and_notice_has_a_name() {
    let definitions = yiti::definitions::load(None).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert!(definitions.roles.iter().count() >= 6);
    for key in ["task.grade", "task.read", "task.approve"] {
        assert!(!missing(key), "{key}");
    }
    for topic in [
        "study_unmatched",
        "study_conflict",
        "repeat_asked",
        "report_issued",
        "report_changed",
        "report_sent_back",
        "clock_warning",
        "clock_breach",
        "clock_escalation",
    ] {
        assert!(!missing(&format!("notice.{topic}")), "{topic}");
    }
}

#[test]
fn menus_and_routes_fit_together() {
    let faults = yiti_web::faults(&yiti::site::slices());
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn everything_said_about_front_pages_has_words_in_both_languages() {
    use yiti_drg::columns::{Condition, Standard};
    use yiti_drg::field::{Expected, Field};
    use yiti_frontpage::RepairKind;
    let definitions = yiti::definitions::load(None).unwrap_or_else(|faults| panic!("{faults:?}"));
    let checks = definitions.kit.get::<yiti_drg::check::Checks>();
    let mut keys: Vec<String> = Vec::new();
    for rule in yiti_drg::check::RULES {
        keys.extend(["reason", "remedy"].map(|end| format!("front_page.rule.{rule}.{end}")));
    }
    for standard in Standard::ALL {
        keys.push(format!("front_page.form.{}", standard.key()));
        let columns = checks.columns.of(standard).iter().filter(|column| !matches!(column.field, Field::Extra(_)));
        keys.extend(columns.map(|column| format!("front_page.field.{}", column.label)));
    }
    keys.extend(Condition::ALL.iter().map(|condition| format!("front_page.when.{}", condition.key())));
    keys.extend(RepairKind::ALL.iter().map(|kind| format!("front_page.repair.{}", kind.key())));
    let expected = [
        Expected::Count,
        Expected::Money,
        Expected::Day,
        Expected::Instant,
        Expected::Hour,
        Expected::Sex,
        Expected::Duration,
        Expected::Shorter,
    ];
    let troubles = expected.map(Expected::key).into_iter().chain([
        "no_record_number",
        "no_admission_count",
        "no_admission_day",
        "rounded_number",
        "spreadsheet_error",
        "already_final",
        "stay_twice",
        "row",
        "long_list",
    ]);
    let files =
        ["sheet", "cut_off", "json", "too_large", "too_many_rows", "not_a_front_page", "not_that_form", "empty"];
    let both = |folder: &str, key: &str| ["reason", "remedy"].map(|end| format!("front_page.{folder}.{key}.{end}"));
    keys.extend(yiti_frontpage::words::ERROR_COLUMNS.map(|name| format!("front_page.errors.{name}")));
    keys.extend(troubles.flat_map(|key| both("trouble", key)));
    keys.extend(files.iter().flat_map(|key| both("file", key)));
    let faults: BTreeSet<&String> = keys.iter().filter(|key| missing(key)).collect();
    assert!(keys.len() > 300 && faults.is_empty(), "{faults:#?}");
}
