//! A DICOM file: preamble, file meta group, data set; and the file meta group we write before received bytes.
//!
//! Left out: repairing files. What disagrees is reported, never mended in silence. Source: dicom-ps3.10, 7.1.

use super::{
    DataSet, Limits, Syntax, Tag, VR, WalkError, Writer,
    walk::{Walked, is_blank, walk},
};
use flate2::read::DeflateDecoder;
use std::{borrow::Cow, io::Read};

/// Deflated data set, little endian explicit inside.
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
/// Bytes that compression may gain: a data set of zeros reaches more, a honest picture does not.
const INFLATE_RATIO_MAX: usize = 200;
const INFLATE_FREE_BYTES: usize = 4 << 20;

/// Why bytes are not a DICOM file within bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nothing there, or nothing that could be DICOM.
    #[error("not a DICOM file")]
    NotDicom,
    /// The elements do not add up.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The deflated part does not inflate.
    #[error("byte {offset}: the deflated data set is damaged or cut off")]
    Deflate {
        /// Where the deflated part starts.
        offset: usize,
    },
    /// The deflated part grows too large.
    #[error("byte {offset}: the data set inflates to more than {max} bytes")]
    InflatedTooLarge {
        /// Where the deflated part starts.
        offset: usize,
        /// The bound.
        max: usize,
    },
}

/// What stands in the 128 bytes before `DICM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preamble {
    /// The file starts without one.
    Missing,
    /// All zero, as usual.
    Zero,
    /// Other content: perhaps a second format in the same bytes, so never serve it as anything but DICOM.
    Other,
}

/// The file meta group as read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// (0002,0002).
    pub sop_class_uid: Option<String>,
    /// (0002,0003).
    pub sop_instance_uid: Option<String>,
    /// (0002,0010).
    pub transfer_syntax_uid: Option<String>,
    /// (0002,0016).
    pub source_ae_title: Option<String>,
}

/// A walked file.
#[derive(Debug, Clone)]
pub struct File<'a> {
    /// What the preamble held.
    pub preamble: Preamble,
    /// The file meta group.
    pub meta: Meta,
    /// Where the data set starts in the file.
    pub data_offset: usize,
    /// The data set.
    pub data: DataSet<'a>,
    /// True when the data set is not laid out as its transfer syntax says.
    pub mislabelled: bool,
}

impl<'a> File<'a> {
    /// Walks a whole file.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<File<'a>, ReadError> {
        let (preamble, start) = match bytes.get(128..132) {
            Some(b"DICM") if bytes[..128].iter().all(|byte| *byte == 0) => (Preamble::Zero, 132),
            Some(b"DICM") => (Preamble::Other, 132),
            _ => (Preamble::Missing, 0),
        };
        if bytes.len() < start + 8 {
            return Err(match preamble {
                Preamble::Missing => ReadError::NotDicom,
                _ => WalkError::HeaderCut { offset: start }.into(),
            });
        }
        let (meta, data_offset) = match bytes[start..start + 2] {
            [2, 0] => read_meta(bytes, start, limits)?,
            _ => (Meta::default(), start),
        };
        if preamble == Preamble::Missing && data_offset == 0 && !could_start_a_data_set(bytes) {
            return Err(ReadError::NotDicom);
        }
        let (data, mislabelled) = read_from(bytes, data_offset, meta.transfer_syntax_uid.as_deref(), limits)?;
        Ok(File { preamble, meta, data_offset, data, mislabelled })
    }
}

/// Walks a data set that came without a file around it, such as over an association. The flag is true when it is not
/// laid out as the transfer syntax says.
pub fn read_data_set<'a>(
    bytes: &'a [u8],
    transfer_syntax: &str,
    limits: &Limits,
) -> Result<(DataSet<'a>, bool), ReadError> {
    read_from(bytes, 0, Some(transfer_syntax), limits)
}

fn read_meta(bytes: &[u8], start: usize, limits: &Limits) -> Result<(Meta, usize), ReadError> {
    let Walked { elements, end, has_blank_vr } = walk(bytes, start, Syntax::ExplicitLittle, limits, Some(2))?;
    let data = DataSet { bytes: Cow::Borrowed(bytes), elements, syntax: Syntax::ExplicitLittle, has_blank_vr };
    let text = |element: u16| {
        let element = data.get(Tag(2, element))?;
        let value = data.trimmed(element);
        (!value.is_empty() && value.len() <= 256).then(|| String::from_utf8_lossy(value).into_owned())
    };
    let meta = Meta {
        sop_class_uid: text(0x0002),
        sop_instance_uid: text(0x0003),
        transfer_syntax_uid: text(0x0010),
        source_ae_title: text(0x0016),
    };
    Ok((meta, end))
}

