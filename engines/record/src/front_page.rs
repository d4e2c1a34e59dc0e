//! The front page of an inpatient record: one stay, who, when, what was found and done, what it cost.
//!
//! A front page is what coding, grouping, payment and statistics read (FHIR: an Encounter with its diagnoses, its
//! procedures and its account). The content is kept whole, as canonical JSON, one row for each version; beside it stand
//! the columns that lists search. A stay before discharge has a draft.
//!
//! Codes of the form's own code lists (way of discharge, admission condition, level of a procedure) stay texts as they
//! came, because a page with a wrong one must be kept and shown; whoever checks the page says what is wrong. What cannot
//! be read at all (a date that is none) never becomes a page.
//!
//! Leaves out: reading files (`edges/frontpage`), checking and grouping (slice `drg`), a FHIR form of the page.
//!
//! Source: `nhc-front-page-2011`, the form of the Ministry of Health and its columns.
//!
//! INVARIANT: a row of `front_page_version` is never updated or deleted.

mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use yiti_kernel::{Date, Fen, Timestamp, id_type, time};

pub use crate::patient::Sex;
pub use store::{
    Cursor, Filter, Listed, Refused, Saved, Stored, Version, by_number, count_of_stay, current, list, of_patient, open,
    read_many, save, set_patient, version, versions,
};

id_type!(
    /// Names the front page of one stay.
    FrontPageId
);

macro_rules! keyed {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As stored and as key in `locales/`.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// The one of a key.
            #[must_use]
            pub fn from_key(key: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.key() == key)
            }
        }
    };
}

keyed!(
    /// How far a page has come.
    #[derive(Default)]
    Status {
        /// The patient is still here, or the page is not signed off.
        #[default]
        Draft = "draft",
        /// Handed in after discharge.
        Final = "final",
    }
);

keyed!(
    /// Where a version came from.
    Source {
        /// The wide CSV of the quality monitoring system, Western or Chinese medicine form.
        Hqms = "hqms",
        /// A settlement list of the insurance, 4101 or 4101A.
        SettlementList = "settlement_list",
        /// A plain table.
        Table = "table",
        /// Typed or changed on a page.
        Typed = "typed",
    }
);

keyed!(
    /// The cost items of the front page. A part is contained in its `parent`; the others add up to the total.
    CostItem {
        /// 1 General medical service.
        GeneralService = "general_service",
        /// Of it: syndrome differentiation of Chinese medicine.
        SyndromeDifferentiation = "syndrome_differentiation",
        /// Of it: consultation on syndrome differentiation.
        SyndromeConsultation = "syndrome_consultation",
        /// 2 General treatment.
        GeneralTreatment = "general_treatment",
        /// 3 Nursing.
        Nursing = "nursing",
        /// 4 Other general service.
        OtherService = "other_service",
        /// 5 Pathology.
        Pathology = "pathology",
        /// 6 Laboratory.
        Laboratory = "laboratory",
        /// 7 Imaging.
        Imaging = "imaging",
        /// 8 Clinical diagnostics.
        ClinicalDiagnostics = "clinical_diagnostics",
        /// 9 Treatment without surgery.
        NonsurgicalTreatment = "nonsurgical_treatment",
        /// Of it: physical therapy.
        PhysicalTherapy = "physical_therapy",
        /// 10 Surgical treatment.
        SurgicalTreatment = "surgical_treatment",
        /// Of it: anesthesia.
        Anesthesia = "anesthesia",
        /// Of it: the operation.
        Operation = "operation",
        /// 11 Rehabilitation.
        Rehabilitation = "rehabilitation",
        /// Diagnosis of Chinese medicine, on its own form only.
        ChineseMedicineDiagnosis = "chinese_medicine_diagnosis",
        /// 12 Treatment of Chinese medicine.
        ChineseMedicineTreatment = "chinese_medicine_treatment",
        /// 13 Western drugs.
        WesternDrugs = "western_drugs",
        /// Of it: antibacterials.
        Antibacterials = "antibacterials",
        /// 14 Chinese patent drugs.
        ChinesePatentDrugs = "chinese_patent_drugs",
        /// Of it: preparations of the hospital.
        HospitalPreparations = "hospital_preparations",
        /// 15 Chinese herbs.
        HerbalDrugs = "herbal_drugs",
        /// 16 Blood.
        Blood = "blood",
        /// 17 Albumin.
        Albumin = "albumin",
        /// 18 Globulin.
        Globulin = "globulin",
        /// 19 Coagulation factors.
        CoagulationFactors = "coagulation_factors",
        /// 20 Cytokines.
        Cytokines = "cytokines",
        /// 21 Consumables of examinations.
        ExaminationConsumables = "examination_consumables",
        /// 22 Consumables of treatment.
        TreatmentConsumables = "treatment_consumables",
        /// 23 Consumables of surgery.
        SurgicalConsumables = "surgical_consumables",
        /// 24 Anything else.
        Other = "other",
    }
);

