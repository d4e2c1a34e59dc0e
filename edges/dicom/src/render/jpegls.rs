//! JPEG-LS, lossless and near-lossless, of 2 to 16 bits, in all three ways of interleaving components.
//!
//! Left out: mapping tables, restart intervals and sub-sampled components, which medical images do not have (named
//! errors). The names of variables are those of the standard. Source: ITU-T T.87.

/// A decoded picture: samples of a pixel side by side.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) bits: u8,
    pub(super) samples: Vec<u16>,
}

type Result<T> = std::result::Result<T, &'static str>;

const CUT_OFF: &str = "the JPEG-LS data is cut off";
/// Run lengths by run index, as powers of two; T.87, A.7.1.1.
const J: [u8; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const CONTEXTS: usize = 365;

/// Decodes a picture that must be as large as said.
pub(super) fn decode(raw: &[u8], columns: u32, rows: u32, components: usize) -> Result<Picture> {
    let (width, height) = (columns as usize, rows as usize);
    let mut reader = Segments { raw, at: 0 };
    let mut frame = None;
    let mut preset = Preset::default();
    let mut samples = vec![0; width * height * components];
    let mut done = 0;
    while done < components {
        let (marker, body) = reader.next()?;
        match marker {
            0xF7 => {
                let &[bits @ 2..=16, a, b, c, d, count] = body.first_chunk::<6>().ok_or(CUT_OFF)? else {
                    return Err("JPEG-LS samples have 2 to 16 bits");
                };
                let size = (u32::from(u16::from_be_bytes([c, d])), u32::from(u16::from_be_bytes([a, b])));
                if size != (columns, rows) || usize::from(count) != components {
                    return Err("its size differs from the header");
                }
                if body[6..].chunks(3).any(|component| component.get(1) != Some(&0x11)) {
                    return Err("sub-sampled JPEG-LS is not supported");
                }
                frame = Some(bits);
            }
            0xF8 => preset.read(body)?,
            0xDD if body.iter().any(|byte| *byte != 0) => return Err("JPEG-LS with restarts is not supported"),
            0xDA => {
                let bits = frame.ok_or("a JPEG-LS scan comes before its frame")?;
                let count = usize::from(*body.first().ok_or(CUT_OFF)?);
                let &[near, interleave, _] = body.get(1 + 2 * count..).and_then(<[u8]>::first_chunk).ok_or(CUT_OFF)?;
                if body[1..].chunks(2).take(count).any(|component| component.get(1) != Some(&0)) {
                    return Err("JPEG-LS with mapping tables is not supported");
                }
                let whole = count == components && done == 0;
                let interleave = match interleave {
                    0 if count == 1 => Interleave::None,
                    1 if whole => Interleave::Line,
                    2 if whole => Interleave::Sample,
                    _ => return Err("this order of JPEG-LS components is not supported"),
                };
                let mut scan = Scan::new(&preset, bits, near, Bits::new(&raw[reader.at..]))?;
                let place = Place { width, height, components, first: done, count };
                scan.decode(&place, interleave, &mut samples)?;
                done += count;
            }
            0xD9 => return Err("JPEG-LS components are missing"),
            _ => {}
        }
    }
    Ok(Picture { bits: frame.unwrap_or(8), samples })
}

/// Walks over marker segments; the coded data of a scan is skipped like filling.
struct Segments<'r> {
    raw: &'r [u8],
    at: usize,
}

impl<'r> Segments<'r> {
    fn next(&mut self) -> Result<(u8, &'r [u8])> {
        loop {
            let rest = self.raw.get(self.at..).ok_or(CUT_OFF)?;
            let skip = rest.windows(2).position(|pair| pair[0] == 0xFF && pair[1] >= 0x80).ok_or(CUT_OFF)?;
            let marker = rest[skip + 1];
            self.at += skip + 2;
            if marker == 0xFF {
                self.at -= 1;
            } else if marker == 0xD8 {
                continue;
            } else if marker == 0xD9 {
                return Ok((marker, &[]));
            } else {
                let length = self.raw.get(self.at..self.at + 2).ok_or(CUT_OFF)?;
                let end = self.at + usize::from(u16::from_be_bytes([length[0], length[1]]));
                let body = self.raw.get(self.at + 2..end).ok_or(CUT_OFF)?;
                self.at = end;
                return Ok((marker, body));
            }
        }
    }
}

