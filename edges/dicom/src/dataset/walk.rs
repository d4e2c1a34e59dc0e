//! The bounded walk itself: one loop, an explicit stack, every length checked against the bytes left.
//!
//! Left out: what elements mean. Source: dicom-ps3.5, sections 7.1 to 7.5 and A.4.

use super::{Element, Limits, Syntax, Tag, VR};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
const UNDEFINED: u32 = u32::MAX;

/// Why bytes are not a data set within bounds. Each names the tag and the byte where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// The bytes end inside an element's header.
    #[error("byte {offset}: the bytes end inside an element header")]
    HeaderCut {
        /// Where the header starts.
        offset: usize,
    },
    /// The value says it is longer than what is left.
    #[error("{tag} at byte {offset}: declares {declared} bytes, {left} are left")]
    TooLong {
        /// The element.
        tag: Tag,
        /// Where its header starts.
        offset: usize,
        /// The declared length.
        declared: u32,
        /// What is left for it.
        left: usize,
    },
    /// Undefined length where the standard has none.
    #[error("{tag} at byte {offset}: undefined length is not allowed for `{vr}`")]
    UndefinedLength {
        /// The element.
        tag: Tag,
        /// Where its header starts.
        offset: usize,
        /// Its value representation.
        vr: &'static str,
    },
    /// Two bytes that are no value representation.
    #[error("{tag} at byte {offset}: `{}` is no value representation", found.escape_ascii())]
    BadVr {
        /// The element.
        tag: Tag,
        /// Where its header starts.
        offset: usize,
        /// The two bytes.
        found: [u8; 2],
    },
    /// Something else where an item or a delimiter must stand.
    #[error("{tag} at byte {offset}: not expected here")]
    Unexpected {
        /// The element.
        tag: Tag,
        /// Where its header starts.
        offset: usize,
    },
    /// A sequence or item of undefined length that is never closed.
    #[error("{tag} at byte {offset}: never closed")]
    Unclosed {
        /// The element left open.
        tag: Tag,
        /// Where its value starts.
        offset: usize,
    },
    /// Sequences nested too deep.
    #[error("{tag} at byte {offset}: sequences are nested deeper than {max}")]
    TooDeep {
        /// The element.
        tag: Tag,
        /// Where its header starts.
        offset: usize,
        /// The bound.
        max: usize,
    },
    /// Too many elements in all.
    #[error("{tag} at byte {offset}: more than {max} elements")]
    TooMany {
        /// The element.
        tag: Tag,
        /// Where its header starts.
        offset: usize,
        /// The bound.
        max: usize,
    },
    /// More bytes than offsets can name.
    #[error("more than 4 GiB in one data set")]
    TooLarge,
}

/// What the innermost open element expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sequence,
    Item,
    Fragments,
}

struct Open {
    kind: Kind,
    index: usize,
    /// End of a defined length; for undefined length the end of what lies around it.
    end: usize,
    undefined: bool,
    syntax: Syntax,
}

/// What a walk has found.
pub(super) struct Walked {
    pub(super) elements: Vec<Element>,
    /// Where it stopped.
    pub(super) end: usize,
    /// An element says nothing where its value representation should stand.
    pub(super) has_blank_vr: bool,
}

/// True for what devices write where they know no value representation.
pub(super) fn is_blank(vr: [u8; 2]) -> bool {
    vr.iter().all(|byte| matches!(byte, 0 | b' ' | b'?' | b'-'))
}

/// Walks `bytes[start..]`; stops before the first element whose group is not `only_group`, when given.
pub(super) fn walk(
    bytes: &[u8],
    start: usize,
    syntax: Syntax,
    limits: &Limits,
    only_group: Option<u16>,
) -> Result<Walked, WalkError> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(WalkError::TooLarge);
    }
    let capacity = (bytes.len().saturating_sub(start) / 24).clamp(8, 256);
    let mut walker = Walker {
        bytes,
        at: start,
        syntax,
        elements: Vec::with_capacity(capacity),
        open: Vec::new(),
        sequences: 0,
        signed: false,
        has_blank_vr: false,
    };
    walker.run(limits, only_group)?;
    Ok(Walked { elements: walker.elements, end: walker.at, has_blank_vr: walker.has_blank_vr })
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    syntax: Syntax,
    elements: Vec<Element>,
    open: Vec<Open>,
    sequences: usize,
    signed: bool,
    has_blank_vr: bool,
}

/// One element header as read.
struct Head {
    tag: Tag,
    vr: VR,
    length: u32,
    value: usize,
    is_blank: bool,
}

