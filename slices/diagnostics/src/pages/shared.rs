//! What several pages show alike: the patient, the examination and its priors, texts of a report and their changes.

use std::str::FromStr;

use yiti_directory::{InstitutionId, PersonId, people};
use yiti_flow::CaseId;
use yiti_flow::case::{self, Happened};
use yiti_kernel::{Date, Due, Lang, Timestamp, time};
use yiti_record::order;
use yiti_record::patient::Patient;
use yiti_record::{StudyId, imaging, report};
use yiti_store::{Error, Reader};
use yiti_web::words::{t, t_with};
use yiti_web::{App, Form, Moment, Problem, Ui};

use super::problem::word_or;
use crate::content::{self, Content, Piece};
use crate::settings::{Definitions, Template};
pub(super) use crate::store::shown;
use crate::store::{self, ReadRow};

/// Priors shown beside an examination.
const PRIOR_COUNT_MAX: usize = 12;

/// An identifier in an address; what is none leads nowhere.
pub(super) fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

/// `67 岁` on the day of `at`; empty when the birthday is not known.
pub(super) fn age(lang: Lang, birth_on: Option<Date>, at: Timestamp) -> String {
    birth_on.map_or_else(String::new, |born| {
        let years = time::age_years(born, time::day(at)).to_string();
        t_with(lang, "diagnostics.age", &[("years", &years)])
    })
}

/// The sex in words.
pub(super) fn sex(lang: Lang, sex: yiti_record::patient::Sex) -> String {
    t(lang, &format!("diagnostics.sex.{}", sex.key())).to_owned()
}

/// A modality as the field writes it.
pub(super) fn modality(lang: Lang, code: &str) -> String {
    word_or(lang, &format!("diagnostics.modality.{code}"), code).to_owned()
}

/// A doctor as a report names them.
#[derive(Debug, Clone, Default)]
pub(super) struct Doctor {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) phone: String,
}

/// The doctor of an identifier; one who is no longer in the directory has no name.
pub(super) async fn doctor(reader: &mut Reader, lang: Lang, id: PersonId) -> Result<Doctor, Error> {
    match people::person(reader, id).await {
        Ok(person) => Ok(Doctor {
            name: person.name,
            title: word_or(lang, &format!("diagnostics.title.{}", person.title.key()), "").to_owned(),
            phone: person.phone,
        }),
        Err(Error::NotFound) => Ok(Doctor::default()),
        Err(error) => Err(error),
    }
}

/// The lead hospital, in whose name reports go out.
pub(super) fn lead_name(app: &App) -> String {
    let tree = app.platform().tree();
    let lead =
        tree.within(tree.whole()).find(|node| node.kind == yiti_directory::institution::InstitutionKind::LeadHospital);
    lead.or(tree.root()).map_or_else(String::new, |node| node.name.clone())
}

/// An earlier examination of the same patient.
#[derive(Debug)]
pub(super) struct Prior {
    pub(super) title: String,
    pub(super) day: String,
    pub(super) conclusion: String,
    /// Its report; empty when there is none.
    pub(super) report: String,
    /// Both examinations side by side.
    pub(super) viewer: String,
}

/// An examination as doctors see it beside a report.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) case: CaseId,
    pub(super) name: String,
    pub(super) sex: String,
    pub(super) age: String,
    pub(super) national_id: String,
    pub(super) number: String,
    pub(super) urgency: &'static str,
    pub(super) due: Option<Due>,
    pub(super) is_addendum: bool,
    pub(super) exam: String,
    pub(super) accession_number: String,
    pub(super) instance_count: u32,
    pub(super) from: String,
    pub(super) doctor: Doctor,
    pub(super) setting: String,
    pub(super) question: String,
    pub(super) history: String,
    pub(super) warnings: String,
    pub(super) examined_at: Option<Timestamp>,
    /// Place of the grade on the sheet from 1, its name, its points.
    pub(super) grade: Option<(usize, String, u32)>,
    pub(super) repeat_count: u32,
    /// The pictures; empty while there are none.
    pub(super) viewer: String,
    /// Where wrong pictures are put right; empty for those who may not.
    pub(super) sort: String,
    pub(super) priors: Vec<Prior>,
}

