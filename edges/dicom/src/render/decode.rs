//! One frame's samples, little endian and pixel by pixel, from native, RLE, JPEG, JPEG-LS and JPEG 2000 pixel data.
//!
//! Left out: colour conversion, except that lossy JPEG always comes out red, green, blue; HTJ2K and video. Source:
//! dicom-ps3.5, annex G for RLE.

use super::{PIXEL_COUNT_MAX, RenderError, jpeg12, jpegls};
use crate::dataset::{File, Header};
use std::borrow::Cow;
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

/// How frames are compressed, where we can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Native,
    Rle,
    /// Lossy.
    Jpeg,
    JpegLossless,
    JpegLs,
    Jpeg2000,
}

impl Codec {
    pub(super) fn of(transfer_syntax: &str) -> Option<Codec> {
        match transfer_syntax {
            "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.2" => {
                Some(Codec::Native)
            }
            "1.2.840.10008.1.2.5" => Some(Codec::Rle),
            // Process 1; 2 and 4; the retired 6 and 8, 10 and 12.
            "1.2.840.10008.1.2.4.50"
            | "1.2.840.10008.1.2.4.51"
            | "1.2.840.10008.1.2.4.53"
            | "1.2.840.10008.1.2.4.55" => Some(Codec::Jpeg),
            "1.2.840.10008.1.2.4.57" | "1.2.840.10008.1.2.4.70" => Some(Codec::JpegLossless),
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => Some(Codec::JpegLs),
            "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91" => Some(Codec::Jpeg2000),
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
        Codec::Jpeg if jpeg12::precision(&raw) == Some(12) => {
            check(shape.samples == 1 && shape.bits == 16, "its samples differ from the header")?;
            let samples = jpeg12::decode(&raw, shape.columns, shape.rows).map_err(damaged)?;
            Ok(Cow::Owned(samples.into_iter().flat_map(u16::to_le_bytes).collect()))
        }
        Codec::Jpeg => jpeg(&raw, header, &shape).map(Cow::Owned),
        Codec::JpegLossless => lossless(&raw, &shape).map(Cow::Owned),
        Codec::JpegLs => jpeg_ls(&raw, &shape).map(Cow::Owned),
        Codec::Jpeg2000 => jpeg2000(&raw, &shape).map(Cow::Owned),
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

fn check(fits: bool, what: &str) -> Result<(), RenderError> {
    if fits { Ok(()) } else { Err(damaged(what)) }
}

/// Fits samples of `bits` into those of the header: some senders say 16 bits and send 8.
fn fitted(samples: Vec<u8>, is_wide: bool, shape: &Shape) -> Result<Vec<u8>, RenderError> {
    let samples = match (is_wide, shape.bits) {
        (false, 16) => samples.into_iter().flat_map(|byte| [byte, 0]).collect(),
        (false, 8) | (true, 16) => samples,
        _ => return Err(damaged("its samples differ from the header")),
    };
    check(samples.len() == shape.byte_count(), "its length differs from the header")?;
    Ok(samples)
}

/// Lossy JPEG of 8 bits. Colours come out red, green, blue: what the stream says of itself goes before what the header
/// says, which senders often leave as it was before compression. Source: dicom-ps3.5, 8.2.1.
fn jpeg(raw: &[u8], header: &Header, shape: &Shape) -> Result<Vec<u8>, RenderError> {
    let failed = |error: zune_jpeg::errors::DecodeErrors| damaged(format!("{error:?}"));
    let mut raw = Cow::Borrowed(raw);
    // Adobe's marker tells the colour model; the decoder takes its zero for four colours of print.
    let adobe = raw.windows(5).take(4096).position(|bytes| bytes == b"Adobe").map(|at| at + 11);
    let transform = adobe.and_then(|at| raw.get(at).copied()).filter(|transform| *transform < 2);
    if let (Some(at), Some(0)) = (adobe, transform) {
        raw.to_mut()[at] = 1;
    }
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(shape.columns as usize)
        .set_max_height(shape.rows as usize)
        .jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&raw[..]), options);
    decoder.decode_headers().map_err(failed)?;
    let info = decoder.info().ok_or_else(|| damaged("no picture inside"))?;
    check(
        u32::from(info.width) == shape.columns && u32::from(info.height) == shape.rows,
        "its size differs from the header",
    )?;
    check(usize::from(info.components) == shape.samples, "its samples differ from the header")?;
    let model = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    decoder.set_options(options.jpeg_set_out_colorspace(model));
    let mut samples = decoder.decode().map_err(failed)?;
    let is_rgb = match transform {
        Some(transform) => transform == 0,
        None => model == ColorSpace::RGB || header.photometric_interpretation == "RGB",
    };
    if shape.samples == 3 && !is_rgb {
        samples.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = super::colour::rgb(*pixel));
    }
    fitted(samples, false, shape)
}

