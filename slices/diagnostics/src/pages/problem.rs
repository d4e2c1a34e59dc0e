//! What the reader of a page is told when an act was not done.

use yiti_web::Problem;

use crate::actions::Error;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Forbidden(error) => error.into(),
            Error::Refused(refused) => Self::refused(refused.key()),
            Error::Store(error) => error.into(),
            other => Self::refused(other.key()),
        }
    }
}
