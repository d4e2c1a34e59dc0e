//! What the reader of a page is told when an act was not done.

use yiti_kernel::{Lang, time};
use yiti_web::{Errors, Problem, Refusal, words};

use crate::actions::Error;
use crate::content::Incomplete;
use crate::remote_read::Refused;
use crate::settings::Definitions;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let key = error.key();
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Refused(refused) => {
                let is_conflict = matches!(refused, Refused::NotNow { .. } | Refused::Held { .. } | Refused::NotHolder);
                let mut refusal = Refusal { key: key.to_owned(), is_conflict, ..Refusal::default() };
                match refused {
                    Refused::Held { until, .. } => refusal.values.push(("until".into(), time::minute_text(until))),
                    Refused::NotNow { .. }
                    | Refused::NotHolder
                    | Refused::SamePerson
                    | Refused::OwnRequest
                    | Refused::TitleTooLow
                    | Refused::NotGraded
                    | Refused::NoReason => {}
                }
                Self::Refused(Box::new(refusal))
            }
            Error::Sort(yiti_record::sorting::Refused::Store(error)) => error.into(),
            Error::DraftMoved { .. } | Error::HasPictures | Error::Sort(_) => {
                let refusal = Refusal { key: key.to_owned(), is_conflict: true, ..Refusal::default() };
                Self::Refused(Box::new(refusal))
            }
            Error::Incomplete(faults) => {
                let mut fields = Errors::default();
                for fault in &faults {
                    fields.add(fault.field(), fault.key(), &[("section", fault.field()), ("max", LENGTH_MAX)]);
                }
                Self::Refused(Box::new(Refusal { key: key.to_owned(), fields, ..Refusal::default() }))
            }
            Error::Unfit(scored) => Self::refused(key).with("points", scored.points),
            Error::UnknownExam(exam) => Self::refused(key).with("exam", exam),
            Error::Clock(error) => Self::failed(error),
            Error::Report(yiti_record::report::Refused::SamePerson) => Self::refused(Refused::SamePerson.key()),
            Error::Report(error) => Self::failed(error),
            Error::Patient(yiti_record::patient::Refused::Store(error)) => error.into(),
            Error::ScoreSheet(_) | Error::Question | Error::OtherName | Error::UnknownReason(_) | Error::Patient(_) => {
                Self::refused(key)
            }
        }
    }
}

/// [`crate::content::SECTION_LENGTH_MAX`] as it stands in the words.
const LENGTH_MAX: &str = "8000";

/// Notes what is not complete beside the fields of a report form, with the names of its sections.
pub(super) fn note_incomplete(
    errors: &mut Errors,
    faults: &[Incomplete],
    definitions: &Definitions,
    exam: &str,
    lang: Lang,
) {
    let template = definitions.template_of(exam);
    for fault in faults {
        let section = template.and_then(|t| t.sections.iter().find(|section| section.id == fault.field()));
        let name = section.map_or(fault.field(), |section| section.name.get(lang));
        errors.add(fault.field(), fault.key(), &[("section", name), ("max", LENGTH_MAX)]);
    }
}

/// What a refusal says on the page where it happened, and whether someone else was faster; any other problem is passed on.
///
/// # Errors
/// The problem, when it is no refusal.
pub(super) fn refusal(problem: Problem, lang: Lang) -> Result<(String, bool), Problem> {
    match problem {
        Problem::Refused(refusal) => Ok((refusal.words(lang), refusal.is_conflict)),
        Problem::Failed(cause) => Err(Problem::Failed(cause)),
        other => Err(other),
    }
}

/// The words of a key made at run time, or `otherwise` when there are none.
pub(super) fn word_or<'w>(lang: Lang, key: &'w str, otherwise: &'w str) -> &'w str {
    if words::has_key(lang, key) { words::t(lang, key) } else { otherwise }
}
