//! Why an act was not done.

use yiti_directory::Forbidden;
use yiti_web::{Form, Problem};

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not allowed, or not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A field of the form cannot be taken.
    #[error("field `{field}`: {key}")]
    Field {
        /// The field.
        field: &'static str,
        /// Key of the words.
        key: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] yiti_store::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Field { key, .. } => Self::refused(key),
            Error::Store(error) => error.into(),
        }
    }
}

impl Error {
    /// Notes what is wrong beside its field; any other error goes on.
    ///
    /// # Errors
    /// What is no fault of a field.
    pub(crate) fn beside(self, form: &mut Form) -> Result<(), Problem> {
        match self {
            Self::Field { field, key } => {
                form.errors.add(field, key, &[]);
                Ok(())
            }
            other => Err(other.into()),
        }
    }

    /// A conflict of the store is a fault of `field`.
    pub(crate) fn taken(error: yiti_store::Error, field: &'static str, key: &'static str) -> Self {
        match error {
            yiti_store::Error::Conflict { .. } => Self::Field { field, key },
            other => other.into(),
        }
    }
}
