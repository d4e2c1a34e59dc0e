//! Tables as text: encoding, separator, ends of rows, cells.
//!
//! Rows are found by bytes: no byte of a longer GB18030 or UTF-8 character is a separator, a quote or a line end.
//! Source: RFC 4180; GB 18030-2022.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use encoding_rs::GB18030;
use flate2::read::MultiGzDecoder;
use memchr::{memchr, memchr_iter, memchr2_iter, memchr3, memrchr};

use crate::batch::{Batch, Content, Progress, Shared};
use crate::fault::{Fault, Name, Problem};
use crate::input::Input;
use crate::limits::Limits;

/// How the text of a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Only ASCII so far.
    Ascii,
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// GB18030, and with it GBK and GB2312.
    Gb18030,
}

/// Rows are handed out in pieces of about this size.
const BLOCK: usize = 256 << 10;
/// What is looked at to tell encoding and separator.
const SAMPLE: usize = 1 << 20;

/// A table as text.
pub(crate) struct Text {
    name: Name,
    limits: Limits,
    input: Input,
    zipped: bool,
    pub(crate) delimiter: u8,
    pub(crate) encoding: Encoding,
    pub(crate) columns: Vec<String>,
    /// Bytes before the first row behind the header, and that row's number.
    body: (u64, u64),
}

/// Where a row ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The line feed stands here.
    At(usize),
    /// There is none.
    Missing,
    /// There is none, and a quote is open.
    Quoted,
}

/// The end of the row that begins `bytes`.
#[inline]
pub(crate) fn row_end(bytes: &[u8], delimiter: u8) -> End {
    let Some(end) = memchr(b'\n', bytes) else {
        return if memchr(b'"', bytes).is_none() { End::Missing } else { row_end_quoted(bytes, delimiter) };
    };
    if bytes.get(..end).is_some_and(|line| memchr(b'"', line).is_some()) {
        return row_end_quoted(bytes, delimiter);
    }
    End::At(end)
}

#[inline(never)]
fn row_end_quoted(bytes: &[u8], delimiter: u8) -> End {
    let mut ends = Ends::new(bytes, delimiter);
    match ends.next() {
        Some(end) => End::At(end),
        None if ends.inside => End::Quoted,
        None => End::Missing,
    }
}

/// The line feeds that end rows, quotes respected.
struct Ends<'b> {
    bytes: &'b [u8],
    delimiter: u8,
    marks: memchr::Memchr2<'b>,
    inside: bool,
    /// A closing quote stood here; another one right behind it opens again.
    closed_at: usize,
}

impl<'b> Ends<'b> {
    fn new(bytes: &'b [u8], delimiter: u8) -> Ends<'b> {
        Ends { bytes, delimiter, marks: memchr2_iter(b'"', b'\n', bytes), inside: false, closed_at: usize::MAX }
    }
}

impl Iterator for Ends<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        for at in self.marks.by_ref() {
            let byte = self.bytes.get(at).copied();
            if byte == Some(b'\n') {
                if !self.inside {
                    return Some(at);
                }
            } else if self.inside {
                self.inside = false;
                self.closed_at = at;
            } else {
                let before = at.checked_sub(1);
                let begins = before.is_none_or(|before| {
                    self.bytes.get(before).is_some_and(|byte| *byte == self.delimiter || *byte == b'\n')
                });
                self.inside = begins || before == Some(self.closed_at);
            }
        }
        None
    }
}

/// The line as text.
pub(crate) fn decode(line: &[u8], encoding: Encoding) -> Result<Cow<'_, str>, Problem> {
    match encoding {
        Encoding::Ascii | Encoding::Utf8 => match std::str::from_utf8(line) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => {
                let offset = error.valid_up_to() as u64;
                let other = GB18030.decode_without_bom_handling_and_without_replacement(line).is_some();
                Err(if other { Problem::MixedEncoding { offset } } else { Problem::UnknownEncoding { offset } })
            }
        },
        Encoding::Gb18030 => {
            if let Ok(text) = std::str::from_utf8(line)
                && let Some(offset) = text.char_indices().find(|(_, c)| is_telling(*c)).map(|(at, _)| at as u64)
            {
                return Err(Problem::MixedEncoding { offset });
            }
            GB18030
                .decode_without_bom_handling_and_without_replacement(line)
                .ok_or_else(|| Problem::UnknownEncoding { offset: first_not_gb18030(line) })
        }
    }
}

