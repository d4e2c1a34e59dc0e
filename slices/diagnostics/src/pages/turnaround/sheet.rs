//! The workbook of the figures: one sheet with what the page shows, one with the definitions behind it.

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use yiti_kernel::{Lang, time};
use yiti_web::words::{t, t_with};

use super::{Line, Question, Shown, Table, span_text};

/// Writes the workbook.
pub(super) fn write(lang: Lang, titles: &[String], table: &Table, question: &Question) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let head = Format::new().set_bold().set_text_wrap();
    let sheet = book.add_worksheet();
    sheet.set_name(t(lang, "figures.title"))?;
    let filter: Vec<&str> = [question.modality.as_str(), question.priority.as_str()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(|text| if text.chars().all(|c| c.is_ascii_uppercase()) { text } else { t_priority(lang, text) })
        .collect();
    sheet.write_string_with_format(0, 0, t(lang, "figures.title"), &head)?;
    sheet.write_string(1, 0, t_with(lang, "figures.sheet_period", &[("period", &span_text(question))]))?;
    sheet.write_string(2, 0, t_with(lang, "figures.sheet_as_of", &[("at", &time::minute_text(question.at))]))?;
    if !filter.is_empty() {
        sheet.write_string(1, 2, filter.join(" \u{b7} "))?;
    }
    let mut column = 1;
    sheet.write_string_with_format(4, 0, t(lang, "figures.rows"), &head)?;
    for title in titles {
        sheet.write_string_with_format(4, column, title, &head)?;
        sheet.write_string_with_format(4, column + 1, t(lang, "figures.counted"), &head)?;
        sheet.write_string_with_format(4, column + 2, t(lang, "figures_part.excluded"), &head)?;
        column += 3;
    }
    sheet.set_column_width(0, 28)?;
    sheet.set_freeze_panes(5, 1)?;
    for (row, line) in (5..).zip(table.lines.iter().chain([&table.total])) {
        write_line(sheet, row, line)?;
    }
    let notes = book.add_worksheet();
    notes.set_name(t(lang, "figures.definitions"))?;
    let heads = [
        "figures.measure",
        "figures.id",
        "figures.version",
        "figures.since",
        "figures.rule",
        "figures.source",
        "figures.evidence",
        "figures.receipt",
    ];
    for (column, key) in (0u16..).zip(heads) {
        notes.write_string_with_format(0, column, t(lang, key), &head)?;
        notes.set_column_width(column, 26)?;
    }
    for (row, note) in (1u32..).zip(&table.notes) {
        let texts = [
            note.title.as_str(),
            &note.id,
            &note.version,
            &note.from,
            &note.rule,
            &note.source,
            note.evidence,
            &note.receipt,
        ];
        for (column, text) in (0u16..).zip(texts) {
            notes.write_string(row, column, text)?;
        }
    }
    book.save_to_buffer()
}

fn t_priority(lang: Lang, key: &str) -> &'static str {
    match key {
        "stat" => t(lang, "urgency.stat"),
        "urgent" => t(lang, "urgency.urgent"),
        _ => t(lang, "urgency.routine"),
    }
}

/// Numbers stay numbers; what has no value stays empty, it is not zero.
fn write_line(sheet: &mut Worksheet, row: u32, line: &Line) -> Result<(), XlsxError> {
    sheet.write_string(row, 0, &line.name)?;
    let mut column = 1;
    for figure in line.times.iter().chain(&line.quality) {
        write_figure(sheet, row, column, figure)?;
        column += 3;
    }
    Ok(())
}

fn write_figure(sheet: &mut Worksheet, row: u32, column: u16, figure: &Shown) -> Result<(), XlsxError> {
    let Some(number) = figure.number else { return Ok(()) };
    if figure.meter.is_some() {
        sheet.write_number_with_format(row, column, number, &Format::new().set_num_format("0.0%"))?;
    } else {
        sheet.write_number(row, column, number)?;
    }
    sheet.write_number(row, column + 1, figure.count as f64)?;
    sheet.write_number(row, column + 2, figure.excluded as f64)?;
    Ok(())
}
