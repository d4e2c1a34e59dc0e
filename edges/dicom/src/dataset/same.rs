//! Whether two files hold one and the same instance, though the bytes differ: sent again in another transfer syntax, or by
//! a device that writes lengths another way.
//!
//! All values must be equal but those that a transfer syntax brings with it. Uncompressed pixels must be equal as well;
//! pixels compressed in different ways are taken as equal when everything said about them is, since lossy ones cannot be.
//! Source: dicom-ps3.5, annex A.

use super::{DataSet, Element, File, PixelData, Tag, VR, value::trim_padding};
use std::borrow::Cow;

/// What may differ: how pixels are stored, and padding.
const OF_THE_SYNTAX: [Tag; 7] = [
    Tag(0x0008, 0x0001),
    Tag(0x0028, 0x0004),
    Tag(0x0028, 0x0006),
    Tag(0x0028, 0x2110),
    Tag(0x0028, 0x2112),
    Tag(0x0028, 0x2114),
    Tag(0xFFFC, 0xFFFC),
];

/// True when both are the same instance.
#[must_use]
pub fn is_same_instance(a: &File<'_>, b: &File<'_>) -> bool {
    let same = |(a_element, b_element): (&Element, &Element)| {
        a_element.tag == b_element.tag && plain(&a.data, a_element) == plain(&b.data, b_element)
    };
    let (mut ours, mut theirs) = (leaves(&a.data), leaves(&b.data));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (Some(one), Some(other)) if same((one, other)) => {}
            _ => return false,
        }
    }
    let is_native = |file: &File<'_>| matches!(PixelData::find(&file.data), Some(PixelData::Native { .. }));
    let pixels =
        |file: &File<'_>| file.data.top().find(|element| element.tag.0 == 0x7FE0 && element.tag.1 != 0).copied();
    match (pixels(a), pixels(b)) {
        (None, None) => true,
        (Some(one), Some(other)) if is_native(a) && is_native(b) => plain(&a.data, &one) == plain(&b.data, &other),
        (Some(one), Some(other)) if a.meta.transfer_syntax_uid == b.meta.transfer_syntax_uid => {
            a.data.value(&one) == b.data.value(&other)
        }
        (Some(_), Some(_)) => true,
        _ => false,
    }
}

/// Every value outside the pixels, in file order.
fn leaves<'s>(data: &'s DataSet<'_>) -> impl Iterator<Item = &'s Element> {
    let is_compared = |element: &&Element| {
        element.tag.1 != 0
            && !matches!(element.tag.0, 0x0002 | 0x7FE0 | 0xFFFE)
            && element.vr != VR::SQ
            && !OF_THE_SYNTAX.contains(&element.tag)
    };
    data.all().iter().filter(is_compared)
}

/// A value as it reads in little endian order, without padding.
fn plain<'s>(data: &'s DataSet<'_>, element: &Element) -> Cow<'s, [u8]> {
    let value = data.value(element);
    let word = match element.vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
    };
    if word == 1 || !data.is_big_endian() {
        return Cow::Borrowed(trim_padding(value));
    }
    let mut swapped = value.to_vec();
    swapped.chunks_mut(word).for_each(<[u8]>::reverse);
    swapped.truncate(trim_padding(&swapped).len());
    Cow::Owned(swapped)
}
