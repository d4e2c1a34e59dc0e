//! The DICOM JSON model, written straight from the walk; and a small builder for query answers.
//!
//! Left out: reading JSON. Values that cannot be said in valid JSON are said as text or left out, never half-written.
//! Source: dicom-ps3.18, annex F.

use crate::{
    attributes::{Attributes, Value, vr_of},
    charset::{Charset, PersonName},
    dataset::{COPY_BYTES_MAX, DataSet, Element, Syntax, Tag, VR},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt::Write;

/// Binary values longer than this are pointed at by address.
pub const INLINE_BYTES_MAX: usize = 1024;
const CHARSET: Tag = Tag(0x0008, 0x0005);
const STUDY_UID: Tag = Tag(0x0020, 0x000D);

/// Appends the metadata of one instance as a JSON object. `bulk_root` is the address under which bulk data is served;
/// the element's path is added to it. Text comes out in UTF-8, so the character set attribute says so. `study_uid` stands in
/// place of the Study Instance UID, where one is given.
pub fn write_instance(out: &mut String, data: &DataSet<'_>, bulk_root: &str, study_uid: Option<&str>) {
    let charset = match data.get(CHARSET) {
        Some(element) => Charset::from_value(data.trimmed(element)),
        None => Charset::default(),
    };
    let mut writer = Instance { out, data, bulk_root, study_uid, path: String::new() };
    writer.object(data.top(), &charset);
}

struct Instance<'w, 'd, 'b> {
    out: &'w mut String,
    data: &'d DataSet<'b>,
    bulk_root: &'w str,
    study_uid: Option<&'w str>,
    path: String,
}

