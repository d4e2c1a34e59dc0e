//! Measures: what is counted, over which rows, from when on. One file of `definitions/measures/` is one measure:
//! ```toml
//! id = "diagnostics.stat_in_time_ratio"
//! title = { zh-CN = "...", en = "Stat reports in time" }
//! kind = "ratio"            # count, ratio, median, percentile, mean
//! unit = "ratio"            # count, ratio, minutes, days, fen, points
//! better = "higher"         # higher, lower, neither
//! proxy = false             # true: computed from what the platform has, never under the official name
//! provenance = { source = "...", locator = "...", evidence = "default", review = { ... } }
//!
//! [[version]]
//! effective_from = 2026-01-01     # a row is judged by the version of its own period day
//! fact = "report"
//! period = "requested_at"         # an instant or a day; rows without it belong to no period
//! where = "priority = 'stat'"     # which rows the measure is about; left out: all
//! denominator = "not is_void"     # ratio only; left out: all of these
//! numerator = "issued_at is not null and issued_at <= due_at"     # ratio only
//! # value = "minutes_between(requested_at, issued_at)"            # median, percentile, mean
//! strata = ["modality", "institution"]                            # columns by which it may be split
//! says = { zh-CN = "...", en = "stat reports issued in time ÷ stat reports" }      # the rule for those who read figures
//! ```
//! A `percentile` also says `percentile = 90`. Expressions: see [`crate::expr`].
//!
//! A row for which `where`, `denominator`, `numerator` or `value` is unknown because a field is missing is excluded and
//! counted beside the value. An act that has not happened is not missing data: write `issued_at is not null and ...`,
//! which is false, not unknown, as long as nothing was issued.
//!
//! Percentiles are exact and never interpolated: of n values in order, the p-th percentile is the value of rank
//! ceil(p*n/100), the smallest value that at least p per cent do not exceed. The median is the 50th percentile, so of an
//! even number of values the lower of the two in the middle.
//! Source: hyndman-fan-1996, definition 1.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml::Spanned;
use yiti_kernel::definition::{Day, Fault, File, Provenance, Words, place, read};
use yiti_kernel::{Date, Lang};

use crate::expr::{Condition, Mistake, Number};
use crate::fact::{Fact, Kind};

/// A measure with its versions.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Its id: `diagnostics.stat_in_time_ratio`.
    pub id: String,
    /// What people call it.
    pub title: Words,
    /// How the value is formed.
    pub how: How,
    /// The unit of the value.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// True when it must not carry an official name.
    pub is_proxy: bool,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Its versions, the oldest first.
    pub versions: Vec<Version>,
}

impl Version {
    /// The rule in words: its sentence, or the expressions as written; empty for a plain count without a sentence.
    #[must_use]
    pub fn rule(&self, lang: Lang) -> String {
        match &self.says {
            Some(says) => says.get(lang).to_owned(),
            None => self.texts.iter().map(|(name, text)| format!("{name}: {text}")).collect::<Vec<_>>().join("; "),
        }
    }

    /// The column whose day says to which period a row belongs.
    #[must_use]
    pub fn period_column(&self) -> &'static str {
        self.fact.columns.get(self.period).map_or("", |column| column.name)
    }
}

/// One dated version of a measure.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its first day.
    pub effective_from: Date,
    /// Its digest: sixteen hexadecimal digits.
    pub digest: String,
    /// The fact it reads.
    pub fact: &'static Fact,
    /// The place of the period column.
    pub(crate) period: usize,
    pub(crate) filter: Option<Condition>,
    pub(crate) formula: Formula,
    /// The columns by which the value may be split.
    pub strata: Vec<String>,
    /// The expressions as written, for the receipt page: name and text.
    pub texts: Vec<(&'static str, String)>,
    /// The same as a sentence for those who read figures.
    pub says: Option<Words>,
}

#[derive(Debug, Clone)]
pub(crate) enum Formula {
    Count,
    Ratio { numerator: Condition, denominator: Option<Condition> },
    Value(Number),
}

/// How the value is formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The number of rows.
    Count,
    /// Rows of the numerator among those of the denominator.
    Ratio,
    /// The value of that rank; the median is 50.
    Percentile(u8),
    /// Sum and count of the values.
    Mean,
}

