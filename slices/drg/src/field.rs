//! The fields of a front page by name, so that a table of columns can say where each value goes.
//!
//! A name is the path in the page's JSON: `patient_name`, `costs.nursing`, `staff.coder`. Lists take a place: `0` is the
//! principal, `n` the first that is not, `all` the first of all; a repeated column counts on from there. What is not
//! interpreted is `extra.<name>`.
//!
//! Texts are canonical: days `2026-11-20`, instants `2026-11-20 08:30:00` in the group's zone, yuan with a dot, no
//! spaces around. Mending other spellings is the reader's work.

use std::borrow::Cow;

use yiti_kernel::civil::DateTime;
use yiti_kernel::{Date, Fen, Timestamp, time};
use yiti_record::front_page::{
    CostItem, Diagnosis, FrontPage, IntensiveCare, Pathology, Procedure, Sex, sex_code, sex_of_code,
};

/// Entries that a list of the page may have; the forms know 41 at most.
pub const LIST_MAX: usize = 100;
/// Largest amount that is believed, in fen: a hundred million yuan.
pub const AMOUNT_MAX: Fen = Fen(10_000_000_000);
/// Largest minutes that are believed: fifty years.
const MINUTES_MAX: u32 = 50 * 366 * 24 * 60;

/// What a text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Expected {
    /// A whole number from 0.
    #[error("a whole number from 0 is expected")]
    Count,
    /// An amount in yuan from 0, at most two decimals.
    #[error("an amount in yuan with at most two decimals is expected")]
    Money,
    /// A day.
    #[error("a day such as 2026-11-20 is expected")]
    Day,
    /// An instant.
    #[error("a time such as 2026-11-20 08:30:00 is expected")]
    Instant,
    /// An hour of the day.
    #[error("an hour from 0 to 23 is expected")]
    Hour,
    /// A code of GB/T 2261.1.
    #[error("a sex code is expected: 0, 1, 2 or 9")]
    Sex,
    /// Days, hours and minutes.
    #[error("a duration as days/hours/minutes is expected")]
    Duration,
    /// No more than the page can hold.
    #[error("the list is longer than a front page can be")]
    Shorter,
}

impl Expected {
    /// Key of its words, below `front_page.trouble`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Money => "money",
            Self::Day => "day",
            Self::Instant => "instant",
            Self::Hour => "hour",
            Self::Sex => "sex",
            Self::Duration => "duration",
            Self::Shorter => "shorter",
        }
    }
}

type Read<T> = for<'p> fn(&'p FrontPage) -> &'p T;
type Slot<T> = for<'p> fn(&'p mut FrontPage) -> &'p mut T;

/// A place of the page that holds a `T`.
#[derive(Debug, Clone, Copy)]
pub struct Place<T> {
    read: Read<T>,
    slot: Slot<T>,
}

/// A part of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DxPart {
    /// The code as given.
    Code,
    /// The name.
    Name,
    /// Whether it was there at admission.
    AdmissionCondition,
}

/// A part of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PxPart {
    /// A text: code, name, level, people.
    Text(PxText),
    /// When it began.
    PerformedAt,
    /// When it ended.
    EndedAt,
}

/// A text of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PxText {
    /// The code as given.
    Code,
    /// The name.
    Name,
    /// Level 1 to 4.
    Level,
    /// Who did it.
    Operator,
    /// First assistant.
    FirstAssistant,
    /// Second assistant.
    SecondAssistant,
    /// How the incision healed.
    IncisionHealing,
    /// Kind of anesthesia.
    Anesthesia,
    /// Who gave anesthesia.
    Anesthetist,
}

/// A part of a finding of pathology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathologyPart {
    /// The code.
    Code,
    /// The name.
    Name,
    /// Number of the specimen.
    Number,
}

/// A part of a time in intensive care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarePart {
    /// The ward.
    Ward,
    /// From.
    EnteredAt,
    /// Until.
    LeftAt,
    /// Days/hours/minutes as stated.
    Duration,
}

/// A part of a span of minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Whole days.
    Days,
    /// Hours beyond the days.
    Hours,
    /// Minutes beyond the hours.
    Minutes,
    /// All as hours.
    AllHours,
    /// All as days/hours/minutes.
    All,
}

