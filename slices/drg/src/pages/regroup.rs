//! Stays of a period under another scheme or tariff: the form, the progress while it runs, what changes and why.
//!
//! INVARIANT: a figure and the list it opens come from the same lines with the same condition.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderName;
use axum::response::IntoResponse as _;
use rust_xlsxwriter::Workbook;
use yiti_directory::InstitutionId;
use yiti_kernel::{Date, Fen, time};
use yiti_web::words::t;
use yiti_web::{
    Access, Answer, App, Asked, Form, MenuItem, Pager, Problem, Slice, Ui, Visitor, act_once, invalid, page, query,
    redirect,
};

use super::settlement::{conflict, nodes, portion, workbook};
use super::settlement_sheet::{Cell, table};
use super::shared;
use crate::regroup::{Changed, Kind, Side, Totals};
use crate::regrouping::{self, Error, Order};
use crate::settings::Definitions;
use crate::store_regroup::{self as store, LineFilter, LineRow, Move, Progress, RegroupRunId, RunRow};

const PATH: &str = "/drg/regroup";
const PAGE_SIZE: usize = 30;
/// In an address: every stay whose group changes.
const MOVED: &str = "moved";
/// Ways from group to group that the page shows.
const MOVES_MAX: u32 = 50;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let regroup = Access::Permission("drg.regroup");
    slice
        .get(PATH, regroup, list)
        .post(PATH, regroup, start)
        .get("/drg/regroup/{id}", regroup, show)
        .get("/drg/regroup/{id}/progress", regroup, progress)
        .get("/drg/regroup/{id}/cases", regroup, cases)
        .get("/drg/regroup/{id}/export", regroup, export)
        .post("/drg/regroup/{id}/cancel", regroup, cancel)
        .menu(&[MenuItem {
            key: "regroup",
            group: "drg",
            path: PATH,
            permission: "drg.regroup",
            icon: "arrows-exchange",
        }])
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let key = error.key();
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Store(yiti_store::Error::Stale) => conflict("regroup_error.not_running"),
            Error::Store(error) => error.into(),
            Error::Busy(_) | Error::NotRunning => conflict(key),
            Error::NoScheme(_) | Error::NoPack { .. } | Error::Period | Error::Nothing => Self::refused(key),
            Error::Grouping(_) => Self::failed(error),
        }
    }
}

/// One comparison in the list.
struct Row {
    href: String,
    place: String,
    period: String,
    scheme: String,
    pack: String,
    status: &'static str,
    done: u32,
    stays: u32,
    changed: u32,
    started: String,
}

#[derive(Template)]
#[template(path = "drg_regroup.html")]
struct ListPage {
    ui: Ui,
    form: Form,
    nodes: Vec<(String, String)>,
    schemes: Vec<(String, String)>,
    packs: Vec<(String, String)>,
    rows: Vec<Row>,
}

async fn list(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let today = time::day(app.now());
    let from = today.yesterday().unwrap_or(today);
    let from = Date::new(from.year() - 1, from.month(), 1).unwrap_or(from).to_string();
    let until = today.first_of_month().yesterday().unwrap_or(today).to_string();
    let node = nodes(&app, &visitor).first().map(|(id, _)| id.clone()).unwrap_or_default();
    let or = |name: &str, otherwise: String| match asked.value(name) {
        "" => otherwise,
        value => value.to_owned(),
    };
    let (node, from, until) = (or("institution", node), or("from", from), or("until", until));
    let values = [
        ("institution", node.as_str()),
        ("from", &from),
        ("until", &until),
        ("scheme", asked.value("scheme")),
        ("pack", asked.value("pack")),
    ];
    page(&list_page(&app, &visitor, Form::filled(&values)).await?)
}

