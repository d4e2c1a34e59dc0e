//! The quarterly pack for the sharing meeting: figures of a quarter, frozen as they were shared, with what was said and
//! agreed; as page, as workbook and on paper.
//!
//! What changes after a quarter was frozen is shown as restated beside what was reported.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use yiti_directory::InstitutionId;
use yiti_kernel::{Lang, time};
use yiti_web::words::t;
use yiti_web::{
    Access, Answer, App, Asked, Form, LINE_LENGTH_MAX, MenuItem, Problem, Slice, TEXT_LENGTH_MAX, Ui, Visitor,
    act_once, invalid, page, query, redirect,
};

use super::figure::{self, Question};
use crate::analysis::{By, LineKey, Total, split};
use crate::analysis_acts::{self, Error};
use crate::compare::Analysis;
use crate::quarter::{BY, Pack, PackLine, Quarter, hash};
use crate::store::Reach;
use crate::store_analysis::{self as rows, Frozen};

mod sheet;
mod shown;

use shown::{COLUMNS, Cell, Kind, MAIN, Source};

const PATH: &str = "/drg/quarter";
/// Lines of a table on the page; the workbook and the paper have all.
const LINE_COUNT: usize = 20;
/// How many quarters can be chosen.
const QUARTER_COUNT: usize = 8;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let (read, write) = (Access::Permission("drg.quarter"), Access::Permission("drg.quarter.write"));
    slice
        .get(PATH, read, show)
        .get("/drg/quarter/print", read, print)
        .get("/drg/quarter.xlsx", read, export)
        .post("/drg/quarter/freeze", write, freeze)
        .post("/drg/quarter/entries", write, add_entry)
        .post("/drg/quarter/entries/{entry}/done", write, finish)
        .menu(&[MenuItem { key: "drg_quarter", group: "drg", path: PATH, permission: "drg.quarter", icon: "calendar" }])
}

/// One figure of the pack: as reported, and as it is now when that differs.
pub(super) struct Row {
    pub(super) words: &'static str,
    pub(super) reported: Cell,
    pub(super) restated: Cell,
    pub(super) before: Cell,
}

/// A line of a table of the pack.
pub(super) struct Line {
    pub(super) name: String,
    /// In the order of [`COLUMNS`].
    pub(super) cells: Vec<Cell>,
}

/// A table of the pack.
pub(super) struct Table {
    pub(super) words: &'static str,
    pub(super) lines: Vec<Line>,
    /// The same split of the same months in the analysis.
    href: String,
}

impl Table {
    /// The lines that stand on the page.
    fn shown(&self) -> &[Line] {
        self.lines.get(..LINE_COUNT).unwrap_or(&self.lines)
    }

    /// How many more there are.
    fn more(&self) -> usize {
        self.lines.len() - self.shown().len()
    }
}

/// A note or an action as shown.
pub(super) struct Entry {
    id: String,
    pub(super) is_action: bool,
    pub(super) body: String,
    pub(super) owner: String,
    pub(super) due: String,
    pub(super) is_late: bool,
    pub(super) done: String,
    pub(super) by: String,
    pub(super) at: String,
}

/// Who froze it, when, with which hash.
pub(super) struct Seal {
    pub(super) by: String,
    pub(super) at: String,
    pub(super) hash: String,
    /// The stored text still has its hash.
    pub(super) is_whole: bool,
    pub(super) is_restated: bool,
}

/// Everything a pack is shown with, on the page, in the workbook and on paper.
pub(super) struct View {
    pub(super) quarter: String,
    pub(super) place: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) reference: String,
    pub(super) rows: Vec<Row>,
    pub(super) tables: Vec<Table>,
    /// Band, stays, deaths.
    pub(super) bands: Vec<(String, Cell, Cell)>,
    pub(super) failures: Vec<(String, Cell)>,
    pub(super) entries: Vec<Entry>,
    pub(super) seal: Option<Seal>,
    pub(super) is_over: bool,
    /// Nothing was frozen and there is nothing to freeze.
    is_empty: bool,
}

