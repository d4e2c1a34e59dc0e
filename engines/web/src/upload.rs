//! A form that carries one file, held in memory within a bound.
//!
//! What is beyond the bound is read and thrown away, up to the limit of the route, so that the person is told why in the
//! form rather than by a broken connection.

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use bytes::Bytes;

use crate::form::Form;
use crate::problem::Problem;

/// Bytes of all fields that are no file.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// The longest name of a file that is kept, in characters.
const NAME_LENGTH_MAX: usize = 120;

/// A file as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its name without folders, of a bounded length.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
}

/// The fields of a form, and its file.
#[derive(Debug)]
pub struct Upload {
    /// The fields. A file that is missing or too large is noted in its errors.
    pub form: Form,
    /// The file, when it was sent and is not too large.
    pub file: Option<Sent>,
}

impl Upload {
    /// Reads `multipart/form-data` with a file in `field` of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`Problem::Malformed`] when it is none or breaks off, [`Problem::TooLarge`] above the limit of the route.
    pub async fn read(request: Request, field: &str, bytes_max: usize) -> Result<Self, Problem> {
        let broken = |error: MultipartError| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge { bytes_max },
            _ => Problem::Malformed,
        };
        let mut parts = Multipart::from_request(request, &()).await.map_err(|_| Problem::Malformed)?;
        let (mut pairs, mut file, mut text_bytes, mut is_too_large) = (Vec::new(), None, 0, false);
        while let Some(mut part) = parts.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == field && file.is_none() {
                let file_name = plain_name(part.file_name().unwrap_or_default());
                match bounded(&mut part, bytes_max).await.map_err(broken)? {
                    Some(bytes) if bytes.is_empty() && file_name.is_empty() => {}
                    Some(bytes) => file = Some(Sent { name: file_name, bytes }),
                    None => is_too_large = true,
                }
                continue;
            }
            let value = bounded(&mut part, TEXT_BYTES_MAX - text_bytes).await.map_err(broken)?;
            let value = value.ok_or(Problem::Malformed)?;
            text_bytes += value.len();
            // NUL is refused by PostgreSQL and means nothing in a text.
            pairs.push((name, String::from_utf8_lossy(&value).replace('\0', "")));
        }
        let mut form = Form::sent(pairs);
        if is_too_large {
            form.errors.add(field, "form.file_too_large", &[("mib", &(bytes_max >> 20).to_string())]);
        } else if file.is_none() {
            form.errors.add(field, "form.file_needed", &[]);
        }
        Ok(Self { form, file })
    }
}

/// All bytes of a part; `None` when there are more than `bytes_max`, which are then read and thrown away.
async fn bounded(part: &mut Field<'_>, bytes_max: usize) -> Result<Option<Bytes>, MultipartError> {
    let mut kept = Some(Vec::new());
    while let Some(chunk) = part.chunk().await? {
        // Memory grows with what came, never with a declared length.
        match &mut kept {
            Some(bytes) if bytes.len() + chunk.len() <= bytes_max => bytes.extend_from_slice(&chunk),
            _ => kept = None,
        }
    }
    Ok(kept.map(Bytes::from))
}

/// The name of a file as people see it: without folders and marks that are not shown.
fn plain_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(NAME_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=X";

    fn request(body: &str) -> Request {
        Request::post("/").header("content-type", KIND).body(Body::from(body.to_owned())).unwrap()
    }

    fn part(about: &str, text: &str) -> String {
        format!("--X\r\ncontent-disposition: form-data; {about}\r\n\r\n{text}\r\n")
    }

    #[tokio::test]
    async fn fields_and_file_come_apart() {
        let body =
            part("name=\"unit\"", " a b ") + &part("name=\"file\"; filename=\"C:\\x\\pages.csv\"", "1,2") + "--X--";
        let upload = Upload::read(request(&body), "file", 3).await.unwrap();
        assert_eq!((upload.form.value("unit"), upload.form.is_valid()), ("a b", true));
        let file = upload.file.unwrap();
        assert_eq!((file.name.as_str(), &file.bytes[..]), ("pages.csv", &b"1,2"[..]));
    }

    #[tokio::test]
    async fn a_file_above_the_bound_or_none_is_a_fault_of_its_field() {
        for (text, name, key) in [("1,23", "a.csv", "form.file_too_large"), ("", "", "form.file_needed")] {
            let body =
                part(&format!("name=\"file\"; filename=\"{name}\""), text) + &part("name=\"unit\"", "a") + "--X--";
            let upload = Upload::read(request(&body), "file", 3).await.unwrap();
            assert!(upload.file.is_none());
            assert_eq!(upload.form.errors.of("file").map(|fault| fault.key.as_str()), Some(key));
            assert_eq!(upload.form.value("unit"), "a");
        }
    }

    #[tokio::test]
    async fn what_breaks_off_is_refused() {
        let body = part("name=\"file\"; filename=\"a.csv\"", "1,2");
        assert!(matches!(Upload::read(request(&body), "file", 9).await, Err(Problem::Malformed)));
        let many = part("name=\"text\"", &"x".repeat(TEXT_BYTES_MAX + 1)) + "--X--";
        assert!(matches!(Upload::read(request(&many), "file", 9).await, Err(Problem::Malformed)));
    }
}