/// Preset parameters; zero stands for the default. Source: T.87, C.2.4.1.
#[derive(Debug, Default)]
struct Preset {
    maxval: i32,
    thresholds: [i32; 3],
    reset: i32,
}

impl Preset {
    fn read(&mut self, body: &[u8]) -> Result<()> {
        match body.split_first() {
            Some((1, values)) => {
                let (values, _) = values.as_chunks::<2>();
                let &[maxval, t1, t2, t3, reset] = values.first_chunk::<5>().ok_or(CUT_OFF)?;
                let number = |pair| i32::from(u16::from_be_bytes(pair));
                *self = Self {
                    maxval: number(maxval),
                    thresholds: [number(t1), number(t2), number(t3)],
                    reset: number(reset),
                };
                Ok(())
            }
            Some(_) => Err("JPEG-LS with mapping tables is not supported"),
            None => Err(CUT_OFF),
        }
    }
}

fn default_thresholds(maxval: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, low: i32| if value > maxval || value < low { low } else { value };
    let [one, two, three] = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
    } else {
        let factor = 256 / (maxval + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let one = clamp(one, near + 1);
    let two = clamp(two, one);
    [one, two, clamp(three, two)]
}

/// Smallest number of bits for values below `count`.
fn bits_for(count: i32) -> u32 {
    32 - (count - 1).leading_zeros()
}

/// Bits of a scan: after a byte of ones the next byte has seven. Source: T.87, A.1 and C.2.1.
struct Bits<'r> {
    bytes: std::slice::Iter<'r, u8>,
    last: u8,
    held: u64,
    count: u32,
}

impl<'r> Bits<'r> {
    fn new(bytes: &'r [u8]) -> Self {
        Self { bytes: bytes.iter(), last: 0, held: 0, count: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.as_slice().first() else { return };
            let width = if self.last == 0xFF { 7 } else { 8 };
            if width == 7 && byte >= 0x80 {
                // A marker: the scan ends here.
                return;
            }
            self.bytes.next();
            self.held = self.held << width | u64::from(byte);
            self.count += width;
            self.last = byte;
        }
    }

    fn take(&mut self, count: u32) -> Result<i32> {
        if count == 0 {
            return Ok(0);
        }
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count).ok_or(CUT_OFF)?;
        Ok((self.held >> self.count & ((1 << count) - 1)) as i32)
    }

    /// Zeros before the next one, which is taken too.
    fn zeros(&mut self, max: u32) -> Result<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > max {
                return Err("a JPEG-LS code is too long");
            }
        }
        Ok(zeros)
    }
}

#[derive(Debug, Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

#[derive(Debug, Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    nn: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interleave {
    None,
    Line,
    Sample,
}

/// Where the components of a scan stand in the picture.
struct Place {
    width: usize,
    height: usize,
    components: usize,
    first: usize,
    count: usize,
}

struct Scan<'r> {
    bits: Bits<'r>,
    maxval: i32,
    near: i32,
    thresholds: [i32; 3],
    reset: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    contexts: Vec<Context>,
    runs: [RunContext; 2],
    run_index: usize,
}

