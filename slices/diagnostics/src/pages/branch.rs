//! What the pages of a branch share: words for states, the strip of a patient, a mark of what was shown.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::json;
use yiti_kernel::Due;
use yiti_record::patient::{Patient, Sex};
use yiti_web::{App, PatientStrip, Problem, Ui, Visitor};

use crate::store::{ReadRow, shown};

/// The state as `locales/` and the tags name it.
pub(super) fn status_word(status: &str, version: Option<u32>) -> &'static str {
    if status == "issued" && version.is_some_and(|version| version > 1) { "amended" } else { shown(status) }
}

/// Time left is shown while the case is open and its clock runs.
pub(super) fn due_of(row: &ReadRow) -> Option<Due> {
    let runs = matches!(row.status.as_str(), "uploaded" | "waiting" | "drafting" | "returned" | "drafted");
    row.due.filter(|_| runs && row.first_issued_at.is_none())
}

/// Sex and age in words: `F 67`.
pub(super) fn sex_and_age(ui: &Ui, patient: &Patient) -> String {
    format!("{} {}", ui.word("patients.sex", patient.sex.key()), age(ui, patient))
}

/// The age in words; months below two years, for which whole years say too little.
pub(super) fn age(ui: &Ui, patient: &Patient) -> String {
    let Some(born) = patient.birth_on else { return ui.t("patients.age_unknown").to_owned() };
    match patient.age_years(ui.now) {
        Some(years) if years >= 2 => ui.t_with("patients.age", &[("years", &years.to_string())]),
        _ => {
            let today = yiti_kernel::time::day(ui.now);
            let months = (i32::from(today.year()) - i32::from(born.year())) * 12 + i32::from(today.month())
                - i32::from(born.month())
                - i32::from(today.day() < born.day());
            ui.t_with("patients.age_months", &[("months", &months.max(0).to_string())])
        }
    }
}

/// The strip at the head of a page about a patient.
pub(super) fn strip(ui: &Ui, patient: &Patient) -> PatientStrip {
    let mut more = Vec::new();
    if patient.national_id.is_some() {
        more.push((ui.t("patients.national_id").to_owned(), patient.national_id_masked()));
    }
    if let Some(born) = patient.birth_on.filter(|_| patient.national_id.is_none()) {
        more.push((ui.t("patients.birth_on").to_owned(), born.to_string()));
    }
    more.push((ui.t("patients.number").to_owned(), patient.number.clone()));
    if !patient.phone.is_empty() {
        more.push((ui.t("patients.phone").to_owned(), masked_phone(&patient.phone)));
    }
    PatientStrip {
        name: patient.name.clone(),
        sex: ui.word("patients.sex", patient.sex.key()),
        age: age(ui, patient),
        more,
    }
}

/// A telephone number with its middle hidden.
pub(super) fn masked_phone(phone: &str) -> String {
    let signs: Vec<char> = phone.chars().collect();
    let (head, tail) = if signs.len() >= 11 { (3, 4) } else { (0, signs.len().min(4)) };
    let shown = |i: usize| i < head || i + tail >= signs.len();
    signs.iter().enumerate().map(|(i, sign)| if shown(i) { *sign } else { '*' }).collect()
}

/// The sexes a form offers, with their words.
pub(super) fn sexes(ui: &Ui) -> Vec<(String, String)> {
    [Sex::Female, Sex::Male].map(|sex| (sex.key().to_owned(), ui.word("patients.sex", sex.key()))).to_vec()
}

/// The address at which pictures open, in the window that the viewer keeps.
pub(super) fn viewer_path(ui: &Ui, address: &str) -> String {
    let lang = match ui.lang {
        yiti_kernel::Lang::Zh => "zh",
        yiti_kernel::Lang::En => "en-US",
    };
    format!("/viewer/viewer{}", yiti_web::query(&[("StudyInstanceUIDs", address), ("lng", lang)]))
}

/// A mark of what a live part shows. It travels with the next question for the same part, which is answered with
/// nothing as long as nothing differs: then nobody has read anything, and the journal stays short.
pub(super) fn mark_of(shown: &impl Debug) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{shown:?}").hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

/// Writes that a list of patients was read.
pub(super) async fn journal_list(
    app: &App,
    visitor: &Visitor,
    list: &'static str,
    row_count: usize,
    filter: String,
) -> Result<(), Problem> {
    let journaled = app.platform().act(&visitor.actor, move |cx| {
        Box::pin(async move {
            let detail = json!({ "list": list, "rows": row_count, "filter": filter });
            cx.journal_read(("patient_list", None), None, "treatment", detail).await
        })
    });
    Ok(journaled.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_shows_only_its_ends() {
        assert_eq!(masked_phone("13800000426"), "138****0426");
        assert_eq!(masked_phone("2210426"), "***0426");
        assert_eq!(masked_phone(""), "");
    }
}