/// Characters whose UTF-8 bytes hardly ever come out of GB18030 text: three bytes and more. Two bytes may.
fn is_telling(c: char) -> bool {
    c >= '\u{800}'
}

fn first_not_gb18030(bytes: &[u8]) -> u64 {
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let mut out = vec![0; bytes.len().saturating_mul(4) + 16];
    let (_, read, _) = decoder.decode_to_utf8_without_replacement(bytes, &mut out, true);
    read.saturating_sub(1) as u64
}

/// The encoding of some text that may end in the middle of a character. `before` are the bytes of the file before it.
fn encoding_of(sample: &[u8], is_whole: bool, before: u64) -> Result<Encoding, Problem> {
    if sample.is_ascii() {
        return Ok(Encoding::Ascii);
    }
    // The last, cut line says nothing.
    let sample = if is_whole { sample } else { sample.get(..=memrchr(b'\n', sample).unwrap_or(0)).unwrap_or(sample) };
    let Err(error) = std::str::from_utf8(sample) else {
        return Ok(if sample.is_ascii() { Encoding::Ascii } else { Encoding::Utf8 });
    };
    let mut start = 0u64;
    for line in sample.split(|byte| *byte == b'\n') {
        if let Ok(text) = std::str::from_utf8(line)
            && text.chars().any(is_telling)
        {
            return Err(Problem::MixedEncoding { offset: before + error.valid_up_to() as u64 });
        }
        if !line.is_ascii() && GB18030.decode_without_bom_handling_and_without_replacement(line).is_none() {
            return Err(Problem::UnknownEncoding { offset: before + start + first_not_gb18030(line) });
        }
        start += line.len() as u64 + 1;
    }
    Ok(Encoding::Gb18030)
}

/// Cuts the row that begins `bytes` into cells and gives its length without the line feed. spans: [cell]. There must be
/// no quote in the row.
#[inline]
pub(crate) fn cut_plain(bytes: &[u8], delimiter: u8, spans: &mut Vec<(u32, u32)>) -> usize {
    spans.clear();
    let (mut start, mut at) = (0, 0);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let own = u64::from_le_bytes(*word);
        let ends = marks(own, b'\n');
        let mut left = marks(own, delimiter) | ends;
        while left != 0 {
            let end = at + left.trailing_zeros() / 8;
            spans.push((start, end));
            if left & left.wrapping_neg() & ends != 0 {
                return end as usize;
            }
            start = end + 1;
            left &= left - 1;
        }
        at += 8;
    }
    for (byte, end) in rest.iter().zip(at..) {
        if *byte == delimiter || *byte == b'\n' {
            spans.push((start, end));
            start = end + 1;
            if *byte == b'\n' {
                return end as usize;
            }
        }
    }
    spans.push((start, bytes.len() as u32));
    bytes.len()
}

/// The pieces of a text between separators, which must be ASCII and not NUL. One more than there are separators.
#[inline]
pub fn pieces(text: &str, separator: u8) -> Pieces<'_> {
    debug_assert!(separator.is_ascii() && separator != 0);
    Pieces { text, separator, start: 0, at: 0, left: 0, is_over: false }
}

/// See `pieces`.
#[derive(Debug, Clone)]
pub struct Pieces<'t> {
    text: &'t str,
    separator: u8,
    /// Where the next piece begins.
    start: usize,
    /// The end of the eight bytes that `left` speaks of, and its marks that are left.
    at: usize,
    left: u64,
    is_over: bool,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    #[inline]
    fn next(&mut self) -> Option<&'t str> {
        while self.left == 0 {
            let rest = self.text.as_bytes().get(self.at..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else {
                let last = self.text.get(self.start..).filter(|_| !self.is_over);
                self.is_over = true;
                return last;
            };
            let word = match rest.first_chunk::<8>() {
                Some(word) => u64::from_le_bytes(*word),
                None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            self.left = marks(word, self.separator);
            self.at += 8;
        }
        let end = self.at - 8 + (self.left.trailing_zeros() / 8) as usize;
        self.left &= self.left - 1;
        let piece = self.text.get(self.start..end);
        self.start = end + 1;
        piece
    }
}

