//! Where pixel data lies, and which bytes belong to which frame.
//!
//! Left out: decoding. Source: dicom-ps3.5, 8.2 and A.4; offset tables by dicom-ps3.3, C.7.6.3.1.8.

use super::{DataSet, Header, Tag, VR};
use std::{borrow::Cow, ops::Range};

/// Pixel data of an instance, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PixelData {
    /// Uncompressed: one run of bytes.
    Native {
        /// Bytes of all frames.
        range: Range<usize>,
    },
    /// Compressed: fragments in items.
    Encapsulated {
        /// The fragments, offset table left out.
        fragments: Vec<Range<usize>>,
        /// Start of each frame, counted from the first fragment's item.
        offsets: Vec<u64>,
    },
}

/// Why a frame's bytes cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The instance has no pixel data.
    #[error("the instance has no pixel data")]
    NoPixels,
    /// There are fewer frames.
    #[error("frame {frame} does not exist")]
    NoFrame {
        /// The frame asked for, counted from 1.
        frame: u32,
    },
    /// Rows, columns, samples or bits are missing or zero.
    #[error("the picture's dimensions are missing or zero")]
    NoDimensions,
    /// The pixel data is shorter than the dimensions say.
    #[error("frame {frame} reaches beyond the pixel data")]
    TooShort {
        /// The frame asked for, counted from 1.
        frame: u32,
    },
    /// Fragments cannot be told apart into frames.
    #[error("the fragments cannot be divided into {frame_count} frames")]
    Ambiguous {
        /// The number of frames declared.
        frame_count: u32,
    },
}

impl PixelData {
    pub(super) fn find(data: &DataSet<'_>) -> Option<PixelData> {
        let element = data.top().find(|e| matches!(e.tag, Tag(0x7FE0, 0x0008 | 0x0009 | 0x0010)))?;
        if !element.undefined {
            return Some(PixelData::Native { range: element.offset as usize..element.end() });
        }
        let mut items = data.children(element);
        let table = items.next();
        let fragments: Vec<_> = items.map(|item| item.offset as usize..item.end()).collect();
        let mut offsets: Vec<u64> = table.map_or(Vec::new(), |table| {
            let (entries, _) = data.value(table).as_chunks::<4>();
            entries.iter().map(|entry| u64::from(u32::from_le_bytes(*entry))).collect()
        });
        if offsets.is_empty()
            && let Some(extended) = data.get(Tag(0x7FE0, 0x0001)).filter(|e| matches!(e.vr, VR::OV | VR::UN))
        {
            let (entries, _) = data.value(extended).as_chunks::<8>();
            offsets = entries.iter().map(|entry| u64::from_le_bytes(*entry)).collect();
        }
        Some(PixelData::Encapsulated { fragments, offsets })
    }
}

impl PixelData {
    /// Where the first element of the pixel data begins, its tag included.
    pub(super) fn start(data: &DataSet<'_>) -> Option<usize> {
        let element = data.top().find(|e| e.tag.0 == 0x7FE0)?;
        let value = element.offset as usize;
        // The element's own header has 8 bytes, or 12 with a long explicit value representation.
        let tag = match data.is_big_endian() {
            true => [element.tag.0.to_be_bytes(), element.tag.1.to_be_bytes()],
            false => [element.tag.0.to_le_bytes(), element.tag.1.to_le_bytes()],
        }
        .concat();
        [8, 12].into_iter().find_map(|header| {
            let at = value.checked_sub(header)?;
            (data.bytes().get(at..at + 4)? == tag).then_some(at)
        })
    }
}

/// Bytes of one native frame by its dimensions; `None` when they are missing, zero or absurd.
pub(crate) fn native_frame_bits(header: &Header) -> Option<u64> {
    let [rows, columns, samples, bits] =
        [header.rows?, header.columns?, header.samples_per_pixel.unwrap_or(1), header.bits_allocated?].map(u64::from);
    // Two neighbouring pixels share their colour samples: two bytes a pixel in place of three.
    let samples = if header.photometric_interpretation == "YBR_FULL_422" { 2 } else { samples };
    Some(rows * columns * samples * bits).filter(|bits| *bits > 0)
}