impl<'d> Instance<'_, 'd, '_> {
    fn object(&mut self, elements: impl Iterator<Item = &'d Element>, charset: &Charset) {
        // An item may declare its own character set.
        let mut own: Option<Charset> = None;
        self.out.push('{');
        let mut first = true;
        let mut before: Option<Tag> = None;
        for element in elements {
            // Group lengths and padding say nothing; a name may stand only once in an object.
            let skip = element.tag.1 == 0 || element.tag == Tag(0xFFFC, 0xFFFC) || element.tag.0 <= 2;
            if skip || before.is_some_and(|before| before >= element.tag) {
                continue;
            }
            before = Some(element.tag);
            if !first {
                self.out.push(',');
            }
            first = false;
            if element.tag == CHARSET {
                own = Some(Charset::from_value(self.data.trimmed(element)));
                self.out.push_str(r#""00080005":{"vr":"CS","Value":["ISO_IR 192"]}"#);
                continue;
            }
            if let (STUDY_UID, true, Some(uid)) = (element.tag, self.path.is_empty(), self.study_uid) {
                self.out.push_str(r#""0020000D":{"vr":"UI","Value":["#);
                push_string(self.out, uid);
                self.out.push_str("]}");
                continue;
            }
            self.element(element, own.as_ref().unwrap_or(charset));
        }
        self.out.push('}');
    }

    fn element(&mut self, element: &'d Element, charset: &Charset) {
        let vr = if element.vr == VR::UN { Some(vr_of(element.tag)) } else { None };
        // What was sent as unknown but is text by the dictionary reads as text.
        let vr = match vr {
            Some(vr) if is_text(vr) => vr,
            _ => element.vr,
        };
        push_tag(self.out, element.tag);
        let _ = write!(self.out, r#":{{"vr":"{}""#, vr.to_string());
        if vr == VR::SQ {
            self.sequence(element, charset);
        } else if element.undefined {
            self.bulk(element);
        } else if element.length > 0 {
            let value = self.data.value(element);
            match vr {
                VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN => self.binary(element, value),
                VR::PN => names(self.out, &charset.decode(cut(value)).text),
                VR::IS | VR::DS if value.len() <= COPY_BYTES_MAX => number_strings(self.out, value, vr == VR::IS),
                vr if is_text(vr) && value.len() > COPY_BYTES_MAX => self.bulk(element),
                VR::LT | VR::ST | VR::UT | VR::UR => {
                    // These have one value; a backslash belongs to the text.
                    let text = charset.decode(value).text;
                    let text = text.trim_end_matches([' ', '\0']);
                    if !text.is_empty() {
                        self.out.push_str(r#","Value":["#);
                        push_string(self.out, text);
                        self.out.push(']');
                    }
                }
                vr if is_text(vr) => texts(self.out, charset.decode(value).text.split('\\')),
                _ if value.len() > COPY_BYTES_MAX => self.bulk(element),
                vr => numbers(self.out, value, vr, self.data.is_big_endian()),
            }
        }
        self.out.push('}');
    }

    fn sequence(&mut self, element: &'d Element, charset: &Charset) {
        if !element.has_children() {
            return;
        }
        self.out.push_str(r#","Value":["#);
        let path_length = self.path.len();
        for (at, item) in self.data.children(element).enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            let _ = write!(self.path, "{:04X}{:04X}/{}/", element.tag.0, element.tag.1, at + 1);
            self.object(self.data.children(item), charset);
            self.path.truncate(path_length);
        }
        self.out.push(']');
    }

    fn binary(&mut self, element: &Element, value: &[u8]) {
        if element.tag.0 == 0x7FE0 || value.len() > INLINE_BYTES_MAX {
            return self.bulk(element);
        }
        self.out.push_str(r#","InlineBinary":""#);
        if self.data.syntax() == Syntax::ExplicitBig && element.vr == VR::OW {
            // PS3.18 F.2.7: binary values are little endian.
            let swapped: Vec<u8> = value.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
            STANDARD.encode_string(swapped, self.out);
        } else {
            STANDARD.encode_string(value, self.out);
        }
        self.out.push('"');
    }

    fn bulk(&mut self, element: &Element) {
        self.out.push_str(r#","BulkDataURI":"#);
        let uri = format!("{}/{}{:04X}{:04X}", self.bulk_root, self.path, element.tag.0, element.tag.1);
        push_string(self.out, &uri);
    }
}

fn cut(value: &[u8]) -> &[u8] {
    &value[..value.len().min(COPY_BYTES_MAX)]
}

fn is_text(vr: VR) -> bool {
    matches!(
        vr,
        VR::AE
            | VR::AS
            | VR::CS
            | VR::DA
            | VR::DS
            | VR::DT
            | VR::IS
            | VR::LO
            | VR::LT
            | VR::PN
            | VR::SH
            | VR::ST
            | VR::TM
            | VR::UC
            | VR::UI
            | VR::UR
            | VR::UT
    )
}

/// Writing into a string cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn push_tag(out: &mut String, tag: Tag) {
    let _ = write!(out, r#""{:04X}{:04X}""#, tag.0, tag.1);
}

/// Appends a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1F | 0x7F => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Values of a list; empty ones in between are null, a list with nothing in it is left out.
fn list<T>(out: &mut String, values: impl Iterator<Item = Option<T>>, mut push: impl FnMut(&mut String, T)) {
    let start = out.len();
    out.push_str(r#","Value":["#);
    let mut any = false;
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(',');
        }
        match value {
            Some(value) => {
                any = true;
                push(out, value);
            }
            None => out.push_str("null"),
        }
    }
    if any {
        out.push(']');
    } else {
        out.truncate(start);
    }
}

fn trim(text: &str) -> Option<&str> {
    let text = text.trim_matches([' ', '\0']);
    (!text.is_empty()).then_some(text)
}

fn texts<'t>(out: &mut String, values: impl Iterator<Item = &'t str>) {
    list(out, values.map(trim), push_string);
}

fn names(out: &mut String, text: &str) {
    let values = text.split('\\').map(|value| Some(PersonName::parse(value)).filter(|name| !name.is_empty()));
    list(out, values, push_name);
}

fn push_name(out: &mut String, name: PersonName) {
    out.push('{');
    let groups = [("Alphabetic", &name.alphabetic), ("Ideographic", &name.ideographic), ("Phonetic", &name.phonetic)];
    let mut first = true;
    for (key, group) in groups.into_iter().filter(|(_, group)| !group.is_empty()) {
        if !first {
            out.push(',');
        }
        first = false;
        let _ = write!(out, r#""{key}":"#);
        push_string(out, group);
    }
    out.push('}');
}

/// Decimal and integer strings: a JSON number where the text is one, else the text.
fn number_strings(out: &mut String, value: &[u8], integer: bool) {
    let text = String::from_utf8_lossy(value);
    list(out, text.split('\\').map(trim), |out, text| {
        if integer {
            match text.parse::<i64>() {
                Ok(number) => put(out, format_args!("{number}")),
                Err(_) => push_string(out, text),
            }
        } else if is_json_number(text) {
            out.push_str(text);
        } else {
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() => push_float(out, number),
                _ => push_string(out, text),
            }
        }
    });
}

/// True when text is a number as JSON spells it, so that no digit is lost.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    // A large exponent is valid JSON but no reader's number.
    let small = |exponent: &str| digits(exponent.trim_start_matches(['+', '-'])) && exponent.len() <= 3;
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| small(exponent) && !exponent.starts_with("+-") && !exponent.starts_with("-+"))
}

fn push_float(out: &mut String, number: f64) {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        let _ = write!(out, "{}", number as i64);
    } else {
        let _ = write!(out, "{number:?}");
    }
}

fn numbers(out: &mut String, value: &[u8], vr: VR, big: bool) {
    match vr {
        VR::US => fixed::<2>(out, value, big, |out, bytes| put(out, format_args!("{}", u16::from_le_bytes(bytes)))),
        VR::SS => fixed::<2>(out, value, big, |out, bytes| put(out, format_args!("{}", i16::from_le_bytes(bytes)))),
        VR::UL => fixed::<4>(out, value, big, |out, bytes| put(out, format_args!("{}", u32::from_le_bytes(bytes)))),
        VR::SL => fixed::<4>(out, value, big, |out, bytes| put(out, format_args!("{}", i32::from_le_bytes(bytes)))),
        VR::UV => fixed::<8>(out, value, big, |out, bytes| put(out, format_args!("{}", u64::from_le_bytes(bytes)))),
        VR::SV => fixed::<8>(out, value, big, |out, bytes| put(out, format_args!("{}", i64::from_le_bytes(bytes)))),
        VR::FL => fixed::<4>(out, value, big, |out, bytes| float(out, f64::from(f32::from_le_bytes(bytes)), true)),
        VR::FD => fixed::<8>(out, value, big, |out, bytes| float(out, f64::from_le_bytes(bytes), false)),
        VR::AT => {
            let (pairs, _) = value.as_chunks::<4>();
            let values = pairs.iter().map(|&[a, b, c, d]| {
                Some(match big {
                    true => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
                    false => (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
                })
            });
            list(out, values, |out, (group, element)| put(out, format_args!(r#""{group:04X}{element:04X}""#)));
        }
        _ => {}
    }
}

/// JSON has no infinity and no not-a-number: PS3.18 F.2.5 writes them as text.
fn float(out: &mut String, number: f64, single: bool) {
    if number.is_nan() {
        out.push_str(r#""NaN""#);
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { r#""inf""# } else { r#""-inf""# });
    } else if single && number.fract() != 0.0 {
        let _ = write!(out, "{:?}", number as f32);
    } else {
        push_float(out, number);
    }
}

fn fixed<const N: usize>(out: &mut String, value: &[u8], big: bool, push: impl Fn(&mut String, [u8; N])) {
    let (chunks, _) = value.as_chunks::<N>();
    let values = chunks.iter().map(|chunk| {
        let mut bytes = *chunk;
        if big {
            bytes.reverse();
        }
        Some(bytes)
    });
    list(out, values, push);
}

/// Appends a query answer as a JSON object.
pub fn write_attributes(out: &mut String, attributes: &Attributes) {
    out.push('{');
    for (at, (tag, value)) in attributes.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let vr = vr_of(tag);
        push_tag(out, tag);
        let _ = write!(out, r#":{{"vr":"{}""#, vr.to_string());
        match value {
            Value::Texts(values) => match vr {
                VR::PN => names(out, &values.join("\\")),
                VR::IS | VR::DS => number_strings(out, values.join("\\").as_bytes(), vr == VR::IS),
                _ => texts(out, values.iter().map(String::as_str)),
            },
            Value::Numbers(values) => {
                list(out, values.iter().map(|value| Some(*value)), |out, value| float(out, value, false));
            }
            Value::Items(items) => list(out, items.iter().map(Some), write_attributes),
        }
        out.push('}');
    }
    out.push('}');
}
