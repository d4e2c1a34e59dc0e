//! What came of an import: counts, broken rules, mends, refused rows, and the stays that came in.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::IntoResponse as _;
use yiti_drg::assess::name_of;
use yiti_drg::settings::Definitions;
use yiti_drg::store::StayRow;
use yiti_drg::{actions, store as stays};
use yiti_record::front_page::Status;
use yiti_store::{Digest, Error};
use yiti_web::{Answer, App, Asked, Pager, Problem, Ui, Visitor, encode, page, query};

use super::{PATH, Tag, journal, load, portion, tag, who};
use crate::store::{self, Arrived, ImportRow, Progress};
use crate::words;

/// Rows of the error file that the page shows; the file has the rest.
const ERRORS_SHOWN: usize = 50;
/// Broken rules that stand open; the others are folded.
const RULES_OPEN: usize = 10;
/// Stays on one page of their list.
const PAGE_SIZE: usize = 30;

/// A row of the error file.
struct ErrorShown {
    row: String,
    number: String,
    field: String,
    value: String,
    kept: String,
    reason: String,
    remedy: String,
}

/// A rule that pages break.
struct RuleShown {
    kind: &'static str,
    icon: &'static str,
    severity: String,
    count: u64,
    row: u64,
    reason: String,
    column: String,
}

/// A mend.
struct RepairShown {
    words: String,
    count: u64,
    row: u64,
    example: String,
}

/// How far an import is.
struct Bar {
    live: String,
    words: String,
    percent: u64,
}

#[derive(Template)]
#[template(path = "import_bar.html")]
struct BarPart {
    bar: Bar,
}

#[derive(Template)]
#[template(path = "import_outcome.html")]
struct OutcomePage {
    ui: Ui,
    row: ImportRow,
    status: &'static str,
    tag: Tag,
    place: String,
    form: String,
    who: String,
    bytes: String,
    unknown_columns: String,
    unknown_more: usize,
    arrived_count: u64,
    desk: String,
    bar: Bar,
    rules: Vec<RuleShown>,
    more_rules: Vec<RuleShown>,
    repairs: Vec<RepairShown>,
    errors: Vec<ErrorShown>,
    error_count: usize,
}

fn bar(ui: &Ui, row: &ImportRow) -> Bar {
    let (done, total) = (row.counts.rows.to_string(), row.total_count.to_string());
    Bar {
        live: format!("{PATH}/{}/progress", row.id),
        words: ui.t_with("front_page_import.so_far", &[("done", &done), ("total", &total)]),
        percent: (row.counts.rows * 100 / row.total_count.max(1)).min(100),
    }
}

