//! Specific Character Set: text in and out of every repertoire the standard names.
//!
//! A whole value is decoded before it is split, so that a trail byte 0x5C of GB18030, GBK or a two-byte ISO 2022 set
//! never splits a word. Left out: guessing a person's script, and anything that changes stored bytes.
//! Source: dicom-ps3.5, 6.1 and annexes H to K.

mod iso2022;
mod repertoire;

use repertoire::Repertoire;
use std::borrow::Cow;

/// Text as read, and whether the reader may trust it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The text; what could not be read stands as U+FFFD.
    pub text: String,
    /// True when bytes did not fit the declared character set, or the set had to be guessed. Such a name must never
    /// merge two patients.
    pub uncertain: bool,
}

/// The character sets a data set declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charset {
    base: Repertoire,
    extensions: Vec<Repertoire>,
    declared: bool,
    unknown: bool,
}

impl Default for Charset {
    /// Nothing declared: ASCII.
    fn default() -> Self {
        Charset { base: Repertoire::Ascii, extensions: Vec::new(), declared: false, unknown: false }
    }
}

impl Charset {
    /// UTF-8, what this platform writes when nobody asks for anything else.
    pub fn utf8() -> Self {
        Charset { base: Repertoire::Utf8, declared: true, ..Charset::default() }
    }

    /// Reads the value of (0008,0005), such as `\ISO 2022 IR 58`.
    pub fn from_value(value: &[u8]) -> Self {
        let value = String::from_utf8_lossy(value);
        let mut charset = Charset::default();
        for (at, term) in value.split('\\').take(16).enumerate() {
            let term = term.trim_matches([' ', '\0']);
            let repertoire = match Repertoire::from_term(term) {
                Some(repertoire) => repertoire,
                None => {
                    charset.unknown = true;
                    continue;
                }
            };
            charset.declared |= !term.is_empty();
            match at {
                0 => charset.base = repertoire,
                _ => charset.extensions.push(repertoire),
            }
        }
        // A set without code extensions stands alone, whatever else is listed.
        if matches!(charset.base, Repertoire::Utf8 | Repertoire::Gb18030 | Repertoire::Gbk) {
            charset.extensions.clear();
        }
        charset
    }

    /// The value for (0008,0005), without padding.
    pub fn to_value(&self) -> String {
        if !self.declared {
            return String::new();
        }
        if self.extensions.is_empty() {
            return self.base.term(false).to_owned();
        }
        let mut value = self.base.term(true).to_owned();
        for extension in &self.extensions {
            value.push('\\');
            value.push_str(extension.term(true));
        }
        value
    }

    /// True when this is plain UTF-8 or ASCII, so that bytes below 0x80 mean what they say.
    pub fn is_utf8(&self) -> bool {
        matches!(self.base, Repertoire::Utf8)
    }

    /// Reads one element's whole value, values still separated by backslashes.
    pub fn decode(&self, bytes: &[u8]) -> Decoded {
        if bytes.iter().all(|byte| byte.is_ascii() && *byte != 0x1B) {
            let text = bytes.iter().map(|byte| *byte as char).collect();
            return Decoded { text, uncertain: false };
        }
        if !self.declared {
            return guess(bytes);
        }
        let mut decoded = match self.base {
            Repertoire::Utf8 => {
                let text = String::from_utf8_lossy(bytes);
                Decoded { uncertain: matches!(text, Cow::Owned(_)), text: text.into_owned() }
            }
            Repertoire::Gb18030 | Repertoire::Gbk => {
                let (text, bad) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
                Decoded { text: text.into_owned(), uncertain: bad }
            }
            base => iso2022::decode(base, &self.extensions, bytes),
        };
        decoded.uncertain |= self.unknown || self.looks_mislabelled(bytes);
        decoded
    }

    /// Reads one element's value and splits it, each value trimmed.
    pub fn decode_values(&self, bytes: &[u8]) -> Vec<String> {
        let decoded = self.decode(bytes).text;
        decoded.split('\\').map(|value| value.trim_matches([' ', '\0']).to_owned()).collect()
    }

