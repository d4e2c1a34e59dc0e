//! What each rule computes. A rule that finds something notes it; where page or tables say what is right, the mended page
//! goes with it.

use std::collections::BTreeSet;

use chs_drg::Outcome;
use yiti_kernel::{Fen, NationalId, time};
use yiti_record::front_page::{CostItem, Diagnosis, FrontPage, Sex, sex_code};

use super::{Look, is_in};
use crate::codes::{Class, Code, System};
use crate::columns::{Condition, Kind, Required, Standard};
use crate::field::{Field, sex_text};
use crate::group;

/// Every rule. `definitions/frontpage/rules.toml` has one entry for each.
pub const RULES: &[&str] = &[
    "principal_missing",
    "principal_external",
    "principal_grey",
    "principal_symptom",
    "diagnosis_unknown",
    "diagnosis_grey",
    "diagnosis_external",
    "diagnosis_twice",
    "procedure_unknown",
    "procedure_grey",
    "procedure_order",
    "procedure_outside_stay",
    "code_not_in_scheme",
    "sex_missing",
    "sex_conflict",
    "sex_differs",
    "national_id_wrong",
    "birth_differs",
    "age_missing",
    "age_impossible",
    "age_differs",
    "age_days_missing",
    "age_days_differs",
    "age_days_impossible",
    "newborn_weight_missing",
    "newborn_weight_impossible",
    "newborn_weight_step",
    "birth_after_admission",
    "admission_after_discharge",
    "stay_missing",
    "stay_differs",
    "stay_impossible",
    "died_but_plans",
    "death_not_stated",
    "total_cost_zero",
    "total_cost_below_items",
    "total_cost_above_items",
    "cost_part_above_whole",
    "self_paid_above_total",
    "service_fee_missing",
    "surgery_fee_missing",
    "blood_type_missing",
    "column_missing",
    "column_long",
    "column_code_unknown",
    "column_code_doubtful",
    "postcode_wrong",
];

/// Labels that a rule of its own already asks for, so that a missing one is not said twice.
const ASKED_ELSEWHERE: &[&str] = &["diagnoses.code", "sex", "age_years", "age_days", "length_of_stay_days"];

