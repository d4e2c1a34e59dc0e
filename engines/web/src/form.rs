//! Forms: what was sent, what is wrong with it, and acts that happen once however often the form is sent.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use yiti_directory::context::{self, Cx};
use yiti_kernel::{Date, Lang, Uuid};
use yiti_store::{Act, Error};

use crate::app::App;
use crate::problem::Problem;
use crate::route::BODY_BYTES_MAX;
use crate::visitor::Visitor;
use crate::words::t_with;

/// The longest text of one line, in characters.
pub const LINE_LENGTH_MAX: usize = 200;
/// The longest text of several lines, in characters.
pub const TEXT_LENGTH_MAX: usize = 10_000;
/// Fields one form may have.
const FIELD_COUNT_MAX: usize = 2_000;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Key of the words in `locales/`.
    pub key: String,
    /// Values for `%{name}` in them.
    pub values: Vec<(String, String)>,
}

impl FieldError {
    /// What it says.
    #[must_use]
    pub fn words(&self, lang: Lang) -> String {
        let values: Vec<(&str, &str)> = self.values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        t_with(lang, &self.key, &values)
    }
}

/// What is wrong with the fields of a form: one thing a field, the first that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors(Vec<(String, FieldError)>);

impl Errors {
    /// Notes what is wrong with `field`.
    pub fn add(&mut self, field: &str, key: &str, values: &[(&str, &str)]) {
        if self.of(field).is_none() {
            let values = values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            self.0.push((field.to_owned(), FieldError { key: key.to_owned(), values }));
        }
    }

    /// What is wrong with `field`.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<&FieldError> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, error)| error)
    }

    /// True when nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields are at fault.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Field and fault, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldError)> {
        self.0.iter().map(|(field, error)| (field.as_str(), error))
    }
}

/// The fields of a form, trimmed. As an extractor it reads what was sent; [`Form::blank`] begins a new one.
#[derive(Debug, Clone, Default)]
pub struct Form {
    values: BTreeMap<String, Vec<String>>,
    act_key: String,
    /// What is wrong.
    pub errors: Errors,
}

impl Form {
    /// An empty form with a fresh act key.
    #[must_use]
    pub fn blank() -> Self {
        Self { act_key: yiti_kernel::fresh().simple().to_string(), ..Self::default() }
    }

    /// A new form that already holds some values.
    #[must_use]
    pub fn filled(values: &[(&str, &str)]) -> Self {
        let mut form = Self::blank();
        for (name, value) in values {
            form.values.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        form
    }

    /// Reads `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn parse(body: &str) -> Self {
        let pairs = body.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self::sent(pairs)
    }

    /// A form with the fields that were sent.
    pub(crate) fn sent(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut form = Self::default();
        for (name, value) in pairs.into_iter().take(FIELD_COUNT_MAX) {
            form.values.entry(name).or_default().push(value.trim().replace("\r\n", "\n"));
        }
        // A form without a key of its own (a script's) is sent once, so any key will do.
        let sent = Uuid::try_parse(form.value("act_key")).ok();
        form.act_key = sent.unwrap_or_else(yiti_kernel::fresh).simple().to_string();
        form
    }

    /// The key under which the act of this form happens once.
    #[must_use]
    pub fn act_key(&self) -> &str {
        &self.act_key
    }

    /// The value of a field as sent; empty when it is missing.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// All values of a field: boxes that were ticked.
    #[must_use]
    pub fn values(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// True when `value` is among the values of a field.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.values(name).iter().any(|given| given == value)
    }

