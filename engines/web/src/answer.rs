//! What handlers answer.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::address::local_path;
use crate::problem::Problem;

/// What a handler returns.
pub type Answer = Result<Response, Problem>;

/// A page, or with `#[template(block = "…")]` the fragment of one.
///
/// # Errors
/// [`Problem::Failed`] when the template cannot be written.
pub fn page<T: Template>(template: &T) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// A form again, with what is wrong in it: status 422.
///
/// # Errors
/// [`Problem::Failed`] when the template cannot be written.
pub fn invalid<T: Template>(template: &T) -> Answer {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(template.render()?)).into_response())
}

/// Leads on after an act, so that reloading does not send the form again. An address outside the site leads home.
///
/// # Errors
/// None; the type is that of all answers.
pub fn redirect(to: &str) -> Answer {
    Ok(see_other(to))
}

pub(crate) fn see_other(to: &str) -> Response {
    let to = local_path(to).and_then(|to| HeaderValue::from_str(to).ok());
    let to = to.unwrap_or(HeaderValue::from_static("/home"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}
