//! From code text to what the scheme knows of the code, the edge where text ends.
//!
//! Open addressing with linear probing. A slot holds the whole text, the code's number and what grouping needs of it in
//! 32 bytes, so a look-up touches one cache line.

use crate::definition::{CODE_BYTES_MAX, Code};

/// Finds codes by their text. `V` is what grouping needs of a code.
#[derive(Debug)]
pub(crate) struct Codes<V> {
    /// slots: [a power of two, at least twice the codes]
    slots: Vec<Slot<V>>,
    shift: u32,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Slot<V> {
    key: Key,
    /// Number of the code.
    number: u32,
    value: V,
}

/// A text of up to 20 bytes, whole: its first 8, the 4 behind them and its last 8 bytes, and its length.
/// A length of 0 marks an empty slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Key {
    first: u64,
    last: u64,
    middle: u32,
}

/// Bits of `Slot::number` that hold the number; the next one says that the code is grey, and the text's length stands
/// above.
const NUMBER_BITS: u32 = 23;
const GREY: u32 = 1 << NUMBER_BITS;
const LENGTH_SHIFT: u32 = NUMBER_BITS + 1;

impl<V: Copy> Codes<V> {
    /// Takes codes that `Definition::check` has passed: short and distinct. values: [code]
    pub(crate) fn new(codes: &[Code], values: &[V], empty: V) -> Codes<V> {
        let size = (codes.len() * 2).next_power_of_two().max(16);
        let shift = 64 - size.trailing_zeros();
        let mut slots = vec![Slot { key: Key::default(), number: 0, value: empty }; size];
        for ((code, value), number) in codes.iter().zip(values).zip(0u32..) {
            let Some((key, length)) = key(&code.text) else { continue };
            let mut at = (hash(key, length) >> shift) as usize;
            while let Some(slot) = slots.get_mut(at) {
                if slot.number == 0 {
                    let grey = if code.grey { GREY } else { 0 };
                    *slot = Slot { key, number: length << LENGTH_SHIFT | grey | number, value: *value };
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        Codes { slots, shift }
    }

    /// The code's number and value.
    #[inline]
    pub(crate) fn get(&self, text: &str) -> Option<(u32, V)> {
        self.slot(text).map(|slot| (slot.number & (GREY - 1), slot.value))
    }

    /// Whether the code is grey; none when it is unknown.
    #[inline]
    pub(crate) fn grey(&self, text: &str) -> Option<bool> {
        self.slot(text).map(|slot| slot.number & GREY != 0)
    }

    #[inline]
    fn slot(&self, text: &str) -> Option<&Slot<V>> {
        let (key, length) = key(text)?;
        let mut at = (hash(key, length) >> self.shift) as usize;
        loop {
            let slot = self.slots.get(at)?;
            if slot.key == key && slot.number >> LENGTH_SHIFT == length {
                return Some(slot);
            }
            if slot.number == 0 {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The code's number.
    #[inline]
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.get(text).map(|(number, _)| number)
    }
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
        let table = Codes::new(&codes, &values, 0);
        for (code, number) in codes.iter().zip(0u32..) {
            assert_eq!(table.get(&code.text), Some((number, number as u16)));
            assert_eq!(table.grey(&code.text), Some(code.grey));
        }
        for absent in ["", "B", "A00", "A00.000x99999", "AAAAAAAAAAAAAAAAAAAAA", "a code longer than any other code"] {
            assert_eq!(table.get(absent), None);
        }
    }
}
