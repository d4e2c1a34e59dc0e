//! Text with ISO 2022 code extensions: escape sequences call further sets, delimiters call the first ones back.
//!
//! Left out: strictness that would lose names. A set called before a delimiter stays usable after it when the first
//! character set has nothing in that place, because many devices forget to call it again.

use super::{Decoded, repertoire::Repertoire};

const ESCAPE: u8 = 0x1B;

/// All sets a reader knows by escape sequence, longest sequences first.
const CALLABLE: [Repertoire; 17] = [
    Repertoire::SupplementaryKanji,
    Repertoire::Korean,
    Repertoire::Gb2312,
    Repertoire::Kanji,
    Repertoire::Katakana,
    Repertoire::Latin1,
    Repertoire::Latin2,
    Repertoire::Latin3,
    Repertoire::Latin4,
    Repertoire::Cyrillic,
    Repertoire::Arabic,
    Repertoire::Greek,
    Repertoire::Hebrew,
    Repertoire::Latin5,
    Repertoire::Latin9,
    Repertoire::Thai,
    Repertoire::Ascii,
];

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\\' | b'^' | b'=' | b'\r' | b'\n' | 0x0C | b'\t')
}

/// What the first character set puts in the upper half.
fn high_of(base: Repertoire) -> Option<Repertoire> {
    (base != Repertoire::Ascii && !base.is_double_low()).then_some(base)
}

pub(super) fn decode(base: Repertoire, extensions: &[Repertoire], bytes: &[u8]) -> Decoded {
    let mut text = String::with_capacity(bytes.len());
    let mut uncertain = false;
    let mut low: Option<Repertoire> = base.is_double_low().then_some(base);
    let mut high = high_of(base);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if byte == ESCAPE {
            if let Some(set) = CALLABLE.into_iter().find(|set| rest.starts_with(set.escape())) {
                uncertain |= set != Repertoire::Ascii && set != base && !extensions.contains(&set);
                match set {
                    Repertoire::Ascii => low = None,
                    set if set.is_double_low() => low = Some(set),
                    set => high = Some(set),
                }
                at += set.escape().len();
            } else if rest.starts_with(b"\x1b(J") {
                low = None;
                at += 3;
            } else if rest.starts_with(b"\x1b$@") {
                low = Some(Repertoire::Kanji);
                at += 3;
            } else {
                uncertain = true;
                text.push(char::REPLACEMENT_CHARACTER);
                at += 1;
            }
            continue;
        }
        if let (Some(set), true) = (low, (0x21..0x7F).contains(&byte)) {
            match rest.get(1).and_then(|second| set.double(byte, *second)) {
                Some(c) => {
                    text.push(c);
                    at += 2;
                    continue;
                }
                None => {
                    // A lone byte inside a two-byte set: read on as ASCII, which finds the next delimiter.
                    uncertain = true;
                    low = None;
                }
            }
        }
        if byte.is_ascii() {
            if is_delimiter(byte) {
                low = base.is_double_low().then_some(base);
                if let Some(first) = high_of(base) {
                    high = Some(first);
                }
            }
            text.push(byte as char);
            at += 1;
            continue;
        }
        let (found, used) = match high {
            Some(set) if set.is_double() => (
                rest.get(1)
                    .filter(|second| !second.is_ascii())
                    .and_then(|second| set.double(byte & 0x7F, second & 0x7F)),
                2,
            ),
            Some(set) => (set.single(byte), 1),
            None => (None, 1),
        };
        match found {
            Some(c) => {
                text.push(c);
                at += used;
            }
            None => {
                uncertain = true;
                text.push(char::REPLACEMENT_CHARACTER);
                at += 1;
            }
        }
    }
    Decoded { text, uncertain }
}

pub(super) fn encode(base: Repertoire, extensions: &[Repertoire], text: &str) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut lossy = false;
    let mut low: Option<Repertoire> = None;
    let mut high = high_of(base);
    for c in text.chars() {
        if c.is_ascii() {
            if low.take().is_some() {
                out.extend_from_slice(Repertoire::Ascii.escape());
            }
            out.push(c as u8);
            if is_delimiter(c as u8) {
                high = high_of(base);
            }
            continue;
        }
        let sets = std::iter::once(base).chain(extensions.iter().copied());
        let Some((set, (bytes, count))) = sets.into_iter().find_map(|set| Some((set, set.bytes_of(c)?))) else {
            lossy = true;
            if low.take().is_some() {
                out.extend_from_slice(Repertoire::Ascii.escape());
            }
            out.push(b'?');
            continue;
        };
        if set.is_double_low() {
            if low != Some(set) {
                out.extend_from_slice(set.escape());
                low = Some(set);
            }
            out.extend(bytes[..count].iter().map(|byte| byte & 0x7F));
        } else {
            if high != Some(set) {
                out.extend_from_slice(set.escape());
                high = Some(set);
            }
            out.extend_from_slice(&bytes[..count]);
        }
    }
    if low.is_some() {
        out.extend_from_slice(Repertoire::Ascii.escape());
    }
    (out, lossy)
}