impl Look<'_> {
    pub(super) fn all(&mut self) {
        self.diagnoses();
        self.procedures();
        self.scheme_codes();
        self.sex();
        self.national_id();
        self.ages();
        self.newborn();
        self.days();
        self.discharge();
        self.costs();
        self.chinese_medicine();
        self.columns();
    }

    fn diagnoses(&mut self) {
        let page = self.page;
        let lists = &self.checks.lists;
        let Some(principal) = page.principal() else {
            let mended = page.diagnoses.iter().position(|dx| !dx.code.is_empty());
            let mended = mended.and_then(|at| self.with(|page| drop(page.diagnoses.drain(..at))));
            return self.note("principal_missing", "diagnoses.code", Some(0), Vec::new(), mended);
        };
        let grouped = |dx: &Diagnosis| dx.insurance_code.clone().unwrap_or_else(|| dx.code.clone());
        let code = grouped(principal);
        if is_in(&lists.external_causes, &code) {
            let next = page.diagnoses.get(1).filter(|dx| !dx.code.is_empty());
            let mended = next.and_then(|_| {
                self.with(|page| {
                    let cause = page.diagnoses.remove(0);
                    page.external_cause.get_or_insert(cause);
                })
            });
            let facts = vec![("code", code.clone())];
            self.note("principal_external", "diagnoses.code", Some(0), facts, mended);
        }
        if is_in(&lists.symptoms, &code) {
            let facts = vec![("code", code.clone())];
            self.note("principal_symptom", "diagnoses.code", Some(0), facts, None);
        }
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for (place, dx) in page.diagnoses.iter().enumerate().filter(|(_, dx)| !dx.code.is_empty()) {
            let code = grouped(dx);
            match self.codes.get(System::Diagnosis, &code) {
                None => self.unknown("diagnosis_unknown", System::Diagnosis, place, &dx.code),
                Some(known) if known.is_grey => {
                    let rule = if place == 0 { "principal_grey" } else { "diagnosis_grey" };
                    let facts = self.grey_facts(System::Diagnosis, known);
                    self.note(rule, "diagnoses.code", Some(place), facts, None);
                }
                Some(_) => {}
            }
            if place > 0 && is_in(&lists.external_causes, &code) {
                let mended = page.external_cause.is_none().then(|| {
                    self.with(|page| {
                        let cause = page.diagnoses.remove(place);
                        page.external_cause = Some(cause);
                    })
                });
                let facts = vec![("code", code.clone())];
                self.note("diagnosis_external", "diagnoses.code", Some(place), facts, mended.flatten());
            }
            if !seen.insert(code.clone()) {
                let mended = self.with(|page| drop(page.diagnoses.remove(place)));
                self.note("diagnosis_twice", "diagnoses.code", Some(place), vec![("code", code)], mended);
            }
        }
    }

    fn procedures(&mut self) {
        let page = self.page;
        let mut classes = Vec::new();
        for (place, px) in page.procedures.iter().enumerate().filter(|(_, px)| !px.code.is_empty()) {
            let code = px.insurance_code.as_deref().unwrap_or(&px.code);
            match self.codes.get(System::Procedure, code) {
                None => self.unknown("procedure_unknown", System::Procedure, place, &px.code),
                Some(known) => {
                    classes.push((place, known.class));
                    if known.is_grey {
                        let facts = self.grey_facts(System::Procedure, known);
                        self.note("procedure_grey", "procedures.code", Some(place), facts, None);
                    }
                }
            }
            if let (Some(on), Some(from)) = (px.performed_at.map(time::day), page.admitted_on()) {
                let until = page.discharged_on();
                if on < from || until.is_some_and(|until| on > until) {
                    let until = until.map(|day| day.to_string()).unwrap_or_default();
                    let facts = vec![("day", on.to_string()), ("from", from.to_string()), ("until", until)];
                    self.note("procedure_outside_stay", "procedures.performed_at", Some(place), facts, None);
                }
            }
        }
        let is_operation = |class: &Option<Class>| matches!(class, Some(Class::Surgery | Class::Interventional));
        if let Some((0, Some(Class::Diagnostic | Class::Therapeutic))) = classes.first()
            && let Some((place, _)) = classes.iter().find(|(_, class)| is_operation(class))
        {
            let code = page.procedures.get(*place).map(|px| px.code.clone()).unwrap_or_default();
            let mended = self.with(|page| {
                let first = page.procedures.remove(*place);
                page.procedures.insert(0, first);
            });
            self.note("procedure_order", "procedures.code", Some(0), vec![("code", code)], mended);
        }
    }

    /// A code that the insurance edition lacks; mended where exactly one code is meant.
    fn unknown(&mut self, rule: &'static str, system: System, place: usize, code: &str) {
        let meant = self.codes.mended(system, code);
        let candidates: Vec<String> = match &meant {
            Some(_) => Vec::new(),
            None => self.candidates(system, code),
        };
        let mended = meant.as_ref().and_then(|meant| {
            self.with(|page| match system {
                System::Diagnosis => {
                    if let Some(dx) = page.diagnoses.get_mut(place) {
                        dx.insurance_code = Some(meant.clone());
                    }
                }
                System::Procedure => {
                    if let Some(px) = page.procedures.get_mut(place) {
                        px.insurance_code = Some(meant.clone());
                    }
                }
            })
        });
        let candidates = meant.unwrap_or_else(|| candidates.join(" "));
        let facts = vec![("code", code.to_owned()), ("place", (place + 1).to_string()), ("candidates", candidates)];
        self.note(rule, label_of(system), Some(place), facts, mended);
    }

    /// Codes that may have been meant: those below the longest known beginning, at most eight.
    fn candidates(&self, system: System, code: &str) -> Vec<String> {
        let code = code.trim().to_ascii_uppercase();
        let least = 3.min(code.len());
        (least..=code.len())
            .rev()
            .filter_map(|length| code.get(..length))
            .map(|start| {
                let known = self.codes.starting_with(system, start).filter(|code| !code.is_grey).take(8);
                known.map(|code| code.code.to_owned()).collect::<Vec<_>>()
            })
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn grey_facts(&self, system: System, code: Code<'_>) -> Vec<(&'static str, String)> {
        let start = code.code.get(..5).unwrap_or(code.code);
        let others = self.codes.starting_with(system, start).filter(|other| !other.is_grey).take(8);
        let candidates: Vec<&str> = others.map(|other| other.code).collect();
        vec![("code", code.code.to_owned()), ("name", code.name.to_owned()), ("candidates", candidates.join(" "))]
    }

    /// Codes that the tables know and the scheme does not.
    fn scheme_codes(&mut self) {
        let Some(scheme) = self.scheme else { return };
        let faults = group::with_record(self.page, |record| scheme.check(record));
        for fault in faults {
            let (system, code) = match fault {
                chs_drg::Fault::UnknownDiagnosis { code, .. } => (System::Diagnosis, code),
                chs_drg::Fault::UnknownProcedure { code, .. } => (System::Procedure, code),
                _ => continue,
            };
            if self.codes.get(system, &code).is_none() {
                continue;
            }
            let place = match system {
                System::Diagnosis => {
                    self.page.diagnoses.iter().position(|dx| *dx.insurance_code.as_ref().unwrap_or(&dx.code) == code)
                }
                System::Procedure => {
                    self.page.procedures.iter().position(|px| *px.insurance_code.as_ref().unwrap_or(&px.code) == code)
                }
            };
            self.note("code_not_in_scheme", label_of(system), place, vec![("code", code)], None);
        }
    }

    fn sex(&mut self) {
        let page = self.page;
        let stated = NationalId::parse(&page.national_id).ok();
        let of_id = stated.map(|id| if id.is_male() { Sex::Male } else { Sex::Female });
        match page.sex {
            None | Some(Sex::Unknown | Sex::Other) => {
                let mended = of_id.and_then(|sex| self.with(|page| page.sex = Some(sex)));
                self.note("sex_missing", "sex", None, vec![("sex", sex_text(page.sex))], mended);
            }
            Some(sex) if of_id.is_some_and(|of_id| of_id != sex) => {
                let mended = of_id.and_then(|sex| self.with(|page| page.sex = Some(sex)));
                self.note("sex_differs", "sex", None, vec![("sex", sex_code(sex).to_string())], mended);
            }
            Some(_) => {}
        }
        let Some(scheme) = self.scheme else { return };
        let (Some(own), Some(other)) = (
            page.sex,
            self.with(|page| {
                page.sex = Some(if page.sex == Some(Sex::Male) { Sex::Female } else { Sex::Male });
            }),
        ) else {
            return;
        };
        let mdc = |page: &FrontPage| {
            group::with_record(page, |record| {
                let grouped = scheme.group(record);
                (!matches!(grouped.outcome, Outcome::Ungrouped(_))).then(|| grouped.mdc.to_owned())
            })
        };
        if let (Sex::Male | Sex::Female, None, Some(would)) = (own, mdc(page), mdc(&other)) {
            let facts = vec![("mdc", would), ("sex", sex_code(own).to_string())];
            self.note("sex_conflict", "sex", None, facts, Some(other));
        }
    }

    fn national_id(&mut self) {
        let page = self.page;
        let text = page.national_id.trim();
        if text.is_empty() || text == "-" {
            return;
        }
        // Only numbers that look like a citizen's are held to its rules; passports and others are not.
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let is_citizen = page.extra.get("identity_kind").is_none_or(|kind| matches!(kind.as_str(), "01" | "1" | "99"));
        if !is_citizen || !(text.len() == 18 && digits >= 17 || text.len() == 15 && digits == 15) {
            return;
        }
        if text.len() == 15 {
            return;
        }
        match NationalId::parse(text) {
            Err(_) => self.note("national_id_wrong", "national_id", None, Vec::new(), None),
            Ok(id) => {
                let Some(born) = id.birth_on() else { return };
                if let Some(stated) = page.birth_on.filter(|stated| *stated != born) {
                    let mended = self.with(|page| {
                        page.birth_on = Some(born);
                        page.age_years = group::counted_years(page).or(page.age_years);
                    });
                    let facts = vec![("stated", stated.to_string()), ("counted", born.to_string())];
                    self.note("birth_differs", "birth_on", None, facts, mended);
                }
            }
        }
    }

    fn ages(&mut self) {
        let page = self.page;
        let limits = &self.checks.limits;
        let (years, days) = (group::counted_years(page), group::counted_days(page));
        match (page.age_years, years) {
            (None, counted) if page.age_days.is_none_or(|days| days >= 365) => {
                let mended = counted.and_then(|_| self.with(|page| page.age_years = counted));
                self.note("age_missing", "age_years", None, Vec::new(), mended);
            }
            (Some(stated), _) if stated > limits.age_years_max => {
                let mended = years.and_then(|_| self.with(|page| page.age_years = years));
                self.note("age_impossible", "age_years", None, vec![("stated", stated.to_string())], mended);
            }
            (Some(stated), Some(counted)) if stated != counted => {
                let mended = self.with(|page| page.age_years = years);
                let facts = vec![("stated", stated.to_string()), ("counted", counted.to_string())];
                self.note("age_differs", "age_years", None, facts, mended);
            }
            _ => {}
        }
        if group::age_years(page) != Some(0) {
            return;
        }
        match (page.age_days, days) {
            (None, counted) => {
                let mended = counted.and_then(|_| self.with(|page| page.age_days = counted));
                self.note("age_days_missing", "age_days", None, Vec::new(), mended);
            }
            (Some(stated), counted) if stated > 365 => {
                let mended = counted.and_then(|_| self.with(|page| page.age_days = counted));
                self.note("age_days_impossible", "age_days", None, vec![("stated", stated.to_string())], mended);
            }
            // Some count the day of birth as the first.
            (Some(stated), Some(counted)) if stated.abs_diff(counted) > 1 => {
                let mended = self.with(|page| page.age_days = days);
                let facts = vec![("stated", stated.to_string()), ("counted", counted.to_string())];
                self.note("age_days_differs", "age_days", None, facts, mended);
            }
            _ => {}
        }
    }

    fn newborn(&mut self) {
        let page = self.page;
        let limits = &self.checks.limits;
        let range = limits.newborn_grams_min..=limits.newborn_grams_max;
        let is_newborn = self.holds(Condition::Newborn, 0);
        // Without any weight the rules of newborns have nothing to ask; which one a form requires is its columns' matter.
        if is_newborn && page.newborn_weight_g().is_none_or(|grams| grams == 0) {
            self.note("newborn_weight_missing", "birth_weights_g", Some(0), Vec::new(), None);
        }
        let facts = |grams: u32| {
            let (least, most) = (limits.newborn_grams_min.to_string(), limits.newborn_grams_max.to_string());
            vec![("grams", grams.to_string()), ("least", least), ("most", most)]
        };
        for (place, grams) in page.birth_weights_g.iter().enumerate() {
            if *grams > 0 && !range.contains(grams) {
                self.note("newborn_weight_impossible", "birth_weights_g", Some(place), facts(*grams), None);
            }
        }
        if let Some(grams) = page.admission_weight_g.filter(|_| is_newborn) {
            let step = limits.newborn_admission_grams_step.max(1);
            if !range.contains(&grams) {
                self.note("newborn_weight_impossible", "admission_weight_g", None, facts(grams), None);
            } else if !grams.is_multiple_of(step) {
                let rounded = (grams + step / 2) / step * step;
                let mended = self.with(|page| page.admission_weight_g = Some(rounded));
                let facts = vec![("grams", grams.to_string()), ("step", step.to_string())];
                self.note("newborn_weight_step", "admission_weight_g", None, facts, mended);
            }
        }
    }

    fn days(&mut self) {
        let page = self.page;
        if let (Some(born), Some(admitted)) = (page.birth_on, page.admitted_on())
            && born > admitted
        {
            let facts = vec![("born", born.to_string()), ("admitted", admitted.to_string())];
            self.note("birth_after_admission", "birth_on", None, facts, None);
        }
        if let (Some(admitted), Some(discharged)) = (page.admitted_at, page.discharged_at)
            && admitted > discharged
        {
            let facts = vec![("admitted", time::second_text(admitted)), ("discharged", time::second_text(discharged))];
            self.note("admission_after_discharge", "admitted_at", None, facts, None);
        }
        let counted = group::counted_stay(page);
        match (page.length_of_stay_days, counted) {
            (None, Some(_)) => {
                let mended = self.with(|page| page.length_of_stay_days = counted);
                self.note("stay_missing", "length_of_stay_days", None, Vec::new(), mended);
            }
            (Some(stated), _) if stated > self.checks.limits.stay_days_max => {
                let mended = counted.and_then(|_| self.with(|page| page.length_of_stay_days = counted));
                self.note("stay_impossible", "length_of_stay_days", None, vec![("stated", stated.to_string())], mended);
            }
            (Some(stated), Some(counted)) if stated != counted => {
                let mended = self.with(|page| page.length_of_stay_days = Some(counted));
                let facts = vec![("stated", stated.to_string()), ("counted", counted.to_string())];
                self.note("stay_differs", "length_of_stay_days", None, facts, mended);
            }
            _ => {}
        }
    }

    fn discharge(&mut self) {
        let page = self.page;
        let died = self.holds(Condition::Died, 0);
        if died && (self.holds(Condition::ReadmissionPlanned, 0) || !is_blank(&page.receiving_institution)) {
            self.note("died_but_plans", "discharge_disposition", None, Vec::new(), None);
        }
        if !died && page.discharged_at.is_some() {
            let lists = &self.checks.lists;
            let dead = page.diagnoses.iter().position(|dx| is_in(&lists.deaths, &dx.code));
            if let Some(place) = dead {
                let code = page.diagnoses.get(place).map(|dx| dx.code.clone()).unwrap_or_default();
                let code_of_death = self.checks.form_codes.died.first().cloned();
                let mended = code_of_death.and_then(|death| self.with(|page| page.discharge_disposition = death));
                self.note("death_not_stated", "discharge_disposition", None, vec![("code", code)], mended);
            }
        }
    }

    fn costs(&mut self) {
        let page = self.page;
        let amount = |fen: Fen| fen.to_string();
        let sum = page.costs.sum_of_items();
        match (page.costs.total, sum) {
            (Some(total), Some(sum)) if total < sum => {
                let facts = vec![("total", amount(total)), ("sum", amount(sum))];
                let mended = self.with(|page| page.costs.total = Some(sum));
                self.note("total_cost_below_items", "costs.total", None, facts, mended);
            }
            (Some(total), Some(sum)) if total > sum => {
                let facts = vec![("total", amount(total)), ("sum", amount(sum))];
                self.note("total_cost_above_items", "costs.total", None, facts, None);
            }
            (Some(total), _) if total.0 <= 0 => self.note("total_cost_zero", "costs.total", None, Vec::new(), None),
            _ => {}
        }
        for (item, part) in &page.costs.items {
            let Some(parent) = item.parent() else { continue };
            let parts = page.costs.items.iter().filter(|(other, _)| other.parent() == Some(parent));
            let parts = parts.fold(0i64, |sum, (_, fen)| sum.saturating_add(fen.0));
            let whole = page.costs.items.get(&parent).copied().unwrap_or_default();
            let is_last = !page.costs.items.keys().any(|other| other > item && other.parent() == Some(parent));
            if is_last && parts > whole.0 {
                let facts = vec![("part", amount(Fen(parts.max(part.0)))), ("whole", amount(whole))];
                self.note("cost_part_above_whole", &format!("costs.{}", parent.key()), None, facts, None);
            }
        }
        if let (Some(total), Some(own)) = (page.costs.total, page.costs.self_paid)
            && own > total
        {
            let facts = vec![("self_paid", amount(own)), ("total", amount(total))];
            self.note("self_paid_above_total", "costs.self_paid", None, facts, None);
        }
    }

    /// Rules that only the form of Chinese medicine has.
    fn chinese_medicine(&mut self) {
        let page = self.page;
        let cost = |item| page.costs.items.get(&item).copied().unwrap_or_default().0;
        if page.length_of_stay_days.is_some_and(|days| days > 1) {
            for item in [CostItem::GeneralService, CostItem::Nursing] {
                if cost(item) == 0 {
                    self.note("service_fee_missing", &format!("costs.{}", item.key()), None, Vec::new(), None);
                }
            }
        }
        let has_surgery = (0..page.procedures.len()).any(|place| self.holds(Condition::ProcedureSurgical, place));
        let has_anesthesia = page.procedures.iter().any(|px| !is_blank(&px.anesthesia));
        for (needed, item) in [(has_surgery, CostItem::Operation), (has_anesthesia, CostItem::Anesthesia)] {
            if needed && cost(item) == 0 {
                self.note("surgery_fee_missing", &format!("costs.{}", item.key()), None, Vec::new(), None);
            }
        }
        let rh = page.extra.get("blood_rh").map_or("", String::as_str);
        if cost(CostItem::Blood) > 0
            && (is_blank(rh) || self.checks.form_codes.blood_rh_unknown.iter().any(|c| c == rh))
        {
            self.note("blood_type_missing", "extra.blood_rh", None, Vec::new(), None);
        }
    }

    /// Required, length and code list of each column of the form.
    fn columns(&mut self) {
        let page = self.page;
        let checks = self.checks;
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for column in checks.columns.of(self.standard) {
            // The columns of a list of the settlement list stand once for all its entries.
            let repeats = match (&column.field, self.standard) {
                (Field::Diagnosis(..), Standard::Settlement4101 | Standard::Settlement4101A) => page.diagnoses.len(),
                (Field::Procedure(..), Standard::Settlement4101 | Standard::Settlement4101A) => page.procedures.len(),
                (Field::Care(..), Standard::Settlement4101 | Standard::Settlement4101A) => page.intensive_care.len(),
                _ => 1,
            };
            for further in 0..repeats {
                let moved;
                let field = if further == 0 {
                    &column.field
                } else {
                    moved = column.field.further(further);
                    &moved
                };
                let place = field.place();
                let text = field.get(page);
                let names = || (column.id.clone(), column.title.clone(), column.label.clone());
                if text.is_empty() {
                    let is_required = match column.required {
                        Required::No => None,
                        Required::Always => Some(""),
                        Required::When(when) => self.holds(when, place.unwrap_or(0)).then_some(when.key()),
                    };
                    let is_asked = ASKED_ELSEWHERE.contains(&column.label.as_str());
                    // A list that is interfaced entry by entry and holds nothing we read is left to its interface.
                    let is_list = column.id.contains('.') && !column.id.starts_with("setlinfo.") && place.is_none();
                    if let Some(when) = is_required.filter(|_| !is_asked && !is_list)
                        && seen.insert(column.id.as_str())
                    {
                        let facts = vec![("column", column.title.clone()), ("when", when.to_owned())];
                        self.note_at("column_missing", names(), place, facts, None);
                    }
                    continue;
                }
                if let Some(most) = column.length.filter(|_| column.kind == Kind::Text) {
                    let length = text.chars().count();
                    if length > most as usize {
                        let facts = vec![("length", length.to_string()), ("most", most.to_string())];
                        self.note_at("column_long", names(), place, facts, None);
                    }
                }
                if let Some(set) = checks.columns.codeset(&column.codeset)
                    && &*text != "-"
                    && set.meaning(&text).is_none()
                {
                    let rule = if set.is_verified { "column_code_unknown" } else { "column_code_doubtful" };
                    let known: Vec<&str> = set.codes.iter().map(|(code, _)| code.as_str()).collect();
                    let facts = vec![("value", text.chars().take(40).collect()), ("known", known.join(" "))];
                    self.note_at(rule, names(), place, facts, None);
                }
                if column.rule == "6 digits" && &*text != "-" {
                    let is_postcode = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
                    if !is_postcode {
                        let facts = vec![("value", text.chars().take(40).collect())];
                        self.note_at("postcode_wrong", names(), place, facts, None);
                    }
                }
            }
        }
    }

    /// Whether a condition holds of the page; `place` is that of the procedure meant.
    fn holds(&self, condition: Condition, place: usize) -> bool {
        let page = self.page;
        let lists = &self.checks.lists;
        let codes = &self.checks.form_codes;
        let has = |list: &[String], code: &str| list.iter().any(|known| known == code);
        let principal = |list: &[String]| page.principal().is_some_and(|dx| is_in(list, &dx.code));
        let class = || {
            let px = page.procedures.get(place)?;
            self.codes.get(System::Procedure, px.insurance_code.as_deref().unwrap_or(&px.code))?.class
        };
        match condition {
            Condition::PrincipalNeoplasm => principal(&lists.neoplasms),
            Condition::PrincipalInjury => principal(&lists.injuries),
            Condition::PathologyCoded => page.pathologies.first().is_some_and(|found| !is_blank(&found.code)),
            Condition::Allergy => page.extra.get("allergy").is_some_and(|code| has(&codes.allergy, code)),
            Condition::HasProcedure => page.procedures.iter().any(|px| !px.code.is_empty()),
            Condition::ProcedureSurgical => class() == Some(Class::Surgery),
            Condition::ProcedureSurgicalOrInterventional => {
                matches!(class(), Some(Class::Surgery | Class::Interventional))
            }
            Condition::BelowOneYear => group::age_years(page) == Some(0),
            Condition::OneYearOrMore => group::age_years(page).is_some_and(|years| years > 0),
            Condition::Newborn => {
                group::age_years(page) == Some(0)
                    && group::age_days(page).is_some_and(|days| days <= self.checks.limits.newborn_days_max)
            }
            Condition::NewbornOutcome => page.diagnoses.iter().any(|dx| is_in(&lists.born_alive, &dx.code)),
            Condition::ReadmissionPlanned => has(&codes.readmission_planned, &page.readmission_plan),
            Condition::Transferred => has(&codes.transferred, &page.discharge_disposition),
            Condition::Died => has(&codes.died, &page.discharge_disposition),
        }
    }
}

fn label_of(system: System) -> &'static str {
    match system {
        System::Diagnosis => "diagnoses.code",
        System::Procedure => "procedures.code",
    }
}

/// Empty, or the dash that forms want where there is nothing.
fn is_blank(text: &str) -> bool {
    text.is_empty() || text == "-"
}