impl CostItem {
    /// The item that contains this one; `None` for those that add up to the total.
    #[must_use]
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::SyndromeDifferentiation | Self::SyndromeConsultation => Some(Self::GeneralService),
            Self::PhysicalTherapy => Some(Self::NonsurgicalTreatment),
            Self::Anesthesia | Self::Operation => Some(Self::SurgicalTreatment),
            Self::Antibacterials => Some(Self::WesternDrugs),
            Self::HospitalPreparations => Some(Self::ChinesePatentDrugs),
            _ => None,
        }
    }

    /// Drugs, for the share of drugs: Western, Chinese patent and herbal. Blood products are left out.
    #[must_use]
    pub const fn is_drug(self) -> bool {
        matches!(self, Self::WesternDrugs | Self::ChinesePatentDrugs | Self::HerbalDrugs)
    }

    /// Single-use consumables, for their share.
    #[must_use]
    pub const fn is_consumable(self) -> bool {
        matches!(self, Self::ExaminationConsumables | Self::TreatmentConsumables | Self::SurgicalConsumables)
    }
}

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A struct of the page: every field may be missing, and a missing one is not written.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$fdoc])* #[serde(skip_serializing_if = "unset")] pub $field: $kind,)+
        }
    };
}

part!(
    /// A diagnosis.
    Diagnosis {
        /// Code as given, mostly of the clinical edition of ICD-10.
        code: String,
        /// The code of the insurance edition, by which stays are grouped. `None`: no equivalent is known.
        insurance_code: Option<String>,
        /// Name as given.
        name: String,
        /// Whether it was there at admission, code list `RC027`: 1 yes, 2 clinically undetermined, 3 unclear, 4 no.
        admission_condition: String,
    }
);

part!(
    /// A finding of pathology.
    Pathology {
        /// Code of ICD-O morphology.
        code: String,
        /// Name.
        name: String,
        /// Number of the specimen.
        number: String,
    }
);

part!(
    /// A procedure.
    Procedure {
        /// Code as given, mostly of the clinical edition of ICD-9-CM-3.
        code: String,
        /// The code of the insurance edition. `None`: no equivalent is known.
        insurance_code: Option<String>,
        /// Name as given.
        name: String,
        /// When it began; midnight where only the day is known.
        performed_at: Option<Timestamp>,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// Level 1 to 4, code list `RC029`.
        level: String,
        /// Who did it.
        operator: String,
        /// First assistant.
        first_assistant: String,
        /// Second assistant.
        second_assistant: String,
        /// How the incision healed, code list `RC014`.
        incision_healing: String,
        /// Kind of anesthesia, code list `RC013`.
        anesthesia: String,
        /// Who gave anesthesia.
        anesthetist: String,
    }
);

part!(
    /// A time in intensive care.
    IntensiveCare {
        /// Ward or its kind.
        ward: String,
        /// From.
        entered_at: Option<Timestamp>,
        /// Until.
        left_at: Option<Timestamp>,
        /// Minutes as stated; may differ from what lies between the two.
        minutes: Option<u32>,
    }
);

part!(
    /// Who answers for the stay, by name.
    Staff {
        /// Head of the department.
        department_head: String,
        /// Chief or associate chief physician.
        chief_physician: String,
        /// Attending physician.
        attending_physician: String,
        /// Resident physician.
        resident_physician: String,
        /// Responsible nurse.
        responsible_nurse: String,
        /// Coder.
        coder: String,
    }
);

part!(
    /// What one item of the bill came to, in the groups of the settlement list.
    Charge {
        /// Code of the group, `09`.
        item: String,
        /// Amount.
        amount: Fen,
    }
);

