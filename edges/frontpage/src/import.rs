//! A file of front pages into the record: whole or not at all as a file, row by row as pages, in bounded acts, and the
//! same again when it is repeated.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use yiti_directory::{Actor, Cx, Forbidden, InstitutionId, Platform};
use yiti_drg::check::{Checks, Severity};
use yiti_drg::codes::Packed;
use yiti_drg::columns::Standard;
use yiti_record::front_page::{self, FrontPage, FrontPageId, Refused, Saved, Source, Status};
use yiti_store::Error;

use crate::overlay::overlay;
use crate::read::{self, FileFault, Item, Limits, Place, Problem, RepairKind, Trouble, shown};

/// Pages of one act.
const BATCH: usize = 100;
/// Troubles and blocked pages that a report names one by one; the others are counted.
pub const NAMED_MAX: usize = 10_000;

/// What reading needs besides the file.
#[derive(Clone)]
pub struct Import {
    /// Columns and rules.
    pub checks: Arc<Checks>,
    /// Code tables.
    pub codes: Arc<Packed>,
    /// Bounds.
    pub limits: Limits,
}

/// A mend that was done, how often, and one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairLine {
    /// What was done.
    pub kind: RepairKind,
    /// The column; empty for the page as a whole.
    pub column: String,
    /// How often.
    pub count: u64,
    /// The first row.
    pub place: Place,
    /// The cell there.
    pub before: String,
    /// What it became.
    pub after: String,
}

/// A page that was kept although it cannot be grouped as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The row.
    pub place: Place,
    /// Number of the medical record.
    pub medical_record_number: String,
    /// The rule; its words are `front_page.rule.<rule>.reason` and `….remedy`.
    pub rule: &'static str,
    /// The column.
    pub column: String,
    /// Its title.
    pub title: String,
    /// facts: [fact]
    pub facts: Vec<(&'static str, String)>,
}

/// What came of a file.
#[derive(Debug, Clone)]
pub struct ImportReport {
    /// The form that was recognised.
    pub standard: Standard,
    /// Rows read.
    pub row_count: u64,
    /// Stays not known before.
    pub new_count: u64,
    /// Pages that were there with the same content.
    pub unchanged_count: u64,
    /// Pages that got a new version.
    pub version_count: u64,
    /// Rows refused.
    pub refused_count: u64,
    /// Pages kept that cannot be grouped as they are.
    pub blocked_count: u64,
    /// Why rows were refused, the first ones.
    pub troubles: Vec<Trouble>,
    /// What blocks the grouping of kept pages, the first ones.
    pub blocked: Vec<Blocked>,
    /// What was mended, by kind and column.
    pub repairs: Vec<RepairLine>,
    /// Columns that no form names.
    pub unknown_columns: Vec<String>,
    /// Pages that were new or got a version, in the order of the file, as far as they are named.
    pub saved: Vec<FrontPageId>,
}

/// Why nothing was imported, or why an import ended early. What came before the end is kept and is unchanged next time.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// The file is refused as a whole; nothing was kept.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The actor may not import there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// A page was kept and could not be grouped.
    #[error(transparent)]
    Grouping(yiti_drg::Error),
    /// The reader stopped.
    #[error("the reader of the file stopped")]
    Stopped,
}

impl From<yiti_drg::Error> for ImportFault {
    fn from(error: yiti_drg::Error) -> Self {
        match error {
            yiti_drg::Error::Store(error) => Self::Store(error),
            other => Self::Grouping(other),
        }
    }
}

