//! The workbook of a settled month: totals by institution and by group, every stay, and the difference from the run before.
//! Money is written in yuan with two decimals.

use drg_payment::{Line, Sums};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use yiti_directory::{InstitutionId, Tree};
use yiti_kernel::Lang;
use yiti_web::words::t;

use super::settlement::GroupNames;
use crate::settlement::Correction;
use crate::store_settlement::{LineRow, RunRow};

/// What the sheets are about.
pub(super) struct Book<'b> {
    pub(super) run: &'b RunRow,
    pub(super) tree: &'b Tree,
    pub(super) names: &'b GroupNames,
}

/// A cell: words, a count, money in fen, points in millionths.
pub(super) enum Cell {
    Words(String),
    Count(i64),
    Fen(i64),
    Millionths(i64),
}

/// Writes rows below a bold head and freezes it. The columns are keys of `locales/`.
pub(super) fn table(
    book: &mut Workbook,
    lang: Lang,
    name: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = Vec<Cell>>,
) -> Result<(), XlsxError> {
    let (head, money, weight) = (
        Format::new().set_bold().set_text_wrap(),
        Format::new().set_num_format("#,##0.00"),
        Format::new().set_num_format("0.0000"),
    );
    let sheet: &mut Worksheet = book.add_worksheet();
    sheet.set_name(t(lang, name))?;
    for (column, key) in (0u16..).zip(columns) {
        sheet.write_string_with_format(0, column, t(lang, key), &head)?;
        sheet.set_column_width(column, 16)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (row, cells) in (1u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(cells) {
            match cell {
                Cell::Words(words) => sheet.write_string(row, column, words)?,
                Cell::Count(count) => sheet.write_number(row, column, count as f64)?,
                Cell::Fen(fen) => sheet.write_number_with_format(row, column, fen as f64 / 100.0, &money)?,
                Cell::Millionths(e6) => sheet.write_number_with_format(row, column, e6 as f64 / 1e6, &weight)?,
            };
        }
    }
    Ok(())
}

const SUMS: [&str; 9] = [
    "settlement.cases_count",
    "settlement.points",
    "settlement.standard",
    "settlement.cost",
    "settlement.patient",
    "settlement.pay",
    "settlement.fund",
    "settlement.prepaid",
    "settlement.retained",
];

fn sums(sums: &Sums) -> [Cell; 9] {
    [
        Cell::Count(sums.cases),
        Cell::Millionths(sums.points_e6),
        Cell::Fen(sums.standard.0),
        Cell::Fen(sums.cost.0),
        Cell::Fen(sums.patient.0),
        Cell::Fen(sums.pay.0),
        Cell::Fen(sums.fund.0),
        Cell::Fen(sums.prepaid.0),
        Cell::Fen(sums.retained.0),
    ]
}

fn words(text: impl Into<String>) -> Cell {
    Cell::Words(text.into())
}

/// Writes the workbook.
pub(super) fn write(
    lang: Lang,
    about: &Book<'_>,
    institutions: &[(String, Sums)],
    groups: &[(String, Sums)],
    lines: &[LineRow],
    correction: Option<&Correction>,
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let with_sums = |columns: &[&'static str]| [columns, &SUMS].concat();
    let place = |id: InstitutionId| about.tree.short_name(id).to_owned();
    let node = |id: &str| id.parse().map_or_else(|_| id.to_owned(), place);
    let total = std::iter::once((t(lang, "settlement.total").to_owned(), about.run.sums));
    let rows = institutions.iter().map(|(id, of)| (node(id), *of)).chain(total);
    let rows = rows.map(|(name, of)| std::iter::once(words(name)).chain(sums(&of)).collect());
    table(&mut book, lang, "settlement.by_institution", &with_sums(&["settlement.institution"]), rows)?;
    let rows = groups
        .iter()
        .map(|(drg, of)| [words(drg.as_str()), words(about.names.name(drg))].into_iter().chain(sums(of)).collect());
    table(&mut book, lang, "settlement.by_group", &with_sums(&["settlement.group", "settlement.name"]), rows)?;
    let columns = with_sums(&[
        "settlement.number",
        "settlement.patient_name",
        "settlement.institution",
        "settlement.department",
        "settlement.discharged",
        "settlement.group",
        "settlement.basis",
        "settlement.left",
    ]);
    let rows = lines.iter().map(|line| {
        let stay = &line.settled;
        let left = match stay.unpriced.as_str() {
            "" => String::new(),
            key => t(lang, &format!("settlement_left.{key}")).to_owned(),
        };
        let lead = [
            words(stay.medical_record_number.as_str()),
            words(line.patient_name.as_str()),
            words(place(stay.institution)),
            words(stay.department.as_str()),
            words(stay.discharged_on.to_string()),
            words(stay.drg.as_str()),
            words(stay.basis.as_str()),
            words(left),
        ];
        lead.into_iter().chain(sums(&stay.sums)).collect()
    });
    table(&mut book, lang, "settlement.cases", &columns, rows)?;
    if let Some(correction) = correction {
        let columns = ["settlement.change", "settlement.case", "settlement.institution", "settlement.group"];
        let difference = &correction.difference;
        let row = |what: &str, line: &Line| -> Vec<Cell> {
            let lead = [
                words(t(lang, &format!("settlement_change.{what}"))),
                words(line.case.case.as_str()),
                words(node(&line.case.institution)),
                words(line.case.drg.as_str()),
            ];
            lead.into_iter().chain(sums(&line.sums())).collect()
        };
        let added = difference.added.iter().map(|line| row("added", line));
        let removed = difference.removed.iter().map(|line| row("removed", line));
        let changed = difference
            .changed
            .iter()
            .flat_map(|one| [row("changed_before", &one.before), row("changed_after", &one.after)]);
        table(&mut book, lang, "settlement.changes", &with_sums(&columns), added.chain(removed).chain(changed))?;
    }
    book.save_to_buffer()
}
