//! A file of front pages into the record: whole or not at all as a file, row by row as pages, in bounded acts, and the
//! same again when it is repeated. Every import is kept with what came of it ([`crate::store`]).

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use yiti_directory::{Actor, Cx, Forbidden, InstitutionId, Kit, Platform};
use yiti_drg::check::{Checks, Severity};
use yiti_drg::codes::Packed;
use yiti_drg::columns::Standard;
use yiti_drg::regrouping::process;
use yiti_kernel::Lang;
use yiti_record::front_page::{self, FrontPage, Refused, Saved, Source, Status};
use yiti_store::{Digest, Error, NewBlob};

use crate::overlay::overlay;
use crate::read::{self, FileFault, Item, Limits, Opened, Place, Problem, Trouble, shown};
use crate::report::{Blocked, Counts, ImportReport, NAMED_MAX, RepairLine, RuleLine, Summary};
use crate::store::{self, Arrived, ImportId, ImportRow, Progress};
use crate::words;

/// Pages of one act.
const BATCH: usize = 100;

/// What reading needs besides the file.
#[derive(Clone)]
pub struct Import {
    /// Columns and rules.
    pub checks: Arc<Checks>,
    /// Code tables.
    pub codes: Arc<Packed>,
    /// Bounds.
    pub limits: Limits,
    /// The form the file is said to have; `None`: it is told by its content.
    pub form: Option<Standard>,
}

impl Import {
    /// With the tables of the platform and the usual bounds.
    #[must_use]
    pub fn new(kit: &Kit, form: Option<Standard>) -> Self {
        Self { checks: kit.get(), codes: kit.get(), limits: Limits::default(), form }
    }
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

/// A file that was read to its end and can be imported.
pub struct Whole {
    name: String,
    digest: Digest,
    byte_count: u64,
    opened: Opened,
}

impl Whole {
    /// Reads a file to its end, on a thread of its own.
    ///
    /// # Errors
    /// [`ImportFault::File`] says why it is refused.
    pub async fn open(name: &str, bytes: Bytes, import: &Import) -> Result<Self, ImportFault> {
        let (name, import) = (name.to_owned(), import.clone());
        let work = move || {
            let (digest, byte_count) = (Digest::of(&bytes), bytes.len() as u64);
            let opened = read::open(&name, bytes, import.form, &import.checks, import.limits)?;
            Ok(Self { name, digest, byte_count, opened })
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| ImportFault::Stopped)?
    }

