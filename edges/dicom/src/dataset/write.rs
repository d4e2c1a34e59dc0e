//! Writes small data sets: file meta groups, DIMSE commands, query answers.
//!
//! Left out: pixel data and big values. Source: dicom-ps3.5, 7.1.

use super::{Syntax, Tag, VR, walk::is_short};

/// Appends elements; the caller keeps tags ascending.
#[derive(Debug, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
    syntax: Syntax,
}

impl Writer {
    /// An empty data set.
    pub fn new(syntax: Syntax) -> Self {
        Writer { bytes: Vec::new(), syntax }
    }

    fn u16_bytes(&self, value: u16) -> [u8; 2] {
        if self.syntax == Syntax::ExplicitBig { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32_bytes(&self, value: u32) -> [u8; 4] {
        if self.syntax == Syntax::ExplicitBig { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn tag(&mut self, tag: Tag) {
        let (group, element) = (self.u16_bytes(tag.0), self.u16_bytes(tag.1));
        self.bytes.extend_from_slice(&group);
        self.bytes.extend_from_slice(&element);
    }

    fn header(&mut self, tag: Tag, vr: VR, length: u32) {
        self.tag(tag);
        if self.syntax != Syntax::ImplicitLittle {
            self.bytes.extend_from_slice(&vr.to_bytes());
            if is_short(vr) {
                let length = self.u16_bytes(length.min(0xFFFE) as u16);
                self.bytes.extend_from_slice(&length);
                return;
            }
            self.bytes.extend_from_slice(&[0, 0]);
        }
        let length = self.u32_bytes(length);
        self.bytes.extend_from_slice(&length);
    }

    /// A value as it is; one zero byte makes it even.
    pub fn raw(&mut self, tag: Tag, vr: VR, value: &[u8]) {
        self.padded(tag, vr, value, 0);
    }

    /// Text: a space (for identifiers a zero byte) makes it even.
    pub fn text(&mut self, tag: Tag, vr: VR, value: &[u8]) {
        self.padded(tag, vr, value, if vr == VR::UI { 0 } else { b' ' });
    }

    fn padded(&mut self, tag: Tag, vr: VR, value: &[u8], padding: u8) {
        let short = self.syntax != Syntax::ImplicitLittle && is_short(vr);
        let value = if short { &value[..value.len().min(0xFFFE)] } else { value };
        let odd = value.len() % 2;
        self.header(tag, vr, (value.len() + odd) as u32);
        self.bytes.extend_from_slice(value);
        if odd == 1 {
            self.bytes.push(padding);
        }
    }

    /// An unsigned 16-bit value.
    pub fn u16(&mut self, tag: Tag, value: u16) {
        let bytes = self.u16_bytes(value);
        self.raw(tag, VR::US, &bytes);
    }

    /// An unsigned 32-bit value.
    pub fn u32(&mut self, tag: Tag, value: u32) {
        let bytes = self.u32_bytes(value);
        self.raw(tag, VR::UL, &bytes);
    }

    /// A sequence, each item written by the closure.
    pub fn sequence<T>(&mut self, tag: Tag, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        let mut content = Writer::new(self.syntax);
        for item in items {
            let mut inner = Writer::new(self.syntax);
            write(&mut inner, item);
            content.tag(Tag(0xFFFE, 0xE000));
            let length = content.u32_bytes(inner.bytes.len() as u32);
            content.bytes.extend_from_slice(&length);
            content.bytes.append(&mut inner.bytes);
        }
        self.header(tag, VR::SQ, content.bytes.len() as u32);
        self.bytes.append(&mut content.bytes);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The finished bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