/// The unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Rows.
    Count,
    /// 0 to 1.
    Ratio,
    /// Minutes.
    Minutes,
    /// Days.
    Days,
    /// 1/100 yuan.
    Fen,
    /// Points.
    Points,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// It only informs.
    Neither,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindWord {
    Count,
    Ratio,
    Median,
    Percentile,
    Mean,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasureFile {
    id: Spanned<String>,
    title: Words,
    kind: Spanned<KindWord>,
    percentile: Option<Spanned<u8>>,
    unit: Spanned<Unit>,
    better: Better,
    #[serde(default)]
    proxy: bool,
    provenance: Provenance,
    version: Vec<VersionEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionEntry {
    effective_from: Spanned<Day>,
    fact: Spanned<String>,
    period: Spanned<String>,
    #[serde(rename = "where")]
    filter: Option<Spanned<String>>,
    numerator: Option<Spanned<String>>,
    denominator: Option<Spanned<String>>,
    value: Option<Spanned<String>>,
    #[serde(default)]
    strata: Vec<Spanned<String>>,
    says: Option<Words>,
}

/// All measures.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    measures: BTreeMap<String, Measure>,
    files: BTreeMap<String, String>,
}

impl Measures {
    /// Reads `definitions/measures/*.toml`, checking every expression against the declared `facts`.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn load(files: &[File], facts: &[&'static Fact]) -> Result<Self, Vec<Fault>> {
        let (mut all, mut faults) = (Self::default(), Vec::new());
        for file in files {
            match read::<MeasureFile>(file) {
                Ok(entry) => {
                    let mut reading = Reading { file, facts, faults: &mut faults };
                    let measure = reading.measure(&entry);
                    if all.measures.contains_key(&measure.id) {
                        reading.fault(&entry.id, "another measure has this id");
                    }
                    all.files.insert(measure.id.clone(), file.path.clone());
                    all.measures.insert(measure.id.clone(), measure);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// The measure `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Measure> {
        self.measures.get(id)
    }

    /// All measures by id.
    pub fn iter(&self) -> impl Iterator<Item = &Measure> {
        self.measures.values()
    }

    /// Every source a measure cites, with the file that cites it.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.measures
            .values()
            .map(|measure| (self.files.get(&measure.id).map_or("", String::as_str), measure.provenance.source.as_str()))
    }
}

struct Reading<'a> {
    file: &'a File,
    facts: &'a [&'static Fact],
    faults: &'a mut Vec<Fault>,
}