/// Imports a file for an institution. The actor needs `front_page.import` there.
///
/// # Errors
/// [`ImportFault`].
pub async fn import(
    platform: &Platform,
    actor: &Arc<Actor>,
    institution: InstitutionId,
    name: &str,
    bytes: Bytes,
    import: &Import,
) -> Result<ImportReport, ImportFault> {
    if !actor.may("front_page.import") || !platform.tree().reaches(actor.scope, institution) {
        return Err(Forbidden { permission: "front_page.import" }.into());
    }
    let (sender, mut batches) = tokio::sync::mpsc::channel(2);
    let (reading, name) = (import.clone(), name.to_owned());
    let reader = tokio::task::spawn_blocking(move || read_all(&reading, &name, bytes, &sender));
    let mut report: Option<ImportReport> = None;
    while let Some(message) = batches.recv().await {
        let batch = match message {
            FromReader::Opened(opened) => {
                report = Some(*opened);
                continue;
            }
            FromReader::Batch(batch) => batch,
        };
        let Some(report) = &mut report else { return Err(ImportFault::Stopped) };
        let Batch { rows, refused, blocked, repairs } = batch;
        report.row_count += (rows.len() as u64) + refused.0;
        report.refused_count += refused.0;
        name_some(&mut report.troubles, refused.1);
        report.blocked_count += blocked.0;
        name_some(&mut report.blocked, blocked.1);
        report.repairs = repairs;
        let (source, standard) = (source_of(report.standard), report.standard);
        let checks = import.checks.clone();
        let places: Vec<Place> = rows.iter().map(|(place, _)| *place).collect();
        let saved = platform
            .act(actor, move |cx| {
                Box::pin(async move { save_all(cx, &checks, institution, standard, source, rows).await })
            })
            .await?;
        for (saved, place) in saved.into_iter().zip(places) {
            match saved {
                Ok(Saved::New(id)) => {
                    report.new_count += 1;
                    name_some(&mut report.saved, [id]);
                }
                Ok(Saved::Version(id, _)) => {
                    report.version_count += 1;
                    name_some(&mut report.saved, [id]);
                }
                Ok(Saved::Unchanged(_)) => report.unchanged_count += 1,
                Err(problem) => {
                    report.refused_count += 1;
                    let empty = String::new();
                    let trouble = Trouble { place, column: empty.clone(), title: empty.clone(), value: empty, problem };
                    name_some(&mut report.troubles, [trouble]);
                }
            }
        }
    }
    reader.await.map_err(|_| ImportFault::Stopped)??;
    report.ok_or(ImportFault::Stopped)
}

fn name_some<T>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    let left = NAMED_MAX.saturating_sub(list.len());
    list.extend(more.into_iter().take(left));
}

fn source_of(standard: Standard) -> Source {
    match standard {
        Standard::Hqms | Standard::HqmsExtension | Standard::HqmsChinese => Source::Hqms,
        Standard::Settlement4101 | Standard::Settlement4101A => Source::SettlementList,
        Standard::Plain => Source::Table,
    }
}

enum FromReader {
    Opened(Box<ImportReport>),
    Batch(Batch),
}

#[derive(Default)]
struct Batch {
    rows: Vec<(Place, FrontPage)>,
    /// How many rows were refused, and why.
    refused: (u64, Vec<Trouble>),
    /// How many pages are blocked, and by what.
    blocked: (u64, Vec<Blocked>),
    /// All mends so far.
    repairs: Vec<RepairLine>,
}