async fn list_page(app: &App, visitor: &Visitor, form: Form) -> Result<ListPage, Problem> {
    let ui = Ui::new(app, visitor, "regroup.title").await;
    let definitions = app.platform().kit.get::<Definitions>();
    let tree = app.platform().tree();
    let mut reader = app.platform().store.read().await?;
    let runs = store::runs(&mut reader, visitor.actor.scope, regrouping::process()).await?;
    drop(reader);
    let rows = runs.iter().map(|run| Row {
        href: format!("{PATH}/{}", run.id),
        place: tree.short_name(run.institution).to_owned(),
        period: period(&ui, run),
        scheme: scheme_name(&definitions, &run.scheme),
        pack: pack_name(&ui, &definitions, &run.pack),
        status: run.progress.key(),
        done: run.done_count,
        stays: run.stay_count,
        changed: run.changed_count,
        started: format!("{} {}", run.started_name, ui.short_time(&run.started_at)),
    });
    // A tariff whose scheme is not there cannot be asked for.
    let usable = definitions.book.packs().iter().filter(|pack| definitions.schemes.get(pack.scheme()).is_some());
    let packs = usable.map(|pack| {
        let words =
            format!("{} ({})", pack_name(&ui, &definitions, pack.id()), scheme_name(&definitions, pack.scheme()));
        (pack.id().to_owned(), words)
    });
    Ok(ListPage {
        nodes: nodes(app, visitor),
        schemes: definitions
            .schemes
            .entries()
            .map(|one| (one.id.clone(), scheme_name(&definitions, &one.id)))
            .collect(),
        packs: packs.collect(),
        rows: rows.collect(),
        form,
        ui,
    })
}

fn period(ui: &Ui, run: &RunRow) -> String {
    ui.t_with("regroup.period", &[("from", &run.from_on.to_string()), ("until", &run.until_on.to_string())])
}

fn scheme_name(definitions: &Definitions, id: &str) -> String {
    let name = definitions.schemes.get(id).map(|scheme| scheme.definition().title.clone());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_owned())
}

fn pack_name(ui: &Ui, definitions: &Definitions, id: &str) -> String {
    definitions.pack(id).map_or_else(
        || if id.is_empty() { ui.t("regroup.groups_only").to_owned() } else { id.to_owned() },
        |pack| match ui.lang {
            yiti_kernel::Lang::Zh => pack.title().zh.clone(),
            yiti_kernel::Lang::En => pack.title().en.clone(),
        },
    )
}

async fn start(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let institution: Option<InstitutionId> = form.needed("institution");
    let mut day = |name: &str| {
        let day = form.day(name);
        if day.is_none() {
            form.errors.add(name, "form.required", &[]);
        }
        day
    };
    let (from, until) = (day("from"), day("until"));
    let definitions = app.platform().kit.get::<Definitions>();
    let pack = form.text("pack", 100);
    // A tariff brings its scheme when none is chosen.
    let scheme = match (form.text("scheme", 100), definitions.pack(&pack)) {
        (scheme, Some(pack)) if scheme.is_empty() => pack.scheme().to_owned(),
        (scheme, _) => scheme,
    };
    if scheme.is_empty() {
        form.errors.add("scheme", "form.choose", &[]);
    }
    let (Some(institution), Some(from_on), Some(until_on), true) = (institution, from, until, form.is_valid()) else {
        return invalid(&list_page(&app, &visitor, form).await?);
    };
    let order = Order { id: RegroupRunId::fresh(), institution, from_on, until_on, scheme, pack };
    let id = order.id;
    let begun = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            regrouping::begin(cx, order).await?;
            Ok::<_, Error>(format!("{PATH}/{id}"))
        })
    });
    let to = match begun.await {
        Ok(to) => to,
        Err(error @ (Error::Busy(_) | Error::NoScheme(_) | Error::NoPack { .. } | Error::Period | Error::Nothing)) => {
            let field = match &error {
                Error::NoScheme(_) | Error::Busy(_) => "scheme",
                Error::NoPack { .. } => "pack",
                _ => "from",
            };
            let days = regrouping::DAYS_MAX.to_string();
            form.errors.add(field, error.key(), &[("days", &days)]);
            return invalid(&list_page(&app, &visitor, form).await?);
        }
        Err(error) => return Err(error.into()),
    };
    // The same form sent again leads to the comparison that it began the first time.
    if to == format!("{PATH}/{id}") {
        let run = run(&app, &visitor, id).await?;
        tokio::spawn(regrouping::work(app.platform().clone(), visitor.actor.clone(), run));
    }
    redirect(&to)
}

async fn run(app: &App, visitor: &Visitor, id: RegroupRunId) -> Result<RunRow, Problem> {
    let mut reader = app.platform().store.read().await?;
    Ok(store::run(&mut reader, visitor.actor.scope, regrouping::process(), id).await?)
}

/// Before and after of one figure.
struct Pair {
    words: String,
    before: String,
    after: String,
    change: String,
    tone: &'static str,
    note: String,
}

/// A kind of change with its count and its list.
struct KindShown {
    key: &'static str,
    words: String,
    count: u32,
    href: String,
}

/// A way from group to group.
struct MoveShown {
    before: String,
    before_name: String,
    after: String,
    after_name: String,
    count: u32,
    href: String,
    pay: String,
    tone: &'static str,
}