part!(
    /// Costs, in fen.
    Costs {
        /// Total of the stay.
        total: Option<Fen>,
        /// What the patient pays of it.
        self_paid: Option<Fen>,
        /// By item of the front page. Missing is not zero.
        items: BTreeMap<CostItem, Fen>,
        /// By item of the settlement list.
        charges: Vec<Charge>,
        /// What each fund pays, by its code.
        funds: Vec<Charge>,
    }
);

part!(
    /// The front page of one inpatient stay.
    FrontPage {
        /// Draft or final.
        status: Status,
        /// Code of the institution as the form has it.
        institution_code: String,
        /// Its name as the form has it.
        institution_name: String,
        /// Number of the medical record.
        medical_record_number: String,
        /// Which admission of this patient here, from 1.
        admission_count: u32,
        /// Name of the patient.
        patient_name: String,
        /// Sex.
        sex: Option<Sex>,
        /// Birthday.
        birth_on: Option<Date>,
        /// Completed years at admission.
        age_years: Option<u32>,
        /// Days at admission, for patients below one year.
        age_days: Option<u32>,
        /// Weights at birth in grams: of the patient when newborn, of the children on the mother's page.
        birth_weights_g: Vec<u32>,
        /// Weight of a newborn at admission in grams.
        admission_weight_g: Option<u32>,
        /// Identity number as given.
        national_id: String,
        /// Way of payment, code list `RC032`.
        payment_kind: String,
        /// Kind of insurance, code list `YBQD_8`.
        insurance_type: String,
        /// Way of admission, code list `RC026`.
        admission_route: String,
        /// Admission.
        admitted_at: Option<Timestamp>,
        /// Discharge.
        discharged_at: Option<Timestamp>,
        /// Department of admission, code or name as given.
        admission_department: String,
        /// Departments in between, in their order.
        transfer_departments: Vec<String>,
        /// Department of discharge, code or name as given.
        discharge_department: String,
        /// Ward of admission.
        admission_ward: String,
        /// Ward of discharge.
        discharge_ward: String,
        /// Days; the day of admission and the day of discharge count as one.
        length_of_stay_days: Option<u32>,
        /// Way of discharge, code list `RC019`: 1 home, 2 transferred, 3 community, 4 against advice, 5 died, 9 other.
        discharge_disposition: String,
        /// Where a transferred patient goes.
        receiving_institution: String,
        /// Whether another stay within 31 days is planned, code list `RC028`.
        readmission_plan: String,
        /// What for.
        readmission_purpose: String,
        /// Diagnosis of the clinic.
        outpatient_diagnosis: Option<Diagnosis>,
        /// diagnoses: the principal first.
        diagnoses: Vec<Diagnosis>,
        /// Diagnoses of Chinese medicine, the main disease first. They do not group.
        chinese_diagnoses: Vec<Diagnosis>,
        /// Findings of pathology.
        pathologies: Vec<Pathology>,
        /// External cause of an injury or poisoning.
        external_cause: Option<Diagnosis>,
        /// procedures: the principal first.
        procedures: Vec<Procedure>,
        /// Times in intensive care.
        intensive_care: Vec<IntensiveCare>,
        /// Hours in intensive care as stated, where the source gives only them.
        icu_hours: Option<u32>,
        /// Minutes on a ventilator.
        ventilator_minutes: Option<u32>,
        /// Minutes in coma before admission, with a brain injury.
        coma_before_minutes: Option<u32>,
        /// Minutes in coma after admission, with a brain injury.
        coma_after_minutes: Option<u32>,
        /// Who answers for it.
        staff: Staff,
        /// Costs.
        costs: Costs,
        /// Columns that are kept and not interpreted, by the name that `definitions/frontpage/columns.csv` gives them.
        extra: BTreeMap<String, String>,
    }
);

impl FrontPage {
    /// The principal diagnosis.
    #[must_use]
    pub fn principal(&self) -> Option<&Diagnosis> {
        self.diagnoses.first().filter(|diagnosis| !diagnosis.code.is_empty())
    }

    /// The day of admission.
    #[must_use]
    pub fn admitted_on(&self) -> Option<Date> {
        self.admitted_at.map(time::day)
    }

    /// The day of discharge.
    #[must_use]
    pub fn discharged_on(&self) -> Option<Date> {
        self.discharged_at.map(time::day)
    }

