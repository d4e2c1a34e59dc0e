//! Attributes as rows of an index hold them: what a query answers, on the wire and on the web.
//!
//! Left out: values nobody indexes, such as pixel data. The value representation comes from the standard's dictionary.

use crate::{
    charset::{Charset, PersonName},
    dataset::{DicomDate, DicomTime, Syntax, Tag, VR, Writer},
    query::Key,
};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
use std::collections::BTreeMap;

/// One attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Texts, dates, identifiers, decimal and integer strings, as DICOM writes them.
    Texts(Vec<String>),
    /// Binary numbers.
    Numbers(Vec<f64>),
    /// Items of a sequence.
    Items(Vec<Attributes>),
}

/// Attributes in tag order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes {
    entries: BTreeMap<Tag, Value>,
}

/// The value representation of a tag by the dictionary, `UN` when unknown.
pub fn vr_of(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed())
}

impl Attributes {
    /// No attribute yet.
    pub fn new() -> Self {
        Attributes::default()
    }

    /// Sets one text; backslashes separate values.
    pub fn text(mut self, tag: Tag, text: impl Into<String>) -> Self {
        let text: String = text.into();
        let values = if text.is_empty() { Vec::new() } else { text.split('\\').map(str::to_owned).collect() };
        self.entries.insert(tag, Value::Texts(values));
        self
    }

    /// Sets a person's name.
    pub fn name(self, tag: Tag, name: &PersonName) -> Self {
        let joined = name.joined();
        self.text(tag, joined)
    }

    /// Sets a date; `None` leaves the attribute empty.
    pub fn date(self, tag: Tag, date: Option<DicomDate>) -> Self {
        self.text(tag, date.map(|date| date.strftime("%Y%m%d").to_string()).unwrap_or_default())
    }

    /// Sets a time; `None` leaves the attribute empty.
    pub fn time(self, tag: Tag, time: Option<DicomTime>) -> Self {
        self.text(tag, time.map(|time| time.strftime("%H%M%S").to_string()).unwrap_or_default())
    }

    /// Sets one number.
    pub fn number(mut self, tag: Tag, number: f64) -> Self {
        self.entries.insert(tag, Value::Numbers(vec![number]));
        self
    }

    /// Sets the items of a sequence.
    pub fn items(mut self, tag: Tag, items: Vec<Attributes>) -> Self {
        self.entries.insert(tag, Value::Items(items));
        self
    }

    /// The value of a tag.
    pub fn get(&self, tag: Tag) -> Option<&Value> {
        self.entries.get(&tag)
    }

    /// The first text of a tag.
    pub fn first_text(&self, tag: Tag) -> Option<&str> {
        match self.entries.get(&tag) {
            Some(Value::Texts(values)) => values.first().map(String::as_str),
            _ => None,
        }
    }

    /// Keeps only attributes whose tag is wanted.
    pub fn retain(&mut self, wanted: impl Fn(Tag) -> bool) {
        self.entries.retain(|tag, _| wanted(*tag));
    }

    /// All attributes in tag order.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &Value)> {
        self.entries.iter().map(|(tag, value)| (*tag, value))
    }

    /// True when every key finds its value here. A service without an index of its own may use it.
    pub fn matches(&self, keys: &[Key]) -> bool {
        keys.iter().all(|key| match (&key.items, self.entries.get(&key.tag)) {
            (Some(inner), Some(Value::Items(items))) => items.iter().any(|item| item.matches(inner)),
            (Some(inner), _) => Attributes::default().matches(inner),
            (None, Some(Value::Texts(values))) if !values.is_empty() => {
                values.iter().any(|value| key.matching.matches(value))
            }
            (None, Some(Value::Numbers(numbers))) => {
                numbers.iter().any(|number| key.matching.matches(&number.to_string()))
            }
            (None, _) => key.matching.is_universal(),
        })
    }

    /// Writes the answer to a query: every requested key and nothing else, empty where there is no value, in the
    /// asked character set where it can hold the text and in UTF-8 where it cannot.
    pub fn answer(&self, keys: &[Key], charset: &Charset, syntax: Syntax) -> Vec<u8> {
        let mut lossy = false;
        let bytes = self.write(keys, charset, syntax, &mut lossy);
        if lossy {
            let mut ignored = false;
            return self.write(keys, &Charset::utf8(), syntax, &mut ignored);
        }
        bytes
    }

    fn write(&self, keys: &[Key], charset: &Charset, syntax: Syntax, lossy: &mut bool) -> Vec<u8> {
        let mut writer = Writer::new(syntax);
        let declared = charset.to_value();
        writer.text(Tag(0x0008, 0x0005), VR::CS, declared.as_bytes());
        self.write_keys(keys, charset, lossy, &mut writer);
        writer.into_bytes()
    }

    fn write_keys(&self, keys: &[Key], charset: &Charset, lossy: &mut bool, writer: &mut Writer) {
        for key in keys.iter().filter(|key| key.tag != Tag(0x0008, 0x0005)) {
            match (self.entries.get(&key.tag), &key.items) {
                (Some(Value::Items(items)), inner) => {
                    let inner = inner.as_deref().unwrap_or_default();
                    writer.sequence(key.tag, items, |writer, item| {
                        if inner.is_empty() {
                            item.write_all(charset, lossy, writer);
                        } else {
                            item.write_keys(inner, charset, lossy, writer);
                        }
                    });
                }
                (None, Some(_)) => writer.sequence::<()>(key.tag, &[], |_, ()| {}),
                (Some(value), _) => write_value(writer, key.tag, key.vr, value, charset, lossy),
                (None, None) => writer.raw(key.tag, key.vr, &[]),
            }
        }
    }

    fn write_all(&self, charset: &Charset, lossy: &mut bool, writer: &mut Writer) {
        for (tag, value) in &self.entries {
            match value {
                Value::Items(items) => {
                    writer.sequence(*tag, items, |writer, item| item.write_all(charset, lossy, writer));
                }
                value => write_value(writer, *tag, vr_of(*tag), value, charset, lossy),
            }
        }
    }
}

fn write_value(writer: &mut Writer, tag: Tag, vr: VR, value: &Value, charset: &Charset, lossy: &mut bool) {
    match value {
        Value::Texts(values) => {
            let (bytes, bad) = match values.as_slice() {
                [one] => charset.encode(one),
                many => {
                    let joined = many.join("\\");
                    let (bytes, bad) = charset.encode(&joined);
                    writer.text(tag, vr, &bytes);
                    *lossy |= bad;
                    return;
                }
            };
            *lossy |= bad;
            writer.text(tag, vr, &bytes);
        }
        Value::Numbers(numbers) => match vr {
            VR::US => numbers.iter().take(1).for_each(|number| writer.u16(tag, *number as u16)),
            VR::UL => numbers.iter().take(1).for_each(|number| writer.u32(tag, *number as u32)),
            _ => {
                let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
                writer.text(tag, vr, texts.join("\\").as_bytes());
            }
        },
        Value::Items(_) => {}
    }
}