impl Header {
    /// The byte ranges of one frame of encapsulated pixel data, counted from 1.
    pub fn fragments_of(&self, bytes: &[u8], frame: u32) -> Result<Vec<Range<usize>>, FrameError> {
        let Some(PixelData::Encapsulated { fragments, offsets }) = &self.pixel_data else {
            return Err(FrameError::NoPixels);
        };
        let count = self.frame_count;
        let no_frame = FrameError::NoFrame { frame };
        let Some(index) = frame.checked_sub(1).filter(|index| *index < count).map(|index| index as usize) else {
            return Err(no_frame);
        };
        let Some(first) = fragments.first() else { return Err(no_frame) };
        if count == 1 {
            return Ok(fragments.clone());
        }
        if offsets.len() == count as usize {
            // Offsets count from the first fragment's item header, eight bytes before its content.
            let start_of = |fragment: &Range<usize>| (fragment.start - first.start) as u64;
            let start = offsets[index];
            let end = offsets.get(index + 1).copied().unwrap_or(u64::MAX);
            let found: Vec<_> = fragments.iter().filter(|f| (start..end).contains(&start_of(f))).cloned().collect();
            return match found.first() {
                Some(fragment) if start_of(fragment) == start => Ok(found),
                _ => Err(FrameError::TooShort { frame }),
            };
        }
        if fragments.len() == count as usize {
            return fragments.get(index).map(|fragment| vec![fragment.clone()]).ok_or(no_frame);
        }
        by_start_marker(bytes, fragments, index, count)
    }

    /// The bytes of one frame, counted from 1, as they are stored: native frames are cut out, fragments joined.
    pub fn frame_bytes<'b>(&self, bytes: &'b [u8], frame: u32) -> Result<Cow<'b, [u8]>, FrameError> {
        let too_short = FrameError::TooShort { frame };
        match &self.pixel_data {
            None => Err(FrameError::NoPixels),
            Some(PixelData::Native { range }) => {
                let all = bytes.get(range.clone()).ok_or(too_short.clone())?;
                let bits = native_frame_bits(self).ok_or(FrameError::NoDimensions)?;
                let index = frame.checked_sub(1).filter(|index| *index < self.frame_count);
                let index = u64::from(index.ok_or(FrameError::NoFrame { frame })?);
                let start_bit = index.checked_mul(bits).ok_or(too_short.clone())?;
                let end_bit = start_bit.checked_add(bits).ok_or(too_short.clone())?;
                if end_bit > all.len() as u64 * 8 {
                    return Err(too_short);
                }
                if start_bit % 8 == 0 {
                    let (start, end) = ((start_bit / 8) as usize, end_bit.div_ceil(8) as usize);
                    return Ok(Cow::Borrowed(&all[start..end]));
                }
                // One-bit frames may start inside a byte.
                let bit = |at: u64| all[(at / 8) as usize] >> (at % 8) & 1;
                let mut packed = vec![0_u8; bits.div_ceil(8) as usize];
                for at in 0..bits {
                    packed[(at / 8) as usize] |= bit(start_bit + at) << (at % 8);
                }
                Ok(Cow::Owned(packed))
            }
            Some(PixelData::Encapsulated { .. }) => {
                let ranges = self.fragments_of(bytes, frame)?;
                if let [range] = &ranges[..] {
                    return bytes.get(range.clone()).map(Cow::Borrowed).ok_or(too_short);
                }
                let mut joined =
                    Vec::with_capacity(ranges.iter().map(|range| range.len()).sum::<usize>().min(bytes.len()));
                for range in ranges {
                    joined.extend_from_slice(bytes.get(range).ok_or(too_short.clone())?);
                }
                Ok(Cow::Owned(joined))
            }
        }
    }
}

/// No usable table: a fragment that starts a JPEG, JPEG-LS or JPEG 2000 stream starts a frame.
fn by_start_marker(
    bytes: &[u8],
    fragments: &[Range<usize>],
    index: usize,
    frame_count: u32,
) -> Result<Vec<Range<usize>>, FrameError> {
    let starts: Vec<usize> = fragments
        .iter()
        .enumerate()
        .filter(|(_, range)| matches!(bytes.get(range.start..range.start + 2), Some([0xFF, 0xD8 | 0x4F])))
        .map(|(at, _)| at)
        .collect();
    if starts.len() != frame_count as usize || starts.first() != Some(&0) {
        return Err(FrameError::Ambiguous { frame_count });
    }
    let start = starts[index];
    let end = starts.get(index + 1).copied().unwrap_or(fragments.len());
    Ok(fragments[start..end].to_vec())
}