/// What changes at an institution.
struct SiteShown {
    name: String,
    count: u32,
    moved: u32,
    href: String,
    moved_href: String,
    pay: String,
    tone: &'static str,
}

/// The categories as a matrix: the letters of the columns, and a line for each letter before.
struct Matrix {
    columns: Vec<String>,
    lines: Vec<(String, Vec<(u32, String)>)>,
}

#[derive(Template)]
#[template(path = "drg_regroup_run.html")]
struct RunPage {
    ui: Ui,
    form: Form,
    id: RegroupRunId,
    run: RunRow,
    place: String,
    scheme: String,
    pack: String,
    status: &'static str,
    again: String,
    bar: Bar,
    kinds: Vec<KindShown>,
    all_href: String,
    pairs: Vec<Pair>,
    moves: Vec<MoveShown>,
    move_count: u32,
    matrix: Matrix,
    sites: Vec<SiteShown>,
    seconds: String,
}

/// How far it is.
struct Bar {
    live: String,
    words: String,
    done: u32,
    stays: u32,
    changed: u32,
    percent: u32,
}

#[derive(Template)]
#[template(path = "drg_regroup_bar.html")]
struct BarPart {
    bar: Bar,
}

fn bar(ui: &Ui, run: &RunRow) -> Bar {
    let [done, stays, changed] = [run.done_count, run.stay_count, run.changed_count].map(|count| count.to_string());
    let percent = u64::from(run.done_count) * 100 / u64::from(run.stay_count.max(1));
    Bar {
        live: format!("{PATH}/{}/progress", run.id),
        words: ui.t_with("regroup.so_far", &[("done", &done), ("stays", &stays), ("changed", &changed)]),
        done: run.done_count,
        stays: run.stay_count,
        changed: run.changed_count,
        percent: u32::try_from(percent.min(100)).unwrap_or(100),
    }
}

/// The part of the page that asks for itself while the comparison runs; when it is over, the page is opened anew.
async fn progress(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let run = run(&app, &visitor, shared::id(&id)?).await?;
    let answer = page(&BarPart { bar: bar(&Ui::plain(&app, visitor.look(), "regroup.title"), &run) })?;
    if run.progress == Progress::Running {
        return Ok(answer);
    }
    let to = format!("{PATH}/{}", run.id);
    Ok(([(HeaderName::from_static("hx-redirect"), to)], answer).into_response())
}

fn href(id: RegroupRunId, pairs: &[(&str, &str)]) -> String {
    format!("{PATH}/{id}/cases{}", query(pairs))
}

async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let run = run(&app, &visitor, shared::id(&id)?).await?;
    let id = run.id;
    let tree = app.platform().tree();
    let definitions = app.platform().kit.get::<Definitions>();
    let (moves, move_count, categories, sites) = {
        let mut reader = app.platform().store.read().await?;
        let (moves, count) = store::moves(&mut reader, id, MOVES_MAX).await?;
        (moves, count, store::categories(&mut reader, id).await?, store::sites(&mut reader, id).await?)
    };
    let ui = Ui::new(&app, &visitor, "regroup.title").await;
    let kinds = Kind::ALL.iter().map(|kind| KindShown {
        key: kind.key(),
        words: ui.word("regroup_kind", kind.key()),
        count: run.totals.kinds.get(kind.key()).copied().unwrap_or_default(),
        href: href(id, &[("kind", kind.key())]),
    });
    let again = [
        ("institution", run.institution.to_string()),
        ("from", run.from_on.to_string()),
        ("until", run.until_on.to_string()),
        ("scheme", run.scheme.clone()),
        ("pack", run.pack.clone()),
    ];
    let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let seconds = run.ended_at.map(time::second_text).unwrap_or_default();
    let names = Names { definitions: &definitions, scheme: &run.scheme };
    page(&RunPage {
        form: Form::blank(),
        place: tree.name(run.institution).to_owned(),
        scheme: scheme_name(&definitions, &run.scheme),
        pack: pack_name(&ui, &definitions, &run.pack),
        status: run.progress.key(),
        again: format!("{PATH}{}", query(&again)),
        bar: bar(&ui, &run),
        kinds: kinds.collect(),
        all_href: href(id, &[]),
        pairs: pairs(&ui, &run.totals, !run.pack.is_empty()),
        moves: moves.iter().map(|one| move_shown(&names, id, one)).collect(),
        move_count,
        matrix: matrix(id, &categories),
        sites: sites
            .iter()
            .map(|site| SiteShown {
                name: tree.short_name(site.institution).to_owned(),
                count: site.count,
                moved: site.moved,
                href: href(id, &[("unit", &site.institution.to_string())]),
                moved_href: href(id, &[("kind", MOVED), ("unit", &site.institution.to_string())]),
                pay: site.pay.map_or_else(|| "\u{2014}".to_owned(), |pay| shared::signed(Fen(pay))),
                tone: shared::tone(site.pay.map(Fen)),
            })
            .collect(),
        seconds,
        ui: ui.titled(format!("{} \u{b7} {}", tree.short_name(run.institution), period_of(&run))),
        id,
        run,
    })
}