/// A field of the page.
#[derive(Debug, Clone)]
pub enum Field {
    /// A text.
    Text(Place<String>),
    /// A whole number.
    Count(Place<Option<u32>>),
    /// Which admission.
    AdmissionCount,
    /// An amount.
    Money(Place<Option<Fen>>),
    /// The birthday.
    BirthOn,
    /// An instant.
    Instant(Place<Option<Timestamp>>),
    /// The hour of an instant whose day stands in another column.
    Hour(Place<Option<Timestamp>>),
    /// The sex.
    Sex,
    /// A weight at birth, by its place.
    BirthWeight(usize),
    /// Departments between admission and discharge.
    Transfers,
    /// A part of a span.
    Span(Place<Option<u32>>, Span),
    /// A part of the diagnosis of the clinic.
    Outpatient(DxPart),
    /// A part of the external cause.
    ExternalCause(DxPart),
    /// A part of a diagnosis, by its place.
    Diagnosis(usize, DxPart),
    /// A part of a diagnosis of Chinese medicine, by its place.
    ChineseDiagnosis(usize, DxPart),
    /// A part of a procedure, by its place.
    Procedure(usize, PxPart),
    /// A part of a finding of pathology, by its place.
    Pathology(usize, PathologyPart),
    /// A part of a time in intensive care, by its place.
    Care(usize, CarePart),
    /// A cost item.
    Item(CostItem),
    /// All codes of diagnoses, with `|` between.
    DiagnosisCodes,
    /// All codes of procedures, with `|` between.
    ProcedureCodes,
    /// Kept and not interpreted.
    Extra(String),
}

macro_rules! place {
    ($($path:ident).+) => {
        Place { read: |page| &page.$($path).+, slot: |page| &mut page.$($path).+ }
    };
}

