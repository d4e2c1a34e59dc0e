//! Facts: the only bridge between care and accountability. A slice declares what one row is and what its columns mean,
//! and hands rows; measures read nothing else.
//!
//! A batch is columnar. Shapes: whole numbers (instants in microseconds, days since 1970-01-01, minutes, counts, flags)
//! are one `i64` and one presence flag a row; texts are one code a row into a list of distinct texts.

use std::collections::HashMap;
use std::fmt;

use yiti_kernel::civil::{Date, date};
use yiti_kernel::{SignedDuration, Timestamp, Uuid, time};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A point in time.
    Instant,
    /// A day in the group's zone.
    Day,
    /// A length of time in whole minutes.
    Minutes,
    /// A whole number; the column names its unit.
    Integer,
    /// A word from a short list, such as a modality.
    Text,
    /// Yes or no.
    Flag,
    /// An identifier.
    Id,
}

impl Kind {
    /// The word in messages and in the data dictionary.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Day => "day",
            Self::Minutes => "minutes",
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Flag => "flag",
            Self::Id => "id",
        }
    }
}

/// One column of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in expressions.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The unit of an integer: `fen`, `points`; empty for the others.
    pub unit: &'static str,
    /// One sentence.
    pub says: &'static str,
    /// True when a row may lack it.
    pub is_nullable: bool,
}

impl Column {
    /// A column that every row has.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, says: &'static str) -> Self {
        Self { name, kind, unit: "", says, is_nullable: false }
    }

    /// The same column, which a row may lack.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { is_nullable: true, ..self }
    }

    /// The same column with the unit of its integer.
    #[must_use]
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }
}

/// A fact: what one row is, and its columns.
#[derive(Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name in definitions: `remote_read`.
    pub name: &'static str,
    /// One sentence: what one row is.
    pub grain: &'static str,
    /// The columns.
    pub columns: &'static [Column],
}

impl Fact {
    /// The place of column `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// One field of one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    /// The row lacks it.
    Missing,
    /// A flag.
    Flag(bool),
    /// Minutes or an integer.
    Whole(i64),
    /// A day.
    Day(Date),
    /// An instant.
    Instant(Timestamp),
    /// A text.
    Text(String),
    /// An identifier.
    Id(Uuid),
}

impl Datum {
    /// The field with its kind, as it enters the ids of receipts: `text:CT`. INVARIANT: never changes.
    pub(crate) fn tagged(&self) -> String {
        match self {
            Self::Missing => "missing".into(),
            Self::Flag(flag) => format!("flag:{flag}"),
            Self::Whole(number) => format!("whole:{number}"),
            Self::Day(day) => format!("day:{day}"),
            Self::Instant(at) => format!("instant:{}", at.as_microsecond()),
            Self::Text(text) => format!("text:{text}"),
            Self::Id(id) => format!("id:{}", id.simple()),
        }
    }
}

impl fmt::Display for Datum {
    /// Nothing for a missing field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Day(day) => write!(f, "{day}"),
            Self::Instant(at) => f.write_str(&time::second_text(*at)),
            Self::Text(text) => f.write_str(text),
            Self::Id(id) => write!(f, "{}", id.simple()),
        }
    }
}

macro_rules! into_datum {
    ($($kind:ty => |$it:ident| $make:expr),+ $(,)?) => {
        $(impl From<$kind> for Datum {
            fn from($it: $kind) -> Self { $make }
        })+
    };
}

into_datum! {
    bool => |v| Self::Flag(v),
    i64 => |v| Self::Whole(v),
    i32 => |v| Self::Whole(i64::from(v)),
    u32 => |v| Self::Whole(i64::from(v)),
    u16 => |v| Self::Whole(i64::from(v)),
    yiti_kernel::Fen => |v| Self::Whole(v.0),
    Date => |v| Self::Day(v),
    Timestamp => |v| Self::Instant(v),
    String => |v| Self::Text(v),
    &str => |v| Self::Text(v.to_owned()),
    Uuid => |v| Self::Id(v),
}

