//! multipart/related: read part by part from a stream within bounds, written as a stream.
//!
//! Left out: nested multiparts and transfer encodings other than binary. Source: RFC 2046, dicom-ps3.18, 8.6.1.2.

use super::accept::MediaType;
use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};

/// Bytes of one part's header lines.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Bounds of one request.
#[derive(Debug, Clone, Copy)]
pub struct MultipartLimits {
    /// Bytes of one part.
    pub part_bytes_max: usize,
    /// Parts in all.
    pub part_count_max: usize,
}

impl Default for MultipartLimits {
    fn default() -> Self {
        MultipartLimits { part_bytes_max: 512 << 20, part_count_max: 10_000 }
    }
}

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Not multipart/related, or no usable boundary.
    #[error("the content type is not multipart/related with a boundary")]
    ContentType,
    /// A part is too large.
    #[error("part {part} is larger than {max} bytes")]
    PartTooLarge {
        /// Counted from 1.
        part: usize,
        /// The bound.
        max: usize,
    },
    /// Too many parts.
    #[error("more than {max} parts")]
    TooManyParts {
        /// The bound.
        max: usize,
    },
    /// Header lines that are none, or too many.
    #[error("the header lines of part {part} cannot be read")]
    Header {
        /// Counted from 1.
        part: usize,
    },
    /// The body ends before its last boundary.
    #[error("the body ends inside part {part}")]
    Cut {
        /// Counted from 1.
        part: usize,
    },
    /// The connection failed.
    #[error("the body could not be read: {message}")]
    Body {
        /// What the connection said.
        message: String,
    },
}

/// One part as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its content type, empty when not said.
    pub content_type: String,
    /// Its content.
    pub bytes: Bytes,
}

/// Reads parts one after the other; only one is held in memory.
#[derive(Debug)]
pub struct Parts<S> {
    stream: S,
    buffer: BytesMut,
    delimiter: Vec<u8>,
    limits: MultipartLimits,
    count: usize,
    done: bool,
}

impl<S, E> Parts<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    /// Starts on a request's body, such as `body.into_data_stream()`.
    pub fn new(stream: S, content_type: &str, limits: MultipartLimits) -> Result<Self, MultipartError> {
        let media = MediaType::parse(content_type).ok_or(MultipartError::ContentType)?;
        let boundary = media.parameter("boundary").unwrap_or_default();
        let good = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|byte| (0x20..0x7F).contains(&byte));
        if media.essence != "multipart/related" || !good {
            return Err(MultipartError::ContentType);
        }
        // The first boundary may stand at the very start: then it lacks the line end that belongs to the others.
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Ok(Parts { stream, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, limits, count: 0, done: false })
    }

    /// The next part; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Part>, MultipartError> {
        if self.done {
            return Ok(None);
        }
        if self.count == 0 {
            // What stands before the first boundary means nothing.
            self.content(HEADER_BYTES_MAX).await?;
        }
        self.count += 1;
        let part = self.count;
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.done = true;
            return Ok(None);
        }
        if part > self.limits.part_count_max {
            return Err(MultipartError::TooManyParts { max: self.limits.part_count_max });
        }
        let end = loop {
            match find(&self.buffer, b"\r\n\r\n", 0) {
                Some(end) => break end,
                None if self.buffer.len() > HEADER_BYTES_MAX => return Err(MultipartError::Header { part }),
                None => self.fill().await?,
            }
        };
        let head = self.buffer.split_to(end + 4);
        let head = std::str::from_utf8(&head).map_err(|_| MultipartError::Header { part })?;
        let content_type = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default();
        let bytes = self.content(self.limits.part_bytes_max).await?;
        Ok(Some(Part { content_type, bytes }))
    }

    /// Everything up to the next boundary, which is taken away.
    async fn content(&mut self, max: usize) -> Result<Bytes, MultipartError> {
        let mut from = 0;
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter, from) {
                let content = self.buffer.split_to(at).freeze();
                self.buffer.advance(self.delimiter.len());
                return Ok(content);
            }
            if self.buffer.len() > max + self.delimiter.len() {
                return Err(MultipartError::PartTooLarge { part: self.count.max(1), max });
            }
            from = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), MultipartError> {
        match self.stream.next().await {
            Some(Ok(bytes)) => {
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Err(error)) => Err(MultipartError::Body { message: error.to_string() }),
            None => Err(MultipartError::Cut { part: self.count.max(1) }),
        }
    }
}

/// Horspool's search: a boundary is looked for in about length of content / length of boundary steps.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let last = needle.len().checked_sub(1)?;
    let mut skip = [needle.len(); 256];
    for (at, byte) in needle[..last].iter().enumerate() {
        skip[usize::from(*byte)] = last - at;
    }
    let mut at = from;
    while let Some(window) = bytes.get(at..at + needle.len()) {
        if window == needle {
            return Some(at);
        }
        at += skip[usize::from(window[last])];
    }
    None
}

/// The content type of an answer whose parts are of `part_type`.
pub fn related(part_type: &str, boundary: &str) -> String {
    format!(r#"multipart/related; type="{part_type}"; boundary="{boundary}""#)
}

/// Writes parts, each a content type and its bytes, as they come. The boundary must not occur in any part: use a fresh
/// random one.
pub fn write<S, B, E>(parts: S, boundary: &str) -> impl Stream<Item = Result<Bytes, E>> + Send + use<S, B, E>
where
    S: Stream<Item = Result<(String, B), E>> + Send,
    B: Stream<Item = Result<Bytes, E>> + Send,
    E: Send,
{
    let start = boundary.to_owned();
    let end = format!("--{boundary}--\r\n");
    parts
        .flat_map(move |part| match part {
            Ok((content_type, bytes)) => {
                let head = Bytes::from(format!("--{start}\r\nContent-Type: {content_type}\r\n\r\n"));
                let tail = Bytes::from_static(b"\r\n");
                let (head, tail) = (stream::iter([Ok(head)]), stream::iter([Ok(tail)]));
                head.chain(bytes).chain(tail).left_stream()
            }
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
        .chain(stream::iter([Ok(Bytes::from(end))]))
}
