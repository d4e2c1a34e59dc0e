//! Whether a record can be trusted, apart from how it groups: unknown codes, impossible numbers, days out of order.
//!
//! Clinical plausibility (a diagnosis that does not fit the sex, a procedure without its diagnosis) is left out.

use crate::codes::Found;
use crate::compile::DxInfo;
use crate::group::Outcome;
use crate::record::Record;
use crate::scheme::{Grouped, Known, Scheme};

/// Highest age in years that is believed.
pub const AGE_YEARS_MAX: i32 = 130;
/// Weights in grams that are believed; 0 is unknown.
pub const WEIGHT_GRAMS: std::ops::RangeInclusive<i32> = 200..=300_000;
/// Longest stay in days that is believed: fifty years.
pub const STAY_DAYS_MAX: i32 = 18_263;

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no principal diagnosis.
    #[error("there is no principal diagnosis")]
    NoPrincipal,
    /// The scheme does not know this diagnosis code.
    #[error("diagnosis {position} `{code}` is unknown")]
    UnknownDiagnosis {
        /// Position in the record, 0 is the principal.
        position: usize,
        /// The code.
        code: String,
    },
    /// The scheme does not know this procedure code.
    #[error("procedure {position} `{code}` is unknown")]
    UnknownProcedure {
        /// Position in the record, 0 is the principal.
        position: usize,
        /// The code.
        code: String,
    },
    /// The diagnosis is a grey code, not to be used for settlement. The record still groups.
    #[error("diagnosis {position} `{code}` is a grey code")]
    GreyDiagnosis {
        /// Position in the record, 0 is the principal.
        position: usize,
        /// The code.
        code: String,
    },
    /// The procedure is a grey code, not to be used for settlement. The record still groups.
    #[error("procedure {position} `{code}` is a grey code")]
    GreyProcedure {
        /// Position in the record, 0 is the principal.
        position: usize,
        /// The code.
        code: String,
    },
    /// The sex is missing.
    #[error("the sex is missing")]
    NoSex,
    /// The sex is none of 0, 1, 2 and 9.
    #[error("sex {sex} is impossible")]
    Sex {
        /// As the record has it.
        sex: i32,
    },
    /// Neither the age in years nor the age in days is there.
    #[error("the age is missing")]
    NoAge,
    /// The age is negative or above `AGE_YEARS_MAX`.
    #[error("an age of {years} years is impossible")]
    Age {
        /// As the record has it.
        years: i32,
    },
    /// The age in days is negative or above what `AGE_YEARS_MAX` allows.
    #[error("an age of {days} days is impossible")]
    AgeDays {
        /// As the record has it.
        days: i32,
    },
    /// The age in days is not that of the age in years.
    #[error("an age of {years} years does not fit one of {days} days")]
    AgesDisagree {
        /// Age in years.
        years: i32,
        /// Age in days.
        days: i32,
    },
    /// The weight is outside `WEIGHT_GRAMS`.
    #[error("a weight of {grams} grams is impossible")]
    Weight {
        /// As the record has it.
        grams: i32,
    },
    /// The stay is negative or longer than `STAY_DAYS_MAX`.
    #[error("a stay of {days} days is impossible")]
    Stay {
        /// As the record has it.
        days: i32,
    },
    /// The hours in intensive care are negative.
    #[error("{hours} hours in intensive care are impossible")]
    IcuHours {
        /// As the record has it.
        hours: i32,
    },
    /// Birth comes after admission.
    #[error("birth comes after admission")]
    BornAfterAdmission,
    /// Admission comes after discharge.
    #[error("admission comes after discharge")]
    AdmittedAfterDischarge,
    /// The stay is not what lies between admission and discharge; one day more or less is allowed.
    #[error("a stay of {days} days does not fit {counted} days between admission and discharge")]
    StayDisagrees {
        /// As the record has it.
        days: i32,
        /// Counted from the days.
        counted: i32,
    },
    /// The age is not what lies between birth and admission.
    #[error("an age of {years} years does not fit {counted} years between birth and admission")]
    AgeDisagrees {
        /// As the record has it.
        years: i32,
        /// Counted from the days.
        counted: i32,
    },
}

impl Fault {
    /// Whether the record must not be grouped.
    pub fn refuses(&self) -> bool {
        !matches!(self, Fault::GreyDiagnosis { .. } | Fault::GreyProcedure { .. })
    }

    /// Key of the fault for words, as `fault.no_principal`.
    pub fn key(&self) -> &'static str {
        match self {
            Fault::NoPrincipal => "fault.no_principal",
            Fault::UnknownDiagnosis { .. } => "fault.unknown_diagnosis",
            Fault::UnknownProcedure { .. } => "fault.unknown_procedure",
            Fault::GreyDiagnosis { .. } => "fault.grey_diagnosis",
            Fault::GreyProcedure { .. } => "fault.grey_procedure",
            Fault::NoSex => "fault.no_sex",
            Fault::Sex { .. } => "fault.sex",
            Fault::NoAge => "fault.no_age",
            Fault::Age { .. } => "fault.age",
            Fault::AgeDays { .. } => "fault.age_days",
            Fault::AgesDisagree { .. } => "fault.ages_disagree",
            Fault::Weight { .. } => "fault.weight",
            Fault::Stay { .. } => "fault.stay",
            Fault::IcuHours { .. } => "fault.icu_hours",
            Fault::BornAfterAdmission => "fault.born_after_admission",
            Fault::AdmittedAfterDischarge => "fault.admitted_after_discharge",
            Fault::StayDisagrees { .. } => "fault.stay_disagrees",
            Fault::AgeDisagrees { .. } => "fault.age_disagrees",
        }
    }
}

