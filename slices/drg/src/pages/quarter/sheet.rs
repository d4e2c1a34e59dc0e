//! The workbook of a quarter: main figures, one sheet for each table, what was said and agreed.

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use yiti_kernel::Lang;
use yiti_web::words::{t, t_with};

use super::{COLUMNS, View};

/// Writes the workbook.
pub(super) fn write(lang: Lang, view: &View) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let head = Format::new().set_bold().set_text_wrap();
    let sheet = book.add_worksheet();
    sheet.set_name(t(lang, "drg_quarter.figures"))?;
    sheet.write_string_with_format(0, 0, format!("{} {}", view.place, view.quarter), &head)?;
    sheet.write_string(1, 0, format!("{} \u{2013} {}", view.from, view.until))?;
    sheet.write_string(2, 0, &view.reference)?;
    let sealed = view.seal.as_ref().map_or_else(
        || t(lang, "drg_quarter.provisional").to_owned(),
        |seal| t_with(lang, "drg_quarter.frozen_by", &[("by", &seal.by), ("at", &seal.at), ("hash", &seal.hash)]),
    );
    sheet.write_string(3, 0, sealed)?;
    let heads = ["drg_quarter.figure", "drg_quarter.reported", "drg_quarter.restated", "drg_quarter.before"];
    for (column, key) in (0u16..).zip(heads) {
        sheet.write_string_with_format(5, column, t(lang, key), &head)?;
    }
    for (row, figure) in (6u32..).zip(&view.rows) {
        sheet.write_string(row, 0, t(lang, figure.words))?;
        for (column, of) in (1u16..).zip([&figure.reported, &figure.restated, &figure.before]) {
            cell(sheet, row, column, &of.text)?;
        }
    }
    sheet.set_column_width(0, 34)?;
    sheet.set_column_width(1, 16)?;
    sheet.set_column_width(2, 16)?;
    sheet.set_column_width(3, 16)?;
    let mut row = 8 + u32::try_from(view.rows.len()).unwrap_or_default();
    for (column, key) in (0u16..).zip(["drg_quarter.band", "drg_analysis.stays", "drg_quarter.deaths"]) {
        sheet.write_string_with_format(row, column, t(lang, key), &head)?;
    }
    for (name, stays, deaths) in &view.bands {
        row += 1;
        sheet.write_string(row, 0, name)?;
        cell(sheet, row, 1, &stays.text)?;
        cell(sheet, row, 2, &deaths.text)?;
    }
    row += 2;
    for (column, key) in (0u16..).zip(["drg_quarter.failure", "drg_analysis.stays"]) {
        sheet.write_string_with_format(row, column, t(lang, key), &head)?;
    }
    for (name, stays) in &view.failures {
        row += 1;
        sheet.write_string(row, 0, name)?;
        cell(sheet, row, 1, &stays.text)?;
    }
    for table in &view.tables {
        let sheet = book.add_worksheet();
        sheet.set_name(t(lang, table.words))?;
        for (column, kind) in (1u16..).zip(&COLUMNS) {
            sheet.write_string_with_format(0, column, t(lang, kind.words), &head)?;
            sheet.set_column_width(column, 13)?;
        }
        sheet.set_column_width(0, 28)?;
        sheet.set_freeze_panes(1, 1)?;
        for (row, line) in (1u32..).zip(&table.lines) {
            sheet.write_string(row, 0, &line.name)?;
            for (column, of) in (1u16..).zip(&line.cells) {
                cell(sheet, row, column, &of.text)?;
            }
        }
    }
    let sheet = book.add_worksheet();
    sheet.set_name(t(lang, "drg_quarter.entries"))?;
    let heads = [
        "drg_quarter.kind",
        "drg_quarter.body",
        "drg_quarter.owner",
        "drg_quarter.due_on",
        "drg_quarter.done",
        "drg_quarter.by",
        "drg_quarter.at",
    ];
    for (column, key) in (0u16..).zip(heads) {
        sheet.write_string_with_format(0, column, t(lang, key), &head)?;
        sheet.set_column_width(column, if column == 1 { 60 } else { 18 })?;
    }
    for (row, entry) in (1u32..).zip(&view.entries) {
        let kind = t(lang, if entry.is_action { "drg_quarter.action" } else { "drg_quarter.note" });
        let texts = [kind, &entry.body, &entry.owner, &entry.due, &entry.done, &entry.by, &entry.at];
        for (column, text) in (0u16..).zip(texts) {
            sheet.write_string(row, column, text)?;
        }
    }
    book.save_to_buffer()
}

/// Numbers stay numbers, in the digits that are shown; what has no value stays empty, it is not zero.
fn cell(sheet: &mut Worksheet, row: u32, column: u16, text: &str) -> Result<(), XlsxError> {
    if text.is_empty() {
        return Ok(());
    }
    let (digits, format) = match text.strip_suffix('%') {
        Some(digits) => (digits, Some(Format::new().set_num_format("0.0#%"))),
        None => (text, None),
    };
    match (digits.replace(',', "").parse::<f64>(), format) {
        (Ok(number), Some(format)) => sheet.write_number_with_format(row, column, number / 100.0, &format)?,
        (Ok(number), None) => sheet.write_number(row, column, number)?,
        (Err(_), _) => sheet.write_string(row, column, text)?,
    };
    Ok(())
}