fn period_of(run: &RunRow) -> String {
    format!("{} \u{2013} {}", run.from_on, run.until_on)
}

/// Names of groups: of the scheme in question, or of any that has the code.
struct Names<'d> {
    definitions: &'d Definitions,
    scheme: &'d str,
}

impl Names<'_> {
    fn of(&self, scheme: &str, drg: &str) -> String {
        self.definitions
            .schemes
            .get(scheme)
            .map_or_else(String::new, |scheme| crate::assess::name_of(scheme, drg).to_owned())
    }

    fn any(&self, drg: &str) -> String {
        let own = self.definitions.settings.regions.iter().map(|rule| rule.scheme.as_str());
        let mut names = own.chain([self.scheme]).map(|scheme| self.of(scheme, drg)).filter(|name| !name.is_empty());
        names.next().unwrap_or_default()
    }
}

fn move_shown(names: &Names<'_>, id: RegroupRunId, one: &Move) -> MoveShown {
    MoveShown {
        before_name: names.any(&one.before),
        after_name: names.of(names.scheme, &one.after),
        before: one.before.clone(),
        after: one.after.clone(),
        count: one.count,
        href: href(id, &[("before", &one.before), ("after", &one.after)]),
        pay: one.pay.map_or_else(|| "\u{2014}".to_owned(), |pay| shared::signed(Fen(pay))),
        tone: shared::tone(one.pay.map(Fen)),
    }
}

fn matrix(id: RegroupRunId, categories: &[(String, String, u32)]) -> Matrix {
    let columns: BTreeSet<&str> = categories.iter().map(|(_, after, _)| after.as_str()).collect();
    let mut lines: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for (before, after, count) in categories {
        lines.entry(before).or_default().insert(after, *count);
    }
    let line = |(before, cells): (&str, BTreeMap<&str, u32>)| {
        let cell = |after: &&str| {
            let href = href(id, &[("kind", MOVED), ("before", before), ("after", after)]);
            (cells.get(after).copied().unwrap_or_default(), href)
        };
        (before.to_owned(), columns.iter().map(cell).collect())
    };
    Matrix {
        lines: lines.into_iter().map(line).collect(),
        columns: columns.iter().map(|one| (*one).to_owned()).collect(),
    }
}

fn pairs(ui: &Ui, totals: &Totals, is_priced: bool) -> Vec<Pair> {
    let count = |key: &str, before: u32, after: u32| {
        let change = i64::from(after) - i64::from(before);
        Pair {
            words: ui.t(key).to_owned(),
            before: before.to_string(),
            after: after.to_string(),
            change: if change > 0 { format!("+{change}") } else { change.to_string() },
            tone: "",
            note: String::new(),
        }
    };
    let mut pairs = vec![count("regroup.grouped", totals.before.grouped, totals.after.grouped)];
    if !is_priced {
        return pairs;
    }
    let of = |key: &str, number: u32| ui.t_with(key, &[("count", &number.to_string())]);
    let (old, new) = (&totals.both_before, &totals.both_after);
    let weights = |side: &Side| (Some(side.weight_e6), side.case_mix_e6());
    let ((old_weight, old_cmi), (new_weight, new_cmi)) = (weights(old), weights(new));
    let weight = |key: &str, before: Option<i64>, after: Option<i64>| Pair {
        words: ui.t(key).to_owned(),
        before: shared::weight(before),
        after: shared::weight(after),
        change: before.zip(after).map_or_else(String::new, |(before, after)| shared::weight(Some(after - before))),
        tone: shared::tone(before.zip(after).map(|(before, after)| Fen(after - before))),
        note: of("regroup.of_weighed", old.weighed),
    };
    pairs.push(weight("regroup.case_mix", old_cmi, new_cmi));
    pairs.push(weight("regroup.weight", old_weight, new_weight));
    let change = Fen(new.pay.saturating_sub(old.pay));
    pairs.push(Pair {
        words: ui.t("regroup.pay").to_owned(),
        before: shared::yuan(Fen(old.pay)),
        after: shared::yuan(Fen(new.pay)),
        change: shared::signed(change),
        tone: shared::tone(Some(change)),
        note: of("regroup.of_priced", old.priced),
    });
    pairs.push(count("regroup.weighed", totals.before.weighed, totals.after.weighed));
    pairs.push(count("regroup.priced", totals.before.priced, totals.after.priced));
    pairs
}