#[derive(Template)]
#[template(path = "drg_quarter.html")]
struct QuarterPage {
    ui: Ui,
    form: Form,
    quarters: Vec<(String, String)>,
    view: View,
    columns: &'static [Kind],
    can_write: bool,
}

#[derive(Template)]
#[template(path = "drg_quarter_print.html")]
struct PrintPage {
    ui: Ui,
    view: View,
    columns: &'static [Kind],
    person: String,
}

/// The quarter asked for; the last one that is over for none.
fn asked_quarter(form: &Form, app: &App) -> Result<Quarter, Problem> {
    match form.value("quarter") {
        "" => Ok(Quarter::of(time::day(app.now())).before()),
        text => text.parse().map_err(|()| Problem::NotFound),
    }
}

/// Whose pack this visitor reads: that of the institution at the top of their scope.
fn own(app: &App, visitor: &Visitor) -> Result<InstitutionId, Problem> {
    figure::top(app, visitor.actor.scope).ok_or(Problem::NotFound)
}

/// A quarter as the rows are now.
struct Live {
    pack: Pack,
    /// Every line, also those that the pack leaves out, in the order of [`BY`].
    lines: Vec<BTreeMap<LineKey, Total>>,
    question: Question,
}

impl Live {
    /// What a reported line is today, and which it is. A line without a key has the one of today's line of its name.
    fn today<'a>(&'a self, table: &'a [PackLine], by: By, line: &'a PackLine) -> (Option<&'a LineKey>, Total) {
        let named = || table.iter().find(|one| one.name == line.name).and_then(|one| one.key.as_ref());
        let key = line.key.as_ref().or_else(named);
        let lines = BY.iter().zip(&self.lines).find(|(one, _)| **one == by).map(|(_, lines)| lines);
        let total = key.and_then(|key| lines?.get(key)).cloned().unwrap_or_default();
        (key, total)
    }
}

/// The figures of a quarter as the rows are now.
async fn live(app: &App, visitor: &Visitor, quarter: Quarter) -> Result<Live, Problem> {
    let (from, until) = quarter.days();
    let question = Question::of_months(from, until);
    let reach = Reach::all(visitor.actor.scope);
    let failures = async {
        let mut reader = app.platform().store.read_beside().await?;
        Ok::<_, Problem>(rows::failures(&mut reader, &reach, &rows::Slice::default(), (from, until)).await?)
    };
    let (sums, yardstick, failed) =
        tokio::try_join!(figure::sums(app, &reach, &question, &BY), figure::yardstick(app, &question), failures)?;
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    for one in failed {
        *failures.entry(format!("{}.{}", one.of, one.cause)).or_default() += one.stays;
    }
    let reference = app.platform().kit.get::<Analysis>().compare.span(from);
    let tree = app.platform().tree();
    let name = move |by: By, key: &LineKey| {
        let place = key.institution.map(|id| tree.short_name(id).to_owned()).unwrap_or_default();
        match by {
            By::Institution => place,
            By::Department | By::Physician => format!("{place} {}", key.name),
            By::Drg | By::Mdc => key.name.clone(),
        }
    };
    let work = move || {
        let (total, lines) = split(&sums, &BY, &yardstick);
        let pack = Pack::of((from, until), reference, (total, lines.clone()), &yardstick, failures, name);
        Live { pack, lines, question }
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::failed)
}

