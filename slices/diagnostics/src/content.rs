//! What a report says: sections by template, flags, and the checks before it is handed in. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::settings::Template;

/// Characters a section may have.
pub const SECTION_LENGTH_MAX: usize = 8_000;

/// The content of a report, as drafted and as issued.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Key of the template.
    pub template: String,
    /// Text by section.
    pub sections: BTreeMap<String, String>,
    /// Something was found.
    pub is_positive: bool,
    /// Something critical was found.
    pub is_critical: bool,
    /// What is critical.
    pub critical_note: String,
}

/// What is wrong with a report that is handed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// A section that is needed is empty.
    #[error("section `{0}` is empty")]
    Empty(String),
    /// A section is too long.
    #[error("section `{section}` has more than {SECTION_LENGTH_MAX} characters")]
    TooLong {
        /// The section.
        section: String,
    },
    /// It is marked critical without saying what.
    #[error("a critical report says what is critical")]
    CriticalWithoutNote,
    /// It is marked critical but not positive.
    #[error("a critical report is positive")]
    CriticalButNegative,
    /// The template has no such section.
    #[error("the template has no section `{0}`")]
    UnknownSection(String),
}

impl Incomplete {
    /// The field it is about.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Empty(section) | Self::TooLong { section } | Self::UnknownSection(section) => section,
            Self::CriticalWithoutNote => "critical_note",
            Self::CriticalButNegative => "is_positive",
        }
    }

    /// The key of its text in `locales/`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Empty(_) => "diagnostics.incomplete.empty",
            Self::TooLong { .. } => "diagnostics.incomplete.too_long",
            Self::CriticalWithoutNote => "diagnostics.incomplete.critical_without_note",
            Self::CriticalButNegative => "diagnostics.incomplete.critical_but_negative",
            Self::UnknownSection(_) => "diagnostics.incomplete.unknown_section",
        }
    }
}

/// Checks a report before it is handed in or approved; every fault at once.
#[must_use]
pub fn check(content: &Content, template: &Template) -> Vec<Incomplete> {
    let mut faults = Vec::new();
    for section in &template.sections {
        let text = content.sections.get(&section.id).map_or("", |text| text.trim());
        if section.is_required && text.is_empty() {
            faults.push(Incomplete::Empty(section.id.clone()));
        }
    }
    for (id, text) in &content.sections {
        if !template.sections.iter().any(|section| section.id == *id) {
            faults.push(Incomplete::UnknownSection(id.clone()));
        } else if text.chars().count() > SECTION_LENGTH_MAX {
            faults.push(Incomplete::TooLong { section: id.clone() });
        }
    }
    if content.is_critical && content.critical_note.trim().is_empty() {
        faults.push(Incomplete::CriticalWithoutNote);
    }
    if content.is_critical && !content.is_positive {
        faults.push(Incomplete::CriticalButNegative);
    }
    faults
}

/// The sections in which two contents differ, flags included.
#[must_use]
pub fn changed(before: &Content, after: &Content) -> Vec<String> {
    let mut changed: Vec<String> = before
        .sections
        .keys()
        .chain(after.sections.keys())
        .filter(|id| {
            let text = |content: &Content| content.sections.get(*id).map_or("", |t| t.trim()).to_owned();
            text(before) != text(after)
        })
        .cloned()
        .collect();
    changed.sort();
    changed.dedup();
    if before.is_positive != after.is_positive {
        changed.push("is_positive".into());
    }
    if before.is_critical != after.is_critical || before.critical_note.trim() != after.critical_note.trim() {
        changed.push("is_critical".into());
    }
    changed
}

/// A piece of a comparison of two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// In both.
    Same(String),
    /// Only in the first.
    Removed(String),
    /// Only in the second.
    Added(String),
}

/// Compares two texts sentence by sentence (longest common subsequence).
#[must_use]
pub fn compare(before: &str, after: &str) -> Vec<Piece> {
    let (a, b) = (sentences(before), sentences(after));
    let mut common = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut pieces) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            pieces.push(Piece::Same(a[i].to_owned()));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            pieces.push(Piece::Removed(a[i].to_owned()));
            i += 1;
        } else {
            pieces.push(Piece::Added(b[j].to_owned()));
            j += 1;
        }
    }
    pieces
}

/// Cuts after each full stop, semicolon and line end, Chinese and Western.
fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(['\u{3002}', '\u{ff1b}', ';', '\n']).filter(|s| !s.trim().is_empty()).take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yiti_kernel::definition::{File, read};

    fn template() -> Template {
        let text = include_str!("../../../definitions/diagnostics/templates/ct_chest.toml");
        read(&File { path: "diagnostics/templates/ct_chest.toml".into(), text: text.into() }).unwrap()
    }

    fn full() -> Content {
        let sections = [("findings", "双肺纹理清晰。"), ("impression", "未见明显异常。")];
        Content {
            template: "ct_chest".into(),
            sections: sections.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            ..Content::default()
        }
    }

    #[test]
    fn findings_and_impression_are_needed() {
        assert_eq!(check(&full(), &template()), []);
        let mut short = full();
        short.sections.insert("impression".into(), "  ".into());
        assert_eq!(check(&short, &template()), [Incomplete::Empty("impression".into())]);
    }

    #[test]
    fn a_critical_report_is_positive_and_says_what_is_critical() {
        let critical = Content { is_critical: true, ..full() };
        let faults = check(&critical, &template());
        assert_eq!(faults, [Incomplete::CriticalWithoutNote, Incomplete::CriticalButNegative]);
    }

    #[test]
    fn what_the_second_doctor_changed_is_named() {
        let mut after = full();
        after.sections.insert("impression".into(), "右肺上叶结节。".into());
        after.is_positive = true;
        assert_eq!(changed(&full(), &after), ["impression", "is_positive"]);
        assert!(changed(&full(), &full()).is_empty());
    }

    #[test]
    fn a_comparison_keeps_what_stayed() {
        let pieces = compare("一。二。三。", "一。三。四。");
        let kinds: Vec<_> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Same(text) => format!("={text}"),
                Piece::Removed(text) => format!("-{text}"),
                Piece::Added(text) => format!("+{text}"),
            })
            .collect();
        assert_eq!(kinds, ["=一。", "-二。", "=三。", "+四。"]);
    }
}