impl<T: Into<Self>> From<Option<T>> for Datum {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

/// Why a row was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// Another number of fields than the fact has columns.
    #[error("fact `{fact}` has {expected} columns, the row has {found} fields")]
    Width {
        /// The fact.
        fact: &'static str,
        /// Columns of the fact.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// A field of another kind than its column.
    #[error("column `{column}` of fact `{fact}` holds {expected}, not `{found}`")]
    Kind {
        /// The fact.
        fact: &'static str,
        /// The column.
        column: &'static str,
        /// Its kind.
        expected: &'static str,
        /// The field.
        found: String,
    },
    /// A field is missing that every row has.
    #[error("column `{column}` of fact `{fact}` is never missing")]
    Missing {
        /// The fact.
        fact: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// Code of a missing text.
pub(crate) const NO_TEXT: u32 = u32::MAX;

/// The fields of one column.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// Instants, days, minutes, integers, flags: [row], [row].
    Whole { values: Vec<i64>, present: Vec<bool> },
    /// Texts: codes [row] into words.
    Text { codes: Vec<u32>, words: Vec<String>, places: HashMap<String, u32> },
    /// Identifiers: [row].
    Id(Vec<Option<Uuid>>),
}

/// Rows of one fact, by column.
#[derive(Debug, Clone)]
pub struct Batch {
    fact: &'static Fact,
    row_count: usize,
    columns: Vec<Data>,
}

impl Batch {
    /// No rows yet.
    #[must_use]
    pub fn new(fact: &'static Fact) -> Self {
        let columns = fact
            .columns
            .iter()
            .map(|column| match column.kind {
                Kind::Text => Data::Text { codes: Vec::new(), words: Vec::new(), places: HashMap::new() },
                Kind::Id => Data::Id(Vec::new()),
                Kind::Instant | Kind::Day | Kind::Minutes | Kind::Integer | Kind::Flag => {
                    Data::Whole { values: Vec::new(), present: Vec::new() }
                }
            })
            .collect();
        Self { fact, row_count: 0, columns }
    }

    /// Adds a row, its fields in the order of the fact's columns.
    ///
    /// # Errors
    /// [`BadRow`]; the batch is as it was before.
    pub fn push(&mut self, row: &[Datum]) -> Result<(), BadRow> {
        let fact = self.fact;
        if row.len() != fact.columns.len() {
            return Err(BadRow::Width { fact: fact.name, expected: fact.columns.len(), found: row.len() });
        }
        for (column, field) in fact.columns.iter().zip(row) {
            check(fact, column, field)?;
        }
        for (data, field) in self.columns.iter_mut().zip(row) {
            match data {
                Data::Whole { values, present } => {
                    let whole = whole(field);
                    values.push(whole.unwrap_or(0));
                    present.push(whole.is_some());
                }
                Data::Text { codes, words, places } => codes.push(match field {
                    Datum::Text(text) => *places.entry(text.clone()).or_insert_with(|| {
                        words.push(text.clone());
                        u32::try_from(words.len() - 1).unwrap_or(NO_TEXT)
                    }),
                    _ => NO_TEXT,
                }),
                Data::Id(ids) => ids.push(if let Datum::Id(id) = field { Some(*id) } else { None }),
            }
        }
        self.row_count += 1;
        Ok(())
    }

    /// The fact.
    #[must_use]
    pub const fn fact(&self) -> &'static Fact {
        self.fact
    }

    /// How many rows there are.
    #[must_use]
    pub const fn row_count(&self) -> usize {
        self.row_count
    }

    /// The field of `row` in column `name`; `None` when there is no such row or column.
    #[must_use]
    pub fn field(&self, row: usize, name: &str) -> Option<Datum> {
        let column = self.fact.position(name)?;
        (row < self.row_count).then(|| self.datum(row, column))
    }

    pub(crate) fn data(&self, column: usize) -> &Data {
        &self.columns[column]
    }

    /// INVARIANT: `row` and `column` are inside the batch.
    pub(crate) fn datum(&self, row: usize, column: usize) -> Datum {
        match &self.columns[column] {
            Data::Whole { present, .. } if !present[row] => Datum::Missing,
            Data::Whole { values, .. } => match self.fact.columns[column].kind {
                Kind::Instant => Datum::Instant(time::from_micros(values[row])),
                Kind::Day => Datum::Day(day_of_number(values[row])),
                Kind::Flag => Datum::Flag(values[row] != 0),
                Kind::Minutes | Kind::Integer | Kind::Text | Kind::Id => Datum::Whole(values[row]),
            },
            Data::Text { codes, words, .. } => {
                words.get(codes[row] as usize).map_or(Datum::Missing, |word| Datum::Text(word.clone()))
            }
            Data::Id(ids) => ids[row].map_or(Datum::Missing, Datum::Id),
        }
    }
}

fn check(fact: &'static Fact, column: &'static Column, field: &Datum) -> Result<(), BadRow> {
    let fits = match field {
        Datum::Missing if column.is_nullable => true,
        Datum::Missing => return Err(BadRow::Missing { fact: fact.name, column: column.name }),
        Datum::Flag(_) => column.kind == Kind::Flag,
        Datum::Whole(_) => matches!(column.kind, Kind::Minutes | Kind::Integer),
        Datum::Day(_) => column.kind == Kind::Day,
        Datum::Instant(_) => column.kind == Kind::Instant,
        Datum::Text(_) => column.kind == Kind::Text,
        Datum::Id(_) => column.kind == Kind::Id,
    };
    if fits {
        Ok(())
    } else {
        Err(BadRow::Kind {
            fact: fact.name,
            column: column.name,
            expected: column.kind.word(),
            found: field.to_string(),
        })
    }
}

/// The whole number that stands for a field in a column of whole numbers.
pub(crate) fn whole(field: &Datum) -> Option<i64> {
    match field {
        Datum::Flag(flag) => Some(i64::from(*flag)),
        Datum::Whole(number) => Some(*number),
        Datum::Day(day) => Some(number_of_day(*day)),
        Datum::Instant(at) => Some(at.as_microsecond()),
        Datum::Missing | Datum::Text(_) | Datum::Id(_) => None,
    }
}

const FIRST_DAY: Date = date(1970, 1, 1);

/// Days since 1970-01-01.
pub(crate) fn number_of_day(day: Date) -> i64 {
    day.duration_since(FIRST_DAY).as_hours() / 24
}

/// The day that many days after 1970-01-01.
pub(crate) fn day_of_number(number: i64) -> Date {
    let by = SignedDuration::from_hours(number.clamp(-5_000_000, 5_000_000) * 24);
    FIRST_DAY.checked_add(by).unwrap_or(if number < 0 { Date::MIN } else { Date::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    static FACT: Fact = Fact {
        name: "sample",
        grain: "one sample",
        columns: &[
            Column::new("taken_at", Kind::Instant, "When it was taken"),
            Column::new("on", Kind::Day, "The day").nullable(),
            Column::new("kind", Kind::Text, "Its kind").nullable(),
            Column::new("cost", Kind::Integer, "What it cost").unit("fen"),
        ],
    };

    fn row() -> [Datum; 4] {
        [time::from_micros(5).into(), date(1969, 12, 31).into(), "blood".into(), 7i64.into()]
    }

    #[test]
    fn a_field_reads_back_as_it_was_handed_in() {
        let mut batch = Batch::new(&FACT);
        batch.push(&row()).unwrap();
        batch.push(&[row()[0].clone(), Datum::Missing, Datum::Missing, Datum::Whole(-1)]).unwrap();
        for (column, expected) in FACT.columns.iter().zip(row()) {
            assert_eq!(batch.field(0, column.name), Some(expected));
        }
        assert_eq!(batch.field(1, "on"), Some(Datum::Missing));
        assert_eq!(batch.field(1, "kind"), Some(Datum::Missing));
        assert_eq!(batch.field(2, "kind"), None);
        assert_eq!(batch.field(0, "colour"), None);
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused_and_leaves_nothing() {
        let mut batch = Batch::new(&FACT);
        let refused = |batch: &mut Batch, at: usize, field: Datum| {
            let mut row = row();
            row[at] = field;
            batch.push(&row).unwrap_err().to_string()
        };
        assert_eq!(refused(&mut batch, 0, Datum::Missing), "column `taken_at` of fact `sample` is never missing");
        assert_eq!(refused(&mut batch, 3, "7".into()), "column `cost` of fact `sample` holds integer, not `7`");
        assert_eq!(
            batch.push(&row()[..3]).unwrap_err().to_string(),
            "fact `sample` has 4 columns, the row has 3 fields"
        );
        assert_eq!(batch.row_count(), 0);
        assert!(batch.push(&row()).is_ok());
    }

    #[test]
    fn days_and_their_numbers_go_both_ways() {
        for day in [date(1900, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2026, 11, 22)] {
            assert_eq!(day_of_number(number_of_day(day)), day);
        }
        assert_eq!(number_of_day(date(1970, 1, 2)), 1);
        assert_eq!((day_of_number(i64::MIN), day_of_number(i64::MAX)), (Date::MIN, Date::MAX));
    }
}
