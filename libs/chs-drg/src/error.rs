//! Why tables, packs or schemes were refused. Faults of a record are in `check`.

use std::io;

/// Why a scheme could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("{file}: {source}")]
    Read {
        /// The file's name.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A table breaks its shape.
    #[error("{file}:{line}:{column}: {what}")]
    Table {
        /// The file's name.
        file: String,
        /// Line, counted from 1; the header is line 1.
        line: u64,
        /// Column by name, with the character where a rule breaks.
        column: String,
        /// What is wrong there.
        what: String,
    },
    /// No scheme has this id.
    #[error("the tables hold no scheme `{id}`")]
    NoScheme {
        /// The id that was asked.
        id: String,
    },
    /// A pack is damaged or not a pack.
    #[error("the pack is refused at byte {at}: {what}")]
    Pack {
        /// Offset from the pack's start, or from the start of its unpacked content when `at` lies there.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// The parts of a scheme do not fit each other.
    #[error("the scheme is refused: {what}")]
    Scheme {
        /// Which part breaks which rule.
        what: String,
    },
    /// Columns made for one scheme were given to another.
    #[error("the columns were made for another scheme")]
    OtherScheme,
}

impl Error {
    pub(crate) fn scheme(what: impl Into<String>) -> Error {
        Error::Scheme { what: what.into() }
    }
}