impl Field {
    /// The field of a name; `None` when there is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        let (at, part) = rest.split_once('.').unwrap_or((rest, ""));
        let index = |at: &str| match at {
            "all" | "0" => Some(0),
            "n" => Some(1),
            other => other.parse().ok().filter(|index: &usize| *index < LIST_MAX),
        };
        Some(match (head, rest) {
            ("institution_code", "") => Self::Text(place!(institution_code)),
            ("institution_name", "") => Self::Text(place!(institution_name)),
            ("medical_record_number", "") => Self::Text(place!(medical_record_number)),
            ("patient_name", "") => Self::Text(place!(patient_name)),
            ("national_id", "") => Self::Text(place!(national_id)),
            ("payment_kind", "") => Self::Text(place!(payment_kind)),
            ("insurance_type", "") => Self::Text(place!(insurance_type)),
            ("admission_route", "") => Self::Text(place!(admission_route)),
            ("admission_department", "") => Self::Text(place!(admission_department)),
            ("discharge_department", "") => Self::Text(place!(discharge_department)),
            ("admission_ward", "") => Self::Text(place!(admission_ward)),
            ("discharge_ward", "") => Self::Text(place!(discharge_ward)),
            ("discharge_disposition", "") => Self::Text(place!(discharge_disposition)),
            ("receiving_institution", "") => Self::Text(place!(receiving_institution)),
            ("readmission_plan", "") => Self::Text(place!(readmission_plan)),
            ("readmission_purpose", "") => Self::Text(place!(readmission_purpose)),
            ("staff", "department_head") => Self::Text(place!(staff.department_head)),
            ("staff", "chief_physician") => Self::Text(place!(staff.chief_physician)),
            ("staff", "attending_physician") => Self::Text(place!(staff.attending_physician)),
            ("staff", "resident_physician") => Self::Text(place!(staff.resident_physician)),
            ("staff", "responsible_nurse") => Self::Text(place!(staff.responsible_nurse)),
            ("staff", "coder") => Self::Text(place!(staff.coder)),
            ("admission_count", "") => Self::AdmissionCount,
            ("sex", "") => Self::Sex,
            ("birth_on", "") => Self::BirthOn,
            ("age_years", "") => Self::Count(place!(age_years)),
            ("age_days", "") => Self::Count(place!(age_days)),
            ("admission_weight_g", "") => Self::Count(place!(admission_weight_g)),
            ("length_of_stay_days", "") => Self::Count(place!(length_of_stay_days)),
            ("icu_hours", "") => Self::Count(place!(icu_hours)),
            ("admitted_at", "") => Self::Instant(place!(admitted_at)),
            ("discharged_at", "") => Self::Instant(place!(discharged_at)),
            ("admitted_at", "hour") => Self::Hour(place!(admitted_at)),
            ("discharged_at", "hour") => Self::Hour(place!(discharged_at)),
            ("transfer_departments", "") => Self::Transfers,
            ("ventilator_hours", "") => Self::Span(place!(ventilator_minutes), Span::AllHours),
            ("ventilator_duration", "") => Self::Span(place!(ventilator_minutes), Span::All),
            ("coma_before", part) => Self::Span(place!(coma_before_minutes), span(part)?),
            ("coma_after", part) => Self::Span(place!(coma_after_minutes), span(part)?),
            ("outpatient_diagnosis", part) => Self::Outpatient(dx_part(part)?),
            ("external_cause", part) => Self::ExternalCause(dx_part(part)?),
            ("costs", "total") => Self::Money(place!(costs.total)),
            ("costs", "self_paid") => Self::Money(place!(costs.self_paid)),
            ("costs", item) => Self::Item(CostItem::from_key(item)?),
            ("diagnoses", "codes") => Self::DiagnosisCodes,
            ("procedures", "codes") => Self::ProcedureCodes,
            ("birth_weights_g", at) => Self::BirthWeight(index(at)?),
            ("diagnoses", _) => Self::Diagnosis(index(at)?, dx_part(part)?),
            ("chinese_diagnoses", _) => Self::ChineseDiagnosis(index(at)?, dx_part(part)?),
            ("procedures", _) => Self::Procedure(index(at)?, px_part(part)?),
            ("pathologies", _) => Self::Pathology(index(at)?, pathology_part(part)?),
            ("intensive_care", _) => Self::Care(index(at)?, care_part(part)?),
            ("extra", name) if !name.is_empty() => Self::Extra(name.to_owned()),
            _ => return None,
        })
    }

    /// The place in its list, 0 is the first; `None` when the field is in no list.
    #[must_use]
    pub const fn place(&self) -> Option<usize> {
        match self {
            Self::BirthWeight(at)
            | Self::Diagnosis(at, _)
            | Self::ChineseDiagnosis(at, _)
            | Self::Procedure(at, _)
            | Self::Pathology(at, _)
            | Self::Care(at, _) => Some(*at),
            _ => None,
        }
    }

    /// The same field `by` places further on, for the repetitions of a column.
    #[must_use]
    pub fn further(&self, by: usize) -> Self {
        let mut field = self.clone();
        match &mut field {
            Self::BirthWeight(at)
            | Self::Diagnosis(at, _)
            | Self::ChineseDiagnosis(at, _)
            | Self::Procedure(at, _)
            | Self::Pathology(at, _)
            | Self::Care(at, _) => *at += by,
            Self::Extra(name) if by > 0 => *name = format!("{name}.{}", by + 1),
            _ => {}
        }
        field
    }

    /// The value as canonical text; empty when there is none.
    #[must_use]
    pub fn get<'p>(&self, page: &'p FrontPage) -> Cow<'p, str> {
        let number = |number: Option<u32>| Cow::Owned(number.map(|n| n.to_string()).unwrap_or_default());
        let amount = |amount: Option<Fen>| Cow::Owned(amount.map(|fen| fen.to_string()).unwrap_or_default());
        let instant = |at: Option<Timestamp>| Cow::Owned(at.map(time::second_text).unwrap_or_default());
        match self {
            Self::Text(place) => Cow::Borrowed((place.read)(page)),
            Self::Count(place) => number(*(place.read)(page)),
            Self::AdmissionCount => number(Some(page.admission_count).filter(|count| *count > 0)),
            Self::Money(place) => amount(*(place.read)(page)),
            Self::BirthOn => Cow::Owned(page.birth_on.map(|day| day.to_string()).unwrap_or_default()),
            Self::Instant(place) => instant(*(place.read)(page)),
            Self::Hour(place) => number((place.read)(page).and_then(|at| u32::try_from(time::civil(at).hour()).ok())),
            Self::Sex => number(page.sex.map(|sex| u32::from(sex_code(sex)))),
            Self::BirthWeight(at) => number(page.birth_weights_g.get(*at).copied()),
            Self::Transfers => Cow::Owned(page.transfer_departments.join(",")),
            Self::Span(place, part) => Cow::Owned((place.read)(page).map(|m| span_text(m, *part)).unwrap_or_default()),
            Self::Outpatient(part) => of_diagnosis(page.outpatient_diagnosis.as_ref(), *part),
            Self::ExternalCause(part) => of_diagnosis(page.external_cause.as_ref(), *part),
            Self::Diagnosis(at, part) => of_diagnosis(page.diagnoses.get(*at), *part),
            Self::ChineseDiagnosis(at, part) => of_diagnosis(page.chinese_diagnoses.get(*at), *part),
            Self::Procedure(at, part) => match (page.procedures.get(*at), part) {
                (None, _) => Cow::Borrowed(""),
                (Some(procedure), PxPart::Text(part)) => Cow::Borrowed(px_text(procedure, *part)),
                (Some(procedure), PxPart::PerformedAt) => instant(procedure.performed_at),
                (Some(procedure), PxPart::EndedAt) => instant(procedure.ended_at),
            },
            Self::Pathology(at, part) => page.pathologies.get(*at).map_or(Cow::Borrowed(""), |pathology| {
                Cow::Borrowed(match part {
                    PathologyPart::Code => &pathology.code,
                    PathologyPart::Name => &pathology.name,
                    PathologyPart::Number => &pathology.number,
                })
            }),
            Self::Care(at, part) => match (page.intensive_care.get(*at), part) {
                (None, _) => Cow::Borrowed(""),
                (Some(care), CarePart::Ward) => Cow::Borrowed(&care.ward),
                (Some(care), CarePart::EnteredAt) => instant(care.entered_at),
                (Some(care), CarePart::LeftAt) => instant(care.left_at),
                (Some(care), CarePart::Duration) => {
                    Cow::Owned(care.minutes.map(|m| span_text(m, Span::All)).unwrap_or_default())
                }
            },
            Self::Item(item) => amount(page.costs.items.get(item).copied()),
            Self::DiagnosisCodes => Cow::Owned(joined(page.diagnoses.iter().map(|diagnosis| &diagnosis.code))),
            Self::ProcedureCodes => Cow::Owned(joined(page.procedures.iter().map(|procedure| &procedure.code))),
            Self::Extra(name) => page.extra.get(name).map_or(Cow::Borrowed(""), |text| Cow::Borrowed(text)),
        }
    }

    /// Puts a canonical text into the page. An empty text takes the value away, and never makes a list longer.
    ///
    /// # Errors
    /// What the text must be. The page is then as before.
    pub fn set(&self, page: &mut FrontPage, text: &str) -> Result<(), Expected> {
        match self {
            Self::Text(place) => text.clone_into((place.slot)(page)),
            Self::Count(place) => *(place.slot)(page) = count(text)?,
            Self::AdmissionCount => page.admission_count = count(text)?.unwrap_or_default(),
            Self::Money(place) => *(place.slot)(page) = money(text)?,
            Self::BirthOn => page.birth_on = day(text)?,
            Self::Instant(place) => *(place.slot)(page) = instant(text)?,
            Self::Hour(place) => {
                let hour = count(text).map_err(|_| Expected::Hour)?;
                let slot = (place.slot)(page);
                if let (Some(hour), Some(at)) = (hour, *slot) {
                    let hour = i8::try_from(hour).map_err(|_| Expected::Hour)?;
                    let wall = time::civil(at).with().hour(hour).build().map_err(|_| Expected::Hour)?;
                    *slot = Some(time::instant(wall));
                }
            }
            Self::Sex => {
                page.sex = if text.is_empty() { None } else { Some(sex_of_code(text).ok_or(Expected::Sex)?) };
            }
            Self::BirthWeight(at) => {
                let weight = count(text)?;
                match weight {
                    Some(weight) => *slot_at(&mut page.birth_weights_g, *at)? = weight,
                    None => drop(page.birth_weights_g.get_mut(*at).map(|slot| *slot = 0)),
                }
            }
            Self::Transfers => {
                let parts = || text.split([',', '|', ';', '\u{2192}']).map(str::trim).filter(|part| !part.is_empty());
                if parts().count() > LIST_MAX {
                    return Err(Expected::Shorter);
                }
                page.transfer_departments = parts().map(str::to_owned).collect();
            }
            Self::Span(place, part) => set_span((place.slot)(page), *part, text)?,
            Self::Outpatient(part) => set_optional(&mut page.outpatient_diagnosis, *part, text),
            Self::ExternalCause(part) => set_optional(&mut page.external_cause, *part, text),
            Self::Diagnosis(at, part) => set_diagnosis(&mut page.diagnoses, *at, *part, text)?,
            Self::ChineseDiagnosis(at, part) => set_diagnosis(&mut page.chinese_diagnoses, *at, *part, text)?,
            Self::Procedure(at, part) => {
                let value = match part {
                    PxPart::Text(_) => None,
                    PxPart::PerformedAt | PxPart::EndedAt => instant(text)?,
                };
                if text.is_empty() && *at >= page.procedures.len() {
                    return Ok(());
                }
                let procedure: &mut Procedure = slot_at(&mut page.procedures, *at)?;
                match part {
                    PxPart::Text(part) => text.clone_into(px_text_mut(procedure, *part)),
                    PxPart::PerformedAt => procedure.performed_at = value,
                    PxPart::EndedAt => procedure.ended_at = value,
                }
            }
            Self::Pathology(at, part) => {
                if text.is_empty() && *at >= page.pathologies.len() {
                    return Ok(());
                }
                let pathology: &mut Pathology = slot_at(&mut page.pathologies, *at)?;
                text.clone_into(match part {
                    PathologyPart::Code => &mut pathology.code,
                    PathologyPart::Name => &mut pathology.name,
                    PathologyPart::Number => &mut pathology.number,
                });
            }
            Self::Care(at, part) => {
                let value = match part {
                    CarePart::Ward | CarePart::Duration => None,
                    CarePart::EnteredAt | CarePart::LeftAt => instant(text)?,
                };
                let mut minutes = None;
                if *part == CarePart::Duration {
                    set_span(&mut minutes, Span::All, text)?;
                }
                if text.is_empty() && *at >= page.intensive_care.len() {
                    return Ok(());
                }
                let care: &mut IntensiveCare = slot_at(&mut page.intensive_care, *at)?;
                match part {
                    CarePart::Ward => text.clone_into(&mut care.ward),
                    CarePart::EnteredAt => care.entered_at = value,
                    CarePart::LeftAt => care.left_at = value,
                    CarePart::Duration => care.minutes = minutes,
                }
            }
            Self::Item(item) => {
                match money(text)? {
                    Some(amount) => page.costs.items.insert(*item, amount),
                    None => page.costs.items.remove(item),
                };
            }
            Self::DiagnosisCodes => {
                let codes = codes(text)?;
                page.diagnoses = codes.into_iter().map(|code| Diagnosis { code, ..Diagnosis::default() }).collect();
            }
            Self::ProcedureCodes => {
                let codes = codes(text)?;
                page.procedures = codes.into_iter().map(|code| Procedure { code, ..Procedure::default() }).collect();
            }
            Self::Extra(name) => {
                if text.is_empty() {
                    page.extra.remove(name);
                } else {
                    page.extra.insert(name.clone(), text.to_owned());
                }
            }
        }
        Ok(())
    }
}