impl Scheme {
    /// Everything that is wrong with the record, in the order of its fields.
    pub fn check(&self, record: &Record<'_>) -> Vec<Fault> {
        let dx = record.dx.iter().map(|code| self.find_dx(code));
        let px = record.px.iter().map(|code| self.find_px(code));
        check::<true>(record, dx, px)
    }

    /// As `check`, for a record whose codes this scheme looked up.
    #[inline]
    pub fn check_known(&self, record: &Record<'_>, known: &Known) -> Vec<Fault> {
        check::<true>(record, known.dx.iter().copied(), known.px.iter().copied())
    }

    /// As `check_known`, without grey codes: only what refuses the record.
    #[inline]
    pub fn refusals_known(&self, record: &Record<'_>, known: &Known) -> Vec<Fault> {
        check::<false>(record, known.dx.iter().copied(), known.px.iter().copied())
    }

    /// Groups the record if nothing refuses it, otherwise gives what does. Grey codes belong to no list of most schemes;
    /// where they leave a record without a group they are given as its faults.
    pub fn grouped(&self, record: &Record<'_>) -> Result<Grouped<'_>, Vec<Fault>> {
        let mut known = Known::default();
        self.look_up(record, &mut known);
        let answer = self.answer_known(record, &known);
        let faults = match answer.outcome {
            Outcome::Ungrouped(_) => self.check_known(record, &known),
            _ => self.refusals_known(record, &known),
        };
        if faults.is_empty() { Ok(self.name(answer)) } else { Err(faults) }
    }
}

/// dx, px: [code of the record]. Grey codes are told where `GREY` is true.
#[inline]
fn check<const GREY: bool>(
    record: &Record<'_>,
    dx: impl Iterator<Item = Found<DxInfo>>,
    px: impl Iterator<Item = Found<u16>>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let has_principal = record.dx.first().is_some_and(|code| !code.is_empty());
    if !has_principal {
        faults.push(Fault::NoPrincipal);
    }
    for (position, (code, found)) in record.dx.iter().zip(dx).enumerate() {
        if found.is_unknown() && (position > 0 || has_principal) {
            faults.push(Fault::UnknownDiagnosis { position, code: (*code).to_owned() });
        } else if GREY && found.grey {
            faults.push(Fault::GreyDiagnosis { position, code: (*code).to_owned() });
        }
    }
    for (position, (code, found)) in record.px.iter().zip(px).enumerate() {
        if found.is_unknown() {
            faults.push(Fault::UnknownProcedure { position, code: (*code).to_owned() });
        } else if GREY && found.grey {
            faults.push(Fault::GreyProcedure { position, code: (*code).to_owned() });
        }
    }
    numbers(record, &mut faults);
    days(record, &mut faults);
    faults
}

fn numbers(record: &Record<'_>, faults: &mut Vec<Fault>) {
    match record.sex {
        None => faults.push(Fault::NoSex),
        Some(0 | 1 | 2 | 9) => {}
        Some(sex) => faults.push(Fault::Sex { sex }),
    }
    let years = record.age;
    let days = record.age_days;
    if years.is_none() && days.is_none() {
        faults.push(Fault::NoAge);
    }
    let years_fit = years.is_none_or(|years| (0..=AGE_YEARS_MAX).contains(&years));
    let days_fit = days.is_none_or(|days| (0..=(AGE_YEARS_MAX + 1) * 366).contains(&days));
    if let Some(years) = years.filter(|_| !years_fit) {
        faults.push(Fault::Age { years });
    }
    if let Some(days) = days.filter(|_| !days_fit) {
        faults.push(Fault::AgeDays { days });
    }
    if let (Some(years), Some(days), true, true) = (years, days, years_fit, days_fit) {
        // Many sources leave the days at 0 from the first birthday on.
        let unfilled = years > 0 && days == 0;
        if !unfilled && !(years * 365..=(years + 1) * 366).contains(&days) {
            faults.push(Fault::AgesDisagree { years, days });
        }
    }
    if let Some(grams) = record.weight.filter(|grams| *grams != 0 && !WEIGHT_GRAMS.contains(grams)) {
        faults.push(Fault::Weight { grams });
    }
    if let Some(days) = record.los.filter(|days| !(0..=STAY_DAYS_MAX).contains(days)) {
        faults.push(Fault::Stay { days });
    }
    if let Some(hours) = record.icu_hours.filter(|hours| !(0..=(STAY_DAYS_MAX + 1) * 24).contains(hours)) {
        faults.push(Fault::IcuHours { hours });
    }
}

fn days(record: &Record<'_>, faults: &mut Vec<Fault>) {
    let days = record.days;
    if let (Some(born_on), Some(admitted_on)) = (days.born_on, days.admitted_on) {
        if born_on > admitted_on {
            faults.push(Fault::BornAfterAdmission);
        } else if let Some(years) = record.age {
            let counted = born_on.years_to(admitted_on);
            if years != counted {
                faults.push(Fault::AgeDisagrees { years, counted });
            }
        }
    }
    if let (Some(admitted_on), Some(discharged_on)) = (days.admitted_on, days.discharged_on) {
        let counted = admitted_on.days_to(discharged_on);
        if counted < 0 {
            faults.push(Fault::AdmittedAfterDischarge);
        } else if let Some(days) = record.los.filter(|days| days.abs_diff(counted) > 1) {
            faults.push(Fault::StayDisagrees { days, counted });
        }
    }
}
