//! What the reader of a page is told when an act was not done.

use yiti_web::{Problem, Refusal};

use crate::actions::Error;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let key = error.key();
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Moved { .. } | Error::Known(_) | Error::AlreadyFinal => {
                Self::Refused(Box::new(Refusal { key: key.to_owned(), is_conflict: true, ..Refusal::default() }))
            }
            Error::Unnamed | Error::NoScheme => Self::refused(key),
        }
    }
}
