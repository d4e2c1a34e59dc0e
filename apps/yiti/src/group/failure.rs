//! Why the command failed as a whole, as a sentence with its remedy.

use std::path::Path;

use yiti_frontpage::FileFault;
use yiti_kernel::Lang;

/// What ended the command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The table cannot be read.
    Table(Box<sheet::Fault>),
    /// A table of front pages cannot be taken.
    Pages {
        /// The file's name.
        file: String,
        /// Why.
        fault: Box<FileFault>,
    },
    /// Anything else: key below `group.fatal` and facts.
    Other {
        /// The key.
        key: &'static str,
        /// facts: [fact], its name in the words and its text
        facts: Vec<(&'static str, String)>,
    },
}

impl Failure {
    /// A failure with its facts.
    pub(crate) fn new(key: &'static str, facts: impl IntoIterator<Item = (&'static str, String)>) -> Failure {
        Failure::Other { key, facts: facts.into_iter().collect() }
    }

    /// A file that could not be written.
    #[must_use]
    pub(crate) fn write(path: &Path, error: &std::io::Error) -> Failure {
        Failure::new("write", [("file", path.display().to_string()), ("reason", error.to_string())])
    }

    /// The sentence.
    #[must_use]
    pub(crate) fn say(&self, lang: Lang) -> String {
        match self {
            Failure::Table(fault) => match sheet::Words::shipped(lang.tag()) {
                Ok(words) => words.fault(fault),
                Err(_) => fault.to_string(),
            },
            Failure::Pages { file, fault } => {
                let (reason, remedy) = yiti_frontpage::words::refused(fault, lang);
                let facts = [("file", file.as_str()), ("reason", reason.as_str()), ("remedy", remedy.as_str())];
                yiti_web::words::t_with(lang, "group.fatal.pages", &facts)
            }
            Failure::Other { key, facts } => {
                let facts: Vec<(&str, &str)> = facts.iter().map(|(name, text)| (*name, text.as_str())).collect();
                yiti_web::words::t_with(lang, &format!("group.fatal.{key}"), &facts)
            }
        }
    }
}

impl From<sheet::Fault> for Failure {
    fn from(fault: sheet::Fault) -> Failure {
        Failure::Table(Box::new(fault))
    }
}
