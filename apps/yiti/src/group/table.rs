//! Groups a whole table: answers into one file, refusals and repairs into another.

use std::ops::ControlFlow;
use std::path::Path;

use chs_drg::{Answer, Complication, Outcome, Scheme, Ungrouped, Weighed};
use sheet::{Batch, Progress, Sheet};

use super::columns::{Field, Found, Names, is_hqms};
use super::failure::Failure;
use super::output::{Pending, cell, cell_for_people, errors_path, is_same, remove};
use super::pages::Pages;
use super::pipeline;
use super::progress::Line;
use super::repair::Repairer;
use super::stay::{Note, Reason, Severity, Stay, Taker, Tongue};

/// What became of the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// All rows that are not blank.
    pub(crate) rows: u64,
    /// With a DRG, or the ADRG where the scheme answers that.
    pub(crate) grouped: u64,
    /// With a QY code.
    pub(crate) ambiguous: u64,
    /// With 0000.
    pub(crate) ungrouped: u64,
    /// Not grouped.
    pub(crate) refused: u64,
    /// Grouped with something put right.
    pub(crate) repaired: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.rows += other.rows;
        self.grouped += other.grouped;
        self.ambiguous += other.ambiguous;
        self.ungrouped += other.ungrouped;
        self.refused += other.refused;
        self.repaired += other.repaired;
    }
}

/// The word of an outcome in the column `status`.
#[must_use]
pub(crate) fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Drg { .. } => "grouped",
        Outcome::AdrgOnly { .. } => "adrg",
        Outcome::Ambiguous { .. } => "ambiguous",
        Outcome::Ungrouped(Ungrouped::PrincipalRefused) => "principal_refused",
        Outcome::Ungrouped(Ungrouped::NoMdc) => "no_mdc",
        Outcome::Ungrouped(Ungrouped::NoStep) => "no_step",
        Outcome::Ungrouped(Ungrouped::Faulty) => "refused",
    }
}

/// Header of the answers.
pub(crate) const HEADER: &str = "id,mdc,adrg,drg,cc,mcc,status";
const ERRORS_HEADER: &str = "\u{feff}row,id,severity,field,value,reason,remedy\n";

/// A table of stays.
pub(crate) enum Source {
    /// The plain table.
    Plain(Box<Sheet>, Box<Found>),
    /// Front pages in a form of their own.
    Pages(Box<Pages>),
}

impl Source {
    /// Opens a table and finds out which it is.
    ///
    /// # Errors
    /// It is no table, or a column that must be there is not.
    pub(crate) fn open(input: &Path, names: &Names) -> Result<Source, Failure> {
        let table = match Sheet::open(input) {
            // Settlement lists are messages, not tables.
            Err(fault) if fault.problem == (sheet::Problem::NotATable { what: "JSON" }) => {
                return Ok(Source::Pages(Box::new(Pages::open(input)?)));
            }
            other => other?,
        };
        let found = names.find(table.columns());
        for field in [Field::Id, Field::Dx] {
            if found.column(field).is_none() {
                if is_hqms(table.columns()) {
                    return Ok(Source::Pages(Box::new(Pages::open(input)?)));
                }
                let columns: Vec<&str> = table.columns().iter().take(40).map(String::as_str).collect();
                let facts = [
                    ("file", table.name().to_owned()),
                    ("field", field.name().to_owned()),
                    ("names", names.of(field).join(", ")),
                    ("columns", columns.join(", ")),
                ];
                return Err(Failure::new("column_required", facts));
            }
        }
        Ok(Source::Plain(Box::new(table), Box::new(found)))
    }

    /// Where the fields stand.
    pub(crate) fn found(&self) -> Found {
        match self {
            Source::Plain(_, found) => **found,
            Source::Pages(_) => Found::ELSEWHERE,
        }
    }

    /// The file's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Source::Plain(table, _) => table.name(),
            Source::Pages(pages) => &pages.name,
        }
    }
}

/// `,mdc,adrg,drg` of every answer a scheme can give, put together once.
struct Cells {
    /// steps: [step], its first DRG and the cells of each
    steps: Vec<(u16, Vec<String>)>,
}

impl Cells {
    fn of(scheme: &Scheme) -> Cells {
        let cells = |outcome| {
            let grouped = scheme.name(Answer { outcome, complication: Complication::None });
            format!(",{},{},{}", grouped.mdc, grouped.adrg, grouped.drg)
        };
        let steps = scheme.definition().steps.iter().zip(0..).map(|(own, step)| {
            let drgs = own.drg_first..own.drg_first + own.drg_count;
            (own.drg_first, drgs.map(|drg| cells(Outcome::Drg { step, drg })).collect())
        });
        Cells { steps: steps.collect() }
    }

