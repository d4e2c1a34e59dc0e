//! Sentences for people about faults, in English and Chinese, from `words.csv`.

use std::collections::HashMap;

use crate::fault::Fault;

/// Words of one language by key, with `{name}` where a fact goes in.
#[derive(Debug, Clone)]
pub struct Words {
    words: HashMap<String, String>,
}

/// Why a table of words was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the words: {what}")]
pub struct WordsFault {
    line: usize,
    what: String,
}

impl Words {
    /// The words that come with the crate; `language` is `en` or `zh-CN`.
    pub fn shipped(language: &str) -> Result<Words, WordsFault> {
        Words::read(include_str!("../words.csv"), language)
    }

    /// Reads a table of words: a header `key`, then one column a language; no cell is quoted, `;` stands between cells.
    pub fn read(table: &str, language: &str) -> Result<Words, WordsFault> {
        let mut lines = table.lines().zip(1..);
        let fault = |line, what: String| WordsFault { line, what };
        let header = lines.next().map_or("", |(header, _)| header);
        let column = header.split(';').position(|name| name == language);
        let column = column.ok_or_else(|| fault(1, format!("the column `{language}` is missing")))?;
        let mut words = HashMap::new();
        for (text, line) in lines {
            let cells: Vec<&str> = text.split(';').collect();
            let (Some(key), Some(word)) = (cells.first(), cells.get(column)) else {
                return Err(fault(line, "a cell is missing".to_owned()));
            };
            if words.insert((*key).to_owned(), (*word).to_owned()).is_some() {
                return Err(fault(line, format!("`{key}` stands twice")));
            }
        }
        Ok(Words { words })
    }

    fn say(&self, key: &str, facts: &[(&'static str, String)]) -> String {
        let mut text = self.words.get(key).cloned().unwrap_or_else(|| key.to_owned());
        for (name, fact) in facts {
            text = text.replace(&format!("{{{name}}}"), fact);
        }
        text
    }

    /// What is wrong, without its place.
    pub fn problem(&self, fault: &Fault) -> String {
        self.say(fault.problem.key(), &fault.problem.facts())
    }

    /// What helps.
    pub fn remedy(&self, fault: &Fault) -> String {
        self.say(&format!("{}.remedy", fault.problem.key()), &fault.problem.facts())
    }

    /// File, row, column, what is wrong and what helps, as sentences.
    pub fn fault(&self, fault: &Fault) -> String {
        let mut text = self.say("place.file", &[("file", fault.file.clone())]);
        if let Some(row) = fault.row {
            text += &self.say("place.row", &[("row", row.to_string())]);
        }
        if let Some(column) = &fault.column {
            text += &self.say("place.column", &[("column", column.clone())]);
        }
        text + &self.say("place.sentence", &[("problem", self.problem(fault)), ("remedy", self.remedy(fault))])
    }
}
