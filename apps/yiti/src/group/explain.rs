//! Tells one record's way to its answer.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use chs_drg::{Explained, Scheme};

use super::columns::{Field, Names};
use super::failure::Failure;
use super::repair::Repairer;
use super::stay::{Reason, Severity, Stay, Taker, Tongue};
use super::table::{Source, status};

/// The record's way as text, one sentence a line.
///
/// # Errors
/// The table cannot be read, or has no such record.
pub(crate) fn explain(
    scheme: &Scheme,
    names: &Names,
    input: &Path,
    id: &str,
    tongue: &Tongue,
) -> Result<String, Failure> {
    let mut source = Source::open(input, names)?;
    let found = source.found();
    let file = source.name().to_owned();
    let taker = Taker { scheme, found, names, repairer: Repairer::new(scheme), unchecked: false };
    let mut text = None;
    let mut others = false;
    let mut meet = |row: u64, stay: &Stay<'_>| {
        if text.is_some() {
            others = true;
            return ControlFlow::Break(());
        }
        let facts = [("file", file.as_str()), ("row", &row.to_string()), ("id", id)];
        text = Some(tell(scheme, stay, tongue.say("explain.row", &facts), tongue));
        ControlFlow::Continue(())
    };
    match &mut source {
        Source::Plain(table, found) => {
            let column = found.column(Field::Id).unwrap_or(usize::MAX);
            table.each(|row| match row {
                Ok(row) if row.get(column).trim_ascii() == id => meet(row.number(), &taker.take(&row, Stay::default())),
                _ => ControlFlow::Continue(()),
            })?;
        }
        Source::Pages(pages) => {
            pages.each(&taker, |row, stay| if stay.id == id { meet(row, stay) } else { ControlFlow::Continue(()) })?
        }
    }
    let mut text = text.ok_or_else(|| Failure::new("no_id", [("file", file.clone()), ("id", id.to_owned())]))?;
    if others {
        text.push_str(&tongue.say("explain.others", &[("id", id)]));
        text.push('\n');
    }
    Ok(text)
}

fn tell(scheme: &Scheme, stay: &Stay<'_>, head: String, tongue: &Tongue) -> String {
    let mut out = String::new();
    let mut line = |indent: usize, text: &str| {
        let _ = writeln!(out, "{:indent$}{text}", "");
    };
    let definition = scheme.definition();
    let hash = scheme.hash().to_string();
    let facts = [
        ("id", definition.id.as_str()),
        ("title", &definition.title),
        ("profile", definition.profile.word()),
        ("hash", hash.get(..12).unwrap_or(&hash)),
    ];
    line(0, &tongue.say("explain.scheme", &facts));
    line(0, &head);
    line(0, &format!("dx {}", stay.dx.join("|")));
    line(0, &format!("px {}", stay.px.join("|")));
    let mut titled = false;
    for note in stay.notes.iter().filter(|note| note.severity == Severity::Repaired) {
        if !std::mem::replace(&mut titled, true) {
            line(0, &tongue.say("explain.repairs", &[]));
        }
        let (Reason::Repaired { to, .. } | Reason::Mended { to, .. }) = &note.reason else { continue };
        let field = note.field.as_str();
        let facts = [("field", field), ("value", &note.value), ("to", to), ("reason", &*tongue.reason(note))];
        line(2, &tongue.say("explain.repair", &facts));
    }
    titled = false;
    for note in stay.notes.iter().filter(|note| note.severity != Severity::Repaired) {
        if !std::mem::replace(&mut titled, true) {
            line(0, &tongue.say("explain.faults", &[]));
        }
        let facts = [("reason", &*tongue.reason(note)), ("remedy", &*tongue.remedy(note))];
        line(2, &tongue.say("explain.fault", &facts));
    }
    if stay.is_refused() {
        line(0, &tongue.say("explain.refused", &[]));
    }
    let record = stay.whole();
    let explained: Explained = scheme.explain(&record);
    let sentences = tongue.trail().explained(scheme, &record, &explained);
    let (weighed, rest) = sentences.split_at(explained.weighed.len().min(sentences.len()));
    let (trail, near) = rest.split_at(explained.trail.len().min(rest.len()));
    for (title, sentences) in [("complications", weighed), ("way", trail), ("near", near)] {
        if !sentences.is_empty() {
            line(0, &tongue.say(&format!("explain.{title}"), &[]));
        }
        for sentence in sentences {
            line(2, sentence);
        }
    }
    let grouped = scheme.name(explained.answer);
    let status = tongue.say(&format!("status.{}", status(grouped.outcome)), &[]);
    let facts = [("mdc", grouped.mdc), ("adrg", grouped.adrg), ("drg", grouped.drg), ("status", &*status)];
    line(0, &tongue.say("explain.answer", &facts));
    out
}