impl<'r> Scan<'r> {
    fn new(preset: &Preset, bit_count: u8, near: u8, bits: Bits<'r>) -> Result<Self> {
        let maxval = if preset.maxval > 0 { preset.maxval } else { (1 << bit_count) - 1 };
        let near = i32::from(near);
        if maxval < 1 || maxval >= 1 << bit_count || near > maxval.min(510) / 2 {
            return Err("JPEG-LS parameters contradict each other");
        }
        let defaults = default_thresholds(maxval, near);
        let given = |at: usize| if preset.thresholds[at] > 0 { preset.thresholds[at] } else { defaults[at] };
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bpp = bits_for(maxval + 1).max(2);
        let a = ((range + 32) / 64).max(2);
        Ok(Self {
            bits,
            maxval,
            near,
            thresholds: [given(0), given(1), given(2)],
            reset: if preset.reset > 0 { preset.reset.max(3) } else { 64 },
            range,
            qbpp: bits_for(range),
            limit: 2 * (bpp + bpp.max(8)),
            contexts: vec![Context { a, b: 0, c: 0, n: 1 }; CONTEXTS],
            runs: [RunContext { a, n: 1, nn: 0 }; 2],
            run_index: 0,
        })
    }

    /// Decodes all lines of the scan's components into `out`.
    fn decode(&mut self, place: &Place, interleave: Interleave, out: &mut [u16]) -> Result<()> {
        let (width, count) = (place.width, place.count);
        // A line has one sample more at either end: the one above at the left, the last again at the right.
        let mut above = vec![vec![0_i32; width + 2]; count];
        let mut current = above.clone();
        let mut run_indices = vec![0; count];
        for y in 0..place.height {
            for (line, above) in current.iter_mut().zip(&mut above) {
                line[0] = above[1];
                above[width + 1] = above[width];
            }
            if interleave == Interleave::Sample {
                self.pixels(&above, &mut current)?;
            } else {
                for (component, run_index) in run_indices.iter_mut().enumerate() {
                    self.run_index = *run_index;
                    self.pixels(&above[component..=component], &mut current[component..=component])?;
                    *run_index = self.run_index;
                }
            }
            for (component, line) in current.iter().enumerate() {
                let first = y * width * place.components + place.first + component;
                let places = out.get_mut(first..).unwrap_or_default().iter_mut().step_by(place.components);
                places.zip(&line[1..=width]).for_each(|(place, sample)| *place = *sample as u16);
            }
            std::mem::swap(&mut above, &mut current);
        }
        Ok(())
    }

    /// Decodes one line of the components that share it.
    fn pixels(&mut self, above: &[Vec<i32>], line: &mut [Vec<i32>]) -> Result<()> {
        let width = line[0].len() - 2;
        let mut x = 1;
        while x <= width {
            let quantized = |component: usize| {
                let (line, above) = (&line[component], &above[component]);
                let (a, b, c, d) = (line[x - 1], above[x], above[x - 1], above[x + 1]);
                (self.quantize(d - b) * 9 + self.quantize(b - c)) * 9 + self.quantize(c - a)
            };
            if (0..line.len()).all(|component| quantized(component) == 0) {
                x += self.run(x, above, line)?;
                continue;
            }
            for component in 0..line.len() {
                let q = {
                    let (line, above) = (&line[component], &above[component]);
                    let (a, b, c, d) = (line[x - 1], above[x], above[x - 1], above[x + 1]);
                    (self.quantize(d - b) * 9 + self.quantize(b - c)) * 9 + self.quantize(c - a)
                };
                let (a, b, c) = (line[component][x - 1], above[component][x], above[component][x - 1]);
                line[component][x] = self.regular(q, a, b, c)?;
            }
            x += 1;
        }
        Ok(())
    }

    fn quantize(&self, d: i32) -> i32 {
        let [one, two, three] = self.thresholds;
        let level = match d.abs() {
            d if d <= self.near => 0,
            d if d < one => 1,
            d if d < two => 2,
            d if d < three => 3,
            _ => 4,
        };
        level * d.signum()
    }

    /// A sample by its context; T.87, A.4 to A.6.
    fn regular(&mut self, q: i32, a: i32, b: i32, c: i32) -> Result<i32> {
        let sign = if q < 0 { -1 } else { 1 };
        let context = self.contexts[q.unsigned_abs() as usize];
        let predicted = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let predicted = (predicted + sign * context.c).clamp(0, self.maxval);
        let mut k = 0;
        while k < 24 && context.n << k < context.a {
            k += 1;
        }
        let mapped = self.golomb(k, self.limit)?;
        let mut error = if mapped % 2 == 0 { mapped / 2 } else { -(mapped + 1) / 2 };
        if self.near == 0 && k == 0 && 2 * context.b <= -context.n {
            error = -error - 1;
        }
        self.contexts[q.unsigned_abs() as usize] = self.updated(context, error);
        Ok(self.reconstructed(predicted, sign * error))
    }