fn span(part: &str) -> Option<Span> {
    Some(match part {
        "days" => Span::Days,
        "hours" => Span::Hours,
        "minutes" => Span::Minutes,
        "duration" => Span::All,
        _ => return None,
    })
}

fn dx_part(part: &str) -> Option<DxPart> {
    Some(match part {
        "code" => DxPart::Code,
        "name" => DxPart::Name,
        "admission_condition" => DxPart::AdmissionCondition,
        _ => return None,
    })
}

fn px_part(part: &str) -> Option<PxPart> {
    Some(match part {
        "code" => PxPart::Text(PxText::Code),
        "name" => PxPart::Text(PxText::Name),
        "level" => PxPart::Text(PxText::Level),
        "operator" => PxPart::Text(PxText::Operator),
        "first_assistant" => PxPart::Text(PxText::FirstAssistant),
        "second_assistant" => PxPart::Text(PxText::SecondAssistant),
        "incision_healing" => PxPart::Text(PxText::IncisionHealing),
        "anesthesia" => PxPart::Text(PxText::Anesthesia),
        "anesthetist" => PxPart::Text(PxText::Anesthetist),
        "performed_at" => PxPart::PerformedAt,
        "ended_at" => PxPart::EndedAt,
        _ => return None,
    })
}

fn pathology_part(part: &str) -> Option<PathologyPart> {
    Some(match part {
        "code" => PathologyPart::Code,
        "name" => PathologyPart::Name,
        "number" => PathologyPart::Number,
        _ => return None,
    })
}