    /// True when a box was ticked.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        !matches!(self.value(name), "" | "0" | "false" | "off")
    }

    /// A text that may be empty, with at most `length_max` characters.
    pub fn text(&mut self, name: &str, length_max: usize) -> String {
        let text = self.value(name).to_owned();
        if text.chars().count() > length_max {
            self.errors.add(name, "form.too_long", &[("max", &length_max.to_string())]);
        }
        text
    }

    /// A text that must not be empty, with at most `length_max` characters.
    pub fn required(&mut self, name: &str, length_max: usize) -> String {
        let text = self.text(name, length_max);
        if text.is_empty() {
            self.errors.add(name, "form.required", &[]);
        }
        text
    }

    /// A value of another type; `None` when it is empty or cannot be read, the latter noted as an error.
    pub fn optional<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.value(name);
        if text.is_empty() {
            return None;
        }
        let value = text.parse().ok();
        if value.is_none() {
            self.errors.add(name, "form.malformed", &[]);
        }
        value
    }

    /// A value of another type that must be there.
    pub fn needed<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.optional(name);
        if value.is_none() {
            self.errors.add(name, "form.required", &[]);
        }
        value
    }

    /// A day written `2026-03-15`.
    pub fn day(&mut self, name: &str) -> Option<Date> {
        let text = self.value(name);
        if text.is_empty() {
            return None;
        }
        let day = text.parse().ok();
        if day.is_none() {
            self.errors.add(name, "form.no_day", &[]);
        }
        day
    }

    /// One of `choices`; `None` and an error when it is none of them.
    pub fn choice<'c>(&mut self, name: &str, choices: &[&'c str]) -> Option<&'c str> {
        let chosen = choices.iter().copied().find(|choice| *choice == self.value(name));
        if chosen.is_none() {
            self.errors.add(name, "form.choose", &[]);
        }
        chosen
    }

    /// True when nothing is wrong so far.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
                if let (Some(high), Some(low)) = digits {
                    bytes.push(high << 4 | low);
                    rest = ahead;
                } else {
                    bytes.push(b'%');
                }
            }
            other => bytes.push(other),
        }
    }
    // NUL is refused by PostgreSQL and means nothing in a text.
    String::from_utf8_lossy(&bytes).replace('\0', "")
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded");
        if !is_form && !kind.is_empty() {
            return Err(Problem::Malformed);
        }
        // The guard has put the route's own limit around the body; this one only bounds a route that lifts it.
        let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await;
        let body = body.map_err(|_| Problem::TooLarge { bytes_max: BODY_BYTES_MAX })?;
        let body = std::str::from_utf8(&body).map_err(|_| Problem::Malformed)?;
        Ok(Self::parse(body))
    }
}

/// The query of an address, read with the same means as a form: filters, page numbers.
#[derive(Debug, Clone, Default)]
pub struct Asked(pub Form);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Form::parse(parts.uri.query().unwrap_or_default())))
    }
}

/// Runs an act whose outcome is the address to lead to. A form that is sent again leads to the same address and nothing
/// happens twice; two people cannot meet under one key.
///
/// # Errors
/// The act's own error, or a store error.
pub async fn act_once<E, F>(app: &App, visitor: &Visitor, key: &str, act: F) -> Result<String, E>
where
    F: for<'c, 't> FnOnce(&'c mut Cx<'t>) -> Act<'c, Result<String, E>> + Send + 'static,
    E: From<Error> + Send + 'static,
{
    let key = format!("{}:{key}", visitor.session.person);
    app.platform()
        .act(&visitor.actor, move |cx| {
            Box::pin(async move {
                if let Some(done) = context::done_before(cx, &key).await? {
                    return Ok(done);
                }
                let to = act(cx).await?;
                context::remember(cx, &key, &to).await?;
                Ok(to)
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_trimmed() {
        let form = Form::parse("name=+%E9%9F%A9%20x+&risk=a&risk=b&odd=%zz&n=%00&empty=&lines=a%0D%0Ab");
        assert_eq!(form.value("name"), "\u{97e9} x");
        assert_eq!(form.values("risk"), ["a", "b"]);
        assert_eq!((form.value("odd"), form.value("n"), form.value("none")), ("%zz", "", ""));
        assert_eq!(form.value("lines"), "a\nb");
    }

    #[test]
    fn the_first_fault_of_a_field_stays() {
        let mut form = Form::parse("long=abcd&day=2026-02-30&n=x");
        assert_eq!(form.text("long", 3), "abcd");
        assert_eq!(form.required("gone", 3), "");
        assert_eq!(form.day("day"), None);
        assert_eq!(form.needed::<u32>("n"), None);
        let faults: Vec<_> = form.errors.iter().map(|(field, error)| (field, error.key.as_str())).collect();
        let expected =
            [("long", "form.too_long"), ("gone", "form.required"), ("day", "form.no_day"), ("n", "form.malformed")];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_form_keeps_its_key_and_a_blank_one_has_a_fresh_one() {
        let blank = Form::blank();
        assert_eq!(Form::parse(&format!("act_key={}", blank.act_key())).act_key(), blank.act_key());
        assert_ne!(Form::parse("act_key=x").act_key(), "x");
    }
}