fn lossless(raw: &[u8], shape: &Shape) -> Result<Vec<u8>, RenderError> {
    let mut decoder = jpeg_decoder::Decoder::new(raw);
    decoder.read_info().map_err(|error| damaged(error.to_string()))?;
    let info = decoder.info().ok_or_else(|| damaged("no picture inside"))?;
    check(
        u32::from(info.width) == shape.columns && u32::from(info.height) == shape.rows,
        "its size differs from the header",
    )?;
    check(info.coding_process == jpeg_decoder::CodingProcess::Lossless, "it is compressed with loss")?;
    decoder.set_max_decoding_buffer_size(shape.byte_count().saturating_mul(2));
    decoder.set_color_transform(jpeg_decoder::ColorTransform::None);
    let samples = decoder.decode().map_err(|error| damaged(error.to_string()))?;
    fitted(samples, info.pixel_format == jpeg_decoder::PixelFormat::L16, shape)
}

fn jpeg_ls(raw: &[u8], shape: &Shape) -> Result<Vec<u8>, RenderError> {
    let picture = jpegls::decode(raw, shape.columns, shape.rows, shape.samples).map_err(damaged)?;
    let is_wide = picture.bits > 8;
    let samples = picture.samples.into_iter();
    let bytes = if is_wide {
        samples.flat_map(u16::to_le_bytes).collect()
    } else {
        samples.map(|sample| sample as u8).collect()
    };
    fitted(bytes, is_wide, shape)
}

fn jpeg2000(raw: &[u8], shape: &Shape) -> Result<Vec<u8>, RenderError> {
    // Some senders keep the boxes of a file around the codestream.
    let start = raw.windows(4).position(|bytes| bytes == [0xFF, 0x4F, 0xFF, 0x51]);
    let raw = &raw[start.ok_or_else(|| damaged("no JPEG 2000 codestream inside"))?..];
    // INVARIANT: the size is that of the header before the decoder makes room for it. Source: ITU-T T.800, A.5.1.
    let word = |at: usize| raw.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let side = |end: usize, start: usize| word(end)?.checked_sub(word(start)?);
    check(side(8, 16) == Some(shape.columns) && side(12, 20) == Some(shape.rows), "its size differs from the header")?;
    let image = rust_j2k::decode(raw).map_err(|error| damaged(error.to_string()))?;
    check(image.components.len() == shape.samples, "its samples differ from the header")?;
    let count = shape.pixel_count();
    check(image.components.iter().all(|component| component.samples.len() == count), "its colours are sub-sampled")?;
    let is_wide = image.components.iter().any(|component| component.bit_depth > 8);
    let mut out = Vec::with_capacity(shape.byte_count());
    for at in 0..count {
        for component in &image.components {
            let sample = component.samples[at].to_le_bytes();
            out.extend_from_slice(&sample[..if is_wide { 2 } else { 1 }]);
        }
    }
    fitted(out, is_wide, shape)
}