fn care_part(part: &str) -> Option<CarePart> {
    Some(match part {
        "ward" => CarePart::Ward,
        "entered_at" => CarePart::EnteredAt,
        "left_at" => CarePart::LeftAt,
        "duration" => CarePart::Duration,
        _ => return None,
    })
}

fn px_text(procedure: &Procedure, part: PxText) -> &str {
    match part {
        PxText::Code => &procedure.code,
        PxText::Name => &procedure.name,
        PxText::Level => &procedure.level,
        PxText::Operator => &procedure.operator,
        PxText::FirstAssistant => &procedure.first_assistant,
        PxText::SecondAssistant => &procedure.second_assistant,
        PxText::IncisionHealing => &procedure.incision_healing,
        PxText::Anesthesia => &procedure.anesthesia,
        PxText::Anesthetist => &procedure.anesthetist,
    }
}

fn px_text_mut(procedure: &mut Procedure, part: PxText) -> &mut String {
    match part {
        PxText::Code => &mut procedure.code,
        PxText::Name => &mut procedure.name,
        PxText::Level => &mut procedure.level,
        PxText::Operator => &mut procedure.operator,
        PxText::FirstAssistant => &mut procedure.first_assistant,
        PxText::SecondAssistant => &mut procedure.second_assistant,
        PxText::IncisionHealing => &mut procedure.incision_healing,
        PxText::Anesthesia => &mut procedure.anesthesia,
        PxText::Anesthetist => &mut procedure.anesthetist,
    }
}

