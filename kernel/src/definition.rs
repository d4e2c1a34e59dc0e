//! Definitions: what staff change without a programmer. Every file is TOML with a closed vocabulary; a fault names the
//! file, the line and the column.
//!
//! Leaves out: reading files (the app hands in the text) and what each kind of definition means (its engine knows).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;

/// The text of one definition file and the name it is known by, for messages: `clocks/diagnostics.toml`.
#[derive(Debug, Clone)]
pub struct File {
    /// The path below `definitions/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A fault in a definition, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path below `definitions/`.
    pub path: String,
    /// Line, counted from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Column in characters, counted from 1; 0 when the whole line is meant.
    pub column: usize,
    /// What is wrong and what is expected.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)
    }
}

impl std::error::Error for Fault {}

/// Who answers for a definition and where its rule comes from.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Key of a file in `definitions/sources/`.
    pub source: String,
    /// The place in that document.
    #[serde(default)]
    pub locator: String,
    /// How the rule was found: `verified`, `recalled`, `stated`, or `default` (ours, with no norm behind it; the screen
    /// says so).
    pub evidence: Evidence,
    /// When the definition was last checked against its source, and when it is to be checked again.
    pub review: Review,
}

/// How well a rule is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Found in the cited text.
    Verified,
    /// Known from the named document, text not at hand; to be confirmed by the hospital.
    Recalled,
    /// Said by a hospital in a published article.
    Stated,
    /// Our own default with no norm behind it.
    Default,
}

impl Evidence {
    /// The key of its name in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Verified => "evidence.verified",
            Self::Recalled => "evidence.recalled",
            Self::Stated => "evidence.stated",
            Self::Default => "evidence.default",
        }
    }
}

/// The documents that definitions cite, by the names of their files in `definitions/sources/`.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<String, Words>);

impl Sources {
    /// Reads `definitions/sources/*.toml`; of each the title, the rest is for those who check.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        #[derive(serde::Deserialize)]
        struct Source {
            title: Words,
        }
        let (mut titles, mut faults) = (BTreeMap::new(), Vec::new());
        for file in files {
            let Some(key) = file.path.strip_prefix("sources/").and_then(|name| name.strip_suffix(".toml")) else {
                continue;
            };
            match read::<Source>(file) {
                Ok(source) => drop(titles.insert(key.to_owned(), source.title)),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self(titles)) } else { Err(faults) }
    }

    /// Whether there is such a document.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The title of a document; its key when there is none such.
    #[must_use]
    pub fn title<'t>(&'t self, key: &'t str, lang: crate::Lang) -> &'t str {
        self.0.get(key).map_or(key, |title| title.get(lang))
    }

    /// The title, in English with the place in the document: locators are written in English, for those who check.
    #[must_use]
    pub fn cite(&self, provenance: &Provenance, lang: crate::Lang) -> String {
        let title = self.title(&provenance.source, lang);
        match (lang, provenance.locator.as_str()) {
            (crate::Lang::Zh, _) | (_, "") => title.to_owned(),
            (crate::Lang::En, locator) => format!("{title}, {locator}"),
        }
    }
}

/// The two review days of a definition.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The day it was last checked.
    pub checked_on: Day,
    /// The day it is to be checked again.
    pub next: Day,
}

/// A text in both languages, written side by side in a definition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Chinese.
    #[serde(rename = "zh-CN")]
    pub zh: String,
    /// English.
    pub en: String,
}

impl Words {
    /// The text in `lang`.
    #[must_use]
    pub fn get(&self, lang: crate::Lang) -> &str {
        match lang {
            crate::Lang::Zh => &self.zh,
            crate::Lang::En => &self.en,
        }
    }
}

/// A day written as a TOML date (`2026-11-20`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub jiff::civil::Date);

impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::value::Datetime::deserialize(deserializer)?;
        let date = value.date.ok_or_else(|| serde::de::Error::custom("a day is expected, such as 2026-11-20"))?;
        let year = i16::try_from(date.year).map_err(serde::de::Error::custom)?;
        let (month, day) = (i8::try_from(date.month), i8::try_from(date.day));
        let (Ok(month), Ok(day)) = (month, day) else { return Err(serde::de::Error::custom("no day of the calendar")) };
        jiff::civil::Date::new(year, month, day).map(Day).map_err(serde::de::Error::custom)
    }
}

/// Reads a definition file into `T`, whose structs refuse unknown keys.
///
/// # Errors
/// [`Fault`] with line and column of the first fault.
pub fn read<T: DeserializeOwned>(file: &File) -> Result<T, Fault> {
    toml::from_str(&file.text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = place(&file.text, offset);
        Fault { path: file.path.clone(), line, column, message: error.message().to_owned() }
    })
}

/// Line and column (both from 1, column in characters) of a byte offset.
#[must_use]
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(1, |tail| tail.chars().count() + 1);
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its reading is tested")]
        from: Day,
    }

    fn sample(text: &str) -> Result<Sample, Fault> {
        read(&File { path: "sample.toml".into(), text: text.into() })
    }

    #[test]
    fn a_day_is_read_from_a_toml_date() {
        assert!(sample("from = 2026-11-20").is_ok());
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let fault = sample("from = 2026-11-20\n  till = 2027-01-01\n").unwrap_err();
        assert_eq!((fault.line, fault.column), (2, 3));
        assert!(fault.message.contains("unknown field `till`"), "{}", fault.message);
    }
}
