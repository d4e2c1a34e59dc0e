//! What a form leaves of a page that is known already. A settlement list has no column for the coder or for the cost items
//! of the front page; taking it in must not lose them. What the form has a column for is replaced, blank or not.

use std::collections::BTreeSet;

use yiti_drg::columns::{Columns, Standard};
use yiti_record::front_page::{Diagnosis, FrontPage, Procedure};

/// The page `new`, with what its form cannot say taken from `known`.
#[must_use]
pub fn overlay(columns: &Columns, standard: Standard, known: &FrontPage, new: FrontPage) -> FrontPage {
    let extension = (standard == Standard::Hqms).then_some(Standard::HqmsExtension);
    let forms = [Some(standard), extension].into_iter().flatten();
    let labels: BTreeSet<&str> = forms.flat_map(|form| columns.of(form)).map(|column| column.label.as_str()).collect();
    let has = |label: &str| labels.contains(label);
    let begins = |start: &str| labels.iter().any(|label| label.starts_with(start));
    let mut page = new;
    macro_rules! keep {
        ($($label:literal => $($path:ident).+;)+) => {
            $(if !has($label) { page.$($path).+ = known.$($path).+.clone(); })+
        };
    }
    keep! {
        "institution_code" => institution_code;
        "institution_name" => institution_name;
        "patient_name" => patient_name;
        "sex" => sex;
        "birth_on" => birth_on;
        "age_years" => age_years;
        "age_days" => age_days;
        "admission_weight_g" => admission_weight_g;
        "national_id" => national_id;
        "payment_kind" => payment_kind;
        "insurance_type" => insurance_type;
        "admission_route" => admission_route;
        "admitted_at" => admitted_at;
        "discharged_at" => discharged_at;
        "admission_department" => admission_department;
        "transfer_departments" => transfer_departments;
        "discharge_department" => discharge_department;
        "admission_ward" => admission_ward;
        "discharge_ward" => discharge_ward;
        "length_of_stay_days" => length_of_stay_days;
        "discharge_disposition" => discharge_disposition;
        "receiving_institution" => receiving_institution;
        "readmission_plan" => readmission_plan;
        "readmission_purpose" => readmission_purpose;
        "icu_hours" => icu_hours;
        "costs.self_paid" => costs.self_paid;
        "staff.department_head" => staff.department_head;
        "staff.chief_physician" => staff.chief_physician;
        "staff.attending_physician" => staff.attending_physician;
        "staff.resident_physician" => staff.resident_physician;
        "staff.responsible_nurse" => staff.responsible_nurse;
        "staff.coder" => staff.coder;
    }
    let is_settlement = matches!(standard, Standard::Settlement4101 | Standard::Settlement4101A);
    if !has("birth_weights_g") {
        page.birth_weights_g.clone_from(&known.birth_weights_g);
    }
    if !begins("outpatient_diagnosis.") {
        page.outpatient_diagnosis.clone_from(&known.outpatient_diagnosis);
    }
    if !begins("external_cause.") {
        page.external_cause.clone_from(&known.external_cause);
    }
    if !begins("pathologies.") {
        page.pathologies.clone_from(&known.pathologies);
    }
    if !begins("chinese_diagnoses.") && !is_settlement {
        page.chinese_diagnoses.clone_from(&known.chinese_diagnoses);
    }
    // Provincial additions come with some tables only.
    if !begins("intensive_care.") || standard == Standard::Hqms && page.intensive_care.is_empty() {
        page.intensive_care.clone_from(&known.intensive_care);
    }
    if !begins("ventilator_") || standard == Standard::Hqms && page.ventilator_minutes.is_none() {
        page.ventilator_minutes = known.ventilator_minutes;
    }
    if !begins("coma_") {
        page.coma_before_minutes = known.coma_before_minutes;
        page.coma_after_minutes = known.coma_after_minutes;
    }
    if !has("costs.total") {
        // The total of a settlement list is the sum of its items, where it has any.
        page.costs.total = page.costs.total.or(known.costs.total);
    }
    for (item, amount) in &known.costs.items {
        if !labels.contains(format!("costs.{}", item.key()).as_str()) {
            page.costs.items.insert(*item, *amount);
        }
    }
    if !is_settlement || page.costs.charges.is_empty() {
        page.costs.charges.clone_from(&known.costs.charges);
    }
    if !is_settlement || page.costs.funds.is_empty() {
        page.costs.funds.clone_from(&known.costs.funds);
    }
    for (name, text) in &known.extra {
        if !labels.contains(format!("extra.{name}").as_str()) && !page.extra.contains_key(name) {
            page.extra.insert(name.clone(), text.clone());
        }
    }
    if is_settlement || standard == Standard::Plain {
        for (before, dx) in known.diagnoses.iter().zip(&mut page.diagnoses) {
            same_diagnosis(before, dx);
        }
        for (before, px) in known.procedures.iter().zip(&mut page.procedures) {
            same_procedure(before, px);
        }
    }
    page
}

/// The same diagnosis in the insurance edition keeps the clinical code and name it was given with.
fn same_diagnosis(known: &Diagnosis, new: &mut Diagnosis) {
    let is_same = known.insurance_code.is_some() && known.insurance_code == new.insurance_code;
    let is_insurance = new.insurance_code.as_deref() == Some(new.code.as_str());
    if is_same && is_insurance {
        new.code.clone_from(&known.code);
        if new.name.is_empty() || known.code != *new.insurance_code.as_deref().unwrap_or_default() {
            new.name.clone_from(&known.name);
        }
        if new.admission_condition.is_empty() {
            new.admission_condition.clone_from(&known.admission_condition);
        }
    }
}

/// The same for a procedure; it also keeps the people and grades that a narrow form has no column for.
fn same_procedure(known: &Procedure, new: &mut Procedure) {
    if known.insurance_code.is_none() || known.insurance_code != new.insurance_code {
        return;
    }
    if new.insurance_code.as_deref() == Some(new.code.as_str()) && known.code != new.code {
        new.code.clone_from(&known.code);
        new.name.clone_from(&known.name);
    }
    for (old, slot) in [
        (&known.name, &mut new.name),
        (&known.level, &mut new.level),
        (&known.operator, &mut new.operator),
        (&known.first_assistant, &mut new.first_assistant),
        (&known.second_assistant, &mut new.second_assistant),
        (&known.incision_healing, &mut new.incision_healing),
        (&known.anesthesia, &mut new.anesthesia),
        (&known.anesthetist, &mut new.anesthetist),
    ] {
        if slot.is_empty() {
            slot.clone_from(old);
        }
    }
    // A form that knows the day alone does not take the time of that day away.
    let day = |at: Option<yiti_kernel::Timestamp>| at.map(yiti_kernel::time::day);
    if new.performed_at.is_none() || day(new.performed_at) == day(known.performed_at) {
        new.performed_at = known.performed_at;
    }
    new.ended_at = new.ended_at.or(known.ended_at);
}
