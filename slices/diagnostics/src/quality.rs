//! From the score sheet of the pictures to their grade. Pure.
//!
//! Source: rules 4.3 of the trade; items, points and limits are `definitions/diagnostics/quality.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use yiti_kernel::definition::{self, Fault, File, Provenance, Words};

/// An item of the sheet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The key.
    pub id: String,
    /// The name.
    pub name: Words,
    /// The most that can be given.
    pub points: u32,
    /// Whether no points at all make the pictures unfit.
    pub veto: bool,
}

/// A grade and the points it asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// The key.
    pub id: String,
    /// The name.
    pub name: Words,
    /// The fewest points.
    pub points_min: u32,
    /// Whether pictures of this grade can be read.
    pub is_fit: bool,
}

/// The sheet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreSheet {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The items in their order.
    #[serde(rename = "item")]
    pub items: Vec<Item>,
    /// The grades, the best first.
    #[serde(rename = "grade")]
    pub grades: Vec<Grade>,
}

/// What a filled sheet comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// The sum.
    pub points: u32,
    /// Key of the grade.
    pub grade: String,
    /// Whether the pictures can be read.
    pub is_fit: bool,
    /// Key of the item that made them unfit, if one did.
    pub veto: Option<String>,
}

/// What is wrong with a filled sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// An item has no points.
    #[error("item `{0}` has no points")]
    Missing(String),
    /// An item has more points than it can have.
    #[error("item `{item}` has {points} of {max} points")]
    TooMany {
        /// The item.
        item: String,
        /// What was given.
        points: u32,
        /// The most.
        max: u32,
    },
}

impl ScoreSheet {
    /// Reads `quality.toml`.
    ///
    /// # Errors
    /// [`Fault`]; the items must give 100 points in all, the grades must fall and end at 0.
    pub fn load(file: &File) -> Result<Self, Fault> {
        let sheet: Self = definition::read(file)?;
        let fault = |message: String| Fault { path: file.path.clone(), line: 0, column: 0, message };
        let sum: u32 = sheet.items.iter().map(|item| item.points).sum();
        if sum != 100 {
            return Err(fault(format!("the items give {sum} points in all, 100 are expected")));
        }
        let falls = sheet.grades.windows(2).all(|pair| pair[0].points_min > pair[1].points_min);
        if !falls || sheet.grades.last().is_none_or(|grade| grade.points_min != 0) {
            return Err(fault("the grades must fall and end at 0 points".into()));
        }
        if sheet.grades.last().is_some_and(|grade| grade.is_fit) {
            return Err(fault("pictures of the lowest grade cannot be fit".into()));
        }
        Ok(sheet)
    }

    /// Adds up a filled sheet.
    ///
    /// # Errors
    /// [`Invalid`] names the item.
    pub fn score(&self, given: &BTreeMap<String, u32>) -> Result<Scored, Invalid> {
        let mut points = 0;
        let mut veto = None;
        for item in &self.items {
            let got = *given.get(&item.id).ok_or_else(|| Invalid::Missing(item.id.clone()))?;
            if got > item.points {
                return Err(Invalid::TooMany { item: item.id.clone(), points: got, max: item.points });
            }
            points += got;
            if item.veto && got == 0 {
                veto = Some(item.id.clone());
            }
        }
        let by_points = self.grades.iter().find(|grade| points >= grade.points_min);
        let grade = if veto.is_some() { self.grades.last() } else { by_points };
        let (grade, is_fit) = grade.map_or((String::new(), false), |grade| (grade.id.clone(), grade.is_fit));
        Ok(Scored { points, grade, is_fit, veto })
    }

    /// The name of a grade; its key when it is no longer in the sheet.
    #[must_use]
    pub fn grade_name<'a>(&'a self, id: &'a str, lang: yiti_kernel::Lang) -> &'a str {
        self.grades.iter().find(|grade| grade.id == id).map_or(id, |grade| grade.name.get(lang))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> ScoreSheet {
        let text = include_str!("../../../definitions/diagnostics/quality.toml");
        ScoreSheet::load(&File { path: "diagnostics/quality.toml".into(), text: text.into() }).unwrap()
    }

    /// A full sheet with `lost` points taken from the positioning and exposure items.
    fn given(lost: u32) -> BTreeMap<String, u32> {
        let mut given: BTreeMap<String, u32> = sheet().items.iter().map(|i| (i.id.clone(), i.points)).collect();
        let first = lost.min(25);
        given.insert("positioning".into(), 25 - first);
        given.insert("exposure".into(), 20 - (lost - first));
        given
    }

    #[test]
    fn each_grade_begins_exactly_at_its_points() {
        for (lost, grade) in [(0, "a"), (10, "a"), (11, "b"), (25, "b"), (26, "c"), (40, "c"), (41, "unfit")] {
            let scored = sheet().score(&given(lost)).unwrap();
            assert_eq!((scored.points, scored.grade.as_str()), (100 - lost, grade));
            assert_eq!(scored.is_fit, grade != "unfit");
        }
    }

    #[test]
    fn no_points_for_identity_make_any_picture_unfit() {
        let mut given = given(0);
        given.insert("identity".into(), 0);
        let scored = sheet().score(&given).unwrap();
        assert_eq!((scored.points, scored.is_fit, scored.veto.as_deref()), (80, false, Some("identity")));
    }

    #[test]
    fn an_item_left_out_or_overfilled_is_named() {
        let mut short = given(0);
        short.remove("coverage");
        assert_eq!(sheet().score(&short), Err(Invalid::Missing("coverage".into())));
        let mut full = given(0);
        full.insert("coverage".into(), 11);
        assert_eq!(sheet().score(&full).unwrap_err().to_string(), "item `coverage` has 11 of 10 points");
    }
}