/// The highest bit of each byte of `word` that is `byte`.
#[inline]
const fn marks(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::MAX / 255 * 0x7f;
    let other = word ^ (u64::MAX / 255 * byte as u64);
    // Adding 0x7f carries into the highest bit unless the seven below are all zero; nothing carries into the next byte.
    !(((other & LOW) + LOW) | other | LOW)
}

/// Cuts a line into cells. spans: [cell], in the line, or in `scratch` when the answer is true because cells were quoted.
#[inline]
pub(crate) fn cut(line: &str, delimiter: u8, spans: &mut Vec<(u32, u32)>, scratch: &mut String) -> bool {
    spans.clear();
    if memchr(b'"', line.as_bytes()).is_some() {
        cut_quoted(line, delimiter, spans, scratch);
        return true;
    }
    cut_plain(line.as_bytes(), delimiter, spans);
    false
}

#[inline(never)]
fn cut_quoted(line: &str, delimiter: u8, spans: &mut Vec<(u32, u32)>, scratch: &mut String) {
    scratch.clear();
    let mut rest = line;
    loop {
        let start = scratch.len() as u32;
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let Some(at) = memchr(b'"', quoted.as_bytes()) else {
                    scratch.push_str(quoted);
                    quoted = "";
                    break;
                };
                scratch.push_str(quoted.get(..at).unwrap_or(""));
                quoted = quoted.get(at + 1..).unwrap_or("");
                let Some(more) = quoted.strip_prefix('"') else { break };
                scratch.push('"');
                quoted = more;
            }
            rest = quoted;
        }
        // What follows a closing quote belongs to the cell, as every spreadsheet reads it.
        let end = memchr(delimiter, rest.as_bytes());
        scratch.push_str(rest.get(..end.unwrap_or(rest.len())).unwrap_or(""));
        spans.push((start, scratch.len() as u32));
        match end {
            Some(end) => rest = rest.get(end + 1..).unwrap_or(""),
            None => return,
        }
    }
}

