//! DICOM files of our own making, and the small writer that makes them. Synthetic throughout.
//!
//! The writer knows nothing of the product's own reader and writer, so that a test of those does not test them against
//! themselves. Left out: lossy compression (tests make it with the encoder they have).
//!
//! Source: DICOM PS3.5 (encoding, annexes A and G), PS3.10 (files), ITU-T T.81 annex H (lossless JPEG).

use std::collections::BTreeMap;
use std::io::Write as _;

/// Transfer syntaxes, as UIDs.
pub mod syntax {
    /// Implicit VR Little Endian.
    pub const IMPLICIT: &str = "1.2.840.10008.1.2";
    /// Explicit VR Little Endian.
    pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    /// Deflated Explicit VR Little Endian.
    pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
    /// Explicit VR Big Endian.
    pub const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
    /// JPEG Baseline, 8 bit.
    pub const JPEG: &str = "1.2.840.10008.1.2.4.50";
    /// JPEG Extended, 12 bit.
    pub const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";
    /// JPEG Lossless, first-order prediction.
    pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
    /// RLE Lossless.
    pub const RLE: &str = "1.2.840.10008.1.2.5";
}

/// A tag: group and element.
pub type Tag = (u16, u16);

const PIXELS: Tag = (0x7FE0, 0x0010);

#[derive(Debug, Clone)]
enum Value {
    /// Bytes in little endian order, in words of so many bytes.
    Bytes {
        bytes: Vec<u8>,
        word: usize,
    },
    Items(Vec<DataSet>),
    /// Encapsulated frames, a fragment each.
    Frames(Vec<Vec<u8>>),
}

/// A data set that is being put together. Elements may come in any order; the same tag again replaces.
#[derive(Debug, Clone, Default)]
pub struct DataSet {
    elements: BTreeMap<Tag, ([u8; 2], Value)>,
}

impl DataSet {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An instance with the identity of a synthetic patient; `number` tells instances of a study apart, `study` studies.
    #[must_use]
    pub fn instance(class: &str, modality: &str, study: u32, number: u32) -> Self {
        let study_uid = format!("2.25.4711{study:06}");
        Self::new()
            .text((0x0008, 0x0005), "CS", "ISO_IR 192")
            .text((0x0008, 0x0016), "UI", class)
            .text((0x0008, 0x0018), "UI", &format!("{study_uid}.1.{number}"))
            .text((0x0008, 0x0020), "DA", "20261102")
            .text((0x0008, 0x0030), "TM", "083000")
            .text((0x0008, 0x0050), "SH", "")
            .text((0x0008, 0x0060), "CS", modality)
            .text((0x0008, 0x0090), "PN", "")
            .text((0x0010, 0x0010), "PN", "Ceshi^Huanzhe=测试^患者")
            .text((0x0010, 0x0020), "LO", &format!("SYN{study:04}"))
            .text((0x0010, 0x0030), "DA", "19600229")
            .text((0x0010, 0x0040), "CS", "O")
            .text((0x0020, 0x000D), "UI", &study_uid)
            .text((0x0020, 0x000E), "UI", &format!("{study_uid}.1"))
            .text((0x0020, 0x0010), "SH", &study.to_string())
            .text((0x0020, 0x0011), "IS", "1")
            .text((0x0020, 0x0013), "IS", &number.to_string())
    }

    /// Text, UTF-8.
    #[must_use]
    pub fn text(self, tag: Tag, vr: &str, text: &str) -> Self {
        self.bytes(tag, vr, text.as_bytes())
    }

    /// Unsigned numbers of two bytes.
    #[must_use]
    pub fn numbers(mut self, tag: Tag, vr: &str, numbers: &[u16]) -> Self {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.elements.insert(tag, (vr_bytes(vr), Value::Bytes { bytes, word: 2 }));
        self
    }

    /// A value as it is.
    #[must_use]
    pub fn bytes(mut self, tag: Tag, vr: &str, bytes: &[u8]) -> Self {
        let word = if vr == "OW" { 2 } else { 1 };
        self.elements.insert(tag, (vr_bytes(vr), Value::Bytes { bytes: bytes.to_vec(), word }));
        self
    }

    /// A sequence.
    #[must_use]
    pub fn items(mut self, tag: Tag, items: Vec<DataSet>) -> Self {
        self.elements.insert(tag, (*b"SQ", Value::Items(items)));
        self
    }

