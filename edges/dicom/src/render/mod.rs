//! One frame as a picture for the screen: decoded, windowed, scaled down.
//!
//! A pure function over bytes, meant to run in a child process with hard limits; everything is bounded here as well.
//! Left out: HTJ2K and video (named errors), overlays, VOI LUT sequences and the per-frame windows of enhanced objects
//! (the data range stands in).

mod colour;
mod decode;
mod grey;
mod jpeg12;
mod jpegls;

use crate::dataset::{File, FrameError, Header, Limits, ReadError};
use image::{DynamicImage, ImageFormat, imageops::FilterType};
use std::io::Cursor;

pub use decode::decode_frame;

/// Rows times columns at most: a mammogram has 20 million.
const PIXEL_COUNT_MAX: u64 = 64 << 20;
/// Longest side of the picture that is given out.
const SIDE_MAX: u32 = 4096;

/// Why no picture can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The frame cannot be found.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// No decoder for this transfer syntax is built in.
    #[error("no decoder for transfer syntax `{transfer_syntax}`")]
    TransferSyntax {
        /// The transfer syntax.
        transfer_syntax: String,
    },
    /// Dimensions, bits or colour model that no honest picture has, or that are not supported.
    #[error("the picture's {what} is not supported")]
    Unsupported {
        /// What is wrong.
        what: &'static str,
    },
    /// The compressed frame is damaged or contradicts the header.
    #[error("the compressed frame is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// The picture could not be written.
    #[error("the picture could not be encoded")]
    Encode,
}

/// The file format of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For looking.
    Jpeg,
    /// Without loss.
    Png,
}

impl Format {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
        }
    }
}

/// Renders one frame, counted from 1, as a JPEG no larger than `max_side`. `window` is centre and width; without it the
/// header's window or the data range is used.
pub fn render(bytes: &[u8], frame: u32, window: Option<(f64, f64)>, max_side: u32) -> Result<Vec<u8>, RenderError> {
    render_as(bytes, frame, window, max_side, Format::Jpeg)
}

/// As [`render`], in the format asked for.
pub fn render_as(
    bytes: &[u8],
    frame: u32,
    window: Option<(f64, f64)>,
    max_side: u32,
    format: Format,
) -> Result<Vec<u8>, RenderError> {
    let file = File::read(bytes, &Limits::default())?;
    let header = Header::of_file(&file);
    let shape = decode::Shape::check(&header)?;
    let samples = decode_frame(&file, &header, frame)?;
    let picture = if shape.samples == 3 {
        colour::three(&header, &shape, samples)?
    } else if header.photometric_interpretation == "PALETTE COLOR" {
        colour::palette(&file.data, &header, &shape, &samples)?
    } else {
        grey::window(&header, &shape, &samples, window)?
    };
    drop(file);
    let side = max_side.clamp(1, SIDE_MAX);
    let picture =
        if shape.columns.max(shape.rows) > side { picture.resize(side, side, FilterType::Triangle) } else { picture };
    let mut out = Vec::new();
    match format {
        Format::Jpeg => {
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 90);
            picture.write_with_encoder(encoder).map_err(|_| RenderError::Encode)?;
        }
        Format::Png => {
            picture.write_to(&mut Cursor::new(&mut out), ImageFormat::Png).map_err(|_| RenderError::Encode)?;
        }
    }
    Ok(out)
}

/// True when [`render`] has a decoder for the transfer syntax.
pub fn can_decode(transfer_syntax: &str) -> bool {
    decode::Codec::of(transfer_syntax).is_some()
}

fn grey_image(shape: &decode::Shape, pixels: Vec<u8>) -> Result<DynamicImage, RenderError> {
    image::GrayImage::from_raw(shape.columns, shape.rows, pixels)
        .map(DynamicImage::ImageLuma8)
        .ok_or(RenderError::Encode)
}

fn rgb_image(shape: &decode::Shape, pixels: Vec<u8>) -> Result<DynamicImage, RenderError> {
    image::RgbImage::from_raw(shape.columns, shape.rows, pixels).map(DynamicImage::ImageRgb8).ok_or(RenderError::Encode)
}