/// Reads the file on a thread of its own and hands over batches; a slow store makes it wait.
fn read_all(
    import: &Import,
    name: &str,
    bytes: Bytes,
    sender: &tokio::sync::mpsc::Sender<FromReader>,
) -> Result<(), FileFault> {
    let codes = import.codes.get();
    let mut opened = read::open(name, bytes, &import.checks, import.limits)?;
    let standard = opened.standard();
    let mut repairs: BTreeMap<(RepairKind, String), RepairLine> = BTreeMap::new();
    for kind in opened.repairs() {
        let (column, before, after) = (String::new(), String::new(), String::new());
        let line = RepairLine { kind, column: String::new(), count: 1, place: Place(1), before, after };
        repairs.insert((kind, column), line);
    }
    let report = ImportReport {
        standard,
        row_count: 0,
        new_count: 0,
        unchanged_count: 0,
        version_count: 0,
        refused_count: 0,
        blocked_count: 0,
        troubles: Vec::new(),
        blocked: Vec::new(),
        repairs: repairs.values().cloned().collect(),
        unknown_columns: opened.unknown_columns().iter().take(NAMED_MAX).cloned().collect(),
        saved: Vec::new(),
    };
    if sender.blocking_send(FromReader::Opened(Box::new(report))).is_err() {
        return Ok(());
    }
    let mut batch = Batch::default();
    let mut stays: HashMap<(String, u32, String), (Place, u64)> = HashMap::new();
    let mut is_open = true;
    let send = |batch: &mut Batch, repairs: &BTreeMap<_, RepairLine>| {
        batch.repairs = repairs.values().cloned().collect();
        sender.blocking_send(FromReader::Batch(std::mem::take(batch))).is_ok()
    };
    opened.each(&import.checks, codes, |item| {
        match item {
            Item::Refused(troubles) => {
                batch.refused.0 += 1;
                batch.refused.1.extend(troubles);
            }
            Item::Page { place, page, repairs: done } => {
                let day = page.admitted_on().filter(|_| page.admission_count == 0);
                let day = day.map(|day| day.to_string()).unwrap_or_default();
                let stay = (page.medical_record_number.clone(), page.admission_count, day);
                let content = fingerprint(&page);
                match stays.get(&stay) {
                    Some((first, known)) if *known != content => {
                        batch.refused.0 += 1;
                        batch.refused.1.push(Trouble {
                            place,
                            column: String::new(),
                            title: String::new(),
                            value: shown(&page.medical_record_number),
                            problem: Problem::StayTwice { first: *first },
                        });
                        return ControlFlow::Continue(());
                    }
                    Some(_) => {}
                    None => drop(stays.insert(stay, (place, content))),
                }
                for repair in done {
                    repairs
                        .entry((repair.kind, repair.column.clone()))
                        .and_modify(|line| line.count += 1)
                        .or_insert_with(|| RepairLine {
                            kind: repair.kind,
                            column: repair.column,
                            count: 1,
                            place,
                            before: repair.before,
                            after: repair.after,
                        });
                }
                let findings = import.checks.check(&page, standard, codes, None);
                let mut blocks =
                    findings.into_iter().filter(|found| found.severity == Severity::BlocksGrouping).peekable();
                if blocks.peek().is_some() {
                    batch.blocked.0 += 1;
                    batch.blocked.1.extend(blocks.take(20).map(|found| Blocked {
                        place,
                        medical_record_number: shown(&page.medical_record_number),
                        rule: found.rule,
                        column: found.column,
                        title: found.title,
                        facts: found.facts,
                    }));
                }
                batch.rows.push((place, *page));
            }
        }
        if batch.rows.len() >= BATCH || batch.refused.1.len() >= BATCH * 10 {
            is_open = send(&mut batch, &repairs);
        }
        if is_open { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if is_open {
        send(&mut batch, &repairs);
    }
    Ok(())
}

/// Tells equal contents within one file.
fn fingerprint(page: &FrontPage) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(page).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

async fn save_all(
    cx: &mut Cx<'_>,
    checks: &Checks,
    institution: InstitutionId,
    standard: Standard,
    source: Source,
    rows: Vec<(Place, FrontPage)>,
) -> Result<Vec<Result<Saved, Problem>>, ImportFault> {
    cx.allow("front_page.import", institution)?;
    let scope = cx.actor.scope;
    let mut all = Vec::with_capacity(rows.len());
    for (_, mut page) in rows {
        if page.admission_count == 0 {
            let number = page.medical_record_number.clone();
            page.admission_count = front_page::count_of_stay(cx.tx, institution, &number, page.admitted_on()).await?;
        }
        let (number, count) = (page.medical_record_number.clone(), page.admission_count);
        if let Some(id) = front_page::by_number(cx.tx, scope, institution, &number, count).await? {
            let known = front_page::current(cx.tx, scope, id).await?;
            page = overlay(&checks.columns, standard, &known.page, page);
            if known.page.status == Status::Final {
                // A final page stays final, whatever a narrower form says of the stay.
                page.status = Status::Final;
            }
        }
        all.push(match front_page::save(cx, institution, &page, source).await {
            Ok(saved) => {
                if !matches!(saved, Saved::Unchanged(_)) {
                    yiti_drg::actions::front_page_saved(cx, saved.id()).await?;
                }
                Ok(saved)
            }
            Err(Refused::Store(error)) => return Err(error.into()),
            Err(Refused::Unnamed) => Err(Problem::NoRecordNumber),
            Err(Refused::AlreadyFinal) => Err(Problem::AlreadyFinal),
        });
    }
    Ok(all)
}
