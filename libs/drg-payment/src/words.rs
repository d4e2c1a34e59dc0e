//! Sentences for people, made from steps and refusals and a table of words: CSV, one column a language. Nothing else in
//! the crate speaks to people. Ids that a pack brings (tiers, exclusions) are shown as they are where the table lacks
//! them.

use std::collections::HashMap;

use crate::error::{FileFault, Refused};
use crate::pack::{File, HEAD_BYTES_MAX};
use crate::price::{Fact, Priced, Step};

/// Words of one language by key, with `{name}` where a fact goes in.
#[derive(Debug, Clone)]
pub struct Words {
    words: HashMap<String, String>,
}

impl Words {
    /// The words that come with the crate; `language` is `en` or `zh-CN`.
    ///
    /// # Errors
    /// [`FileFault`] when there is no such language.
    pub fn shipped(language: &str) -> Result<Words, FileFault> {
        Words::read(File { name: "words.csv", text: include_str!("../words.csv") }, language)
    }

    /// Reads a table of words: CSV with the column `key` and one column a language.
    ///
    /// # Errors
    /// [`FileFault`] with line and column.
    pub fn read(file: File<'_>, language: &str) -> Result<Words, FileFault> {
        if file.text.len() > HEAD_BYTES_MAX {
            return Err(file.fault(format!("the table has more than {HEAD_BYTES_MAX} bytes; it is no table of words")));
        }
        let mut reader = csv::Reader::from_reader(file.text.as_bytes());
        let broken = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            FileFault::new(file.name, line, "", "the row does not have the columns of the header")
        };
        let header = reader.headers().map_err(broken)?.clone();
        let column = |name: &str| {
            let at = header.iter().position(|column| column == name);
            at.ok_or_else(|| FileFault::new(file.name, 1, name, "the column is missing"))
        };
        let (key, word) = (column("key")?, column(language)?);
        let mut words = HashMap::new();
        for row in reader.records() {
            let row = row.map_err(broken)?;
            let line = row.position().map_or(0, csv::Position::line);
            let (key, word) = (row.get(key).unwrap_or(""), row.get(word).unwrap_or(""));
            if key.is_empty() || word.is_empty() {
                return Err(FileFault::new(file.name, line, "", "a cell is empty"));
            }
            if words.insert(key.to_owned(), word.to_owned()).is_some() {
                return Err(FileFault::new(file.name, line, "key", format!("`{key}` stands twice")));
            }
        }
        Ok(Words { words })
    }

    /// The word of a key. A key without a word gives its part after the last `:` or `.`, so that nothing is lost.
    #[must_use]
    pub fn word<'w>(&'w self, key: &'w str) -> &'w str {
        let own = || key.rsplit([':', '.']).next().unwrap_or(key);
        self.words.get(key).map_or_else(own, String::as_str)
    }

    /// A step as a sentence; a default says that it is one.
    #[must_use]
    pub fn step(&self, step: &Step) -> String {
        let mut sentence = self.word(step.key).to_owned();
        for (name, fact) in &step.facts {
            let fact = match fact {
                Fact::Word(key) => self.word(key).to_owned(),
                other => other.to_string(),
            };
            sentence = sentence.replace(&format!("{{{name}}}"), &fact);
        }
        if step.is_default() { self.word("default").replace("{sentence}", &sentence) } else { sentence }
    }

    /// All steps of a price as sentences.
    #[must_use]
    pub fn steps(&self, priced: &Priced) -> Vec<String> {
        priced.steps.iter().map(|step| self.step(step)).collect()
    }

    /// Why a case was not priced, as a sentence with what to do.
    #[must_use]
    pub fn refused(&self, refused: &Refused) -> String {
        self.word(refused.key()).to_owned()
    }
}
