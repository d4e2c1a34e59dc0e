//! One frame's samples, little endian and pixel by pixel, from native, RLE and JPEG pixel data.
//!
//! Left out: colour conversion, except what a JPEG decoder does on its own. Source: dicom-ps3.5, annex G for RLE.

use super::{PIXEL_COUNT_MAX, RenderError};
use crate::dataset::{File, Header};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};
use std::borrow::Cow;

/// How frames are compressed, where we can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Native,
    Rle,
    Jpeg,
}

impl Codec {
    pub(super) fn of(transfer_syntax: &str) -> Option<Codec> {
        match transfer_syntax {
            "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.2" => {
                Some(Codec::Native)
            }
            "1.2.840.10008.1.2.5" => Some(Codec::Rle),
            "1.2.840.10008.1.2.4.50"
            | "1.2.840.10008.1.2.4.51"
            | "1.2.840.10008.1.2.4.57"
            | "1.2.840.10008.1.2.4.70" => Some(Codec::Jpeg),
            _ => None,
        }
    }
}

/// Dimensions within bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) samples: usize,
    /// Bits a sample takes: 1, 8, 16 or 32.
    pub(super) bits: usize,
}

impl Shape {
    /// Checks before anything is sized by the header.
    pub(super) fn check(header: &Header) -> Result<Shape, RenderError> {
        let unsupported = |what| RenderError::Unsupported { what };
        let (rows, columns) = header
            .rows
            .zip(header.columns)
            .filter(|(rows, columns)| *rows > 0 && *columns > 0)
            .ok_or(unsupported("size"))?;
        if u64::from(rows) * u64::from(columns) > PIXEL_COUNT_MAX {
            return Err(unsupported("size"));
        }
        let samples = match header.samples_per_pixel {
            Some(1) | None => 1,
            Some(3) => 3,
            _ => return Err(unsupported("number of samples")),
        };
        let bits = match header.bits_allocated {
            Some(bits @ (1 | 8 | 16 | 32)) => usize::from(bits),
            _ => return Err(unsupported("bit depth")),
        };
        if samples == 3 && bits != 8 {
            return Err(unsupported("bit depth"));
        }
        Ok(Shape { rows: rows.into(), columns: columns.into(), samples, bits })
    }

    pub(super) fn pixel_count(&self) -> usize {
        self.rows as usize * self.columns as usize
    }

    fn byte_count(&self) -> usize {
        (self.pixel_count() * self.samples * self.bits).div_ceil(8)
    }
}

/// One frame's samples, counted from 1: little endian, samples of a pixel side by side unless the header says planar.
pub fn decode_frame<'f>(file: &'f File<'_>, header: &Header, frame: u32) -> Result<Cow<'f, [u8]>, RenderError> {
    let shape = Shape::check(header)?;
    let codec = Codec::of(&header.transfer_syntax_uid)
        .ok_or_else(|| RenderError::TransferSyntax { transfer_syntax: header.transfer_syntax_uid.clone() })?;
    let raw = header.frame_bytes(file.data.bytes(), frame)?;
    match codec {
        Codec::Native if file.data.is_big_endian() && shape.bits > 8 => {
            let width = shape.bits / 8;
            Ok(Cow::Owned(raw.chunks(width).flat_map(|sample| sample.iter().rev().copied()).collect()))
        }
        Codec::Native => Ok(raw),
        Codec::Rle => rle(&raw, &shape).map(Cow::Owned),
        Codec::Jpeg => jpeg(&raw, header, &shape).map(Cow::Owned),
    }
}

fn damaged(what: impl Into<String>) -> RenderError {
    RenderError::Damaged { what: what.into() }
}

fn rle(raw: &[u8], shape: &Shape) -> Result<Vec<u8>, RenderError> {
    let (head, _) = raw.split_first_chunk::<64>().ok_or_else(|| damaged("the RLE header is cut off"))?;
    let (words, _) = head.as_chunks::<4>();
    let count = u32::from_le_bytes(words[0]) as usize;
    let width = (shape.bits / 8).max(1);
    if shape.bits == 1 || count != shape.samples * width || count > 15 {
        return Err(damaged("the number of RLE segments does not fit the picture"));
    }
    let pixels = shape.pixel_count();
    // A run of two bytes gives at most 128: what cannot fill the picture is refused before room is made for it.
    if pixels > raw.len().saturating_mul(64) {
        return Err(damaged("the RLE data is too short for the picture"));
    }
    let mut out = vec![0_u8; shape.byte_count()];
    for segment in 0..count {
        let start = u32::from_le_bytes(words[segment + 1]) as usize;
        let end = if segment + 1 < count { u32::from_le_bytes(words[segment + 2]) as usize } else { raw.len() };
        let bytes = raw.get(start..end).ok_or_else(|| damaged("an RLE segment lies outside the frame"))?;
        // Segments come most significant byte first; the picture is little endian.
        let (sample, byte) = (segment / width, width - 1 - segment % width);
        let step = shape.samples * width;
        let places = out.iter_mut().skip(sample * width + byte).step_by(step);
        if unpack(bytes, places) < pixels {
            return Err(damaged("an RLE segment is too short"));
        }
    }
    Ok(out)
}

/// Unpacks into the places given and stops when they are full; returns how many were filled.
fn unpack<'p>(mut bytes: &[u8], mut places: impl Iterator<Item = &'p mut u8>) -> usize {
    let mut filled = 0;
    while let Some((&control, rest)) = bytes.split_first() {
        match control {
            0..=127 => {
                let count = (usize::from(control) + 1).min(rest.len());
                let (literal, rest) = rest.split_at(count);
                for byte in literal {
                    let Some(place) = places.next() else { return filled };
                    *place = *byte;
                    filled += 1;
                }
                bytes = rest;
            }
            128 => bytes = rest,
            129.. => {
                let Some((&byte, rest)) = rest.split_first() else { return filled };
                for _ in 0..257 - usize::from(control) {
                    let Some(place) = places.next() else { return filled };
                    *place = byte;
                    filled += 1;
                }
                bytes = rest;
            }
        }
    }
    filled
}

fn jpeg(raw: &[u8], header: &Header, shape: &Shape) -> Result<Vec<u8>, RenderError> {
    let mut decoder = Decoder::new(raw);
    decoder.read_info().map_err(|error| damaged(error.to_string()))?;
    let info = decoder.info().ok_or_else(|| damaged("no picture inside"))?;
    if u32::from(info.width) != shape.columns || u32::from(info.height) != shape.rows {
        return Err(damaged("its size differs from the header"));
    }
    let fits = match info.pixel_format {
        PixelFormat::L8 => shape.samples == 1 && shape.bits == 8,
        PixelFormat::L16 => shape.samples == 1 && shape.bits == 16,
        PixelFormat::RGB24 => shape.samples == 3,
        PixelFormat::CMYK32 => false,
    };
    // Some senders say 16 bits and send 8.
    let widen = info.pixel_format == PixelFormat::L8 && shape.samples == 1 && shape.bits == 16;
    if !fits && !widen {
        return Err(damaged("its samples differ from the header"));
    }
    decoder.set_max_decoding_buffer_size(shape.byte_count().saturating_mul(2));
    if header.photometric_interpretation == "RGB" {
        decoder.set_color_transform(ColorTransform::None);
    }
    let decoded = decoder.decode().map_err(|error| damaged(error.to_string()))?;
    if widen {
        return Ok(decoded.into_iter().flat_map(|byte| [byte, 0]).collect());
    }
    if decoded.len() != shape.byte_count() {
        return Err(damaged("its length differs from the header"));
    }
    Ok(decoded)
}
