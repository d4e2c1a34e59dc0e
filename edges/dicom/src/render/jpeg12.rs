//! Lossy JPEG of 12 bits and one component (process 4 of transfer syntax 1.2.840.10008.1.2.4.51), which decoders made for
//! photographs do not read.
//!
//! Left out: more components, progressive and arithmetic coding (named errors). Source: ITU-T T.81.

type Result<T> = std::result::Result<T, &'static str>;

const CUT_OFF: &str = "the JPEG data is cut off";
/// Places of coefficients in the order they are coded; T.81, figure A.6.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Bits of a sample in the first frame header; `None` when there is none.
pub(super) fn precision(raw: &[u8]) -> Option<u8> {
    let mut segments = Segments { raw, at: 2 };
    loop {
        match segments.next().ok()? {
            (0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF, body) => return body.first().copied(),
            (0xD9 | 0xDA, _) => return None,
            _ => {}
        }
    }
}

/// Decodes a picture that must be as large as said; samples of 12 bits.
pub(super) fn decode(raw: &[u8], columns: u32, rows: u32) -> Result<Vec<u16>> {
    let mut segments = Segments { raw, at: 2 };
    let mut quantization: [Option<[f32; 64]>; 4] = [None; 4];
    let mut tables: [[Option<Huffman>; 4]; 2] = Default::default();
    let (mut table, mut restart, mut has_frame) = (0, 0, false);
    loop {
        let (marker, body) = segments.next()?;
        match marker {
            0xDB => read_quantization(body, &mut quantization)?,
            0xC4 => read_huffman(body, &mut tables)?,
            0xDD => restart = usize::from(u16::from_be_bytes(*body.first_chunk().ok_or(CUT_OFF)?)),
            0xC1 => {
                let &[bits, a, b, c, d, count, _, _, index] = body.first_chunk::<9>().ok_or(CUT_OFF)?;
                if bits != 12 || count != 1 {
                    return Err("12-bit JPEG in colour is not supported");
                }
                if (u32::from(u16::from_be_bytes([c, d])), u32::from(u16::from_be_bytes([a, b]))) != (columns, rows) {
                    return Err("its size differs from the header");
                }
                (table, has_frame) = (usize::from(index & 3), true);
            }
            0xC0 | 0xC2 | 0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Err("this process of 12-bit JPEG is not supported");
            }
            0xDA if has_frame => {
                let selector = *body.get(2).ok_or(CUT_OFF)?;
                let dc = tables[0][usize::from(selector >> 4 & 3)].as_ref().ok_or("a Huffman table is missing")?;
                let ac = tables[1][usize::from(selector & 3)].as_ref().ok_or("a Huffman table is missing")?;
                let quantization = quantization[table].ok_or("a quantization table is missing")?;
                let bits = Bits { bytes: &raw[segments.at..], held: 0, count: 0 };
                return Scan { bits, dc, ac, quantization, restart }.decode(columns as usize, rows as usize);
            }
            0xDA | 0xD9 => return Err("a JPEG scan comes before its frame"),
            _ => {}
        }
    }
}

struct Segments<'r> {
    raw: &'r [u8],
    at: usize,
}

impl<'r> Segments<'r> {
    fn next(&mut self) -> Result<(u8, &'r [u8])> {
        while self.raw.get(self.at..self.at + 2) == Some(&[0xFF, 0xFF]) {
            self.at += 1;
        }
        let Some(&[0xFF, marker, a, b]) = self.raw.get(self.at..).and_then(<[u8]>::first_chunk::<4>) else {
            return Err(CUT_OFF);
        };
        let (start, end) = (self.at + 4, self.at + 2 + usize::from(u16::from_be_bytes([a, b])));
        self.at = end;
        Ok((marker, self.raw.get(start..end).ok_or(CUT_OFF)?))
    }
}

fn read_quantization(mut body: &[u8], tables: &mut [Option<[f32; 64]>; 4]) -> Result<()> {
    while let Some((&head, rest)) = body.split_first() {
        let width = if head >> 4 == 0 { 1 } else { 2 };
        let (values, rest) = rest.split_at_checked(64 * width).ok_or(CUT_OFF)?;
        let table = tables.get_mut(usize::from(head & 15)).ok_or("a JPEG table has a number beyond 3")?;
        let mut found = [0.0; 64];
        for (place, value) in ZIGZAG.iter().zip(values.chunks(width)) {
            found[*place] = value.iter().fold(0.0, |sum, byte| sum * 256.0 + f32::from(*byte));
        }
        *table = Some(found);
        body = rest;
    }
    Ok(())
}

fn read_huffman(mut body: &[u8], tables: &mut [[Option<Huffman>; 4]; 2]) -> Result<()> {
    while let Some((&head, rest)) = body.split_first() {
        let (counts, rest) = rest.split_first_chunk::<16>().ok_or(CUT_OFF)?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (values, rest) = rest.split_at_checked(total).ok_or(CUT_OFF)?;
        let class = tables.get_mut(usize::from(head >> 4)).ok_or("a JPEG table has a class beyond 1")?;
        let table = class.get_mut(usize::from(head & 15)).ok_or("a JPEG table has a number beyond 3")?;
        *table = Some(Huffman { counts: *counts, values: values.to_vec() });
        body = rest;
    }
    Ok(())
}

