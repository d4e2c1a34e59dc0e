//! What can go wrong below the acts.

/// A failure of the store. Rules never see its inside; the page says that the system could not save.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with the same key is there already.
    #[error("a row with this key is there already: {constraint}")]
    Conflict {
        /// The constraint or the columns that clashed.
        constraint: String,
    },
    /// The row was changed by someone else since it was read.
    #[error("the row was changed by someone else since it was read")]
    Stale,
    /// No such row.
    #[error("no such row")]
    NotFound,
    /// A column was read as a type it does not have.
    #[error("column `{column}` is no {wanted}: {found}")]
    Column {
        /// The column read.
        column: String,
        /// The type asked for.
        wanted: &'static str,
        /// What was found.
        found: String,
    },
    /// A stored document or state could not be understood.
    #[error("a stored {what} cannot be understood: {why}")]
    Corrupt {
        /// The kind of thing.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The database refused.
    #[error("database")]
    Database(#[source] sqlx::Error),
    /// A file could not be read or written.
    #[error("file `{path}`")]
    File {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A backup cannot be made, read or put back.
    #[error("backup, `{file}`: {why}")]
    Backup {
        /// The file or folder concerned.
        file: String,
        /// Why not.
        why: String,
    },
    /// The data folder is in use by another process.
    #[error("the data folder `{0}` is in use by another process")]
    InUse(String),
    /// The store does not open with unsafe settings.
    #[error("the database runs with {setting}={found}, {wanted} is needed for durable commits")]
    Unsafe {
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value needed.
        wanted: &'static str,
    },
    /// The writer has stopped; nothing more is saved until the process starts again.
    #[error("the writer has stopped")]
    Stopped,
    /// The disk is nearly full: nothing is saved until there is room.
    #[error("the disk is nearly full, nothing is saved until there is room")]
    Full,
    /// An act panicked; its changes were rolled back.
    #[error("an act panicked and was rolled back")]
    Panicked,
    /// The commit of the group failed; nothing of it was saved.
    #[error("the commit failed: {0}")]
    Commit(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => {
                Self::Conflict { constraint: inner.constraint().unwrap_or_else(|| inner.message()).to_owned() }
            }
            sqlx::Error::RowNotFound => Self::NotFound,
            _ => Self::Database(error),
        }
    }
}

impl Error {
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }
}
