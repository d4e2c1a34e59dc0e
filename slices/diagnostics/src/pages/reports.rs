//! Issued reports: on screen with all versions, and on A4.

use askama::Template;
use axum::extract::{Path, State};
use qrcode::{Color, EcLevel, QrCode};
use yiti_kernel::time;
use yiti_record::patient::{self, Patient};
use yiti_record::report::Issued;
use yiti_record::{ReportId, order};
use yiti_store::Reader;
use yiti_web::{Access, Answer, App, Asked, Form, PatientStrip, Problem, Slice, Ui, Visitor, act_once, page, redirect};

use super::shared::{self, Doctor, SectionText};
use super::verify;
use crate::actions::{self, Error, content_of};
use crate::settings::Definitions;
use crate::store::{self, ReadRow};

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let read = Access::Permission("diagnostics.report.read");
    slice
        .get("/reports/{report}", read, show)
        .get("/reports/{report}/print", read, print)
        .post("/reports/{report}/addendum", Access::Permission("diagnostics.amend"), addendum)
        .get("/verify", Access::Public, verify::ask)
        .get("/verify/{code}", Access::Public, verify::show)
}

#[derive(Debug)]
struct VersionLine {
    version: u32,
    href: String,
    at: String,
    who: String,
    is_shown: bool,
}

/// An issued version with the people behind it.
#[derive(Debug)]
struct Sheet {
    report: ReportId,
    version: u32,
    exam: String,
    modality: String,
    day: String,
    accession_number: String,
    examined_at: String,
    from: String,
    lead: String,
    question: String,
    author: Doctor,
    approver: Doctor,
    written_at: String,
    issued_at: String,
    is_positive: bool,
    is_critical: bool,
    critical_note: String,
    sections: Vec<SectionText>,
    code: String,
    print_count: u32,
    viewer: String,
    name: String,
    sex: String,
    age: String,
    number: String,
    national_id: String,
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    ui: Ui,
    sheet: Sheet,
    patient: PatientStrip,
    versions: Vec<VersionLine>,
    newest: u32,
    done: bool,
    form: Form,
    /// The version it is compared with; 0 for none.
    compared: u32,
    may_add: bool,
    may_see_pictures: bool,
    /// An addendum is being written.
    is_open: bool,
    /// Where the addendum is written, for whoever may.
    reading: String,
    verify: String,
}

#[derive(Template)]
#[template(path = "report_print.html")]
struct PrintPage {
    ui: Ui,
    sheet: Sheet,
    newest: u32,
    person: String,
    verify: String,
    qr_size: usize,
    qr_path: String,
}