/// Collects what stands beside a report. The patient's record was opened, and so journaled, before.
pub(super) async fn examined(
    app: &App,
    reader: &mut Reader,
    lang: Lang,
    read: &ReadRow,
    patient: &Patient,
    may_sort: bool,
) -> Result<Examined, Error> {
    let definitions = app.platform().kit.get::<Definitions>();
    let order = order::get(reader, read.request).await?;
    let study = match read.study {
        Some(study) => Some(imaging::get(reader, study).await?),
        None => None,
    };
    let grade = store::grade(reader, read.id).await?.filter(|_| read.grade.is_some()).map(|graded| {
        let at = definitions.score_sheet.grades.iter().position(|grade| grade.id == graded.grade).unwrap_or_default();
        (at + 1, definitions.score_sheet.grade_name(&graded.grade, lang).to_owned(), graded.points)
    });
    let uid = study.as_ref().map_or_else(String::new, |study| study.address.clone());
    let priors = priors(app, reader, lang, read, &uid).await?;
    Ok(Examined {
        case: read.id,
        name: patient.name.clone(),
        sex: sex(lang, patient.sex),
        age: age(lang, patient.birth_on, app.now()),
        national_id: patient.national_id_masked(),
        number: patient.number.clone(),
        urgency: read.priority.key(),
        due: read.due.filter(|_| read.report.is_none() && store::is_open(&read.status)),
        is_addendum: read.report.is_some() && store::is_open(&read.status),
        exam: definitions.exam_name(&read.exam_code, lang).to_owned(),
        accession_number: read.accession_number.clone(),
        instance_count: study.as_ref().map_or(0, |study| study.instance_count),
        from: app.platform().tree().name(read.institution).to_owned(),
        doctor: doctor(reader, lang, read.requested_by).await?,
        setting: t(lang, &format!("diagnostics.setting.{}", read.setting.key())).to_owned(),
        question: order.question,
        history: order.history,
        warnings: order.warnings,
        examined_at: read.examined_at,
        grade,
        repeat_count: read.repeat_count,
        viewer: viewer(&[&uid], lang),
        sort: study.filter(|_| may_sort).map_or_else(String::new, |study| format!("/studies/{}/sort", study.id)),
        priors,
    })
}

/// The address of the viewer; empty without pictures.
pub(super) fn viewer(uids: &[&str], lang: Lang) -> String {
    let uids: Vec<&str> = uids.iter().copied().filter(|uid| !uid.is_empty()).collect();
    if uids.is_empty() {
        return String::new();
    }
    let lang = match lang {
        Lang::Zh => "zh",
        Lang::En => "en-US",
    };
    format!("/viewer/viewer?StudyInstanceUIDs={}&lng={lang}", uids.join(","))
}

async fn priors(app: &App, reader: &mut Reader, lang: Lang, read: &ReadRow, uid: &str) -> Result<Vec<Prior>, Error> {
    let definitions = app.platform().kit.get::<Definitions>();
    let reports = report::of_patient(reader, read.patient).await?;
    let studies = imaging::of_patient(reader, read.patient, read.study).await?;
    let prior = |study: imaging::Study| {
        let issued = reports.iter().find(|issued| issued.study == study.id);
        let title = match issued {
            Some(issued) => definitions.exam_name(&issued.exam_code, lang).to_owned(),
            None if study.description.is_empty() => format!("{} {}", study.modalities, study.body_part),
            None => study.description.clone(),
        };
        Prior {
            title,
            day: study.study_on.unwrap_or_else(|| time::day(study.first_arrived_at)).to_string(),
            conclusion: issued.map_or_else(String::new, |issued| issued.conclusion.clone()),
            report: issued.map_or_else(String::new, |issued| format!("/reports/{}", issued.report)),
            viewer: viewer(&[uid, &study.address], lang),
        }
    };
    Ok(studies.into_iter().take(PRIOR_COUNT_MAX).map(prior).collect())
}

/// The address of a study.
pub(super) async fn study_address(reader: &mut Reader, study: StudyId) -> Result<String, Error> {
    Ok(imaging::get(reader, study).await?.address)
}