/// One stay that changes.
struct CaseRow {
    href: String,
    number: String,
    patient: String,
    place: String,
    department: String,
    discharged: String,
    kind: String,
    before: String,
    before_name: String,
    after: String,
    after_name: String,
    weight_before: String,
    weight_after: String,
    pay_before: String,
    pay_after: String,
    pay: String,
    tone: &'static str,
    codes: Vec<String>,
    why_before: String,
    why_after: String,
}

#[derive(Template)]
#[template(path = "drg_regroup_cases.html")]
struct CasesPage {
    ui: Ui,
    back: String,
    what: String,
    count: u32,
    is_priced: bool,
    rows: Vec<CaseRow>,
    pager: Pager,
}

/// Diagnoses that count otherwise, in words.
fn codes(lang: yiti_kernel::Lang, changed: &Changed) -> Vec<String> {
    let word = |level: &str| t(lang, &format!("regroup_level.{level}")).to_owned();
    let told = changed.why.complications.iter().map(|(code, before, after)| {
        let (before, after) = (word(before), word(after));
        yiti_web::words::t_with(lang, "regroup.complication", &[("code", code), ("before", &before), ("after", &after)])
    });
    told.collect()
}

fn case_row(ui: &Ui, names: &Names<'_>, place: &str, line: &LineRow) -> CaseRow {
    let changed = &line.changed;
    let pay = |pay: Option<i64>| shared::yuan_or_dash(pay.map(Fen));
    let change = changed.pay_after.zip(changed.pay_before).map(|(after, before)| Fen(after.saturating_sub(before)));
    let sentence = |side: &BTreeMap<String, String>| side.get(ui.lang.tag()).cloned().unwrap_or_default();
    CaseRow {
        href: format!("/drg/stays/{}", changed.stay),
        number: changed.medical_record_number.clone(),
        patient: line.patient_name.clone(),
        place: place.to_owned(),
        department: changed.department.clone(),
        discharged: changed.discharged_on.to_string(),
        kind: ui.word("regroup_kind", changed.kind.key()),
        before_name: names.of(&changed.scheme_before, &changed.drg_before),
        before: changed.drg_before.clone(),
        after_name: names.of(names.scheme, &changed.drg_after),
        after: changed.drg_after.clone(),
        weight_before: shared::weight(changed.weight_before),
        weight_after: shared::weight(changed.weight_after),
        pay_before: pay(changed.pay_before),
        pay_after: pay(changed.pay_after),
        pay: change.map_or_else(|| "\u{2014}".to_owned(), shared::signed),
        tone: shared::tone(change),
        codes: codes(ui.lang, changed),
        why_before: sentence(&changed.why.before),
        why_after: sentence(&changed.why.after),
    }
}

async fn cases(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Asked(asked): Asked) -> Answer {
    let run = run(&app, &visitor, shared::id(&id)?).await?;
    let tree = app.platform().tree();
    let definitions = app.platform().kit.get::<Definitions>();
    let filter = LineFilter {
        kind: asked.value("kind").to_owned(),
        before: asked.value("before").to_owned(),
        after: asked.value("after").to_owned(),
        institution: asked.value("unit").parse().ok(),
    };
    let (lines, count, pager) = {
        let mut reader = app.platform().store.read().await?;
        let (_, count) = store::lines(&mut reader, run.id, &filter, (0, 0)).await?;
        let path = format!("{PATH}/{}/cases", run.id);
        let pager = Pager::new(&path, &asked, &["kind", "before", "after", "unit"], PAGE_SIZE, count as usize);
        (store::lines(&mut reader, run.id, &filter, portion(&pager)).await?.0, count, pager)
    };
    shared::journal_list(&app, &visitor, "regroup", lines.len(), visitor.here.clone()).await?;
    let ui = Ui::new(&app, &visitor, "regroup.cases").await;
    let names = Names { definitions: &definitions, scheme: &run.scheme };
    let row = |line: &LineRow| case_row(&ui, &names, tree.short_name(line.changed.institution), line);
    let rows = lines.iter().map(row).collect();
    let mut what = vec![period_of(&run), scheme_name(&definitions, &run.scheme)];
    what.extend(Kind::from_key(&filter.kind).map(|kind| ui.word("regroup_kind", kind.key())));
    what.extend((filter.kind == MOVED).then(|| ui.t("regroup.moved").to_owned()));
    if !filter.before.is_empty() || !filter.after.is_empty() {
        what.push(format!("{} \u{2192} {}", filter.before, filter.after));
    }
    what.extend(filter.institution.map(|node| tree.short_name(node).to_owned()));
    page(&CasesPage {
        back: format!("{PATH}/{}", run.id),
        what: what.join(" \u{b7} "),
        count,
        is_priced: !run.pack.is_empty(),
        rows,
        pager,
        ui,
    })
}