fn of_diagnosis(diagnosis: Option<&Diagnosis>, part: DxPart) -> Cow<'_, str> {
    diagnosis.map_or(Cow::Borrowed(""), |diagnosis| {
        Cow::Borrowed(match part {
            DxPart::Code => &diagnosis.code,
            DxPart::Name => &diagnosis.name,
            DxPart::AdmissionCondition => &diagnosis.admission_condition,
        })
    })
}

fn dx_slot(diagnosis: &mut Diagnosis, part: DxPart) -> &mut String {
    match part {
        DxPart::Code => &mut diagnosis.code,
        DxPart::Name => &mut diagnosis.name,
        DxPart::AdmissionCondition => &mut diagnosis.admission_condition,
    }
}

fn set_optional(diagnosis: &mut Option<Diagnosis>, part: DxPart, text: &str) {
    if text.is_empty() && diagnosis.is_none() {
        return;
    }
    let own = diagnosis.get_or_insert_default();
    text.clone_into(dx_slot(own, part));
    if *own == Diagnosis::default() {
        *diagnosis = None;
    }
}

fn set_diagnosis(list: &mut Vec<Diagnosis>, at: usize, part: DxPart, text: &str) -> Result<(), Expected> {
    if text.is_empty() && at >= list.len() {
        return Ok(());
    }
    text.clone_into(dx_slot(slot_at(list, at)?, part));
    Ok(())
}

/// The entry at a place; the list grows to it.
fn slot_at<T: Default + Clone>(list: &mut Vec<T>, at: usize) -> Result<&mut T, Expected> {
    if at >= LIST_MAX {
        return Err(Expected::Shorter);
    }
    if at >= list.len() {
        list.resize(at + 1, T::default());
    }
    list.get_mut(at).ok_or(Expected::Shorter)
}