/// The separator that stands most often in the header, quotes left out; a comma when there is none.
fn separator(header: &[u8]) -> u8 {
    let mut counts = [(b',', 0usize), (b';', 0), (b'\t', 0)];
    let mut inside = false;
    for byte in header {
        if *byte == b'"' {
            inside = !inside;
        } else if !inside && let Some((_, count)) = counts.iter_mut().find(|(separator, _)| separator == byte) {
            *count += 1;
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts.iter().find(|(_, count)| *count == most).map_or(b',', |(separator, _)| *separator)
}

impl Text {
    pub(crate) fn open(name: Name, input: Input, zipped: bool, limits: Limits) -> Result<Text, Fault> {
        let mut text = Text {
            name,
            limits,
            input,
            zipped,
            delimiter: b',',
            encoding: Encoding::Ascii,
            columns: Vec::new(),
            body: (0, 1),
        };
        let mut source = text.source()?;
        let mut sample = Vec::new();
        let read = source.by_ref().take(SAMPLE as u64).read_to_end(&mut sample);
        text.ends_well(read)?;
        let is_whole = sample.len() < SAMPLE;
        let fault = |problem| text.name.fault(problem);
        if sample.is_empty() {
            return Err(fault(Problem::Empty));
        }
        if sample.starts_with(&[0xff, 0xfe]) || sample.starts_with(&[0xfe, 0xff]) {
            return Err(fault(Problem::Utf16));
        }
        let marked = sample.starts_with("\u{feff}".as_bytes());
        let mark = if marked { 3 } else { 0 };
        let body = sample.get(mark..).unwrap_or(&[]);
        if let Some(offset) = memchr(0, body) {
            let even = body.iter().step_by(2).filter(|byte| **byte == 0).count();
            let odd = body.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
            let is_utf16 = (even.max(odd)) * 8 > body.len() && even.min(odd) * 8 < even.max(odd);
            let is_binary = (even + odd) * 8 > body.len();
            let in_header = memchr(b'\n', body).is_none_or(|end| offset < end);
            let offset = (mark + offset) as u64;
            if is_utf16 {
                return Err(fault(Problem::Utf16));
            }
            if is_binary || in_header {
                return Err(fault(Problem::Nul { offset }));
            }
        }
        if let Some(offset) = memchr(b'\r', body).filter(|at| body.get(at + 1).is_some_and(|next| *next != b'\n')) {
            let in_quotes = body.get(..offset).unwrap_or(&[]).iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            if !in_quotes && memchr(b'\n', body.get(..offset).unwrap_or(&[])).is_none() {
                return Err(fault(Problem::BareCarriageReturn { offset: (mark + offset) as u64 }));
            }
        }
        text.encoding = if marked {
            Encoding::Utf8
        } else {
            encoding_of(body, is_whole, mark as u64).map_err(|problem| text.name.fault(problem))?
        };
        text.header(body, mark, is_whole)?;
        Ok(text)
    }

    fn header(&mut self, body: &[u8], mark: usize, is_whole: bool) -> Result<(), Fault> {
        let (mut at, mut number) = (0, 1);
        loop {
            let rest = body.get(at..).filter(|rest| !rest.is_empty());
            let rest = rest.ok_or_else(|| self.name.fault(Problem::NoHeader))?;
            let first = rest.get(..memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or(rest);
            self.delimiter = separator(first);
            let end = match row_end(rest, self.delimiter) {
                End::At(end) if end <= self.limits.row_bytes_max => end,
                End::Missing if is_whole && rest.len() <= self.limits.row_bytes_max => rest.len(),
                End::Quoted if is_whole => return Err(self.name.at(number, Problem::Unclosed)),
                _ => return Err(self.name.at(number, Problem::LongRow { bytes: self.limits.row_bytes_max })),
            };
            let line = rest.get(..end).unwrap_or(rest);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            at = (at + end + 1).min(body.len());
            number += 1;
            let text = decode(line, self.encoding).map_err(|problem| self.name.at(number - 1, problem))?;
            let (mut spans, mut scratch) = (Vec::new(), String::new());
            let source = if cut(&text, self.delimiter, &mut spans, &mut scratch) { scratch.as_str() } else { &text };
            let cell = |(start, end): &(u32, u32)| source.get(*start as usize..*end as usize).unwrap_or("").trim();
            let columns: Vec<String> = spans.iter().map(|span| cell(span).to_owned()).collect();
            if columns.iter().any(|column| !column.is_empty()) {
                self.columns = columns;
                break;
            }
        }
        self.body = ((mark + at) as u64, number);
        Ok(())
    }

    fn source(&self) -> Result<Box<dyn Read + Send>, Fault> {
        let unreadable = |error: std::io::Error| self.name.fault(Problem::Unreadable { reason: error.to_string() });
        let reader = self.input.reader().map_err(unreadable)?;
        Ok(if self.zipped { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) })
    }

    /// What a failed read means.
    fn ends_well(&self, read: std::io::Result<usize>) -> Result<usize, Fault> {
        read.map_err(|error| {
            self.name.fault(if self.zipped && error.kind() == std::io::ErrorKind::UnexpectedEof {
                Problem::CutOff
            } else if self.zipped {
                Problem::Damaged { reason: error.to_string() }
            } else {
                Problem::Unreadable { reason: error.to_string() }
            })
        })
    }

    pub(crate) fn blocks(&self, shared: Arc<Shared>) -> Result<Blocks<'_>, Fault> {
        let mut source = self.source()?;
        let skipped = std::io::copy(&mut source.by_ref().take(self.body.0), &mut std::io::sink());
        self.ends_well(skipped.map(|bytes| bytes as usize))?;
        let total = if self.zipped { None } else { self.input.size().ok() };
        Ok(Blocks {
            text: self,
            shared,
            source,
            carry: Vec::new(),
            row: self.body.1,
            encoding: self.encoding,
            done: self.body.0,
            total,
            is_over: false,
        })
    }
}

/// A running read of a table as text.
pub(crate) struct Blocks<'t> {
    text: &'t Text,
    shared: Arc<Shared>,
    source: Box<dyn Read + Send>,
    /// The begun row at the end of the last block.
    carry: Vec<u8>,
    row: u64,
    encoding: Encoding,
    done: u64,
    total: Option<u64>,
    is_over: bool,
}

