//! Grey pictures: modality values by slope and intercept, then the window. Source: dicom-ps3.3, C.11.2.1.2.

use super::{RenderError, decode::Shape, grey_image};
use crate::dataset::Header;
use image::DynamicImage;

/// Reads stored values out of their bits.
struct Stored {
    shift: u32,
    mask: u32,
    sign: u32,
}

impl Stored {
    fn of(header: &Header, shape: &Shape) -> Stored {
        let allocated = shape.bits as u32;
        let stored = header.bits_stored.map_or(allocated, u32::from).clamp(1, allocated);
        let high = header.high_bit.map_or(stored - 1, u32::from).clamp(stored - 1, allocated - 1);
        let mask = if stored == 32 { u32::MAX } else { (1 << stored) - 1 };
        let sign = if header.pixel_representation == Some(1) { 1 << (stored - 1) } else { 0 };
        Stored { shift: high + 1 - stored, mask, sign }
    }

    fn value(&self, raw: u32) -> f64 {
        let value = (raw >> self.shift) & self.mask;
        if value & self.sign != 0 { f64::from(value) - f64::from(self.mask) - 1.0 } else { f64::from(value) }
    }
}

fn raw_values<'s>(shape: &Shape, samples: &'s [u8]) -> Box<dyn Iterator<Item = u32> + 's> {
    let count = shape.pixel_count();
    match shape.bits {
        1 => Box::new((0..count).map(|at| u32::from(samples.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1)))),
        8 => Box::new(samples.iter().map(|byte| u32::from(*byte)).take(count)),
        16 => Box::new(samples.as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_le_bytes(*pair))).take(count)),
        _ => Box::new(samples.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).take(count)),
    }
}

pub(super) fn window(
    header: &Header,
    shape: &Shape,
    samples: &[u8],
    window: Option<(f64, f64)>,
) -> Result<DynamicImage, RenderError> {
    let stored = Stored::of(header, shape);
    let (slope, intercept) = header.rescale.filter(|(slope, _)| *slope != 0.0).unwrap_or((1.0, 0.0));
    let modality = |raw: u32| stored.value(raw) * slope + intercept;
    let asked = window.filter(|(center, width)| center.is_finite() && width.is_finite() && *width > 0.0);
    let (center, width) = match asked.or(header.window) {
        Some(window) => window,
        None => {
            let range = raw_values(shape, samples).map(modality).fold(None, |range: Option<(f64, f64)>, value| {
                Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
            });
            let (low, high) = range.unwrap_or((0.0, 1.0));
            ((low + high + 1.0) / 2.0, high - low + 1.0)
        }
    };
    let inverted = header.photometric_interpretation == "MONOCHROME1";
    let shade = |raw: u32| {
        let value = modality(raw);
        let (center, width) = (center - 0.5, width - 1.0);
        let shade = if width <= 0.0 {
            if value > center { 255.0 } else { 0.0 }
        } else {
            (((value - center) / width + 0.5) * 255.0).clamp(0.0, 255.0)
        };
        let shade = shade.round() as u8;
        if inverted { 255 - shade } else { shade }
    };
    let pixels = if shape.bits == 16 && shape.pixel_count() > 1 << 15 {
        let table: Vec<u8> = (0..=0xFFFF).map(shade).collect();
        raw_values(shape, samples).map(|raw| table[raw as usize & 0xFFFF]).collect()
    } else {
        raw_values(shape, samples).map(shade).collect()
    };
    grey_image(shape, pixels)
}