fn joined<'c>(codes: impl Iterator<Item = &'c String>) -> String {
    codes.map(String::as_str).collect::<Vec<_>>().join("|")
}

fn codes(text: &str) -> Result<Vec<String>, Expected> {
    let parts = || text.split('|').map(str::trim);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if parts().count() > LIST_MAX {
        return Err(Expected::Shorter);
    }
    Ok(parts().map(str::to_owned).collect())
}

/// A whole number from 0 to the largest of 32 bits; `None` for an empty text.
pub fn count(text: &str) -> Result<Option<u32>, Expected> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_plain = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).map(Some).ok_or(Expected::Count)
}

/// An amount in yuan, at most two decimals that count; further ones must be zeros.
pub fn money(text: &str) -> Result<Option<Fen>, Expected> {
    if text.is_empty() {
        return Ok(None);
    }
    let (yuan, cents) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if yuan.is_empty() || yuan.len() > 12 || cents.len() > 12 || !digits(yuan) || !digits(cents) {
        return Err(Expected::Money);
    }
    let (counted, beyond) = cents.split_at(cents.len().min(2));
    if beyond.bytes().any(|byte| byte != b'0') {
        return Err(Expected::Money);
    }
    let part = |text: &str| text.parse::<i64>().map_err(|_| Expected::Money);
    let fen = part(yuan)? * 100 + part(&format!("{counted:0<2}"))?;
    if fen > AMOUNT_MAX.0 { Err(Expected::Money) } else { Ok(Some(Fen(fen))) }
}

/// A day as `2026-11-20`.
pub fn day(text: &str) -> Result<Option<Date>, Expected> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_plain = text.len() == 10 && text.is_ascii();
    text.parse().ok().filter(|_| is_plain).filter(believed).map(Some).ok_or(Expected::Day)
}

/// An instant as `2026-11-20 08:30:00`, or a day, which begins it.
pub fn instant(text: &str) -> Result<Option<Timestamp>, Expected> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() == 10 {
        return Ok(day(text).map_err(|_| Expected::Instant)?.map(time::day_start));
    }
    let is_plain = text.len() == 19 && text.is_ascii();
    let wall: Option<DateTime> = text.replacen(' ', "T", 1).parse().ok().filter(|_| is_plain);
    wall.filter(|wall| believed(&wall.date())).map(|wall| Some(time::instant(wall))).ok_or(Expected::Instant)
}

/// Days from 1850 to 2150, as grouping takes them.
fn believed(day: &Date) -> bool {
    (1850..=2150).contains(&day.year())
}

fn span_text(minutes: u32, part: Span) -> String {
    let (days, hours, rest) = (minutes / 1440, minutes % 1440 / 60, minutes % 60);
    match part {
        Span::Days => days.to_string(),
        Span::Hours => hours.to_string(),
        Span::Minutes => rest.to_string(),
        Span::AllHours => (minutes / 60).to_string(),
        Span::All => format!("{days}/{hours}/{rest}"),
    }
}

fn set_span(slot: &mut Option<u32>, part: Span, text: &str) -> Result<(), Expected> {
    if text.is_empty() {
        if matches!(part, Span::All | Span::AllHours) {
            *slot = None;
        }
        return Ok(());
    }
    let now = slot.unwrap_or_default();
    let (days, hours, rest) = (now / 1440, now % 1440 / 60, now % 60);
    let number = |text: &str, most: u32| count(text).ok().flatten().filter(|n| *n <= most).ok_or(Expected::Count);
    let minutes = match part {
        Span::Days => number(text, 20_000)? * 1440 + hours * 60 + rest,
        Span::Hours => days * 1440 + number(text, 23)? * 60 + rest,
        Span::Minutes => days * 1440 + hours * 60 + number(text, 59)?,
        Span::AllHours => number(text, MINUTES_MAX / 60)? * 60,
        Span::All => {
            let mut parts = text.split('/');
            let mut next =
                |most| parts.next().and_then(|part| number(part.trim(), most).ok()).ok_or(Expected::Duration);
            let minutes = next(20_000)? * 1440 + next(23)? * 60 + next(59)?;
            if parts.next().is_some() {
                return Err(Expected::Duration);
            }
            minutes
        }
    };
    *slot = Some(minutes);
    Ok(())
}