/// A code: how many words of each length from 1 to 16, and what they stand for. T.81, C.2.
#[derive(Debug)]
struct Huffman {
    counts: [u8; 16],
    values: Vec<u8>,
}

struct Bits<'r> {
    bytes: &'r [u8],
    held: u32,
    count: u32,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<u32> {
        if self.count == 0 {
            match *self.bytes {
                [0xFF, 0, ref rest @ ..] => (self.held, self.bytes) = (0xFF, rest),
                [0xFF, ..] | [] => return Err(CUT_OFF),
                [byte, ref rest @ ..] => (self.held, self.bytes) = (byte.into(), rest),
            }
            self.count = 8;
        }
        self.count -= 1;
        Ok(self.held >> self.count & 1)
    }

    fn word(&mut self, code: &Huffman) -> Result<u8> {
        let (mut word, mut first, mut index) = (0, 0, 0);
        for count in code.counts {
            word = word << 1 | self.bit()?;
            let count = u32::from(count);
            if word < first + count {
                let at = (index + word - first) as usize;
                return code.values.get(at).copied().ok_or("a JPEG code word is unknown");
            }
            index += count;
            first = (first + count) << 1;
        }
        Err("a JPEG code word is unknown")
    }

    /// A signed number of `size` bits; T.81, F.2.2.1.
    fn number(&mut self, size: u8) -> Result<i32> {
        let mut value = 0;
        for _ in 0..size {
            value = value << 1 | self.bit()? as i32;
        }
        Ok(if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    /// Goes behind the restart marker that has to stand here.
    fn restart(&mut self) -> Result<()> {
        self.count = 0;
        let at = self.bytes.windows(2).position(|pair| pair[0] == 0xFF && (0xD0..=0xD7).contains(&pair[1]));
        self.bytes = &self.bytes[at.ok_or(CUT_OFF)? + 2..];
        Ok(())
    }
}

struct Scan<'r> {
    bits: Bits<'r>,
    dc: &'r Huffman,
    ac: &'r Huffman,
    quantization: [f32; 64],
    restart: usize,
}

impl Scan<'_> {
    fn decode(mut self, width: usize, height: usize) -> Result<Vec<u16>> {
        let cosines = cosines();
        let mut out = vec![0; width * height];
        let (across, mut last) = (width.div_ceil(8), 0);
        for block in 0..across * height.div_ceil(8) {
            if self.restart > 0 && block > 0 && block % self.restart == 0 {
                self.bits.restart()?;
                last = 0;
            }
            let samples = transformed(&self.block(&mut last)?, &cosines);
            let (left, top) = (block % across * 8, block / across * 8);
            for (y, row) in samples.chunks(8).enumerate().take(height - top) {
                let start = (top + y) * width + left;
                let count = (width - left).min(8);
                for (place, value) in out[start..start + count].iter_mut().zip(row) {
                    *place = (value + 2048.0).round().clamp(0.0, 4095.0) as u16;
                }
            }
        }
        Ok(out)
    }

    fn block(&mut self, last: &mut i32) -> Result<[f32; 64]> {
        let mut found = [0.0; 64];
        let size = self.bits.word(self.dc)?;
        if size > 16 {
            return Err("a JPEG coefficient is too large");
        }
        *last = last.saturating_add(self.bits.number(size)?);
        found[0] = *last as f32 * self.quantization[0];
        let mut at = 1;
        while at < 64 {
            let word = self.bits.word(self.ac)?;
            let (zeros, size) = (usize::from(word >> 4), word & 15);
            if size == 0 {
                if zeros < 15 {
                    break;
                }
                at += 16;
                continue;
            }
            at += zeros;
            let place = *ZIGZAG.get(at).ok_or("a JPEG block has too many coefficients")?;
            found[place] = self.bits.number(size)? as f32 * self.quantization[place];
            at += 1;
        }
        Ok(found)
    }
}

/// The basis of the transform: cosines by frequency and place; T.81, A.3.3.
fn cosines() -> [[f32; 8]; 8] {
    std::array::from_fn(|u| {
        let scale = if u == 0 { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 } / 2.0;
        std::array::from_fn(|x| scale * ((2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0).cos())
    })
}

fn transformed(block: &[f32; 64], cosines: &[[f32; 8]; 8]) -> [f32; 64] {
    let mut rows = [0.0; 64];
    for v in 0..8 {
        for x in 0..8 {
            rows[v * 8 + x] = (0..8).map(|u| block[v * 8 + u] * cosines[u][x]).sum();
        }
    }
    let mut out = [0.0; 64];
    for y in 0..8 {
        for x in 0..8 {
            out[y * 8 + x] = (0..8).map(|v| rows[v * 8 + x] * cosines[v][y]).sum();
        }
    }
    out
}