    /// What is to be imported, with a fresh identifier.
    #[must_use]
    pub fn order(&self, institution: InstitutionId) -> Order {
        Order {
            id: ImportId::fresh(),
            institution,
            file_name: self.name.clone(),
            file_digest: self.digest,
            file_bytes: self.byte_count,
            standard: self.opened.standard(),
            total_count: self.opened.row_count(),
        }
    }
}

/// What is to be imported where.
#[derive(Debug, Clone)]
pub struct Order {
    /// The identifier that the import gets.
    pub id: ImportId,
    /// The institution of the stays.
    pub institution: InstitutionId,
    /// Name of the file.
    pub file_name: String,
    /// SHA-256 of the file.
    pub file_digest: Digest,
    /// Its length.
    pub file_bytes: u64,
    /// Its form.
    pub standard: Standard,
    /// Its rows.
    pub total_count: u64,
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
    let whole = Whole::open(name, bytes, import).await?;
    let order = whole.order(institution);
    let id = order.id;
    platform.act(actor, move |cx| Box::pin(async move { begin(cx, order).await })).await?;
    work(platform, actor, (id, institution), whole, import).await
}

/// Keeps that an import begins; [`work`] does it.
///
/// # Errors
/// [`ImportFault::Forbidden`], or whatever the store says.
pub async fn begin(cx: &mut Cx<'_>, order: Order) -> Result<(), ImportFault> {
    cx.allow("front_page.import", order.institution)?;
    let detail = json!({
        "file": order.file_name,
        "digest": order.file_digest.to_string(),
        "bytes": order.file_bytes,
        "form": order.standard.key(),
        "rows": order.total_count,
        "institution": order.institution.to_string(),
    });
    let row = ImportRow {
        id: order.id,
        institution: order.institution,
        file_name: order.file_name,
        file_digest: order.file_digest,
        file_bytes: order.file_bytes,
        standard: order.standard,
        progress: Progress::Running,
        total_count: order.total_count,
        counts: Counts::default(),
        summary: Summary::default(),
        started_by: cx.actor.person,
        started_name: cx.actor.name.clone(),
        started_at: cx.now,
        ended_at: None,
    };
    store::add(cx.tx, &row, process()).await?;
    Ok(cx.journal("front_page.import", ("front_page_import", Some(row.id.0)), None, detail).await?)
}

/// Works on an import until it is done or fails, which its row then says.
///
/// # Errors
/// [`ImportFault`].
pub async fn work(
    platform: &Platform,
    actor: &Arc<Actor>,
    (id, institution): (ImportId, InstitutionId),
    whole: Whole,
    import: &Import,
) -> Result<ImportReport, ImportFault> {
    let done = match portions(platform, actor, (id, institution), whole, import).await {
        Ok(report) => finish(platform, actor, id, report).await,
        Err(error) => Err(error),
    };
    if done.is_err() {
        let failed = platform.act(actor, move |cx| Box::pin(async move { store::fail(cx.tx, id, cx.now).await })).await;
        if let Err(error) = failed {
            tracing::error!(%error, import = %id, "that an import failed could not be kept");
        }
    }
    done
}

async fn portions(
    platform: &Platform,
    actor: &Arc<Actor>,
    (id, institution): (ImportId, InstitutionId),
    whole: Whole,
    import: &Import,
) -> Result<ImportReport, ImportFault> {
    let (standard, source) = (whole.opened.standard(), whole.opened.source());
    let mut report = ImportReport::new(&whole.opened);
    let (sender, mut batches) = tokio::sync::mpsc::channel(2);
    let reading = import.clone();
    let reader = tokio::task::spawn_blocking(move || read_all(&reading, whole.opened, &sender));
    while let Some(batch) = batches.recv().await {
        let Batch { rows, refused, blocked, repairs, rules } = batch;
        let mut counts = report.counts;
        counts.rows += (rows.len() as u64) + refused.0;
        counts.refused += refused.0;
        counts.blocked += blocked.0;
        name_some(&mut report.troubles, refused.1);
        name_some(&mut report.blocked, blocked.1);
        (report.repairs, report.rules) = (repairs, rules);
        let checks = import.checks.clone();
        let (counts, arrived, troubles) = platform
            .act(actor, move |cx| {
                Box::pin(async move {
                    let saved = save_all(cx, &checks, institution, (standard, source), rows).await?;
                    let (counts, arrived, troubles) = told(counts, saved);
                    store::advance(cx.tx, (id, process()), counts, &arrived).await?;
                    Ok::<_, ImportFault>((counts, arrived, troubles))
                })
            })
            .await?;
        report.counts = counts;
        name_some(&mut report.saved, arrived.iter().map(|one| one.page));
        name_some(&mut report.troubles, troubles);
    }
    reader.await.map_err(|_| ImportFault::Stopped)??;
    Ok(report)
}

/// What came of saved rows: counts, pages that are new or changed, rows that were refused after all.
fn told(mut counts: Counts, saved: Vec<(Place, Result<Saved, Problem>)>) -> (Counts, Vec<Arrived>, Vec<Trouble>) {
    let (mut arrived, mut troubles) = (Vec::new(), Vec::new());
    for (place, saved) in saved {
        match saved {
            Ok(Saved::New(page)) => {
                counts.new += 1;
                arrived.push(Arrived { place, page, version: 1 });
            }
            Ok(Saved::Version(page, version)) => {
                counts.versions += 1;
                arrived.push(Arrived { place, page, version });
            }
            Ok(Saved::Unchanged(_)) => counts.unchanged += 1,
            Err(problem) => {
                counts.refused += 1;
                let empty = String::new();
                troubles.push(Trouble { place, column: empty.clone(), title: empty.clone(), value: empty, problem });
            }
        }
    }
    (counts, arrived, troubles)
}

/// Keeps what came of an import, and its error file in every language.
async fn finish(
    platform: &Platform,
    actor: &Arc<Actor>,
    id: ImportId,
    report: ImportReport,
) -> Result<ImportReport, ImportFault> {
    let write = move || {
        let files =
            Lang::ALL.map(|lang| words::error_file(&report, lang).map(|file| (lang, NewBlob::new(file.into()))));
        (files, report)
    };
    let (files, report) = tokio::task::spawn_blocking(write).await.map_err(|_| ImportFault::Stopped)?;
    let files: Vec<(Lang, NewBlob)> = files.into_iter().flatten().collect();
    let digests: Vec<(Lang, Digest)> = files.iter().map(|(lang, blob)| (*lang, blob.digest())).collect();
    let blobs = files.into_iter().map(|(_, blob)| blob).collect();
    let (counts, summary) = (report.counts, Summary::of(&report));
    platform
        .act_at(platform.now(), actor, blobs, move |cx| {
            Box::pin(async move {
                store::finish(cx.tx, id, &summary, &digests, cx.now).await?;
                let detail = json!(counts);
                cx.journal("front_page.import.done", ("front_page_import", Some(id.0)), None, detail).await
            })
        })
        .await?;
    Ok(report)
}

fn name_some<T>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    let left = NAMED_MAX.saturating_sub(list.len());
    list.extend(more.into_iter().take(left));
}

