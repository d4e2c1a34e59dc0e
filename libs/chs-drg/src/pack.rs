//! Packs: a scheme as one small file.
//!
//! A pack is `CHSDRG`, the format's number (2 bytes), SHA-256 of the content (32 bytes), the content's length (4 bytes)
//! and the content, deflated. The content is the definition part by part: numbers as LEB128, texts with their length in
//! front, codes front-coded, sets as differences, rules in the rule language. Numbers in the head are little-endian.
//! Reading checks everything; a damaged pack is refused with the place of the damage.

use std::collections::HashMap;
use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use crate::definition::{
    CODES_MAX, Class, Code, CodeSet, Complicating, DRGS_MAX, Definition, Drg, MDCS_MAX, Mdc, Profile, Region, SETS_MAX,
    STEPS_MAX, Step, Unmatched,
};
use crate::error::Error;
use crate::rule::{Kind, Rule, SetIx};
use crate::scheme::Hash;

const MAGIC: &[u8; 6] = b"CHSDRG";
/// The format that this crate reads and writes.
pub const FORMAT: u16 = 1;
const HEAD_BYTES: usize = 6 + 2 + 32 + 4;
/// Longest content in bytes.
const CONTENT_BYTES_MAX: usize = 1 << 24;
const TEXT_BYTES_MAX: usize = 1 << 16;

pub(crate) fn hash(content: &[u8]) -> Hash {
    Hash(Sha256::digest(content).into())
}

/// Writes a pack.
pub(crate) fn write(definition: &Definition) -> Result<Vec<u8>, Error> {
    let content = content(definition);
    let length = u32::try_from(content.len()).ok().filter(|length| *length as usize <= CONTENT_BYTES_MAX);
    let length = length.ok_or_else(|| Error::scheme("the scheme is too large for a pack"))?;
    let mut out = MAGIC.to_vec();
    out.extend(FORMAT.to_le_bytes());
    out.extend(hash(&content).0);
    out.extend(length.to_le_bytes());
    let mut deflate = flate2::write::DeflateEncoder::new(out, flate2::Compression::best());
    let written = deflate.write_all(&content).and_then(|()| deflate.finish());
    written.map_err(|source| Error::Read { file: "pack".to_owned(), source })
}

/// Reads a pack and checks it.
pub(crate) fn read(bytes: &[u8]) -> Result<(Definition, Hash), Error> {
    let refused = |at: usize, what: &str| Error::Pack { at, what: what.to_owned() };
    let Some((head, body)) = bytes.split_at_checked(HEAD_BYTES) else {
        return Err(refused(bytes.len(), "the head is cut off"));
    };
    if !head.starts_with(MAGIC) {
        return Err(refused(0, "this is no CHS-DRG pack"));
    }
    let mut reader = Reader { bytes: head, at: MAGIC.len() };
    let format = u16::from_le_bytes(reader.array()?);
    if format != FORMAT {
        return Err(Error::Pack { at: 6, what: format!("format {format} is not {FORMAT}") });
    }
    let stated = Hash(reader.array()?);
    let length = u32::from_le_bytes(reader.array()?) as usize;
    if length > CONTENT_BYTES_MAX {
        return Err(refused(HEAD_BYTES - 4, "the content is too long"));
    }
    let mut content = Vec::with_capacity(length.min(bytes.len().saturating_mul(64)));
    // One byte more than stated shows content that goes on.
    let inflated = flate2::read::DeflateDecoder::new(body).take(length as u64 + 1).read_to_end(&mut content);
    inflated.map_err(|error| Error::Pack { at: HEAD_BYTES, what: error.to_string() })?;
    if content.len() != length {
        return Err(refused(HEAD_BYTES - 4, "the content has another length than stated"));
    }
    let found = hash(&content);
    if found != stated {
        return Err(Error::Pack { at: 8, what: format!("SHA-256 of the content is {found}, not {stated}") });
    }
    let definition = parse(&content)?;
    definition.check()?;
    Ok((definition, found))
}