impl Blocks<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, Fault> {
        if self.is_over {
            return Ok(None);
        }
        let name = &self.text.name;
        let longest = self.text.limits.row_bytes_max;
        let mut bytes = Vec::with_capacity(BLOCK + self.carry.len() + 1);
        bytes.append(&mut self.carry);
        let before = self.done - bytes.len() as u64;
        let (mut end, mut rows) = (0, 0);
        while end == 0 {
            let read = (&mut self.source).take(BLOCK as u64).read_to_end(&mut bytes);
            let read = self.text.ends_well(read)?;
            self.done += read as u64;
            let quoted = memchr(b'"', &bytes).is_some();
            let mut open = None;
            if quoted {
                let mut ends = Ends::new(&bytes, self.text.delimiter);
                (end, rows) = (0, 0);
                for at in ends.by_ref() {
                    (end, rows) = (at + 1, rows + 1);
                }
                open = ends.inside.then_some(self.row + rows);
            } else if let Some(at) = memrchr(b'\n', &bytes) {
                end = at + 1;
                rows = memchr_iter(b'\n', bytes.get(..end).unwrap_or(&[])).count() as u64;
            }
            if read == 0 {
                self.is_over = true;
                if let Some(row) = open {
                    return Err(name.at(row, Problem::Unclosed));
                }
                end = bytes.len();
                break;
            }
            if bytes.len() - end > longest {
                let problem = if open.is_some() { Problem::Unclosed } else { Problem::LongRow { bytes: longest } };
                return Err(name.at(self.row + rows, problem));
            }
        }
        self.carry.extend_from_slice(bytes.get(end..).unwrap_or(&[]));
        bytes.truncate(end);
        if bytes.is_empty() {
            return Ok(None);
        }
        if self.encoding == Encoding::Ascii && !bytes.is_ascii() {
            self.encoding = encoding_of(&bytes, true, before).map_err(|problem| name.fault(problem))?;
        }
        let is_open = self.is_over && bytes.last() != Some(&b'\n');
        let is_plain = memchr3(b'"', b'\r', 0, &bytes).is_none();
        let (encoding, delimiter, row) = (self.encoding, self.text.delimiter, self.row);
        let content = Content::Text { bytes, encoding, delimiter, row, is_open, is_plain };
        self.row += rows;
        let progress = Progress { done: self.done, total: self.total };
        Ok(Some(Batch { shared: self.shared.clone(), content, progress }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<String> {
        let (mut spans, mut scratch) = (Vec::new(), String::new());
        let text = if cut(line, b',', &mut spans, &mut scratch) { scratch } else { line.to_owned() };
        spans.iter().map(|(start, end)| text[*start as usize..*end as usize].to_owned()).collect()
    }

    #[test]
    fn quotes_hold_separators_and_quotes() {
        assert_eq!(cells(r#"a,"b,c","d ""e""",,"""f""""#), ["a", "b,c", r#"d "e""#, "", r#""f""#]);
        assert_eq!(cells(r#"5" pipe,b"#), [r#"5" pipe"#, "b"]);
        assert_eq!(cells(r#""a"b,c"#), ["ab", "c"]);
    }

    #[test]
    fn a_plain_row_is_cut_as_any_other() {
        for row in [
            "",
            "a",
            ",",
            "a,b",
            "12345678",
            "1234567,",
            "1234567,,a",
            ",,,,,,,,,,",
            "\u{4e2d}\u{6587},\u{ff0c},x\u{80}\u{2c}",
        ] {
            for behind in ["", "\n", "\nq,r", "\n\n,,,,,,,,,,,,,,,,"] {
                let mut spans = Vec::new();
                let end = cut_plain(format!("{row}{behind}").as_bytes(), b',', &mut spans);
                let cells: Vec<&str> = spans.iter().map(|(start, end)| &row[*start as usize..*end as usize]).collect();
                assert_eq!((end, cells), (row.len(), row.split(',').collect()), "{row:?} {behind:?}");
            }
            assert_eq!(pieces(row, b',').collect::<Vec<_>>(), row.split(',').collect::<Vec<_>>(), "{row:?}");
        }
    }

    #[test]
    fn rows_end_outside_quotes() {
        assert_eq!(row_end(b"a,\"b\n\"\"c\"\nd", b','), End::At(9));
        assert_eq!(row_end(b"5\" pipe\nd", b','), End::At(7));
        assert_eq!(row_end(b"a,\"b\n", b','), End::Quoted);
        assert_eq!(row_end(b"a,b", b','), End::Missing);
    }

    #[test]
    fn the_separator_is_the_most_frequent_outside_quotes() {
        assert_eq!(separator(b"id;dx;\"a,b,c,d\""), b';');
        assert_eq!(separator(b"id\tdx,x\tpx"), b'\t');
        assert_eq!(separator(b"id"), b',');
    }
}