/// `K7QM93QM4TX2` as `K7QM-93QM-4TX2`.
pub(super) fn dashed(code: &str) -> String {
    let signs: Vec<char> = code.chars().collect();
    signs.chunks(4).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// The address at which anyone can check a print.
fn verify_address(app: &App, code: &str) -> String {
    format!("{}/verify/{code}", app.settings().base_url)
}

struct Read {
    versions: Vec<Issued>,
    issued: Issued,
    print_count: u32,
    patient: Patient,
    read: ReadRow,
}

/// Opens a version; the reading is journaled, and with `is_print` counted as a print.
async fn open(app: &App, visitor: &Visitor, asked: &Form, report: &str, is_print: bool) -> Result<Read, Problem> {
    let report: ReportId = shared::id(report)?;
    let version = match asked.value("version") {
        "" => None,
        text => Some(text.parse::<u32>().map_err(|_| Problem::NotFound)?),
    };
    let opened = app.platform().act(&visitor.actor, move |cx| {
        Box::pin(async move {
            let (versions, issued, print_count) =
                actions::open_report(cx, report, version, is_print, "treatment").await?;
            let patient = patient::get(cx.tx, issued.patient).await?;
            let read = store::of_report(cx.tx, report).await?.ok_or(yiti_store::Error::NotFound)?;
            Ok::<_, Error>(Read { versions, issued, print_count, patient, read })
        })
    });
    opened.await.map_err(Problem::from)
}

async fn sheet(
    app: &App,
    reader: &mut Reader,
    ui: &Ui,
    opened: &Read,
    before: Option<&Issued>,
) -> Result<Sheet, yiti_store::Error> {
    let (lang, definitions) = (ui.lang, app.platform().kit.get::<Definitions>());
    let Read { issued, patient, read, .. } = opened;
    let content = content_of(issued)?;
    let before = before.map(content_of).transpose()?;
    let order = order::get(reader, read.request).await?;
    let examined_at = read.examined_at.or(read.arrived_at);
    Ok(Sheet {
        report: issued.report,
        version: issued.version,
        exam: definitions.exam_name(&issued.exam_code, lang).to_owned(),
        modality: shared::modality(lang, &read.modality),
        day: time::day(examined_at.unwrap_or(issued.issued_at)).to_string(),
        accession_number: read.accession_number.clone(),
        examined_at: examined_at.map_or_else(String::new, time::minute_text),
        from: app.platform().tree().name(issued.institution).to_owned(),
        lead: shared::lead_name(app),
        question: order.question,
        author: shared::doctor(reader, lang, issued.author).await?,
        approver: shared::doctor(reader, lang, issued.approver).await?,
        written_at: time::minute_text(issued.written_at),
        issued_at: time::minute_text(issued.issued_at),
        is_positive: issued.is_positive,
        is_critical: issued.is_critical,
        critical_note: content.critical_note.clone(),
        sections: shared::sections(&definitions, lang, &issued.exam_code, &content, before.as_ref()),
        code: dashed(&issued.verification_code),
        print_count: opened.print_count,
        viewer: shared::viewer(&[&shared::study_address(reader, issued.study).await?], lang),
        name: patient.name.clone(),
        sex: shared::sex(lang, patient.sex),
        age: shared::age(lang, patient.birth_on, examined_at.unwrap_or(issued.issued_at)),
        number: patient.number.clone(),
        national_id: patient.national_id_masked(),
    })
}

async fn show(State(app): State<App>, visitor: Visitor, Path(report): Path<String>, Asked(asked): Asked) -> Answer {
    let opened = open(&app, &visitor, &asked, &report, false).await?;
    let ui = Ui::new(&app, &visitor, "reports.title").await;
    let mut reader = app.platform().store.read().await?;
    let before = opened.versions.iter().find(|v| asked.flag("compare") && v.version + 1 == opened.issued.version);
    let sheet = sheet(&app, &mut reader, &ui, &opened, before).await?;
    let mut versions = Vec::new();
    for version in &opened.versions {
        let author = shared::doctor(&mut reader, ui.lang, version.author).await?.name;
        let approver = shared::doctor(&mut reader, ui.lang, version.approver).await?.name;
        versions.push(VersionLine {
            version: version.version,
            href: format!("/reports/{}?version={}", version.report, version.version),
            at: ui.short_time(&version.issued_at),
            who: ui.t_with("reports.version_who", &[("author", &author), ("approver", &approver)]),
            is_shown: version.version == opened.issued.version,
        });
    }
    let more = [("reports.national_id", sheet.national_id.clone()), ("reports.number", sheet.number.clone())];
    let is_open = store::is_open(&opened.read.status);
    page(&ReportPage {
        patient: PatientStrip {
            name: sheet.name.clone(),
            sex: sheet.sex.clone(),
            age: sheet.age.clone(),
            more: more.into_iter().filter(|(_, v)| !v.is_empty()).map(|(key, v)| (ui.t(key).to_owned(), v)).collect(),
        },
        newest: opened.versions.first().map_or(sheet.version, |newest| newest.version),
        done: asked.value("done") == "issued",
        form: Form::blank(),
        compared: before.map_or(0, |before| before.version),
        may_add: visitor.may("diagnostics.amend") && !is_open && opened.read.requested_by != visitor.session.person,
        may_see_pictures: visitor.may("diagnostics.image.read"),
        is_open,
        reading: if visitor.may("diagnostics.read") { format!("/readings/{}", opened.read.id) } else { String::new() },
        verify: verify_address(&app, &opened.issued.verification_code),
        ui,
        sheet,
        versions,
    })
}

async fn print(State(app): State<App>, visitor: Visitor, Path(report): Path<String>, Asked(asked): Asked) -> Answer {
    let opened = open(&app, &visitor, &asked, &report, true).await?;
    let ui = Ui::new(&app, &visitor, "reports.print_title").await;
    let mut reader = app.platform().store.read().await?;
    let sheet = sheet(&app, &mut reader, &ui, &opened, None).await?;
    let address = verify_address(&app, &opened.issued.verification_code);
    let code = QrCode::with_error_correction_level(&address, EcLevel::M).map_err(Problem::failed)?;
    page(&PrintPage {
        newest: opened.versions.first().map_or(sheet.version, |newest| newest.version),
        person: visitor.actor.name.clone(),
        verify: format!("{}/verify", app.settings().base_url),
        qr_size: code.width() + 2,
        qr_path: squares(&code),
        ui,
        sheet,
    })
}

/// The dark squares of a code as the path of one figure: nothing inline that a page's policy would refuse.
fn squares(code: &QrCode) -> String {
    let width = code.width();
    let mut path = String::new();
    for (at, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            path.push_str(&format!("M{} {}h1v1h-1z", at % width, at / width));
        }
    }
    path
}

async fn addendum(State(app): State<App>, visitor: Visitor, Path(report): Path<String>, form: Form) -> Answer {
    let report: ReportId = shared::id(&report)?;
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let read = store::of_report(cx.tx, report).await?.ok_or(yiti_store::Error::NotFound)?;
            actions::begin_addendum(cx, read.id).await?;
            Ok::<_, Error>(format!("/readings/{}", read.id))
        })
    })
    .await
    .map_err(Problem::from)?;
    redirect(&to)
}
