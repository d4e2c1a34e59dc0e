//! A data set as a flat list of borrowed elements, found by one bounded walk over bytes from outside.
//!
//! This is the only reader of outside bytes in the server. It copies no values, never allocates by a declared length
//! and never recurses. Left out on purpose: pixel decoding ([`crate::render`]) and editing; what is stored is what
//! came.

mod file;
mod header;
mod pixels;
mod same;
mod value;
mod walk;
mod write;

pub use dicom_core::{Tag, VR};
pub use file::{File, Meta, Preamble, ReadError, file_meta, read_data_set};
pub use header::{Header, Identity, IdentityError};
pub(crate) use pixels::native_frame_bits;
pub use pixels::{FrameError, PixelData};
pub use same::is_same_instance;
pub use value::{DicomDate, DicomTime, is_uid, is_valid_uid, parse_date, parse_time, parse_time_until};
pub use walk::WalkError;
pub use write::Writer;

use std::borrow::Cow;

/// Bounds of one walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sequences inside sequences.
    pub depth_max: usize,
    /// Elements, items and fragments in all.
    pub element_count_max: usize,
    /// Bytes a deflated data set may grow to.
    pub inflated_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth_max: 32, element_count_max: 65_536, inflated_bytes_max: 512 << 20 }
    }
}

/// Values longer than this are never copied by this crate, only pointed at.
pub const COPY_BYTES_MAX: usize = 64 * 1024;

/// How elements are laid out in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Implicit VR, little endian.
    ImplicitLittle,
    /// Explicit VR, little endian.
    ExplicitLittle,
    /// Explicit VR, big endian (retired, still in old archives).
    ExplicitBig,
}

/// One element, item or pixel fragment: what it is and where its value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// The tag; items and fragments are (FFFE,E000).
    pub tag: Tag,
    /// The value representation; from the dictionary where the bytes do not say it.
    pub vr: VR,
    /// Sequences around this element.
    pub depth: u8,
    /// True when the length was undefined and the end was found by its delimiter.
    pub undefined: bool,
    /// First byte of the value.
    pub offset: u32,
    /// Bytes of the value, delimiters left out.
    pub length: u32,
    index: u32,
    next: u32,
}

impl Element {
    /// First byte after the value.
    pub fn end(&self) -> usize {
        self.offset as usize + self.length as usize
    }

    /// True for sequences, items and encapsulated pixel data that hold further elements.
    pub fn has_children(&self) -> bool {
        self.next > self.index + 1
    }
}

/// The walked data set.
#[derive(Debug, Clone)]
pub struct DataSet<'a> {
    bytes: Cow<'a, [u8]>,
    elements: Vec<Element>,
    syntax: Syntax,
    has_blank_vr: bool,
}

impl<'a> DataSet<'a> {
    /// True when an element says nothing where its value representation should stand.
    pub fn has_blank_vr(&self) -> bool {
        self.has_blank_vr
    }

    /// The bytes that element offsets refer to; for a deflated data set the inflated ones.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How the elements are laid out.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// Elements, items and fragments in all.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// True when there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Every element, item and fragment in file order.
    pub fn all(&self) -> &[Element] {
        &self.elements
    }

    /// The elements of the outermost level.
    pub fn top(&self) -> Children<'_> {
        Children { elements: &self.elements, at: 0, end: self.elements.len() }
    }

    /// The items of a sequence, the elements of an item, or the fragments of encapsulated pixel data.
    pub fn children(&self, parent: &Element) -> Children<'_> {
        let end = (parent.next as usize).min(self.elements.len());
        Children { elements: &self.elements, at: parent.index as usize + 1, end }
    }

    /// The first element with this tag on the outermost level.
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.top().find(|element| element.tag == tag)
    }

    /// The first element with this tag inside an item.
    pub fn get_in(&self, item: &Element, tag: Tag) -> Option<&Element> {
        self.children(item).find(|element| element.tag == tag)
    }

    /// The value's bytes as they lie in the file.
    pub fn value(&self, element: &Element) -> &[u8] {
        self.bytes.get(element.offset as usize..element.end()).unwrap_or_default()
    }

    /// The value's bytes without trailing padding.
    pub fn trimmed(&self, element: &Element) -> &[u8] {
        value::trim_padding(self.value(element))
    }

    /// An unsigned 16-bit value; `None` when the element is not exactly that. A wider value is not narrowed.
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        let element = self.get(tag)?;
        if !matches!(element.vr, VR::US | VR::UN) {
            return None;
        }
        match *self.value(element) {
            [a, b] if self.is_big_endian() => Some(u16::from_be_bytes([a, b])),
            [a, b] => Some(u16::from_le_bytes([a, b])),
            _ => None,
        }
    }

    /// True when numbers are stored most significant byte first.
    pub fn is_big_endian(&self) -> bool {
        self.syntax == Syntax::ExplicitBig
    }
}

/// Steps over one level, jumping over what lies inside each element.
#[derive(Debug, Clone)]
pub struct Children<'s> {
    elements: &'s [Element],
    at: usize,
    end: usize,
}

impl<'s> Iterator for Children<'s> {
    type Item = &'s Element;

    fn next(&mut self) -> Option<&'s Element> {
        if self.at >= self.end {
            return None;
        }
        let element = self.elements.get(self.at)?;
        // INVARIANT: `next` is always beyond the element's own index, so the loop ends.
        self.at = (element.next as usize).max(self.at + 1);
        Some(element)
    }
}
