//! From code text to what the scheme knows of the code, the edge where text ends.
//!
//! Open addressing with linear probing over numbers of codes; each brings a piece of the text's hash, so that almost only
//! the right code is looked at. Numbers and codes stand apart: together they are small enough to stay near the processor.

use crate::definition::{CODE_BYTES_MAX, CODES_MAX, Code};

/// Finds codes by their text. `V` is what grouping needs of a code.
#[derive(Debug)]
pub(crate) struct Codes<V> {
    /// heads: [a power of two, at least twice the codes], number + 1 of a code below, a piece of its hash above; 0 is empty.
    heads: Vec<u32>,
    /// entries: [code]
    entries: Vec<Entry<V>>,
    shift: u32,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Entry<V> {
    key: Key,
    /// Length of the text, and whether the code is grey.
    length: u16,
    grey: bool,
    value: V,
}

/// A text of up to 20 bytes, whole: its first 8, the 4 behind them and its last 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Key {
    first: u64,
    last: u64,
    middle: u32,
}

/// What a look-up found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found<V> {
    /// The code's number; `UNKNOWN` for a code that the scheme does not know.
    pub(crate) number: u32,
    pub(crate) grey: bool,
    pub(crate) value: V,
}

impl<V> Found<V> {
    pub(crate) fn is_unknown(&self) -> bool {
        self.number == UNKNOWN
    }
}

/// Number of an unknown code: above every number of a dictionary.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// Bits of a head that hold number + 1.
const NUMBER_BITS: u32 = 18;
const _: () = assert!(CODES_MAX < 1 << NUMBER_BITS);

impl<V: Copy> Codes<V> {
    /// Takes codes that `Definition::check` has passed: short and distinct. values: [code]
    pub(crate) fn new(codes: &[Code], values: &[V]) -> Codes<V> {
        let size = (codes.len() * 2).next_power_of_two().max(16);
        let shift = 64 - size.trailing_zeros();
        let (mut heads, mut entries) = (vec![0; size], Vec::with_capacity(codes.len()));
        for ((code, value), number) in codes.iter().zip(values).zip(1u32..) {
            let (key, length) = key(&code.text).unwrap_or_default();
            entries.push(Entry { key, length: length as u16, grey: code.grey, value: *value });
            let hash = hash(key, length);
            let mut at = (hash >> shift) as usize;
            while let Some(head) = heads.get_mut(at) {
                if *head == 0 {
                    *head = piece(hash) | number;
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        Codes { heads, entries, shift }
    }

    /// The code's number and value; `unknown` with the number `UNKNOWN` where the scheme does not know it.
    #[inline]
    pub(crate) fn look_up(&self, text: &str, unknown: V) -> Found<V> {
        let unknown = Found { number: UNKNOWN, grey: false, value: unknown };
        let Some((key, length)) = key(text) else { return unknown };
        let hash = hash(key, length);
        let piece = piece(hash);
        let mut at = (hash >> self.shift) as usize;
        while let Some(head) = self.heads.get(at) {
            if *head == 0 {
                break;
            }
            let number = (head ^ piece).wrapping_sub(1);
            // A head with another piece gives a number far above every code's.
            if let Some(entry) = self.entries.get(number as usize)
                && entry.key == key
                && u32::from(entry.length) == length
            {
                return Found { number, grey: entry.grey, value: entry.value };
            }
            at = (at + 1) & (self.heads.len() - 1);
        }
        unknown
    }
}

impl<V: Copy> Codes<V> {
    /// Looks many texts up, in two rounds: the waits for memory of one round then lie beside one another. found: [text],
    /// cleared before.
    #[inline]
    pub(crate) fn look_up_all(&self, texts: &[&str], unknown: V, found: &mut Vec<Found<V>>) {
        found.clear();
        found.extend(texts.iter().map(|text| {
            let (key, length) = key(text).unwrap_or_default();
            let hash = hash(key, length);
            let head = self.heads.get((hash >> self.shift) as usize).copied().unwrap_or(0);
            // The number of the code that stands where the text belongs, if it has the text's piece.
            Found { number: (head ^ piece(hash)).wrapping_sub(1), grey: false, value: unknown }
        }));
        for (text, found) in texts.iter().zip(found) {
            *found = match self.entries.get(found.number as usize) {
                Some(entry) if key(text) == Some((entry.key, u32::from(entry.length))) => {
                    Found { number: found.number, grey: entry.grey, value: entry.value }
                }
                _ => self.look_up(text, unknown),
            };
        }
    }
}

/// The piece of a hash that stands in a head, above the number.
#[inline]
const fn piece(hash: u64) -> u32 {
    (hash as u32) << NUMBER_BITS
}

/// The text as a key with its length; none when it is empty or longer than any code.
#[inline]
fn key(text: &str) -> Option<(Key, u32)> {
    let bytes = text.as_bytes();
    let length = bytes.len();
    if length == 0 || length > CODE_BYTES_MAX {
        return None;
    }
    let key = if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let middle = bytes.get(8..12).and_then(|middle| middle.first_chunk::<4>()).filter(|_| length > 16);
        Key {
            first: u64::from_le_bytes(*first),
            last: u64::from_le_bytes(*last),
            middle: middle.map_or(0, |middle| u32::from_le_bytes(*middle)),
        }
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        Key { first: u64::from(first) | u64::from(last) << 32, last: 0, middle: 0 }
    } else {
        Key { first: bytes.iter().fold(0, |key, byte| key << 8 | u64::from(*byte)), last: 0, middle: 0 }
    };
    Some((key, length as u32))
}

#[inline]
fn hash(key: Key, length: u32) -> u64 {
    let first = (key.first ^ u64::from(length)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let last = (key.last ^ u64::from(key.middle)).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (first ^ first >> 29 ^ last.rotate_left(31)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_and_no_other() {
        let mut texts: Vec<String> = (0..5_000).map(|n| format!("A{:02}.{:03}x{n}+N{n}", n % 90, n % 7)).collect();
        // Texts of one letter differ by their length alone.
        texts.extend((1..=CODE_BYTES_MAX).map(|length| "A".repeat(length)));
        texts.extend((0..9).map(|n| format!("01234567{n}9012345678")));
        let grey = |text: &str| text.ends_with('1');
        let codes: Vec<Code> = texts.into_iter().map(|text| Code { listed: true, grey: grey(&text), text }).collect();
        let values: Vec<u16> = (0..codes.len() as u16).collect();
        let table = Codes::new(&codes, &values);
        for (code, number) in codes.iter().zip(0u32..) {
            let known = Found { number, grey: code.grey, value: number as u16 };
            assert_eq!(table.look_up(&code.text, 0), known);
        }
        let (texts, mut found): (Vec<&str>, _) = (codes.iter().map(|code| code.text.as_str()).collect(), Vec::new());
        table.look_up_all(&texts, 0, &mut found);
        assert!(found.iter().zip(0u32..).all(|(found, number)| found.number == number));
        for absent in ["", "B", "A00", "A00.000x99999", "AAAAAAAAAAAAAAAAAAAAA", "a code longer than any other code"] {
            assert_eq!(table.look_up(absent, 7), Found { number: UNKNOWN, grey: false, value: 7 });
            table.look_up_all(&[absent], 7, &mut found);
            assert_eq!(found, [table.look_up(absent, 7)]);
        }
    }
}