async fn cancel(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    let id: RegroupRunId = shared::id(&id)?;
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            regrouping::cancel(cx, id).await?;
            Ok::<_, Error>(format!("{PATH}/{id}"))
        })
    });
    redirect(&to.await?)
}

/// The workbook: before and after, the ways, and every stay that changes with why.
async fn export(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let run = run(&app, &visitor, shared::id(&id)?).await?;
    let tree = app.platform().tree();
    let (lines, moves) = {
        let mut reader = app.platform().store.read().await?;
        let (lines, _) = store::lines(&mut reader, run.id, &LineFilter::default(), (u32::MAX, 0)).await?;
        (lines, store::moves(&mut reader, run.id, u32::MAX).await?.0)
    };
    shared::journal_list(&app, &visitor, "regroup", lines.len(), visitor.here.clone()).await?;
    let ui = Ui::new(&app, &visitor, "regroup.title").await;
    let told = pairs(&ui, &run.totals, !run.pack.is_empty());
    let (lang, name) = (visitor.lang, format!("regroup-{}-{}", run.from_on, run.until_on));
    let work = move || {
        let words = |text: &str| Cell::Words(text.to_owned());
        let money = |pay: Option<i64>| pay.map_or_else(|| Cell::Words(String::new()), Cell::Fen);
        let weight = |weight: Option<i64>| weight.map_or_else(|| Cell::Words(String::new()), Cell::Millionths);
        let mut book = Workbook::new();
        let rows = told.iter().map(|pair| [&pair.words, &pair.before, &pair.after, &pair.change].map(|one| words(one)));
        let columns = ["regroup.what", "regroup.before", "regroup.after", "regroup.change"];
        table(&mut book, lang, "regroup.totals", &columns, rows.map(Vec::from))?;
        let rows = moves
            .iter()
            .map(|one| vec![words(&one.before), words(&one.after), Cell::Count(i64::from(one.count)), money(one.pay)]);
        let columns = ["regroup.before", "regroup.after", "regroup.stays", "regroup.pay_change"];
        table(&mut book, lang, "regroup.moves", &columns, rows)?;
        let rows = lines.iter().map(|line| {
            let changed = &line.changed;
            let side = |side: &BTreeMap<String, String>| words(side.get(lang.tag()).map_or("", String::as_str));
            vec![
                words(&changed.medical_record_number),
                words(&line.patient_name),
                words(tree.short_name(changed.institution)),
                words(&changed.department),
                words(&changed.discharged_on.to_string()),
                words(t(lang, &format!("regroup_kind.{}", changed.kind.key()))),
                words(&changed.drg_before),
                words(&changed.drg_after),
                weight(changed.weight_before),
                weight(changed.weight_after),
                money(changed.pay_before),
                money(changed.pay_after),
                words(&codes(lang, changed).join("; ")),
                side(&changed.why.before),
                side(&changed.why.after),
            ]
        });
        let columns = [
            "settlement.number",
            "settlement.patient_name",
            "settlement.institution",
            "settlement.department",
            "settlement.discharged",
            "regroup.kind",
            "regroup.before",
            "regroup.after",
            "regroup.weight_before",
            "regroup.weight_after",
            "regroup.pay_before",
            "regroup.pay_after",
            "regroup.complications",
            "regroup.why_before",
            "regroup.why_after",
        ];
        table(&mut book, lang, "regroup.cases", &columns, rows)?;
        book.save_to_buffer()
    };
    let bytes = tokio::task::spawn_blocking(work).await.map_err(Problem::failed)?.map_err(Problem::failed)?;
    Ok(workbook(&name, bytes))
}