/// The content of a pack.
pub(crate) fn content(definition: &Definition) -> Vec<u8> {
    let mut out = Writer::default();
    for text in [&definition.id, &definition.title, &definition.region, &definition.base, &definition.checked] {
        out.text(text);
    }
    out.number(definition.year.into());
    out.number(u64::from(definition.profile == Profile::Reference));
    out.number(definition.retry.into());
    out.codes(&definition.dx);
    out.codes(&definition.px);
    out.count(definition.sets.len());
    for set in &definition.sets {
        out.text(&set.name);
        out.number(u64::from(set.kind == Kind::Px));
        out.count(set.codes.len());
        out.ascending(set.codes.iter().copied());
    }
    for set in [definition.valid_px, definition.ignored_px, definition.bad_pdx] {
        out.number(set.map_or(0, |set| u64::from(set) + 1));
    }
    out.count(definition.complicating.len());
    let mut before = 0;
    for row in &definition.complicating {
        out.number(u64::from(row.dx - before));
        before = row.dx;
        out.number(u64::from(row.exclusion) * 2 + u64::from(row.major));
    }
    out.count(definition.exclusions.len());
    let mut before = 0;
    for (dx, exclusion) in &definition.exclusions {
        out.number(u64::from(dx - before));
        before = *dx;
        out.number((*exclusion).into());
    }
    let rule = |rule: &Rule| {
        rule.text(&|set| definition.sets.get(usize::from(set)).map_or_else(String::new, |set| set.name.clone()))
    };
    out.count(definition.mdcs.len());
    for mdc in &definition.mdcs {
        out.text(&mdc.code);
        out.text(&mdc.name);
        out.text(&rule(&mdc.when));
    }
    out.count(definition.steps.len());
    let mut drgs = definition.drgs.iter();
    for step in &definition.steps {
        out.number(step.mdc.into());
        for text in [&step.step, &step.adrg, &step.name, &rule(&step.when)] {
            out.text(text);
        }
        out.count(Class::ALL.iter().position(|(class, _)| *class == step.class).unwrap_or(0));
        out.number(u64::from(step.unmatched == Unmatched::Adrg));
        out.number(step.drg_count.into());
        for drg in drgs.by_ref().take(step.drg_count.into()) {
            out.text(&drg.code);
            out.text(&drg.name);
            out.text(&rule(&drg.when));
        }
    }
    out.count(definition.regions.len());
    for region in &definition.regions {
        out.text(&region.name);
        out.number(region.set.into());
    }
    out.bytes
}