/// A number of bytes as people say it.
fn size(bytes: u64) -> String {
    match bytes {
        0..=10_239 => format!("{bytes} B"),
        10_240..=10_485_759 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

async fn error_file(app: &App, visitor: &Visitor, row: &ImportRow) -> Result<Option<Digest>, Error> {
    let mut reader = app.platform().store.read().await?;
    store::error_file(&mut reader, row.id, visitor.lang).await
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let row = load(&app, &visitor, &id).await?;
    let (lines, error_count) = match error_file(&app, &visitor, &row).await? {
        Some(digest) => words::error_rows(&app.platform().store.blob(digest).await?, ERRORS_SHOWN),
        None => (Vec::new(), 0),
    };
    if !lines.is_empty() {
        journal(&app, &visitor, "front_page_import.errors", lines.len()).await?;
    }
    let ui = Ui::new(&app, &visitor, "front_page_import.outcome").await;
    let errors = lines.into_iter().map(|[row, number, column, title, value, kept, reason, remedy]| ErrorShown {
        row,
        number,
        field: if title.is_empty() || title == column { column } else { format!("{column} {title}").trim().to_owned() },
        value,
        kept,
        reason,
        remedy,
    });
    let rules = row.summary.rules.iter().map(|rule| {
        let (kind, icon) = match rule.severity.as_str() {
            "blocks_grouping" => ("danger", "alert-circle"),
            "blocks_upload" => ("warn", "alert-triangle"),
            _ => ("info", "info-circle"),
        };
        let reason = words::broken(rule, ui.lang);
        RuleShown {
            kind,
            icon,
            severity: ui.word("front_page.severity", &rule.severity),
            count: rule.page_count,
            row: rule.row,
            // Some reasons name the column themselves.
            column: if reason.contains(&rule.column) { String::new() } else { rule.column.clone() },
            reason,
        }
    });
    let mut rules: Vec<RuleShown> = rules.collect();
    let more_rules = rules.split_off(RULES_OPEN.min(rules.len()));
    let repairs = row.summary.repairs.iter().map(|repair| RepairShown {
        words: words::mended(repair, ui.lang),
        count: repair.count,
        row: repair.row,
        example: words::example(repair),
    });
    let tree = app.platform().tree();
    let unit = row.institution.to_string();
    page(&OutcomePage {
        status: row.progress.key(),
        tag: tag(&ui, row.progress),
        place: tree.name(row.institution).to_owned(),
        form: ui.word("front_page.form", row.standard.key()),
        who: who(&ui, &row),
        bytes: size(row.file_bytes),
        unknown_columns: words::unknown_columns(&row.summary),
        unknown_more: row.summary.unknown_column_count,
        arrived_count: row.counts.new + row.counts.versions,
        desk: format!("/drg{}", query(&[("status", "all"), ("unit", &unit)])),
        bar: bar(&ui, &row),
        rules,
        more_rules,
        repairs: repairs.collect(),
        errors: errors.collect(),
        error_count,
        ui: ui.titled(row.file_name.clone()),
        row,
    })
}

/// The part of the page that asks for itself while the import runs; when it is over, the page is opened anew.
pub(super) async fn progress(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let row = load(&app, &visitor, &id).await?;
    let ui = Ui::plain(&app, visitor.look(), "front_page_import.outcome");
    let answer = page(&BarPart { bar: bar(&ui, &row) })?;
    if row.progress == Progress::Running {
        return Ok(answer);
    }
    Ok(([(HeaderName::from_static("hx-redirect"), format!("{PATH}/{}", row.id))], answer).into_response())
}

/// The error file in the visitor's language, as the command writes it.
pub(super) async fn errors(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let row = load(&app, &visitor, &id).await?;
    let digest = error_file(&app, &visitor, &row).await?.ok_or(Problem::NotFound)?;
    let bytes = app.platform().store.blob(digest).await?;
    let (_, row_count) = words::error_rows(&bytes, 0);
    journal(&app, &visitor, "front_page_import.errors", row_count).await?;
    let name = encode(&format!("{}.errors.csv", row.file_name));
    let name = format!("attachment; filename=\"errors.csv\"; filename*=UTF-8''{name}");
    let kind = "text/csv; charset=utf-8".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// One stay that came in.
struct StayShown {
    href: String,
    name: String,
    number: String,
    when: String,
    department: String,
    drg: String,
    group: String,
    finding_count: u32,
    refusing_count: u32,
    version: u32,
    row: u64,
}

#[derive(Template)]
#[template(path = "import_stays.html")]
struct StaysPage {
    ui: Ui,
    back: String,
    file: String,
    rows: Vec<StayShown>,
    pager: Pager,
}

fn stay_shown(ui: &Ui, definitions: &Definitions, one: Arrived, stay: &StayRow) -> StayShown {
    let day = |day: Option<yiti_kernel::Date>| day.map_or_else(String::new, |day| day.to_string());
    let group = definitions.schemes.get(&stay.scheme).map_or("", |scheme| name_of(scheme, &stay.drg));
    StayShown {
        href: format!("/drg/stays/{}", stay.id),
        name: stay.patient_name.clone(),
        number: stay.medical_record_number.clone(),
        when: match stay.status {
            Status::Draft => ui.t_with("drg.since", &[("day", &day(stay.admitted_on))]),
            Status::Final => format!("{} \u{2013} {}", day(stay.admitted_on), day(stay.discharged_on)),
        },
        department: stay.department.clone(),
        drg: stay.drg.clone(),
        group: if group.is_empty() { ui.t("drg.no_group").to_owned() } else { group.to_owned() },
        finding_count: stay.finding_count,
        refusing_count: stay.refusing_count,
        version: one.version,
        row: one.place.0,
    }
}

/// The stays that were new or changed by an import, as they are now.
pub(super) async fn stays(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Answer {
    let row = load(&app, &visitor, &id).await?;
    let definitions = app.platform().kit.get::<Definitions>();
    let total = usize::try_from(row.counts.new + row.counts.versions).unwrap_or(usize::MAX);
    let pager = Pager::new(&format!("{PATH}/{}/stays", row.id), &asked, &[], PAGE_SIZE, total);
    let ui = Ui::new(&app, &visitor, "front_page_import.stays").await;
    let mut rows = Vec::new();
    {
        let mut reader = app.platform().store.read().await?;
        let reach = actions::reach(&mut reader, &visitor.actor).await?;
        for one in store::arrived(&mut reader, row.id, portion(&pager)).await? {
            match stays::get(&mut reader, &reach, one.page).await {
                Ok(stay) => rows.push(stay_shown(&ui, &definitions, one, &stay)),
                // Stays of other departments are not there for a person who sees their own.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    journal(&app, &visitor, "front_page_import.stays", rows.len()).await?;
    page(&StaysPage { back: format!("{PATH}/{}", row.id), file: row.file_name, rows, pager, ui })
}