    /// Writes text; the flag is true when some character has no place in the set and became a question mark.
    pub fn encode<'t>(&self, text: &'t str) -> (Cow<'t, [u8]>, bool) {
        if text.is_ascii() || self.base == Repertoire::Utf8 {
            return (Cow::Borrowed(text.as_bytes()), false);
        }
        match self.base {
            Repertoire::Gb18030 => encode_with(encoding_rs::GB18030, text),
            Repertoire::Gbk => encode_with(encoding_rs::GBK, text),
            base => {
                let (bytes, lossy) = iso2022::encode(base, &self.extensions, text);
                (Cow::Owned(bytes), lossy)
            }
        }
    }

    /// True when a Latin declaration holds what can only be Chinese: all bytes above 0x7F stand in GB 2312 pairs.
    fn looks_mislabelled(&self, bytes: &[u8]) -> bool {
        if !matches!(self.base, Repertoire::Ascii | Repertoire::Latin1) || !self.extensions.is_empty() {
            return false;
        }
        let high_count = bytes.iter().filter(|byte| !byte.is_ascii()).count();
        let mut runs = bytes.split(u8::is_ascii).filter(|run| !run.is_empty());
        let in_pairs = runs.all(|run| {
            run.len() % 2 == 0 && run.chunks_exact(2).all(|pair| matches!(pair, [0xB0..=0xF7, 0xA1..=0xFE]))
        });
        self.base == Repertoire::Ascii || (high_count >= 4 && (in_pairs || std::str::from_utf8(bytes).is_ok()))
    }
}

/// No character set declared, yet bytes above ASCII: UTF-8 where it fits, else GB18030, else Latin-1.
fn guess(bytes: &[u8]) -> Decoded {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Decoded { text: text.to_owned(), uncertain: true };
    }
    let (text, bad) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
    let text = if bad { bytes.iter().map(|byte| *byte as char).collect() } else { text.into_owned() };
    Decoded { text, uncertain: true }
}

fn encode_with<'t>(encoding: &'static encoding_rs::Encoding, text: &'t str) -> (Cow<'t, [u8]>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut lossy = false;
    let mut buffer = [0_u8; 4];
    for c in text.chars() {
        match encoding.encode(c.encode_utf8(&mut buffer)) {
            (bytes, _, false) => out.extend_from_slice(&bytes),
            (_, _, true) => {
                lossy = true;
                out.push(b'?');
            }
        }
    }
    (Cow::Owned(out), lossy)
}

/// The three ways a person's name is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonName {
    /// In single-byte letters: pinyin for Chinese names.
    pub alphabetic: String,
    /// In Chinese characters.
    pub ideographic: String,
    /// As it sounds.
    pub phonetic: String,
}

impl PersonName {
    /// Splits one decoded value at `=`.
    pub fn parse(text: &str) -> Self {
        let mut groups = text.splitn(3, '=').map(|group| group.trim_matches([' ', '\0']).to_owned());
        let mut next = || groups.next().unwrap_or_default();
        PersonName { alphabetic: next(), ideographic: next(), phonetic: next() }
    }

    /// True when no group has text.
    pub fn is_empty(&self) -> bool {
        self.alphabetic.is_empty() && self.ideographic.is_empty() && self.phonetic.is_empty()
    }

    /// The groups joined again, trailing empty ones left out.
    pub fn joined(&self) -> String {
        let joined = format!("{}={}={}", self.alphabetic, self.ideographic, self.phonetic);
        joined.trim_end_matches('=').to_owned()
    }

    /// The name as one reads it: the ideographic group, else the alphabetic one, carets as spaces or nothing.
    pub fn display(&self) -> String {
        let (group, between) =
            if self.ideographic.is_empty() { (&self.alphabetic, " ") } else { (&self.ideographic, "") };
        group.split('^').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
    }
}
