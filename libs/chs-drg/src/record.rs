//! One inpatient stay, as grouping needs it.

/// A stay. Codes are written as in the insurance edition; nothing is trimmed or corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record<'a> {
    /// 1 male, 2 female; 0 unknown, 9 not stated.
    pub sex: Option<i32>,
    /// Age in full years at admission.
    pub age: Option<i32>,
    /// Age in days at admission; many sources fill it only below one year.
    pub age_days: Option<i32>,
    /// Weight at birth or admission in grams; 0 is unknown.
    pub weight: Option<i32>,
    /// Length of stay in days.
    pub los: Option<i32>,
    /// Hours in intensive care.
    pub icu_hours: Option<i32>,
    /// Department of discharge, as its code; empty when unknown.
    pub dept: &'a str,
    /// Way of discharge, as its code; empty when unknown.
    pub discharge: &'a str,
    /// dx: [diagnosis], the principal first.
    pub dx: &'a [&'a str],
    /// px: [procedure], the principal first.
    pub px: &'a [&'a str],
    /// The days behind `age`, `age_days` and `los`, where they are known. Grouping does not read them.
    pub days: crate::days::Days,
}