    fn updated(&self, mut context: Context, error: i32) -> Context {
        context.b = context.b.saturating_add(error.saturating_mul(2 * self.near + 1));
        context.a = context.a.saturating_add(error.abs());
        if context.n == self.reset {
            context.a >>= 1;
            context.b = if context.b >= 0 { context.b >> 1 } else { -((1 - context.b) >> 1) };
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        context
    }

    fn reconstructed(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = predicted.saturating_add(error.saturating_mul(step));
        if value < -self.near {
            value = value.saturating_add(self.range * step);
        } else if value > self.maxval + self.near {
            value = value.saturating_sub(self.range * step);
        }
        value.clamp(0, self.maxval)
    }

    fn golomb(&mut self, k: u32, limit: u32) -> Result<i32> {
        let longest = limit.saturating_sub(self.qbpp + 1);
        let zeros = self.bits.zeros(longest)?;
        if zeros < longest { Ok((zeros as i32) << k | self.bits.take(k)?) } else { Ok(self.bits.take(self.qbpp)? + 1) }
    }

    /// A run of samples like the one before, and the sample that ends it; gives how many pixels were written. T.87, A.7.
    fn run(&mut self, x: usize, above: &[Vec<i32>], line: &mut [Vec<i32>]) -> Result<usize> {
        let left = line[0].len() - 1 - x;
        let mut length = 0;
        while self.bits.take(1)? == 1 {
            let whole = 1 << J[self.run_index];
            let count = whole.min(left - length);
            length += count;
            if count == whole {
                self.run_index = (self.run_index + 1).min(31);
            }
            if length == left {
                break;
            }
        }
        if length < left {
            length += self.bits.take(J[self.run_index].into())? as usize;
        }
        if length > left {
            return Err("a JPEG-LS run is longer than its line");
        }
        for line in line.iter_mut() {
            let value = line[x - 1];
            line[x..x + length].fill(value);
        }
        if length == left {
            return Ok(length);
        }
        let x = x + length;
        let is_alone = line.len() == 1;
        for (line, above) in line.iter_mut().zip(above) {
            let (a, b) = (line[x - 1], above[x]);
            line[x] = if is_alone && (a - b).abs() <= self.near {
                let error = self.interruption(1)?;
                self.reconstructed(a, error)
            } else {
                let error = self.interruption(0)?;
                self.reconstructed(b, if a > b { -error } else { error })
            };
        }
        self.run_index = self.run_index.saturating_sub(1);
        Ok(length + 1)
    }

    /// The error of the sample that ends a run; `kind` is 1 when its neighbours are alike. T.87, A.7.2.
    fn interruption(&mut self, kind: usize) -> Result<i32> {
        let RunContext { mut a, mut n, mut nn } = self.runs[kind];
        let alike = kind as i32;
        let sum = a + (n >> 1) * alike;
        let mut k = 0;
        while k < 24 && n << k < sum {
            k += 1;
        }
        let mapped = self.golomb(k, self.limit - u32::from(J[self.run_index]) - 1)?;
        let value = mapped.saturating_add(alike);
        let odd = value % 2 == 1;
        let size = value / 2 + i32::from(odd);
        let error = if (k != 0 || 2 * nn >= n) == odd { -size } else { size };
        if error < 0 {
            nn += 1;
        }
        a = a.saturating_add((mapped + 1 - alike) >> 1);
        if n == self.reset {
            a >>= 1;
            n >>= 1;
            nn >>= 1;
        }
        self.runs[kind] = RunContext { a, n: n + 1, nn };
        Ok(error)
    }
}
