//! Faults with their place, for checks that follow after a file could be read.

use std::ops::Range;

use yiti_kernel::definition::{Fault, File, place};

/// The fault `message` at `span` of `file`.
pub(crate) fn at(file: &File, span: Range<usize>, message: impl Into<String>) -> Fault {
    let (line, column) = place(&file.text, span.start);
    Fault { path: file.path.clone(), line, column, message: message.into() }
}

/// True for `word`, `two_words`, `area.word`: what ids are made of.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
}
