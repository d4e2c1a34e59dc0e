//! Colour pictures: RGB, YBR and palette. Source: dicom-ps3.3, C.7.6.3.1.2 and C.7.9.

use super::{
    RenderError,
    decode::{Codec, Shape},
    rgb_image,
};
use crate::dataset::{DataSet, Header, Tag};
use image::DynamicImage;
use std::borrow::Cow;

pub(super) fn three(header: &Header, shape: &Shape, samples: Cow<'_, [u8]>) -> Result<DynamicImage, RenderError> {
    let count = shape.pixel_count();
    let codec = Codec::of(&header.transfer_syntax_uid);
    let photometric = header.photometric_interpretation.as_str();
    if codec == Some(Codec::Jpeg) {
        // The colours are right already, and the samples side by side.
        return rgb_image(shape, samples.into_owned());
    }
    let mut pixels = if photometric == "YBR_FULL_422" && codec == Some(Codec::Native) {
        let pairs = samples.as_chunks::<4>().0;
        pairs.iter().flat_map(|&[first, second, blue, red]| [first, blue, red, second, blue, red]).collect()
    } else if header.planar_configuration == Some(1) && codec == Some(Codec::Native) {
        let plane = |at: usize| samples.get(at * count..(at + 1) * count);
        let planes = plane(0).zip(plane(1)).zip(plane(2)).ok_or(RenderError::Unsupported { what: "size" })?;
        let ((one, two), three) = planes;
        one.iter().zip(two).zip(three).flat_map(|((one, two), three)| [*one, *two, *three]).collect()
    } else {
        samples.into_owned()
    };
    pixels.resize(count * 3, 0);
    match photometric {
        "YBR_FULL" | "YBR_FULL_422" => pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = rgb(*pixel)),
        // The JPEG 2000 decoder has turned the reversible and irreversible components back.
        "RGB" | "YBR_RCT" | "YBR_ICT" => {}
        _ => return Err(RenderError::Unsupported { what: "colour model" }),
    }
    rgb_image(shape, pixels)
}

pub(super) fn rgb([y, blue, red]: [u8; 3]) -> [u8; 3] {
    let (y, blue, red) = (f32::from(y), f32::from(blue) - 128.0, f32::from(red) - 128.0);
    [y + 1.402 * red, y - 0.344_136 * blue - 0.714_136 * red, y + 1.772 * blue]
        .map(|value| value.round().clamp(0.0, 255.0) as u8)
}

pub(super) fn palette(
    data: &DataSet<'_>,
    header: &Header,
    shape: &Shape,
    samples: &[u8],
) -> Result<DynamicImage, RenderError> {
    if !matches!(shape.bits, 8 | 16) {
        return Err(RenderError::Unsupported { what: "bit depth" });
    }
    let tables = [Table::read(data, 0)?, Table::read(data, 1)?, Table::read(data, 2)?];
    let mask = header.bits_stored.filter(|bits| *bits < 16).map_or(0xFFFF, |bits| (1_u16 << bits) - 1);
    let pixel = |index: u16| tables.each_ref().map(|table| table.shade(index & mask));
    let count = shape.pixel_count();
    let pixels = if shape.bits == 8 {
        samples.iter().take(count).flat_map(|index| pixel(u16::from(*index))).collect()
    } else {
        samples.as_chunks::<2>().0.iter().take(count).flat_map(|pair| pixel(u16::from_le_bytes(*pair))).collect()
    };
    rgb_image(shape, pixels)
}

/// One colour's table.
struct Table {
    first: u16,
    shades: Vec<u8>,
}

impl Table {
    fn read(data: &DataSet<'_>, colour: u16) -> Result<Table, RenderError> {
        let unsupported = RenderError::Unsupported { what: "palette" };
        let value = |element| data.get(Tag(0x0028, element)).map(|element| data.value(element));
        let short = |pair: [u8; 2]| {
            if data.is_big_endian() { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let Some(&[a, b, c, d, e, f]) = value(0x1101 + colour) else { return Err(unsupported) };
        let entries = match short([a, b]) {
            0 => 65_536,
            entries => usize::from(entries),
        };
        let bytes = value(0x1201 + colour).ok_or(unsupported.clone())?;
        // INVARIANT: the table has as many entries as its descriptor says, so an index is clamped inside it.
        let shades = if bytes.len() >= entries * 2 {
            let wide = short([e, f]) > 8;
            let shade = |pair: &[u8; 2]| if wide { (short(*pair) >> 8) as u8 } else { short(*pair) as u8 };
            bytes.as_chunks::<2>().0.iter().take(entries).map(shade).collect()
        } else if bytes.len() >= entries && short([e, f]) == 8 {
            bytes[..entries].to_vec()
        } else {
            return Err(unsupported);
        };
        Ok(Table { first: short([c, d]), shades })
    }

    fn shade(&self, index: u16) -> u8 {
        let at = usize::from(index.saturating_sub(self.first)).min(self.shades.len().saturating_sub(1));
        self.shades.get(at).copied().unwrap_or(0)
    }
}