impl Walker<'_> {
    fn run(&mut self, limits: &Limits, only_group: Option<u16>) -> Result<(), WalkError> {
        loop {
            while self.open.last().is_some_and(|open| !open.undefined && self.at >= open.end) {
                self.close(self.at);
            }
            let (end, kind, syntax) = match self.open.last() {
                Some(open) => (open.end, Some(open.kind), open.syntax),
                None => (self.bytes.len(), None, self.syntax),
            };
            if self.at >= end {
                match self.open.last() {
                    None => return Ok(()),
                    Some(open) => {
                        let element = self.elements[open.index];
                        return Err(WalkError::Unclosed { tag: element.tag, offset: element.offset as usize });
                    }
                }
            }
            let start = self.at;
            if kind.is_none() && end - start < 8 && self.bytes[start..end].iter().all(|byte| *byte == 0) {
                self.at = end;
                return Ok(());
            }
            if let (Some(group), None) = (only_group, kind)
                && self.bytes.get(start..start + 2) != Some(&group.to_le_bytes()[..])
            {
                return Ok(());
            }
            let head = self.head(start, end, syntax)?;
            self.has_blank_vr |= head.is_blank;
            if self.elements.len() >= limits.element_count_max {
                return Err(WalkError::TooMany { tag: head.tag, offset: start, max: limits.element_count_max });
            }
            match kind {
                Some(Kind::Sequence | Kind::Fragments) => self.in_sequence(head, start, end)?,
                Some(Kind::Item) if head.tag == ITEM_END => {
                    self.at = head.value;
                    if self.open.last().is_some_and(|open| open.undefined) {
                        self.close(start);
                    }
                }
                Some(Kind::Item) | None => self.element(head, start, end, syntax, limits)?,
            }
        }
    }

    /// Inside a sequence or encapsulated pixel data: items and the closing delimiter, nothing else.
    fn in_sequence(&mut self, head: Head, start: usize, end: usize) -> Result<(), WalkError> {
        let Some(open) = self.open.last() else { return Ok(()) };
        let (kind, undefined, syntax) = (open.kind, open.undefined, open.syntax);
        match head.tag {
            SEQUENCE_END => {
                self.at = head.value;
                if undefined {
                    self.close(start);
                }
                Ok(())
            }
            ITEM if kind == Kind::Fragments => {
                let length = self.fit(&head, start, end)?;
                self.push(&head, VR::OB, false, length);
                self.at = head.value + length;
                Ok(())
            }
            ITEM => {
                let undefined = head.length == UNDEFINED;
                let length = if undefined { 0 } else { self.fit(&head, start, end)? };
                let index = self.push(&head, VR::UN, undefined, length);
                let end = if undefined { end } else { head.value + length };
                self.open.push(Open { kind: Kind::Item, index, end, undefined, syntax });
                self.at = head.value;
                Ok(())
            }
            tag => Err(WalkError::Unexpected { tag, offset: start }),
        }
    }

    /// One element of the outermost level or of an item.
    fn element(
        &mut self,
        head: Head,
        start: usize,
        end: usize,
        syntax: Syntax,
        limits: &Limits,
    ) -> Result<(), WalkError> {
        if head.tag.0 == 0xFFFE {
            return Err(WalkError::Unexpected { tag: head.tag, offset: start });
        }
        let undefined = head.length == UNDEFINED;
        let is_pixels = head.tag.0 == 0x7FE0;
        let (vr, kind, inner) = match (undefined, head.vr) {
            (_, VR::SQ) => (VR::SQ, Some(Kind::Sequence), syntax),
            (true, _) if is_pixels => (VR::OB, Some(Kind::Fragments), syntax),
            // PS3.5 6.2.2 note 2: an unknown sequence is always written as implicit little endian.
            (true, VR::UN) => (VR::SQ, Some(Kind::Sequence), Syntax::ImplicitLittle),
            (true, vr) => {
                return Err(WalkError::UndefinedLength { tag: head.tag, offset: start, vr: vr.to_string() });
            }
            (false, vr) => (vr, None, syntax),
        };
        let length = if undefined { 0 } else { self.fit(&head, start, end)? };
        let index = self.push(&head, vr, undefined, length);
        match kind {
            None => {
                if head.tag == PIXEL_REPRESENTATION {
                    self.signed = self.bytes[head.value..head.value + length].contains(&1);
                }
                self.at = head.value + length;
            }
            Some(kind) => {
                if self.sequences >= limits.depth_max {
                    return Err(WalkError::TooDeep { tag: head.tag, offset: start, max: limits.depth_max });
                }
                self.sequences += 1;
                let end = if undefined { end } else { head.value + length };
                self.open.push(Open { kind, index, end, undefined, syntax: inner });
                self.at = head.value;
            }
        }
        Ok(())
    }

    fn fit(&self, head: &Head, start: usize, end: usize) -> Result<usize, WalkError> {
        let left = end - head.value;
        match usize::try_from(head.length) {
            Ok(length) if length <= left && head.length != UNDEFINED => Ok(length),
            _ => Err(WalkError::TooLong { tag: head.tag, offset: start, declared: head.length, left }),
        }
    }

    fn push(&mut self, head: &Head, vr: VR, undefined: bool, length: usize) -> usize {
        let index = self.elements.len();
        self.elements.push(Element {
            tag: head.tag,
            vr,
            depth: self.sequences as u8,
            undefined,
            offset: head.value as u32,
            length: length as u32,
            index: index as u32,
            next: index as u32 + 1,
        });
        index
    }

    /// Closes the innermost open element, whose value ends at `end`.
    fn close(&mut self, end: usize) {
        let count = self.elements.len() as u32;
        if let Some(open) = self.open.pop() {
            if open.kind != Kind::Item {
                self.sequences -= 1;
            }
            let element = &mut self.elements[open.index];
            element.next = count;
            element.length = (end as u32).saturating_sub(element.offset);
        }
    }

    fn head(&self, at: usize, end: usize, syntax: Syntax) -> Result<Head, WalkError> {
        let cut = WalkError::HeaderCut { offset: at };
        let Some(bytes) = self.bytes.get(at..end) else { return Err(cut) };
        let Some((&[a, b, c, d, e, f, g, h], rest)) = bytes.split_first_chunk::<8>() else { return Err(cut) };
        let big = syntax == Syntax::ExplicitBig;
        let tag = if big {
            Tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        } else {
            Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
        };
        let long = |bytes: [u8; 4]| if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        if tag.0 == 0xFFFE {
            return Ok(Head { tag, vr: VR::UN, length: long([e, f, g, h]), value: at + 8, is_blank: false });
        }
        if syntax == Syntax::ImplicitLittle {
            let vr = self.dictionary_vr(tag);
            return Ok(Head { tag, vr, length: long([e, f, g, h]), value: at + 8, is_blank: false });
        }
        let vr = match VR::from_binary([e, f]) {
            Some(vr) => vr,
            // PS3.5 6.2: representations added later have the long form, so an unknown one is read that way.
            None if e.is_ascii_uppercase() && f.is_ascii_uppercase() => VR::UN,
            None => {
                let head = if is_blank([e, f]) { self.blank_head(tag, at, end, syntax) } else { None };
                return head.ok_or(WalkError::BadVr { tag, offset: at, found: [e, f] });
            }
        };
        if is_short(vr) {
            let length = if big { u16::from_be_bytes([g, h]) } else { u16::from_le_bytes([g, h]) };
            return Ok(Head { tag, vr, length: u32::from(length), value: at + 8, is_blank: false });
        }
        let Some(length) = rest.first_chunk::<4>() else { return Err(cut) };
        Ok(Head { tag, vr, length: long(*length), value: at + 12, is_blank: false })
    }

    /// An element whose representation is blank: the dictionary says what it is, and its length is short or long,
    /// whichever leads to something that can be the next element.
    fn blank_head(&self, tag: Tag, at: usize, end: usize, syntax: Syntax) -> Option<Head> {
        let bytes = self.bytes.get(at + 6..end)?;
        let big = syntax == Syntax::ExplicitBig;
        let &[a, b] = bytes.first_chunk::<2>()?;
        let short = u32::from(if big { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) });
        let long = bytes.get(2..6).and_then(|bytes| bytes.first_chunk::<4>());
        let long = long.map(|bytes| if big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) });
        let head = |length, value| Head { tag, vr: self.dictionary_vr(tag), length, value, is_blank: true };
        let fits = |value: usize, length: u32| match usize::try_from(length) {
            Ok(_) if length == UNDEFINED => self.can_follow(tag, value, end, big, true),
            Ok(length) => {
                value.checked_add(length).is_some_and(|next| next <= end && self.can_follow(tag, next, end, big, false))
            }
            Err(_) => false,
        };
        if fits(at + 8, short) {
            return Some(head(short, at + 8));
        }
        let long = long.filter(|length| short == 0 && fits(at + 12, *length))?;
        Some(head(long, at + 12))
    }

    /// True when what stands at `at` can come after `tag`: an item where one is expected, the end, or an element with a
    /// higher tag and a representation, be it blank.
    fn can_follow(&self, tag: Tag, at: usize, end: usize, big: bool, is_item: bool) -> bool {
        let Some(&[a, b, c, d, e, f, ..]) = self.bytes.get(at..end).and_then(|rest| rest.first_chunk::<8>()) else {
            return at == end && !is_item;
        };
        let next = if big {
            Tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        } else {
            Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
        };
        if is_item || next.0 == 0xFFFE {
            return next.0 == 0xFFFE;
        }
        next > tag && (VR::from_binary([e, f]).is_some() || is_blank([e, f]))
    }

    fn dictionary_vr(&self, tag: Tag) -> VR {
        dictionary_vr(tag, self.signed)
    }
}

/// The value representation the standard's dictionary gives; `UN` where it knows none.
pub(crate) fn dictionary_vr(tag: Tag, signed: bool) -> VR {
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => vr,
        Some(VirtualVr::Xs) if signed => VR::SS,
        Some(VirtualVr::Xs) => VR::US,
        Some(VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt) => VR::OW,
        _ => VR::UN,
    }
}

/// True for the representations whose explicit length has two bytes.
pub(crate) fn is_short(vr: VR) -> bool {
    !matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}