    /// Appends the cells of an answer.
    fn write(&self, out: &mut Vec<u8>, scheme: &Scheme, answer: Answer) {
        if let Outcome::Drg { step, drg } = answer.outcome
            && let Some((first, drgs)) = self.steps.get(usize::from(step))
            && let Some(cells) = drgs.get(usize::from(drg.wrapping_sub(*first)))
        {
            out.extend_from_slice(cells.as_bytes());
            return;
        }
        let grouped = scheme.name(answer);
        for text in [grouped.mdc, grouped.adrg, grouped.drg] {
            out.push(b',');
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Rows of front pages that are written at a time.
pub(crate) const PAGES: u64 = 1_000;

/// Answers and notes of one batch.
#[derive(Default)]
struct Part {
    answers: Vec<u8>,
    errors: Vec<u8>,
    counts: Counts,
}

/// Groups `input` into `output`.
///
/// # Errors
/// The table is refused as a whole, or a file cannot be written; `output` is then as it was before.
pub(crate) fn group(
    scheme: &Scheme,
    names: &Names,
    input: &Path,
    output: &Path,
    unchecked: bool,
    tongue: &Tongue,
) -> Result<Counts, Failure> {
    let errors = errors_path(output);
    if is_same(input, output) || is_same(input, &errors) {
        return Err(Failure::new("same_file", [("file", input.display().to_string())]));
    }
    let mut pending_errors = Pending::create(&errors)?;
    let mut has_errors = false;
    let result = group_into(scheme, names, input, output, unchecked, tongue, |bytes| {
        if !bytes.is_empty() && !has_errors {
            pending_errors.write(ERRORS_HEADER.as_bytes())?;
            has_errors = true;
        }
        pending_errors.write(bytes)
    });
    match &result {
        Err(Failure::Table(fault)) => {
            // A table that breaks off leaves no answers, but what is wrong with it stands in the error file.
            let note = Note {
                severity: Severity::Failed,
                field: String::new(),
                value: fault.column.clone().unwrap_or_default(),
                reason: Reason::Row((**fault).clone()),
            };
            let mut line = Vec::new();
            write_note(&mut line, fault.row, "", &note, tongue);
            if !has_errors {
                pending_errors.write(ERRORS_HEADER.as_bytes())?;
            }
            pending_errors.write(&line)?;
            pending_errors.complete()?;
        }
        Err(_) => {}
        Ok(_) if has_errors => pending_errors.complete()?,
        Ok(_) => remove(&errors)?,
    }
    let (answers, counts) = result?;
    answers.complete()?;
    Ok(counts)
}

fn group_into(
    scheme: &Scheme,
    names: &Names,
    input: &Path,
    output: &Path,
    unchecked: bool,
    tongue: &Tongue,
    mut write_errors: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(Pending, Counts), Failure> {
    let mut source = Source::open(input, names)?;
    let found = source.found();
    let mut answers = Pending::create(output)?;
    answers.write(format!("{HEADER}\n").as_bytes())?;
    write_errors(&missing_columns(found, names, tongue))?;
    let taker = Taker { scheme, found, names, repairer: Repairer::new(scheme), unchecked };
    let cells = Cells::of(scheme);
    let mut counts = Counts::default();
    let mut line = Line::new(tongue);
    let mut take = |part: Part, progress| {
        answers.write(&part.answers)?;
        write_errors(&part.errors)?;
        counts.add(part.counts);
        line.tell(counts.rows, progress);
        Ok(())
    };
    let result = match &mut source {
        Source::Plain(table, _) => {
            pipeline::run(table, pipeline::workers(), |batch| group_batch(&taker, &cells, batch, tongue), take)
        }
        Source::Pages(pages) => group_pages(&taker, &cells, pages, tongue, &mut take),
    };
    line.end();
    result?;
    Ok((answers, counts))
}

fn group_pages(
    taker: &Taker<'_>,
    cells: &Cells,
    pages: &mut Pages,
    tongue: &Tongue,
    take: &mut dyn FnMut(Part, Progress) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut part = Part::default();
    let mut done = 0;
    let mut failed = Ok(());
    let mut weighed = Vec::new();
    let progress = |done| Progress { done, total: None };
    pages.each(taker, |row, stay| {
        part.counts.rows += 1;
        done += 1;
        for note in &stay.notes {
            write_note(&mut part.errors, Some(row), stay.id, note, tongue);
        }
        answer(taker.scheme, cells, stay, &mut weighed, &mut part);
        if done % PAGES == 0 {
            failed = take(std::mem::take(&mut part), progress(done));
        }
        if failed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failed?;
    take(part, progress(done))
}

/// Columns that rules ask for and the table lacks.
fn missing_columns(found: Found, names: &Names, tongue: &Tongue) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [Field::Sex, Field::Age] {
        if found.column(field).is_none() && (field == Field::Sex || found.column(Field::AgeDays).is_none()) {
            let facts = [("field", field.name()), ("names", &*names.of(field).get(1..).unwrap_or(&[]).join(", "))];
            out.extend_from_slice(b",,note,");
            out.extend_from_slice(field.name().as_bytes());
            out.extend_from_slice(b",,");
            cell(&mut out, &tongue.say("note.column_missing", &facts));
            out.push(b',');
            cell(&mut out, &tongue.say("note.column_missing_remedy", &[]));
            out.push(b'\n');
        }
    }
    out
}

fn group_batch(taker: &Taker<'_>, cells: &Cells, batch: &Batch, tongue: &Tongue) -> Part {
    let mut part = Part::default();
    part.answers.reserve(batch.bytes() / 2);
    let mut weighed = Vec::new();
    let mut spare = Stay::default();
    let mut rows = batch.rows();
    while let Some(row) = rows.next() {
        part.counts.rows += 1;
        match row {
            Ok(row) => {
                let stay = taker.take(&row, spare);
                for note in &stay.notes {
                    write_note(&mut part.errors, Some(row.number()), stay.id, note, tongue);
                }
                answer(taker.scheme, cells, &stay, &mut weighed, &mut part);
                spare = stay.emptied();
            }
            Err(fault) => {
                let number = fault.row;
                let value = fault.column.clone().unwrap_or_default();
                let note =
                    Note { severity: Severity::Refused, field: String::new(), value, reason: Reason::Row(fault) };
                write_note(&mut part.errors, number, "", &note, tongue);
                part.answers.extend_from_slice(b",,,,,,refused\n");
                part.counts.refused += 1;
            }
        }
    }
    part
}

fn answer(scheme: &Scheme, cells: &Cells, stay: &Stay<'_>, weighed: &mut Vec<Weighed>, part: &mut Part) {
    let out = &mut part.answers;
    let Some(answer) = stay.answer.filter(|_| !stay.is_refused()) else {
        cell_for_people(out, stay.id);
        out.extend_from_slice(b",,,,,,refused\n");
        part.counts.refused += 1;
        return;
    };
    if !stay.notes.is_empty() && stay.notes.iter().any(|note| note.severity == Severity::Repaired) {
        part.counts.repaired += 1;
    }
    match answer.outcome {
        Outcome::Drg { .. } | Outcome::AdrgOnly { .. } => part.counts.grouped += 1,
        Outcome::Ambiguous { .. } => part.counts.ambiguous += 1,
        Outcome::Ungrouped(_) => part.counts.ungrouped += 1,
    }
    cell(out, stay.id);
    cells.write(out, scheme, answer);
    weighed.clear();
    if answer.complication != Complication::None {
        stay.weigh(scheme, weighed);
    }
    for level in [Complication::Cc, Complication::Mcc] {
        out.push(b',');
        let mut is_first = true;
        for own in weighed.iter().filter(|own| own.level == level && own.excluded_by_table.is_none()) {
            if !is_first {
                out.push(b'|');
            }
            is_first = false;
            let code = stay.dx.get(usize::from(own.position)).copied().unwrap_or("");
            out.extend_from_slice(code.as_bytes());
        }
    }
    out.push(b',');
    out.extend_from_slice(status(answer.outcome).as_bytes());
    out.push(b'\n');
}

/// Appends a line of the error file.
fn write_note(out: &mut Vec<u8>, row: Option<u64>, id: &str, note: &Note, tongue: &Tongue) {
    if let Some(row) = row {
        out.extend_from_slice(row.to_string().as_bytes());
    }
    out.push(b',');
    cell_for_people(out, id);
    out.push(b',');
    out.extend_from_slice(note.severity.word().as_bytes());
    out.push(b',');
    out.extend_from_slice(note.field.as_bytes());
    out.push(b',');
    cell_for_people(out, &note.value);
    out.push(b',');
    cell(out, &tongue.reason(note));
    out.push(b',');
    cell(out, &tongue.remedy(note));
    out.push(b'\n');
}