/// The pack of a quarter with everything beside it.
async fn view(app: &App, visitor: &Visitor, ui: &Ui, quarter: Quarter) -> Result<View, Problem> {
    let institution = own(app, visitor)?;
    let (frozen, entries) = {
        let mut reader = app.platform().store.read().await?;
        let frozen = rows::frozen(&mut reader, institution, &quarter.to_string()).await?;
        let entries = match &frozen {
            Some(frozen) => rows::entries(&mut reader, frozen.id).await?,
            None => Vec::new(),
        };
        (frozen, entries)
    };
    let (now, before) = tokio::try_join!(live(app, visitor, quarter), live(app, visitor, quarter.before()))?;
    let reported = match &frozen {
        Some(frozen) => Pack::read(&frozen.pack).map_err(Problem::failed)?,
        None => now.pack.clone(),
    };
    let people = entries.iter().map(|entry| entry.written_by).chain(frozen.iter().map(|frozen| frozen.by)).collect();
    let names = figure::names(app, people).await?;
    let is_restated = !reported.says_the_same(&now.pack);
    let seal = frozen.as_ref().map(|frozen: &Frozen| Seal {
        by: names.get(&frozen.by).cloned().unwrap_or_default(),
        at: ui.minute(&frozen.at),
        hash: frozen.hash.clone(),
        is_whole: hash(&frozen.pack) == frozen.hash,
        is_restated,
    });
    let differs = |value: &str, count: u64| {
        let value = if value.is_empty() { "\u{2014}" } else { value };
        ui.t_with("drg_quarter.today", &[("value", value), ("count", &figure::grouped(&count.to_string()))])
    };
    let source = Source { quarter, question: &now.question, differs: &differs };
    let earlier = Source { quarter: quarter.before(), question: &before.question, differs: &differs };
    let rows = MAIN
        .iter()
        .map(|kind| {
            let reported = source.cell(kind, &reported.total, &now.pack.total, None);
            let restated = if reported.today.is_empty() {
                Cell::default()
            } else {
                source.cell(kind, &now.pack.total, &now.pack.total, None)
            };
            let before = earlier.cell(kind, &before.pack.total, &before.pack.total, None);
            Row { words: kind.words, reported, restated, before }
        })
        .collect();
    let table = |words, by: By, (reported, today): (&[PackLine], &[PackLine])| {
        let source = Source { question: &Question { by, ..now.question.clone() }, ..source };
        let line = |line: &PackLine| {
            let (key, total) = now.today(today, by, line);
            let name = match line.name.trim() {
                "" => ui.t("drg_analysis.unnamed").to_owned(),
                name => name.to_owned(),
            };
            Line { name, cells: COLUMNS.iter().map(|kind| source.cell(kind, &line.total, &total, key)).collect() }
        };
        let months = source.question.pairs(None);
        let pairs: Vec<(&str, &str)> = months.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let href = format!("/drg/analysis{}", query(&[&pairs[..], &[("by", by.key())]].concat()));
        Table { words, lines: reported.iter().map(line).collect(), href }
    };
    let today = time::day(app.now());
    let tables = {
        let (old, new) = (&reported, &now.pack);
        vec![
            table("drg_quarter.institutions", By::Institution, (&old.institutions, &new.institutions)),
            table("drg_quarter.departments", By::Department, (&old.departments, &new.departments)),
            table("drg_quarter.mdcs", By::Mdc, (&old.mdcs, &new.mdcs)),
            table("drg_quarter.gains", By::Drg, (&old.gains, &new.gains)),
            table("drg_quarter.losses", By::Drg, (&old.losses, &new.losses)),
        ]
    };
    let bands = source.bands(&reported.total, &now.pack.total).into_iter();
    let failures = source.failures(&reported.failures, &now.pack.failures).into_iter();
    Ok(View {
        quarter: quarter.to_string(),
        place: app.platform().tree().name(institution).to_owned(),
        from: reported.from.clone(),
        until: reported.until.clone(),
        reference: ui.t_with(
            "drg_quarter.reference",
            &[
                ("from", &reported.reference.0),
                ("until", &reported.reference.1),
                ("groups", &reported.reference_groups.to_string()),
            ],
        ),
        rows,
        tables,
        bands: bands
            .map(|(band, stays, deaths)| (ui.word("drg_analysis_band", &band.to_string()), stays, deaths))
            .collect(),
        failures: failures.map(|(key, cell)| (failure_words(ui.lang, &key), cell)).collect(),
        entries: entries
            .into_iter()
            .map(|entry| Entry {
                id: entry.id.to_string(),
                is_action: entry.is_action,
                is_late: entry.done_at.is_none() && entry.due_on.is_some_and(|due| due < today),
                due: entry.due_on.map(|due| due.to_string()).unwrap_or_default(),
                done: entry.done_at.map(|at| ui.minute(&at)).unwrap_or_default(),
                by: names.get(&entry.written_by).cloned().unwrap_or_default(),
                at: ui.minute(&entry.written_at),
                body: entry.body,
                owner: entry.owner,
            })
            .collect(),
        is_empty: seal.is_none() && reported.total.stays == 0,
        seal,
        is_over: quarter.days().1 < today,
    })
}

