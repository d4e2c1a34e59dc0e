//! A front page as a record to group.
//!
//! Codes are those of the insurance edition; where a code has no known equivalent it goes in as given, and the scheme
//! says that it does not know it. Ages that the form leaves blank are counted from birth and admission: the age in days
//! stands on the form only below one year, but rules ask for it at any age.

use chs_drg::{Day, Days, Explained, Fault, Grouped, Record, Scheme};
use yiti_kernel::{Date, time};
use yiti_record::front_page::{FrontPage, sex_code};

/// Calls `with` with the page as a record, which borrows its codes.
pub fn with_record<T>(page: &FrontPage, with: impl FnOnce(&Record<'_>) -> T) -> T {
    let dx: Vec<&str> = diagnosis_codes(page).collect();
    let px: Vec<&str> = procedure_codes(page).collect();
    let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
    with(&Record {
        sex: page.sex.map(|sex| i32::from(sex_code(sex))),
        age: number(age_years(page)),
        age_days: number(age_days(page)),
        weight: number(page.newborn_weight_g()),
        los: number(page.length_of_stay_days),
        icu_hours: number(page.intensive_care_hours()),
        dept: &page.discharge_department,
        discharge: &page.discharge_disposition,
        dx: &dx,
        px: &px,
        days: Days {
            born_on: page.birth_on.and_then(day),
            admitted_on: page.admitted_on().and_then(day),
            discharged_on: page.discharged_on().and_then(day),
        },
    })
}

/// Codes of diagnoses as they group, the principal first. An empty principal stays, so that its lack is seen; other
/// empty entries fall away.
pub fn diagnosis_codes(page: &FrontPage) -> impl Iterator<Item = &str> {
    let codes = page.diagnoses.iter().map(|dx| dx.insurance_code.as_deref().unwrap_or(&dx.code));
    codes.enumerate().filter(|(at, code)| *at == 0 || !code.is_empty()).map(|(_, code)| code)
}

/// Codes of procedures as they group, the principal first.
pub fn procedure_codes(page: &FrontPage) -> impl Iterator<Item = &str> {
    let codes = page.procedures.iter().map(|px| px.insurance_code.as_deref().unwrap_or(&px.code));
    codes.filter(|code| !code.is_empty())
}

/// Completed years at admission: as stated, otherwise counted, otherwise 0 when an age in days below one year is stated.
#[must_use]
pub fn age_years(page: &FrontPage) -> Option<u32> {
    page.age_years.or_else(|| counted_years(page)).or(page.age_days.filter(|days| *days < 365).map(|_| 0))
}

/// Days at admission: as stated, otherwise counted, otherwise 365 for each stated year.
#[must_use]
pub fn age_days(page: &FrontPage) -> Option<u32> {
    let stated = page.age_days.filter(|days| *days > 0 || page.age_years.is_none_or(|years| years == 0));
    stated
        .or_else(|| counted_days(page))
        .or(page.age_years.filter(|years| *years > 0).and_then(|years| years.checked_mul(365)))
}

/// Years from birth to admission; `None` when either is missing or birth comes later.
#[must_use]
pub fn counted_years(page: &FrontPage) -> Option<u32> {
    let (born, admitted) = (page.birth_on?, page.admitted_on()?);
    (born <= admitted).then(|| time::age_years(born, admitted)).and_then(|years| u32::try_from(years).ok())
}

/// Days from birth to admission; `None` when either is missing or birth comes later.
#[must_use]
pub fn counted_days(page: &FrontPage) -> Option<u32> {
    days_between(page.birth_on?, page.admitted_on()?)
}

/// Days of the stay, the day of admission and that of discharge counted as one, at least 1.
#[must_use]
pub fn counted_stay(page: &FrontPage) -> Option<u32> {
    days_between(page.admitted_on()?, page.discharged_on()?).map(|days| days.max(1))
}

/// Whole days; `None` when `to` comes first.
fn days_between(from: Date, to: Date) -> Option<u32> {
    u32::try_from(to.since(from).ok()?.get_days()).ok()
}

fn day(day: Date) -> Option<Day> {
    Day::new(day.year(), u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?)
}

/// Groups a page, or says what is wrong with it; never a silent 0000.
///
/// # Errors
/// The faults of the record as the scheme names them.
pub fn group<'s>(scheme: &'s Scheme, page: &FrontPage) -> Result<Grouped<'s>, Vec<Fault>> {
    with_record(page, |record| scheme.grouped(record))
}

/// Groups a page and says why, step by step.
#[must_use]
pub fn explain(scheme: &Scheme, page: &FrontPage) -> Explained {
    with_record(page, |record| scheme.explain(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yiti_kernel::civil::date;
    use yiti_record::front_page::{Diagnosis, Procedure, Sex};

    fn page() -> FrontPage {
        FrontPage {
            sex: Some(Sex::Male),
            birth_on: Some(date(2026, 1, 10)),
            admitted_at: Some(time::instant(date(2026, 2, 1).at(23, 30, 0, 0))),
            discharged_at: Some(time::instant(date(2026, 2, 1).at(23, 59, 0, 0))),
            diagnoses: vec![Diagnosis {
                code: "A01.000x002".into(),
                insurance_code: Some("A01.003".into()),
                ..Diagnosis::default()
            }],
            procedures: vec![Procedure::default(), Procedure { code: "36.0601".into(), ..Procedure::default() }],
            ..FrontPage::default()
        }
    }

    #[test]
    fn ages_left_blank_are_counted_in_the_zone_of_the_group() {
        let mut page = page();
        assert_eq!((age_years(&page), age_days(&page), counted_stay(&page)), (Some(0), Some(22), Some(1)));
        page.birth_on = Some(date(1960, 2, 29));
        assert_eq!((age_years(&page), age_days(&page)), (Some(65), Some(24_079)));
        (page.birth_on, page.age_years, page.age_days) = (None, Some(65), Some(0));
        assert_eq!(age_days(&page), Some(23_725), "0 days at 65 years is a blank");
        page.birth_on = Some(date(2026, 2, 2));
        assert_eq!((counted_years(&page), counted_days(&page)), (None, None));
    }

    #[test]
    fn the_record_has_insurance_codes_and_no_empty_procedures() {
        with_record(&page(), |record| {
            assert_eq!((record.dx, record.px), (&["A01.003"][..], &["36.0601"][..]));
            assert_eq!(record.days.admitted_on.unwrap().to_string(), "2026-02-01");
            assert_eq!(record.sex, Some(1));
        });
        with_record(&FrontPage::default(), |record| assert!(record.dx.is_empty() && record.age.is_none()));
    }
}