impl Reading<'_> {
    fn fault<T>(&mut self, at: &Spanned<T>, message: impl Into<String>) {
        let (line, column) = place(&self.file.text, at.span().start);
        self.faults.push(Fault { path: self.file.path.clone(), line, column, message: message.into() });
    }

    fn measure(&mut self, entry: &MeasureFile) -> Measure {
        let is_id = |text: &str| {
            !text.is_empty()
                && text.split('.').all(|part| {
                    part.starts_with(|c: char| c.is_ascii_lowercase())
                        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                })
        };
        if !is_id(entry.id.get_ref()) {
            self.fault(&entry.id, "an id such as `area.measure` is expected");
        }
        let how = self.how(entry);
        if entry.version.is_empty() {
            self.fault(&entry.id, "a measure has at least one `[[version]]`");
        }
        let mut versions: Vec<Version> = Vec::new();
        let mut before: Option<Date> = None;
        for version in &entry.version {
            let from = version.effective_from.get_ref().0;
            if before.replace(from).is_some_and(|before| before >= from) {
                self.fault(&version.effective_from, "the versions are to stand in order of time");
            }
            versions.extend(self.version(entry, how, version));
        }
        Measure {
            id: entry.id.get_ref().clone(),
            title: entry.title.clone(),
            how,
            unit: *entry.unit.get_ref(),
            better: entry.better,
            is_proxy: entry.proxy,
            provenance: entry.provenance.clone(),
            versions,
        }
    }

    fn how(&mut self, entry: &MeasureFile) -> How {
        let how = match (*entry.kind.get_ref(), &entry.percentile) {
            (KindWord::Percentile, Some(rank)) => {
                if !(1..=100).contains(rank.get_ref()) {
                    self.fault(rank, "a percentile lies between 1 and 100");
                }
                How::Percentile(*rank.get_ref())
            }
            (KindWord::Percentile, None) => {
                self.fault(&entry.kind, "`percentile = 90` or another is expected");
                How::Percentile(50)
            }
            (other, rank) => {
                if let Some(rank) = rank {
                    self.fault(rank, "only a measure of kind `percentile` has one");
                }
                match other {
                    KindWord::Count => How::Count,
                    KindWord::Ratio => How::Ratio,
                    KindWord::Median | KindWord::Percentile => How::Percentile(50),
                    KindWord::Mean => How::Mean,
                }
            }
        };
        let fits = match *entry.unit.get_ref() {
            Unit::Count => how == How::Count,
            Unit::Ratio => how == How::Ratio,
            Unit::Minutes | Unit::Days | Unit::Fen | Unit::Points => matches!(how, How::Percentile(_) | How::Mean),
        };
        if !fits {
            self.fault(&entry.unit, "the unit does not fit the kind");
        }
        how
    }

    /// `None` when something is wrong, which is then among the faults.
    fn version(&mut self, measure: &MeasureFile, how: How, entry: &VersionEntry) -> Option<Version> {
        let Some(fact) = self.facts.iter().find(|fact| fact.name == entry.fact.get_ref()).copied() else {
            let names: Vec<&str> = self.facts.iter().map(|fact| fact.name).collect();
            let message = format!("no fact has the name `{}`, only {}", entry.fact.get_ref(), names.join(", "));
            self.fault(&entry.fact, message);
            return None;
        };
        let fault_count = self.faults.len();
        let period = fact.position(entry.period.get_ref());
        match period.map(|place| fact.columns[place].kind) {
            Some(Kind::Instant | Kind::Day) => {}
            Some(_) => self.fault(&entry.period, "the period column is an instant or a day"),
            None => self.unknown_column(&entry.period, fact),
        }
        for stratum in &entry.strata {
            match fact.position(stratum.get_ref()).map(|place| fact.columns[place].kind) {
                Some(Kind::Instant | Kind::Minutes) => {
                    self.fault(stratum, "a measure is not split by instants or minutes")
                }
                Some(Kind::Day | Kind::Integer | Kind::Text | Kind::Flag | Kind::Id) => {}
                None => self.unknown_column(stratum, fact),
            }
        }
        let given = [
            ("numerator", &entry.numerator, how == How::Ratio),
            ("denominator", &entry.denominator, how == How::Ratio),
            ("value", &entry.value, matches!(how, How::Percentile(_) | How::Mean)),
        ];
        for (name, text, is_allowed) in given {
            if let Some(text) = text.as_ref().filter(|_| !is_allowed) {
                self.fault(text, format!("a measure of this kind has no `{name}`"));
            }
        }
        let filter = entry.filter.as_ref().map(|text| self.parse(text, fact, Condition::parse));
        let denominator = entry.denominator.as_ref().map(|text| self.parse(text, fact, Condition::parse));
        let numerator = entry.numerator.as_ref().map(|text| self.parse(text, fact, Condition::parse));
        let value = entry.value.as_ref().map(|text| self.parse(text, fact, Number::parse));
        let formula = match how {
            How::Count => Some(Formula::Count),
            How::Ratio => match numerator {
                Some(numerator) => {
                    numerator.map(|numerator| Formula::Ratio { numerator, denominator: denominator.flatten() })
                }
                None => {
                    self.fault(&entry.fact, "a ratio has a `numerator`");
                    None
                }
            },
            How::Percentile(_) | How::Mean => match value {
                Some(number) => {
                    if let Some(number) = &number
                        && (number.kind() == Kind::Minutes) != (*measure.unit.get_ref() == Unit::Minutes)
                        && let Some(text) = &entry.value
                    {
                        self.fault(text, format!("the value is in {}, the unit says otherwise", number.kind().word()));
                    }
                    number.map(Formula::Value)
                }
                None => {
                    self.fault(&entry.fact, "a measure of this kind has a `value`");
                    None
                }
            },
        };
        let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.get_ref().clone());
        let texts = [
            ("where", text(&entry.filter)),
            ("denominator", text(&entry.denominator)),
            ("numerator", text(&entry.numerator)),
            ("value", text(&entry.value)),
        ];
        let texts: Vec<(&'static str, String)> =
            texts.into_iter().filter_map(|(name, text)| text.map(|text| (name, text))).collect();
        if self.faults.len() > fault_count {
            return None;
        }
        let effective_from = entry.effective_from.get_ref().0;
        let decides = serde_json::json!([
            measure.id.get_ref(),
            format!("{how:?}"),
            effective_from.to_string(),
            fact.name,
            entry.period.get_ref(),
            texts,
        ]);
        let mut digest = hex::encode(Sha256::digest(decides.to_string().as_bytes()));
        digest.truncate(16);
        Some(Version {
            effective_from,
            digest,
            fact,
            period: period?,
            filter: filter.flatten(),
            formula: formula?,
            strata: entry.strata.iter().map(|stratum| stratum.get_ref().clone()).collect(),
            texts,
            says: entry.says.clone(),
        })
    }

    fn unknown_column(&mut self, at: &Spanned<String>, fact: &Fact) {
        self.fault(at, format!("fact `{}` has no column `{}`", fact.name, at.get_ref()));
    }

    fn parse<T>(
        &mut self,
        text: &Spanned<String>,
        fact: &Fact,
        parse: fn(&str, &Fact) -> Result<T, Mistake>,
    ) -> Option<T> {
        match parse(text.get_ref(), fact) {
            Ok(parsed) => Some(parsed),
            Err(mistake) => {
                // The text stands in the file as it is when nothing is escaped: then the place inside it can be named.
                let inside = text.span().start + 1;
                let as_written = self.file.text.get(inside..).is_some_and(|rest| rest.starts_with(text.get_ref()));
                let (line, column) = place(&self.file.text, text.span().start);
                let (column, message) = if as_written && !text.get_ref().contains('\n') {
                    (column + mistake.column, mistake.message)
                } else {
                    (column, format!("{} (character {} of the expression)", mistake.message, mistake.column))
                };
                self.faults.push(Fault { path: self.file.path.clone(), line, column, message });
                None
            }
        }
    }
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;