/// Severity, rule and field: what pages are counted by.
type RuleKey = (Severity, &'static str, String);

#[derive(Default)]
struct Batch {
    rows: Vec<(Place, FrontPage)>,
    /// How many rows were refused, and why.
    refused: (u64, Vec<Trouble>),
    /// How many pages are blocked, and by what.
    blocked: (u64, Vec<Blocked>),
    /// All mends so far.
    repairs: Vec<RepairLine>,
    /// All broken rules so far.
    rules: Vec<RuleLine>,
}

/// Reads the file on a thread of its own and hands over batches; a slow store makes it wait.
fn read_all(import: &Import, mut opened: Opened, sender: &tokio::sync::mpsc::Sender<Batch>) -> Result<(), FileFault> {
    let codes = import.codes.get();
    let standard = opened.standard();
    let mut repairs: BTreeMap<(read::RepairKind, String), RepairLine> = BTreeMap::new();
    for kind in opened.repairs() {
        repairs.insert((kind, String::new()), RepairLine::of_file(kind));
    }
    let mut rules: BTreeMap<RuleKey, RuleLine> = BTreeMap::new();
    let mut batch = Batch::default();
    let mut stays: HashMap<(String, u32, String), (Place, u64)> = HashMap::new();
    let mut is_open = true;
    let send = |batch: &mut Batch, repairs: &BTreeMap<_, RepairLine>, rules: &BTreeMap<_, RuleLine>| {
        batch.repairs = repairs.values().cloned().collect();
        batch.rules = rules.values().cloned().collect();
        sender.blocking_send(std::mem::take(batch)).is_ok()
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
                for found in &findings {
                    let key = (found.severity, found.rule, found.label.clone());
                    // A page counts once, whatever the places of the same list.
                    rules.entry(key).or_insert_with(|| RuleLine::first(found, place)).count(place);
                }
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
            is_open = send(&mut batch, &repairs, &rules);
        }
        if is_open { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if is_open {
        send(&mut batch, &repairs, &rules);
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
    (standard, source): (Standard, Source),
    rows: Vec<(Place, FrontPage)>,
) -> Result<Vec<(Place, Result<Saved, Problem>)>, ImportFault> {
    cx.allow("front_page.import", institution)?;
    let scope = cx.actor.scope;
    let mut all = Vec::with_capacity(rows.len());
    for (place, mut page) in rows {
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
        let saved = match front_page::save(cx, institution, &page, source).await {
            Ok(saved) => {
                if !matches!(saved, Saved::Unchanged(_)) {
                    yiti_drg::actions::front_page_saved(cx, saved.id()).await?;
                }
                Ok(saved)
            }
            Err(Refused::Store(error)) => return Err(error.into()),
            Err(Refused::Unnamed) => Err(Problem::NoRecordNumber),
            Err(Refused::AlreadyFinal) => Err(Problem::AlreadyFinal),
        };
        all.push((place, saved));
    }
    Ok(all)
}