/// The form's word for a sex, for facts of findings.
#[must_use]
pub fn sex_text(sex: Option<Sex>) -> String {
    sex.map(|sex| sex_code(sex).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, text: &str) -> Result<String, Expected> {
        let field = Field::parse(name).unwrap();
        let mut page = FrontPage::default();
        field.set(&mut page, text)?;
        Ok(field.get(&page).into_owned())
    }

    #[test]
    fn a_text_that_is_put_in_comes_back() {
        for (name, text) in [
            ("patient_name", "王小东"),
            ("sex", "9"),
            ("age_years", "61"),
            ("birth_on", "1960-02-29"),
            ("admitted_at", "2026-11-20 08:30:05"),
            ("costs.total", "12345.67"),
            ("costs.nursing", "0.05"),
            ("diagnoses.0.code", "I21.001"),
            ("diagnoses.n.name", "x"),
            ("procedures.0.performed_at", "2026-11-21 00:00:00"),
            ("procedures.n.level", "4"),
            ("birth_weights_g.3", "2500"),
            ("coma_before.hours", "23"),
            ("coma_after.duration", "1/2/3"),
            ("ventilator_hours", "96"),
            ("intensive_care.all.duration", "0/12/30"),
            ("pathologies.n.number", "B-7"),
            ("diagnoses.codes", "I21.001|J96.000"),
            ("transfer_departments", "0301,0302"),
            ("extra.A15C", "CHN"),
        ] {
            assert_eq!(kept(name, text).as_deref(), Ok(text), "{name}");
        }
        assert_eq!(kept("costs.total", "7").as_deref(), Ok("7.00"));
        assert_eq!(kept("costs.total", "7.1000").as_deref(), Ok("7.10"));
    }

    #[test]
    fn a_text_of_the_wrong_kind_is_refused() {
        for (name, text, expected) in [
            ("sex", "3", Expected::Sex),
            ("age_years", "-1", Expected::Count),
            ("age_years", "+1", Expected::Count),
            ("age_years", "4294967296", Expected::Count),
            ("birth_on", "2026-02-30", Expected::Day),
            ("birth_on", "0001-01-01", Expected::Day),
            ("admitted_at", "2026-11-20 25:00:00", Expected::Instant),
            ("costs.total", "-5.00", Expected::Money),
            ("costs.total", "1.005", Expected::Money),
            ("costs.total", "999999999999", Expected::Money),
            ("coma_before.hours", "24", Expected::Count),
            ("intensive_care.all.duration", "1/2", Expected::Duration),
        ] {
            assert_eq!(kept(name, text), Err(expected), "{name} {text}");
        }
        let long = vec!["I10.x00"; LIST_MAX + 1].join("|");
        assert_eq!(kept("diagnoses.codes", &long), Err(Expected::Shorter));
        assert!(Field::parse("diagnoses.101.code").is_none());
        assert!(Field::parse("staff").is_none() && Field::parse("").is_none() && Field::parse("extra.").is_none());
    }

    #[test]
    fn parts_of_a_span_add_up_in_any_order() {
        let mut page = FrontPage::default();
        for (name, text) in [("coma_before.minutes", "5"), ("coma_before.days", "2"), ("coma_before.hours", "3")] {
            Field::parse(name).unwrap().set(&mut page, text).unwrap();
        }
        assert_eq!(page.coma_before_minutes, Some(2 * 1440 + 3 * 60 + 5));
        Field::parse("coma_before.hours").unwrap().set(&mut page, "").unwrap();
        assert_eq!(page.coma_before_minutes, Some(2 * 1440 + 3 * 60 + 5), "an empty part takes nothing away");
    }

    #[test]
    fn an_empty_text_never_makes_a_list() {
        let mut page = FrontPage::default();
        for name in ["diagnoses.5.code", "procedures.n.performed_at", "pathologies.0.code", "intensive_care.3.ward"] {
            Field::parse(name).unwrap().set(&mut page, "").unwrap();
        }
        assert_eq!(page, FrontPage::default());
    }
}