    /// Encapsulated pixel data, one fragment a frame.
    #[must_use]
    pub fn frames(mut self, frames: Vec<Vec<u8>>) -> Self {
        self.elements.insert(PIXELS, (*b"OB", Value::Frames(frames)));
        self
    }

    /// Without an element.
    #[must_use]
    pub fn without(mut self, tag: Tag) -> Self {
        self.elements.remove(&tag);
        self
    }

    /// The data set's bytes, as they travel in a transfer syntax; deflated ones inflated.
    #[must_use]
    pub fn encoded(&self, transfer_syntax: &str) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, Form::of(transfer_syntax));
        out
    }

    /// A whole file with preamble and file meta group.
    #[must_use]
    pub fn file(&self, transfer_syntax: &str) -> Vec<u8> {
        let meta = Self::new()
            .bytes((0x0002, 0x0001), "OB", &[0, 1])
            .bytes((0x0002, 0x0002), "UI", &self.value((0x0008, 0x0016)))
            .bytes((0x0002, 0x0003), "UI", &self.value((0x0008, 0x0018)))
            .text((0x0002, 0x0010), "UI", transfer_syntax)
            .text((0x0002, 0x0012), "UI", "2.25.4711");
        let meta = meta.encoded(syntax::EXPLICIT);
        let length = (meta.len() as u32).to_le_bytes();
        let group = Self::new().bytes((0x0002, 0x0000), "UL", &length).encoded(syntax::EXPLICIT);
        let mut data = self.encoded(transfer_syntax);
        if transfer_syntax == syntax::DEFLATED {
            let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            // Writing to memory cannot fail.
            drop(deflate.write_all(&data));
            data = deflate.finish().unwrap_or_default();
            data.resize(data.len().next_multiple_of(2), 0);
        }
        [&[0; 128][..], b"DICM", &group, &meta, &data].concat()
    }

    fn value(&self, tag: Tag) -> Vec<u8> {
        match self.elements.get(&tag) {
            Some((_, Value::Bytes { bytes, .. })) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    fn write(&self, out: &mut Vec<u8>, form: Form) {
        for (tag, (vr, value)) in &self.elements {
            form.put16(out, tag.0);
            form.put16(out, tag.1);
            match value {
                Value::Bytes { bytes, word } => {
                    let mut bytes = bytes.clone();
                    if bytes.len() % 2 == 1 {
                        bytes.push(if matches!(vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
                    }
                    if form.is_big {
                        let word = if matches!(vr, b"UL" | b"FL") { 4 } else { *word };
                        bytes.chunks_mut(word).for_each(<[u8]>::reverse);
                    }
                    form.head(out, *vr, bytes.len() as u32);
                    out.extend(bytes);
                }
                Value::Items(items) => {
                    form.head(out, *vr, u32::MAX);
                    for item in items {
                        let mut inner = Vec::new();
                        item.write(&mut inner, form);
                        form.item(out, 0xE000, inner.len() as u32);
                        out.extend(inner);
                    }
                    form.item(out, 0xE0DD, 0);
                }
                Value::Frames(frames) => {
                    form.head(out, *vr, u32::MAX);
                    form.item(out, 0xE000, 0);
                    for frame in frames {
                        let length = frame.len().next_multiple_of(2);
                        form.item(out, 0xE000, length as u32);
                        out.extend(frame);
                        out.resize(out.len() + length - frame.len(), 0);
                    }
                    form.item(out, 0xE0DD, 0);
                }
            }
        }
    }
}

fn vr_bytes(vr: &str) -> [u8; 2] {
    let mut bytes = vr.bytes();
    [bytes.next().unwrap_or(b'U'), bytes.next().unwrap_or(b'N')]
}

/// How elements are written.
#[derive(Debug, Clone, Copy)]
struct Form {
    is_explicit: bool,
    is_big: bool,
}

impl Form {
    fn of(transfer_syntax: &str) -> Self {
        Self { is_explicit: transfer_syntax != syntax::IMPLICIT, is_big: transfer_syntax == syntax::BIG_ENDIAN }
    }

    fn put16(self, out: &mut Vec<u8>, number: u16) {
        out.extend(if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn put32(self, out: &mut Vec<u8>, number: u32) {
        out.extend(if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn head(self, out: &mut Vec<u8>, vr: [u8; 2], length: u32) {
        if !self.is_explicit {
            return self.put32(out, length);
        }
        out.extend(vr);
        if matches!(&vr, b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"SQ" | b"UT" | b"UN" | b"UC" | b"UR") {
            out.extend([0, 0]);
            self.put32(out, length);
        } else {
            self.put16(out, length as u16);
        }
    }

    fn item(self, out: &mut Vec<u8>, element: u16, length: u32) {
        self.put16(out, 0xFFFE);
        self.put16(out, element);
        self.put32(out, length);
    }
}

/// How a picture's samples lie.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Samples a pixel, 1 or 3.
    pub samples: u16,
    /// Bits Stored; above 8 a sample takes two bytes.
    pub bits: u16,
    /// Photometric Interpretation.
    pub photometric: &'static str,
    /// frames: [frame][row x column x sample], interleaved, little endian
    pub frames: Vec<Vec<u8>>,
}

impl Pixels {
    /// A slope with a bright square in it: one frame of grey samples of `bits` bits.
    #[must_use]
    pub fn grey(rows: u16, columns: u16, bits: u16) -> Self {
        let top = (1_u32 << bits) - 1;
        let mut frame = Vec::new();
        for row in 0..u32::from(rows) {
            for column in 0..u32::from(columns) {
                let (rows, columns) = (u32::from(rows), u32::from(columns));
                let in_square = row * 4 > rows && row * 4 < rows * 2 && column * 2 > columns;
                let level = if in_square { top } else { (row * columns + column) * top / (rows * columns) };
                match bits {
                    ..=8 => frame.push(level as u8),
                    _ => frame.extend((level as u16).to_le_bytes()),
                }
            }
        }
        Self { rows, columns, samples: 1, bits, photometric: "MONOCHROME2", frames: vec![frame] }
    }

    /// Red, green, blue and white quarters: one frame.
    #[must_use]
    pub fn quarters(rows: u16, columns: u16) -> Self {
        let mut frame = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                frame.extend(match (row * 2 < rows, column * 2 < columns) {
                    (true, true) => [255, 0, 0],
                    (true, false) => [0, 255, 0],
                    (false, true) => [0, 0, 255],
                    (false, false) => [255; 3],
                });
            }
        }
        Self { rows, columns, samples: 3, bits: 8, photometric: "RGB", frames: vec![frame] }
    }

    /// The elements that describe them, without the pixel data.
    #[must_use]
    pub fn described(&self, instance: DataSet) -> DataSet {
        let allocated = if self.bits > 8 { 16 } else { 8 };
        let set = instance
            .numbers((0x0028, 0x0002), "US", &[self.samples])
            .text((0x0028, 0x0004), "CS", self.photometric)
            .numbers((0x0028, 0x0010), "US", &[self.rows])
            .numbers((0x0028, 0x0011), "US", &[self.columns])
            .numbers((0x0028, 0x0100), "US", &[allocated])
            .numbers((0x0028, 0x0101), "US", &[self.bits])
            .numbers((0x0028, 0x0102), "US", &[self.bits - 1])
            .numbers((0x0028, 0x0103), "US", &[0]);
        let set = if self.samples == 3 { set.numbers((0x0028, 0x0006), "US", &[0]) } else { set };
        match self.frames.len() {
            1 => set,
            count => set.text((0x0028, 0x0008), "IS", &count.to_string()),
        }
    }

    /// Described and filled in, uncompressed.
    #[must_use]
    pub fn plain(&self, instance: DataSet) -> DataSet {
        self.described(instance).bytes(PIXELS, if self.bits > 8 { "OW" } else { "OB" }, &self.frames.concat())
    }

    /// Described and filled in by [`rle`].
    #[must_use]
    pub fn rle(&self, instance: DataSet) -> DataSet {
        let width = usize::from(if self.bits > 8 { 2 * self.samples } else { self.samples });
        self.described(instance).frames(self.frames.iter().map(|frame| rle(frame, width)).collect())
    }

    /// Described and filled in by [`lossless_jpeg`]; grey pictures alone.
    #[must_use]
    pub fn lossless_jpeg(&self, instance: DataSet) -> DataSet {
        let compressed = |frame: &Vec<u8>| {
            let samples: Vec<u16> = match self.bits {
                ..=8 => frame.iter().map(|byte| u16::from(*byte)).collect(),
                _ => frame.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
            };
            lossless_jpeg(&samples, self.rows, self.columns, self.bits)
        };
        self.described(instance).frames(self.frames.iter().map(compressed).collect())
    }
}

/// A frame as RLE segments, one for each byte of a pixel, the most significant byte of a sample first. `width`: bytes a
/// pixel.
#[must_use]
pub fn rle(frame: &[u8], width: usize) -> Vec<u8> {
    // Two bytes are one little endian sample, other widths are one byte a sample.
    let order: Vec<usize> = if width == 2 { vec![1, 0] } else { (0..width).collect() };
    let mut head = vec![order.len() as u32];
    let mut segments = Vec::new();
    for at in order {
        head.push(64 + segments.len() as u32);
        let plane: Vec<u8> = frame.iter().skip(at).step_by(width).copied().collect();
        packed_bits(&plane, &mut segments);
        segments.resize(segments.len().next_multiple_of(2), 0);
    }
    head.resize(16, 0);
    let mut out: Vec<u8> = head.iter().flat_map(|number| number.to_le_bytes()).collect();
    out.extend(segments);
    out
}

fn packed_bits(plane: &[u8], out: &mut Vec<u8>) {
    let mut rest = plane;
    while let Some(first) = rest.first() {
        let run = rest.iter().take(128).take_while(|byte| *byte == first).count();
        if run > 1 {
            out.extend([(257 - run) as u8, *first]);
            rest = &rest[run..];
        } else {
            let literal = (1..rest.len().min(128)).find(|at| rest[*at] == rest[at - 1]).unwrap_or(rest.len().min(128));
            out.push((literal - 1) as u8);
            out.extend(&rest[..literal]);
            rest = &rest[literal..];
        }
    }
}

/// A grey frame as lossless JPEG with the first predictor. All 17 sizes of difference have codes of five bits.
#[must_use]
pub fn lossless_jpeg(samples: &[u16], rows: u16, columns: u16, bits: u16) -> Vec<u8> {
    let [row_high, row_low] = rows.to_be_bytes();
    let [column_high, column_low] = columns.to_be_bytes();
    let mut out =
        vec![0xFF, 0xD8, 0xFF, 0xC3, 0, 11, bits as u8, row_high, row_low, column_high, column_low, 1, 1, 0x11, 0];
    out.extend([0xFF, 0xC4, 0, 2 + 1 + 16 + 17, 0, 0, 0, 0, 0, 17]);
    out.extend([0; 11]);
    out.extend(0..17);
    out.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0]);
    let (mut pending, mut count) = (0_u64, 0_u32);
    let mut put = |value: u32, length: u32, out: &mut Vec<u8>| {
        pending = (pending << length) | u64::from(value);
        count += length;
        while count >= 8 {
            count -= 8;
            let byte = (pending >> count) as u8;
            out.push(byte);
            if byte == 0xFF {
                out.push(0);
            }
        }
    };
    let columns = usize::from(columns);
    for (at, sample) in samples.iter().enumerate() {
        let predicted = match (at / columns, at % columns) {
            (0, 0) => 1_u16 << (bits - 1),
            (_, 0) => samples[at - columns],
            _ => samples[at - 1],
        };
        // Differences count modulo 2 to the power of 16.
        let difference = i32::from(sample.wrapping_sub(predicted) as i16);
        let size = 32 - difference.unsigned_abs().leading_zeros();
        put(size, 5, &mut out);
        if size > 0 && size < 16 {
            let coded = if difference > 0 { difference } else { difference + (1 << size) - 1 };
            put(coded as u32, size, &mut out);
        }
    }
    put(0x7F, 7, &mut out);
    out.extend([0xFF, 0xD9]);
    out
}

/// A file of our own, and what a reader must find in it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it is.
    pub name: &'static str,
    /// Transfer syntax UID.
    pub transfer_syntax: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// Modality.
    pub modality: &'static str,
    /// What decoding must give; `None` where there is no picture.
    pub pixels: Option<Pixels>,
}

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const MULTI_FRAME: &str = "1.2.840.10008.5.1.4.1.1.7.3";
const REPORT: &str = "1.2.840.10008.5.1.4.1.1.88.11";
const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";

/// One file of every format, each with pixel values that are known.
#[must_use]
pub fn every() -> Vec<Sample> {
    let ct = Pixels::grey(40, 48, 12);
    let grey = Pixels::grey(32, 32, 8);
    let colour = Pixels::quarters(24, 32);
    let mut film = Pixels::grey(16, 16, 8);
    film.frames = (0..3).map(|frame| film.frames[0].iter().map(|byte| byte / (frame + 1)).collect()).collect();
    let mut all = Vec::new();
    let mut number = 0;
    let mut add = |name, transfer_syntax, class: &str, modality, pixels: &Pixels, set: &dyn Fn(DataSet) -> DataSet| {
        number += 1;
        let instance = DataSet::instance(class, modality, 1, number);
        let bytes = set(instance).file(transfer_syntax);
        all.push(Sample { name, transfer_syntax, bytes, modality, pixels: Some(pixels.clone()) });
    };
    add("ct, implicit", syntax::IMPLICIT, CT, "CT", &ct, &|set| ct.plain(set));
    add("ct, explicit", syntax::EXPLICIT, CT, "CT", &ct, &|set| ct.plain(set));
    add("ct, deflated", syntax::DEFLATED, CT, "CT", &ct, &|set| ct.plain(set));
    add("ct, big endian", syntax::BIG_ENDIAN, CT, "CT", &ct, &|set| ct.plain(set));
    add("ct, rle", syntax::RLE, CT, "CT", &ct, &|set| ct.rle(set));
    add("ct, lossless jpeg", syntax::JPEG_LOSSLESS, CT, "CT", &ct, &|set| ct.lossless_jpeg(set));
    add("grey", syntax::EXPLICIT, SECONDARY_CAPTURE, "OT", &grey, &|set| grey.plain(set));
    add("grey, rle", syntax::RLE, SECONDARY_CAPTURE, "OT", &grey, &|set| grey.rle(set));
    add("grey, lossless jpeg", syntax::JPEG_LOSSLESS, SECONDARY_CAPTURE, "OT", &grey, &|set| grey.lossless_jpeg(set));
    add("colour", syntax::EXPLICIT, SECONDARY_CAPTURE, "OT", &colour, &|set| colour.plain(set));
    add("colour, rle", syntax::RLE, SECONDARY_CAPTURE, "OT", &colour, &|set| colour.rle(set));
    add("frames", syntax::EXPLICIT, MULTI_FRAME, "US", &film, &|set| film.plain(set));
    add("frames, rle", syntax::RLE, MULTI_FRAME, "US", &film, &|set| film.rle(set));
    add("frames, lossless jpeg", syntax::JPEG_LOSSLESS, MULTI_FRAME, "US", &film, &|set| film.lossless_jpeg(set));
    for (name, transfer_syntax, set) in [
        ("report", syntax::EXPLICIT, report()),
        ("report, implicit", syntax::IMPLICIT, report()),
        ("document", syntax::EXPLICIT, document()),
    ] {
        let modality = if name == "document" { "DOC" } else { "SR" };
        all.push(Sample { name, transfer_syntax, bytes: set.file(transfer_syntax), modality, pixels: None });
    }
    all
}

/// A structured report with nested content, private elements and an element of unknown VR.
#[must_use]
pub fn report() -> DataSet {
    let code = |value: &str, meaning: &str| {
        DataSet::new().text((0x0008, 0x0100), "SH", value).text((0x0008, 0x0102), "SH", "99YITI").text(
            (0x0008, 0x0104),
            "LO",
            meaning,
        )
    };
    let text = DataSet::new()
        .text((0x0040, 0xA010), "CS", "CONTAINS")
        .text((0x0040, 0xA040), "CS", "TEXT")
        .items((0x0040, 0xA043), vec![code("F1", "所见")])
        .text((0x0040, 0xA160), "UT", "双肺纹理清晰。");
    let inner =
        DataSet::new().text((0x0040, 0xA040), "CS", "CONTAINER").items((0x0040, 0xA730), vec![text.clone(), text]);
    DataSet::instance(REPORT, "SR", 2, 1)
        .text((0x0009, 0x0010), "LO", "YITI SAMPLE")
        .bytes((0x0009, 0x1001), "UN", &[1, 2, 3, 4])
        .text((0x0040, 0xA040), "CS", "CONTAINER")
        .items((0x0040, 0xA043), vec![code("R1", "报告")])
        .items((0x0040, 0xA730), vec![inner])
}

/// A document: a PDF of one empty page inside DICOM.
#[must_use]
pub fn document() -> DataSet {
    let pdf =
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
        3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
    DataSet::instance(PDF, "DOC", 2, 2)
        .text((0x0042, 0x0010), "ST", "测试报告")
        .bytes((0x0042, 0x0011), "OB", pdf)
        .text((0x0042, 0x0012), "LO", "application/pdf")
}