fn failure_words(lang: Lang, key: &str) -> String {
    let (of, cause) = key.split_once('.').unwrap_or(("group", key));
    t(lang, &format!("drg_failures_{of}.{cause}")).to_owned()
}

async fn lay_out(app: &App, visitor: &Visitor, form: Form) -> Result<QuarterPage, Problem> {
    let quarter = asked_quarter(&form, app)?;
    let ui = Ui::new(app, visitor, "drg_quarter.title").await;
    let view = view(app, visitor, &ui, quarter).await?;
    let this = Quarter::of(time::day(app.now()));
    let mut quarters: Vec<String> = std::iter::successors(Some(this), |quarter| Some(quarter.before()))
        .take(QUARTER_COUNT)
        .map(|quarter| quarter.to_string())
        .collect();
    if !quarters.contains(&view.quarter) {
        quarters.push(view.quarter.clone());
    }
    Ok(QuarterPage {
        quarters: quarters.into_iter().map(|quarter| (quarter.clone(), quarter)).collect(),
        can_write: visitor.may("drg.quarter.write"),
        columns: &COLUMNS,
        view,
        form,
        ui,
    })
}

async fn show(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    page(&lay_out(&app, &visitor, form).await?)
}

async fn print(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let quarter = asked_quarter(&form, &app)?;
    let ui = Ui::new(&app, &visitor, "drg_quarter.print_title").await;
    let view = view(&app, &visitor, &ui, quarter).await?;
    page(&PrintPage { view, columns: &COLUMNS, person: visitor.actor.name.clone(), ui })
}

async fn export(State(app): State<App>, visitor: Visitor, Asked(form): Asked) -> Answer {
    let quarter = asked_quarter(&form, &app)?;
    let ui = Ui::new(&app, &visitor, "drg_quarter.title").await;
    let view = view(&app, &visitor, &ui, quarter).await?;
    let bytes = sheet::write(visitor.lang, &view).map_err(Problem::failed)?;
    let name = format!("attachment; filename=\"drg-{quarter}.xlsx\"");
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// The page of a quarter.
pub(super) fn address(quarter: &str) -> String {
    format!("{PATH}{}", query(&[("quarter", quarter)]))
}

async fn freeze(State(app): State<App>, visitor: Visitor, form: Form) -> Answer {
    let quarter = asked_quarter(&form, &app)?;
    let institution = own(&app, &visitor)?;
    let pack = live(&app, &visitor, quarter).await?.pack.canonical().map_err(Problem::failed)?;
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            analysis_acts::freeze(cx, institution, quarter, pack).await?;
            Ok::<_, Error>(address(&quarter.to_string()))
        })
    })
    .await?;
    redirect(&to)
}

async fn add_entry(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let quarter = asked_quarter(&form, &app)?;
    let body = form.required("body", TEXT_LENGTH_MAX);
    let is_action = form.value("kind") == "action";
    let action = if is_action {
        let (owner, due) = (form.required("owner", LINE_LENGTH_MAX), form.day("due_on"));
        Some((owner, due))
    } else {
        None
    };
    if !form.is_valid() {
        return invalid(&lay_out(&app, &visitor, form).await?);
    }
    let frozen = {
        let mut reader = app.platform().store.read().await?;
        rows::frozen(&mut reader, own(&app, &visitor)?, &quarter.to_string()).await?
    };
    let frozen = frozen.ok_or(Problem::NotFound)?.id;
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            analysis_acts::add_entry(cx, frozen, body, action).await?;
            Ok::<_, Error>(address(&quarter.to_string()))
        })
    })
    .await?;
    redirect(&to)
}

async fn finish(State(app): State<App>, visitor: Visitor, Path(entry): Path<String>, form: Form) -> Answer {
    let entry = entry.parse().map_err(|_| Problem::NotFound)?;
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let quarter = analysis_acts::finish(cx, entry).await?;
            Ok::<_, Error>(address(&quarter))
        })
    })
    .await?;
    redirect(&to)
}