/// A piece of a section's text.
#[derive(Debug)]
pub(super) struct Part {
    /// Empty, `ins` or `del`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// A section as it is read.
#[derive(Debug)]
pub(super) struct SectionText {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
}

/// The sections of a report in the order of its template, those without text left out; with `before`, what changed.
pub(super) fn sections(
    definitions: &Definitions,
    lang: Lang,
    exam: &str,
    now: &Content,
    before: Option<&Content>,
) -> Vec<SectionText> {
    let template = definitions.templates.get(&now.template).or_else(|| definitions.template_of(exam));
    let named = template.into_iter().flat_map(|t| &t.sections).map(|s| (s.id.as_str(), s.name.get(lang)));
    let known: Vec<(&str, &str)> = named.collect();
    // A section that the template no longer has is still part of what was issued.
    let other = now
        .sections
        .keys()
        .filter(|id| !known.iter().any(|(known, _)| known == id))
        .map(|id| (id.as_str(), id.as_str()));
    let all: Vec<(&str, &str)> = known.iter().copied().chain(other).collect();
    let text =
        |content: &Content, id: &str| content.sections.get(id).map_or_else(String::new, |text| text.trim().to_owned());
    all.into_iter()
        .filter_map(|(id, name)| {
            let (after, before) = (text(now, id), before.map(|before| text(before, id)));
            let parts: Vec<Part> = match before {
                None if after.is_empty() => Vec::new(),
                None => vec![Part { kind: "", text: after }],
                Some(before) => content::compare(&before, &after).into_iter().map(part).collect(),
            };
            (!parts.is_empty()).then(|| SectionText { id: id.to_owned(), name: name.to_owned(), parts })
        })
        .collect()
}

fn part(piece: Piece) -> Part {
    match piece {
        Piece::Same(text) => Part { kind: "", text },
        Piece::Added(text) => Part { kind: "ins", text },
        Piece::Removed(text) => Part { kind: "del", text },
    }
}

/// A section as it is written.
#[derive(Debug)]
pub(super) struct SectionField {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_required: bool,
    pub(super) rows: u32,
    pub(super) sentences: Vec<String>,
}

/// The fields of a template.
pub(super) fn fields(template: &Template, lang: Lang) -> Vec<SectionField> {
    let field = |section: &crate::settings::Section| SectionField {
        id: section.id.clone(),
        name: section.name.get(lang).to_owned(),
        is_required: section.is_required,
        rows: section.rows,
        sentences: section.sentences.clone(),
    };
    template.sections.iter().map(field).collect()
}

/// The form of a draft; `is_new` leaves open whether something was found.
pub(super) fn form_of(content: &Content, revision: u32, is_new: bool) -> Form {
    let revision = revision.to_string();
    let positive = match (is_new, content.is_positive) {
        (true, _) => "",
        (false, true) => "1",
        (false, false) => "0",
    };
    let mut values: Vec<(&str, &str)> =
        content.sections.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
    values.extend([
        ("version", revision.as_str()),
        ("is_positive", positive),
        ("is_critical", if content.is_critical { "1" } else { "" }),
        ("critical_note", content.critical_note.as_str()),
    ]);
    Form::filled(&values)
}

/// What was typed into the fields of a template.
pub(super) fn content_of(form: &Form, template: &Template) -> Content {
    let typed = |id: &str| Some(form.value(id)).filter(|text| !text.is_empty()).map(str::to_owned);
    Content {
        template: template.id.clone(),
        sections: template.sections.iter().filter_map(|s| Some((s.id.clone(), typed(&s.id)?))).collect(),
        is_positive: form.value("is_positive") == "1",
        is_critical: form.flag("is_critical"),
        critical_note: form.value("critical_note").to_owned(),
    }
}

/// The name of a reason; its key when it is no longer in the list.
pub(super) fn reason(choices: &[crate::settings::Choice], id: &str, lang: Lang) -> String {
    choices.iter().find(|choice| choice.id == id).map_or(id, |choice| choice.name.get(lang)).to_owned()
}

/// Reasons as options of a field.
pub(super) fn reasons(choices: &[crate::settings::Choice], lang: Lang) -> Vec<(String, String)> {
    choices.iter().map(|choice| (choice.id.clone(), choice.name.get(lang).to_owned())).collect()
}

/// What happened to a case, the newest first.
pub(super) async fn moments(app: &App, reader: &mut Reader, ui: &Ui, id: CaseId) -> Result<Vec<Moment>, Error> {
    let definitions = app.platform().kit.get::<Definitions>();
    let mut history = case::history(reader, id).await?;
    history.reverse();
    Ok(history.into_iter().map(|happened| moment(&definitions, ui, happened)).collect())
}

fn moment(definitions: &Definitions, ui: &Ui, happened: Happened) -> Moment {
    let text = |key: &str| happened.detail[key].as_str().unwrap_or_default().to_owned();
    let (choices, state) = match happened.name.as_str() {
        "send_back" => (Some(&definitions.settings.return_reasons), "warn"),
        "ask_repeat" => (Some(&definitions.settings.repeat_reasons), "warn"),
        "revoke" => (None, "warn"),
        _ => (None, ""),
    };
    let reason = choices.map_or_else(|| text("reason"), |choices| reason(choices, &text("reason"), ui.lang));
    let changed = happened.detail["amended"].as_array().is_some_and(|sections| !sections.is_empty());
    let more = if changed { ui.t("diagnostics.amended").to_owned() } else { text("note") };
    let note: Vec<String> = [reason, more].into_iter().filter(|part| !part.is_empty()).collect();
    Moment {
        state,
        time: ui.short_time(&happened.at),
        words: format!("{} {}", happened.actor_name, ui.word("diagnostics.event", &happened.name)),
        note: note.join(" \u{b7} "),
    }
}

/// Institutions that a filter can name.
pub(super) fn units(app: &App, scope: yiti_directory::Scope) -> Vec<(String, String)> {
    let tree = app.platform().tree();
    let kinds = yiti_directory::institution::InstitutionKind::Consortium;
    tree.within(scope)
        .filter(|node| node.kind != kinds)
        .map(|node| (node.id.to_string(), node.short_name.clone()))
        .collect()
}

/// The institution a filter names.
pub(super) fn unit(form: &Form) -> Option<InstitutionId> {
    form.value("unit").parse().ok()
}

/// The lowest title that may approve, in words.
pub(super) fn approver_title(definitions: &Definitions, lang: Lang) -> String {
    t(lang, &format!("diagnostics.title.{}", definitions.settings.approver_title_min.key())).to_owned()
}