    /// Hours in intensive care: as stated, otherwise the whole hours in the sum of all times; `None` when nothing is
    /// known. Minutes that fill no hour are dropped.
    #[must_use]
    pub fn intensive_care_hours(&self) -> Option<u32> {
        if self.icu_hours.is_some() {
            return self.icu_hours;
        }
        let minutes: Vec<u64> = self
            .intensive_care
            .iter()
            .filter_map(|stay| match (stay.minutes, stay.entered_at, stay.left_at) {
                (Some(minutes), ..) => Some(u64::from(minutes)),
                (None, Some(entered), Some(left)) => u64::try_from(time::minutes_between(entered, left)).ok(),
                _ => None,
            })
            .collect();
        if minutes.is_empty() { None } else { u32::try_from(minutes.iter().sum::<u64>() / 60).ok() }
    }

    /// The weight that grouping reads, in grams: the only weight at birth, otherwise that at admission. The page of a
    /// mother of several children has none.
    #[must_use]
    pub fn newborn_weight_g(&self) -> Option<u32> {
        match self.birth_weights_g.as_slice() {
            [one] => Some(*one),
            _ => self.admission_weight_g,
        }
    }
}

impl Costs {
    /// The sum of the items that no other item contains; `None` when there is none, or the sum is beyond all measure.
    #[must_use]
    pub fn sum_of_items(&self) -> Option<Fen> {
        let mut whole = self.items.iter().filter(|(item, _)| item.parent().is_none()).peekable();
        whole.peek()?;
        whole.try_fold(0i64, |sum, (_, amount)| sum.checked_add(amount.0)).map(Fen)
    }
}

/// The sex of a code of GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated (FHIR `other`).
#[must_use]
pub fn sex_of_code(code: &str) -> Option<Sex> {
    Some(match code {
        "0" => Sex::Unknown,
        "1" => Sex::Male,
        "2" => Sex::Female,
        "9" => Sex::Other,
        _ => return None,
    })
}

/// The code of GB/T 2261.1.
#[must_use]
pub const fn sex_code(sex: Sex) -> u8 {
    match sex {
        Sex::Unknown => 0,
        Sex::Male => 1,
        Sex::Female => 2,
        Sex::Other => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_page_is_written_as_nothing_and_read_back() {
        let page = FrontPage { medical_record_number: "42".into(), ..FrontPage::default() };
        let text = serde_json::to_string(&page).unwrap();
        assert_eq!(text, r#"{"medical_record_number":"42"}"#);
        assert_eq!(serde_json::from_str::<FrontPage>(&text).unwrap(), page);
    }

    #[test]
    fn parts_of_an_item_are_not_added_twice() {
        let mut costs = Costs::default();
        assert_eq!(costs.sum_of_items(), None);
        costs.items.insert(CostItem::SurgicalTreatment, Fen(300));
        costs.items.insert(CostItem::Anesthesia, Fen(100));
        costs.items.insert(CostItem::Nursing, Fen(7));
        assert_eq!(costs.sum_of_items(), Some(Fen(307)));
        costs.items.insert(CostItem::Other, Fen(i64::MAX));
        assert_eq!(costs.sum_of_items(), None);
    }

    #[test]
    fn every_key_is_what_the_json_holds() {
        for item in CostItem::ALL {
            assert_eq!(serde_json::to_value(item).unwrap(), item.key());
        }
        for source in Source::ALL {
            assert_eq!(serde_json::to_value(source).unwrap(), source.key());
        }
    }

    #[test]
    fn hours_in_intensive_care_are_whole_hours_of_the_sum() {
        let stay = |minutes| IntensiveCare { minutes: Some(minutes), ..IntensiveCare::default() };
        let mut page = FrontPage::default();
        assert_eq!(page.intensive_care_hours(), None);
        page.intensive_care = vec![stay(59), stay(60)];
        assert_eq!(page.intensive_care_hours(), Some(1));
        page.icu_hours = Some(5);
        assert_eq!(page.intensive_care_hours(), Some(5));
    }

    #[test]
    fn every_sex_has_one_code() {
        for code in ["0", "1", "2", "9"] {
            assert_eq!(sex_of_code(code).map(sex_code).unwrap().to_string(), code);
        }
        assert_eq!(sex_of_code("3"), None);
    }
}
