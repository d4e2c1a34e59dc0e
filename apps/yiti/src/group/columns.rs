//! Which column of a plain table is which field: names come from `definitions/drg/columns.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use yiti_kernel::definition::{self, Fault, File, Provenance};

/// A field of a stay, as the plain table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    /// What names the stay; kept as it is.
    Id,
    /// 1 male, 2 female, 0 unknown, 9 not stated.
    Sex,
    /// Full years at admission.
    Age,
    /// Days at admission.
    AgeDays,
    /// Grams.
    Weight,
    /// Department of discharge, as its code.
    Dept,
    /// Days of stay.
    Los,
    /// Way of discharge, as its code.
    Discharge,
    /// Hours in intensive care.
    IcuHours,
    /// Diagnoses joined by `|`, the principal first.
    Dx,
    /// Procedures joined by `|`, the principal first.
    Px,
    /// Day of birth.
    BornOn,
    /// Day of admission.
    AdmittedOn,
    /// Day of discharge.
    DischargedOn,
}

impl Field {
    /// All fields in the order of the plain table.
    pub(crate) const ALL: [Field; 14] = [
        Field::Id,
        Field::Sex,
        Field::Age,
        Field::AgeDays,
        Field::Weight,
        Field::Dept,
        Field::Los,
        Field::Discharge,
        Field::IcuHours,
        Field::Dx,
        Field::Px,
        Field::BornOn,
        Field::AdmittedOn,
        Field::DischargedOn,
    ];

    /// The field's name, which is also its first column name.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Field::Id => "id",
            Field::Sex => "sex",
            Field::Age => "age",
            Field::AgeDays => "age_days",
            Field::Weight => "weight",
            Field::Dept => "dept",
            Field::Los => "los",
            Field::Discharge => "discharge",
            Field::IcuHours => "icu_hours",
            Field::Dx => "dx",
            Field::Px => "px",
            Field::BornOn => "born_on",
            Field::AdmittedOn => "admitted_on",
            Field::DischargedOn => "discharged_on",
        }
    }
}

/// The names of columns and the words that stand for values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    /// Who answers for them.
    pub(crate) provenance: Provenance,
    columns: BTreeMap<Field, Vec<String>>,
    values: Values,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    empty: Vec<String>,
    sex: BTreeMap<String, i32>,
}

/// Where the definition lies.
pub(crate) const PATH: &str = "drg/columns.toml";

impl Names {
    /// Reads the definition.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn load(file: &File) -> Result<Names, Fault> {
        let mut names: Names = definition::read(file)?;
        let fault = |message: String| Fault { path: file.path.clone(), line: 0, column: 0, message };
        let mut known = BTreeMap::new();
        for (field, own) in &names.columns {
            for name in own {
                if let Some(other) = known.insert(plain(name), *field).filter(|other| other != field) {
                    return Err(fault(format!("`{name}` names both `{}` and `{}`", other.name(), field.name())));
                }
            }
        }
        for field in Field::ALL {
            if names.of(field).is_empty() {
                return Err(fault(format!("`{}` has no name", field.name())));
            }
        }
        names.values.sex = names.values.sex.iter().map(|(word, sex)| (plain(word), *sex)).collect();
        names.values.empty.iter_mut().for_each(|word| *word = plain(word));
        Ok(names)
    }

    /// names: [name], those of a field
    #[must_use]
    pub(crate) fn of(&self, field: Field) -> &[String] {
        self.columns.get(&field).map_or(&[], Vec::as_slice)
    }

    /// Finds the fields among the columns of a table.
    #[must_use]
    pub(crate) fn find(&self, columns: &[String]) -> Found {
        let columns: Vec<String> = columns.iter().map(|column| plain(column)).collect();
        let place = |field: Field| {
            self.of(field).iter().find_map(|name| columns.iter().position(|column| *column == plain(name)))
        };
        Found(Field::ALL.map(place))
    }

    /// Whether a cell says that nothing was entered.
    #[must_use]
    pub(crate) fn is_empty_word(&self, text: &str) -> bool {
        let text = plain(text);
        text.is_empty() || self.values.empty.contains(&text)
    }

    /// The sex that a word stands for.
    #[must_use]
    pub(crate) fn sex(&self, text: &str) -> Option<i32> {
        self.values.sex.get(&plain(text)).copied()
    }
}

/// Where each field stands in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found([Option<usize>; 14]);

impl Found {
    /// For tables whose fields another reader finds: none counts as missing.
    pub(crate) const ELSEWHERE: Found = Found([Some(usize::MAX); 14]);

    /// The column of a field; none when the table lacks it.
    #[must_use]
    #[inline]
    pub(crate) fn column(&self, field: Field) -> Option<usize> {
        self.0.get(field as usize).copied().flatten()
    }
}

/// A character in its half-width form.
#[must_use]
pub(crate) fn half_width(c: char) -> char {
    match c {
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    }
}

/// A name without what makes no difference: case, width, blanks, underscores.
fn plain(name: &str) -> String {
    let kept = name.chars().map(half_width).filter(|c| !c.is_whitespace() && *c != '_' && *c != '\u{feff}');
    kept.flat_map(char::to_lowercase).collect()
}

/// Whether these are the columns of a wide HQMS table, of Western or of Chinese medicine.
#[must_use]
pub(crate) fn is_hqms(columns: &[String]) -> bool {
    let has = |name: &str| columns.iter().any(|column| plain(column) == name);
    ["a48", "a49", "c03c"].iter().all(|name| has(name)) || ["bah", "zycs"].iter().all(|name| has(name))
}