fn read_from<'a>(
    bytes: &'a [u8],
    offset: usize,
    transfer_syntax: Option<&str>,
    limits: &Limits,
) -> Result<(DataSet<'a>, bool), ReadError> {
    if transfer_syntax == Some(DEFLATED) {
        let inflated = inflate(&bytes[offset..], offset, limits)?;
        let Walked { elements, has_blank_vr, .. } = walk(&inflated, 0, Syntax::ExplicitLittle, limits, None)?;
        let syntax = Syntax::ExplicitLittle;
        return Ok((DataSet { bytes: Cow::Owned(inflated), elements, syntax, has_blank_vr }, false));
    }
    let declared = match transfer_syntax {
        Some("1.2.840.10008.1.2") => Some(Syntax::ImplicitLittle),
        Some("1.2.840.10008.1.2.2") => Some(Syntax::ExplicitBig),
        Some(_) => Some(Syntax::ExplicitLittle),
        None => None,
    };
    let seen = guess_syntax(&bytes[offset..], declared);
    let syntax = seen.or(declared).unwrap_or(Syntax::ImplicitLittle);
    let Walked { elements, has_blank_vr, .. } = walk(bytes, offset, syntax, limits, None)?;
    let mislabelled = declared.is_some_and(|declared| declared != syntax);
    Ok((DataSet { bytes: Cow::Borrowed(bytes), elements, syntax, has_blank_vr }, mislabelled))
}

/// What the first element looks like; `None` when there is none.
fn guess_syntax(bytes: &[u8], declared: Option<Syntax>) -> Option<Syntax> {
    let &[a, b, _, _, e, f, g, h] = bytes.first_chunk::<8>()?;
    // The first group of a data set is small, so its zero byte tells the byte order.
    let big = a == 0 && b != 0;
    match VR::from_binary([e, f]) {
        Some(_) if big => Some(Syntax::ExplicitBig),
        Some(_) => Some(Syntax::ExplicitLittle),
        None if e.is_ascii_uppercase() && f.is_ascii_uppercase() && !big => Some(Syntax::ExplicitLittle),
        // Blank where the representation should stand; as a length it would be longer than any first value.
        None if is_blank([e, f]) && [e, f, g, h] != [0; 4] && declared == Some(Syntax::ExplicitLittle) => declared,
        None => Some(Syntax::ImplicitLittle),
    }
}

fn could_start_a_data_set(bytes: &[u8]) -> bool {
    matches!(bytes.first_chunk::<2>(), Some([0x01..=0x10, 0] | [0, 0x01..=0x10]))
}

fn inflate(bytes: &[u8], offset: usize, limits: &Limits) -> Result<Vec<u8>, ReadError> {
    let max = limits.inflated_bytes_max.min(bytes.len().saturating_mul(INFLATE_RATIO_MAX).max(INFLATE_FREE_BYTES));
    let mut inflated = Vec::new();
    let mut decoder = DeflateDecoder::new(bytes).take(max as u64 + 1);
    decoder.read_to_end(&mut inflated).map_err(|_| ReadError::Deflate { offset })?;
    if inflated.len() > max {
        return Err(ReadError::InflatedTooLarge { offset, max });
    }
    Ok(inflated)
}

/// The preamble and file meta group that make received data set bytes a file.
///
/// INVARIANT: they depend on the instance alone, so that the same instance has the same digest whoever sends it.
pub fn file_meta(sop_class: &str, sop_instance: &str, transfer_syntax: &str) -> Vec<u8> {
    let mut group = Writer::new(Syntax::ExplicitLittle);
    group.raw(Tag(2, 0x0001), VR::OB, &[0, 1]);
    group.text(Tag(2, 0x0002), VR::UI, sop_class.as_bytes());
    group.text(Tag(2, 0x0003), VR::UI, sop_instance.as_bytes());
    group.text(Tag(2, 0x0010), VR::UI, transfer_syntax.as_bytes());
    group.text(Tag(2, 0x0012), VR::UI, crate::IMPLEMENTATION_CLASS_UID.as_bytes());
    group.text(Tag(2, 0x0013), VR::SH, crate::IMPLEMENTATION_VERSION.as_bytes());
    let group = group.into_bytes();
    let mut file = Vec::with_capacity(144 + group.len());
    file.resize(128, 0);
    file.extend_from_slice(b"DICM");
    let mut length = Writer::new(Syntax::ExplicitLittle);
    length.raw(Tag(2, 0), VR::UL, &(group.len() as u32).to_le_bytes());
    file.extend_from_slice(&length.into_bytes());
    file.extend_from_slice(&group);
    file
}