fn parse(content: &[u8]) -> Result<Definition, Error> {
    let mut from = Reader { bytes: content, at: 0 };
    let [id, title, region, base, checked] = [from.text()?, from.text()?, from.text()?, from.text()?, from.text()?];
    let year = from.up_to(9_999)? as u16;
    let profile = if from.flag()? { Profile::Reference } else { Profile::Published };
    let retry = from.flag()?;
    let dx = from.codes()?;
    let px = from.codes()?;
    let mut sets = Vec::new();
    let mut numbers: HashMap<String, (SetIx, Kind)> = HashMap::new();
    for number in 0..from.up_to(SETS_MAX)? {
        let at = from.at;
        let name = from.text()?;
        let kind = if from.flag()? { Kind::Px } else { Kind::Dx };
        let most = if kind == Kind::Px { px.len() } else { dx.len() };
        let members = from.up_to(most)?;
        let codes = from.ascending(members)?;
        if numbers.insert(name.clone(), (number as SetIx, kind)).is_some() {
            return Err(Error::Pack { at, what: format!("the code set `{name}` stands twice") });
        }
        sets.push(CodeSet { name, kind, codes });
    }
    let mut optional = || Ok::<_, Error>(from.up_to(SETS_MAX)?.checked_sub(1).map(|set| set as SetIx));
    let [valid_px, ignored_px, bad_pdx] = [optional()?, optional()?, optional()?];
    let mut complicating = Vec::new();
    let mut code = 0u32;
    for _ in 0..from.up_to(CODES_MAX * 2)? {
        code += from.up_to(CODES_MAX)? as u32;
        let packed = from.up_to(usize::from(u16::MAX) * 2 + 1)?;
        complicating.push(Complicating { dx: code, major: packed % 2 == 1, exclusion: (packed / 2) as u16 });
        from.below(code)?;
    }
    let mut exclusions = Vec::new();
    let mut code = 0u32;
    for _ in 0..from.up_to(CODES_MAX)? {
        code += from.up_to(CODES_MAX)? as u32;
        exclusions.push((code, from.up_to(u16::MAX.into())? as u16));
        from.below(code)?;
    }
    let mut find = |name: &str| numbers.get(name).copied();
    let mut mdcs = Vec::new();
    for _ in 0..from.up_to(MDCS_MAX)? {
        mdcs.push(Mdc { code: from.text()?, name: from.text()?, when: from.rule(&mut find)? });
    }
    let mut steps = Vec::new();
    let mut drgs = Vec::new();
    for _ in 0..from.up_to(STEPS_MAX)? {
        let mdc = from.up_to(MDCS_MAX)? as u8;
        let (step, adrg, name) = (from.text()?, from.text()?, from.text()?);
        let when = from.rule(&mut find)?;
        let class = Class::ALL[from.up_to(Class::ALL.len() - 1)?].0;
        let unmatched = if from.flag()? { Unmatched::Adrg } else { Unmatched::Next };
        let drg_first = drgs.len() as u16;
        let drg_count = from.up_to(DRGS_MAX - drgs.len())? as u16;
        for _ in 0..drg_count {
            drgs.push(Drg { code: from.text()?, name: from.text()?, when: from.rule(&mut find)? });
        }
        steps.push(Step { mdc, step, adrg, class, name, when, unmatched, drg_first, drg_count });
    }
    let mut regions = Vec::new();
    for _ in 0..from.up_to(SETS_MAX)? {
        regions.push(Region { name: from.text()?, set: from.up_to(SETS_MAX)? as SetIx });
    }
    if from.at != content.len() {
        return Err(from.refused("the content goes on behind its end"));
    }
    Ok(Definition {
        id,
        title,
        region,
        base,
        year,
        checked,
        profile,
        retry,
        dx,
        px,
        sets,
        valid_px,
        ignored_px,
        bad_pdx,
        complicating,
        exclusions,
        mdcs,
        steps,
        drgs,
        regions,
    })
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend(text.as_bytes());
    }

    fn codes(&mut self, codes: &[Code]) {
        self.count(codes.len());
        let mut before: &str = "";
        for code in codes {
            let mut shared = before.bytes().zip(code.text.bytes()).take_while(|(left, right)| left == right).count();
            while !code.text.is_char_boundary(shared) {
                shared -= 1;
            }
            self.count(shared);
            self.text(code.text.get(shared..).unwrap_or(""));
            self.number(u64::from(code.listed) + 2 * u64::from(code.grey));
            before = &code.text;
        }
    }

    /// Each number as its distance to the one before.
    fn ascending(&mut self, numbers: impl Iterator<Item = u32>) {
        let mut before = 0;
        for number in numbers {
            self.number(u64::from(number - before));
            before = number;
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn refused(&self, what: impl Into<String>) -> Error {
        Error::Pack { at: self.at, what: what.into() }
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], Error> {
        let end = self.at.checked_add(count);
        let part = end.and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or_else(|| self.refused("the pack is cut off"))?;
        self.at += count;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn number(&mut self) -> Result<u64, Error> {
        let mut number = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.refused("a number is too long"))
    }

    fn up_to(&mut self, most: usize) -> Result<usize, Error> {
        let at = self.at;
        let number = self.number()?;
        if number > most as u64 {
            return Err(Error::Pack { at, what: format!("{number} is above {most}") });
        }
        Ok(number as usize)
    }

    fn flag(&mut self) -> Result<bool, Error> {
        Ok(self.up_to(1)? == 1)
    }

    fn below(&self, code: u32) -> Result<(), Error> {
        if code as usize >= CODES_MAX { Err(self.refused("a code's number is too large")) } else { Ok(()) }
    }

    fn str(&mut self) -> Result<&'b str, Error> {
        let length = self.up_to(TEXT_BYTES_MAX)?;
        let at = self.at;
        std::str::from_utf8(self.take(length)?).map_err(|_| Error::Pack { at, what: "a text is not UTF-8".to_owned() })
    }

    fn text(&mut self) -> Result<String, Error> {
        self.str().map(str::to_owned)
    }

    fn rule(&mut self, find: &mut dyn FnMut(&str) -> Option<(SetIx, Kind)>) -> Result<Rule, Error> {
        let at = self.at;
        let text = self.str()?;
        Rule::parse(text, find).map_err(|fault| Error::Pack { at, what: format!("rule `{text}`, {fault}") })
    }

    fn codes(&mut self) -> Result<Vec<Code>, Error> {
        let count = self.up_to(CODES_MAX)?;
        let mut codes: Vec<Code> = Vec::new();
        for _ in 0..count {
            let at = self.at;
            let shared = self.up_to(crate::definition::CODE_BYTES_MAX)?;
            let before = codes.last().map_or("", |code| code.text.as_str());
            let Some(start) = before.get(..shared) else {
                return Err(Error::Pack { at, what: "a code shares more than there is".to_owned() });
            };
            let rest = self.str()?;
            let text = [start, rest].concat();
            let flags = self.up_to(3)?;
            codes.push(Code { text, listed: flags & 1 != 0, grey: flags & 2 != 0 });
        }
        Ok(codes)
    }

    fn ascending(&mut self, count: usize) -> Result<Vec<u32>, Error> {
        let mut out = Vec::new();
        let mut number = 0u32;
        for _ in 0..count {
            number += self.up_to(CODES_MAX)? as u32;
            self.below(number)?;
            out.push(number);
        }
        Ok(out)
    }
}
