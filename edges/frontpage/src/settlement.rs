//! Settlement lists of the insurance, messages 4101 and 4101A: one message, an array, or one message a line.
//!
//! Codes are of the insurance edition. The message names no count of the admission; the import finds it by the day of
//! admission.
//!
//! Source: `nhsa-settlement-list`. That `diag_type` 2 and 3 are Chinese medicine, `oprn_oprt_type` 1 is the principal
//! procedure and `maindiag_flag` 1 the principal diagnosis is known from the interface and to be confirmed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Deserialize;
use yiti_drg::check::Checks;
use yiti_drg::codes::{Codes, Edition};
use yiti_drg::columns::{Columns, Standard};
use yiti_drg::field::{Field, LIST_MAX, money};
use yiti_kernel::Fen;
use yiti_record::front_page::Charge;

use crate::build::Build;
use crate::mend;
use crate::read::{FileFault, Item, Limits, Place, Problem, RepairKind};

/// Entries of a list of a message: more than a page can hold is the message's fault, far more is no message.
const ENTRIES_MAX: usize = 2_000;

/// A value as senders write it: text, number, flag or nothing. Lists and objects are refused where they begin.
#[derive(Debug, Clone, Default)]
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl serde::de::Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text, a number or nothing")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Scalar, E> {
        Ok(Scalar(if flag { "1" } else { "0" }.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        // The shortest text that gives the number back: 12.3 stays 12.3.
        Ok(Scalar(serde_json::Number::from_f64(number).map(|number| number.to_string()).unwrap_or_default()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::default())
    }
}

impl Scalar {
    fn text(&self) -> &str {
        &self.0
    }
}

type Entry = BTreeMap<String, Scalar>;

/// The input of a message. Both interfaces have these lists; 4101A lacks costs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Input {
    setlinfo: Option<Entry>,
    payinfo: Vec<Entry>,
    opspdiseinfo: Vec<Entry>,
    diseinfo: Vec<Entry>,
    iteminfo: Vec<Entry>,
    oprninfo: Vec<Entry>,
    icuinfo: Vec<Entry>,
    bldinfo: Vec<Entry>,
}

/// A message as it goes over the wire, or its input alone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Message {
    infno: Option<Scalar>,
    input: Option<Input>,
    setlinfo: Option<Entry>,
    payinfo: Vec<Entry>,
    opspdiseinfo: Vec<Entry>,
    diseinfo: Vec<Entry>,
    iteminfo: Vec<Entry>,
    oprninfo: Vec<Entry>,
    icuinfo: Vec<Entry>,
    bldinfo: Vec<Entry>,
}

/// The messages of a file.
pub struct Messages {
    messages: Vec<Input>,
    /// The interface.
    pub standard: Standard,
    /// The text was GB18030.
    pub is_gb18030: bool,
}

/// Whether a file can only be messages: its first mark opens an object or an array.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

/// Reads all messages of a file.
///
/// # Errors
/// [`FileFault::Json`] with line and column when one breaks off or is no message.
pub fn open(bytes: &[u8], limits: Limits) -> Result<Messages, FileFault> {
    if bytes.len() as u64 > limits.message_bytes_max {
        return Err(FileFault::TooLarge { bytes: limits.message_bytes_max });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (text, is_gb18030) = match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(at) => match encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) => (text, true),
            None => {
                let (line, column) = place(bytes, at.valid_up_to());
                let reason = "neither UTF-8 nor GB18030".to_owned();
                return Err(FileFault::Json { line, column, reason, is_cut_off: false });
            }
        },
    };
    let broken = |error: &serde_json::Error| FileFault::Json {
        line: error.line(),
        column: error.column(),
        reason: error.to_string(),
        is_cut_off: error.is_eof(),
    };
    let messages: Vec<Message> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).map_err(|error| broken(&error))?
    } else {
        let stream = serde_json::Deserializer::from_str(&text).into_iter::<Message>();
        let most = usize::try_from(limits.rows_max).unwrap_or(usize::MAX).saturating_add(1);
        stream.take(most).collect::<Result<_, _>>().map_err(|error| broken(&error))?
    };
    if messages.len() as u64 > limits.rows_max {
        return Err(FileFault::TooManyRows { rows: limits.rows_max });
    }
    let is_a =
        messages.iter().filter_map(|message| message.infno.as_ref()).any(|infno| infno.text().ends_with(['A', 'a']));
    let messages: Vec<Input> = messages.into_iter().map(Message::into_input).collect();
    if messages.iter().all(|input| input.setlinfo.is_none()) {
        return Err(FileFault::Empty);
    }
    let standard = if is_a { Standard::Settlement4101A } else { Standard::Settlement4101 };
    Ok(Messages { messages, standard, is_gb18030 })
}

fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

impl Message {
    fn into_input(self) -> Input {
        let Self { infno: _, input, setlinfo, payinfo, opspdiseinfo, diseinfo, iteminfo, oprninfo, icuinfo, bldinfo } =
            self;
        let bare = Input { setlinfo, payinfo, opspdiseinfo, diseinfo, iteminfo, oprninfo, icuinfo, bldinfo };
        input.unwrap_or(bare)
    }
}

impl Messages {
    /// How many messages there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Hands over every message.
    pub fn each(&mut self, checks: &Checks, codes: &Codes, mut work: impl FnMut(Item) -> ControlFlow<()>) {
        for (message, number) in self.messages.iter().zip(1..) {
            let mut build = Build::new(codes, Edition::Insurance, Place(number));
            fill(&mut build, &checks.columns, self.standard, message);
            if work(build.finish()).is_break() {
                return;
            }
        }
    }
}

fn fill(build: &mut Build<'_>, columns: &Columns, standard: Standard, input: &Input) {
    let nothing = Entry::new();
    put_all(build, columns, standard, "setlinfo", input.setlinfo.as_ref().unwrap_or(&nothing), 0);
    if build.page().admitted_at.is_none() {
        build.trouble("setlinfo.adm_time", "", "", Problem::NoAdmissionDay);
    }
    let mut western: Vec<&Entry> = Vec::new();
    let mut chinese: Vec<&Entry> = Vec::new();
    let is = |entry: &Entry, key: &str, wanted: &[&str]| {
        entry.get(key).is_some_and(|value| wanted.contains(&&*mend::value(value.text()).text))
    };
    for entry in &input.diseinfo {
        if is(entry, "diag_type", &["2", "3"]) { chinese.push(entry) } else { western.push(entry) }
    }
    principal_first(build, &mut western, "diseinfo.maindiag_flag", |entry| is(entry, "maindiag_flag", &["1", "true"]));
    let mut operations: Vec<&Entry> = input.oprninfo.iter().collect();
    principal_first(build, &mut operations, "oprninfo.oprn_oprt_type", |entry| is(entry, "oprn_oprt_type", &["1"]));
    let lists = [("diseinfo", western), ("oprninfo", operations), ("icuinfo", input.icuinfo.iter().collect())];
    for (name, entries) in lists {
        if entries.len() > LIST_MAX {
            build.trouble(name, "", &entries.len().to_string(), Problem::LongList);
            continue;
        }
        for (at, entry) in entries.into_iter().enumerate() {
            put_all(build, columns, standard, name, entry, at);
        }
    }
    for (at, entry) in chinese.into_iter().enumerate().take(LIST_MAX) {
        for (key, part) in [("diag_code", "code"), ("diag_name", "name"), ("adm_cond_type", "admission_condition")] {
            let field = Field::parse(&format!("chinese_diagnoses.{at}.{part}"));
            if let (Some(field), Some(value)) = (field, entry.get(key)) {
                let text = mend::trimmed(value.text()).text;
                if let Err(expected) = field.set(build.page(), &text) {
                    build.trouble(&format!("diseinfo.{key}"), "", &text, Problem::Expected(expected));
                }
            }
        }
    }
    if input.iteminfo.len().max(input.payinfo.len()).max(input.bldinfo.len()).max(input.opspdiseinfo.len())
        > ENTRIES_MAX
    {
        return build.trouble("iteminfo", "", "", Problem::LongList);
    }
    let charges = amounts(build, "iteminfo", &input.iteminfo, "med_chrgitm", "amt");
    let funds = amounts(build, "payinfo", &input.payinfo, "fund_pay_type", "fund_payamt");
    if !charges.is_empty() {
        let total = charges.iter().try_fold(0i64, |sum, charge| sum.checked_add(charge.amount.0));
        build.page().costs.total = total.map(Fen);
    }
    build.page().costs.charges = charges;
    build.page().costs.funds = funds;
    for (name, entries) in [("bldinfo", &input.bldinfo), ("opspdiseinfo", &input.opspdiseinfo)] {
        for (at, entry) in entries.iter().enumerate().take(LIST_MAX) {
            for (key, value) in entry {
                keep(build, &format!("{name}.{key}.{}", at + 1), value.text());
            }
        }
    }
}

/// Puts the entries that `is` names before the others; says so when that changed their order.
fn principal_first(build: &mut Build<'_>, entries: &mut [&Entry], column: &str, is: impl Fn(&Entry) -> bool) {
    if entries.iter().any(|entry| is(entry)) && !entries.first().is_some_and(|entry| is(entry)) {
        build.mended(RepairKind::PrincipalFirst, column, "", "");
    }
    entries.sort_by_key(|entry| !is(entry));
}

fn put_all(build: &mut Build<'_>, columns: &Columns, standard: Standard, list: &str, entry: &Entry, at: usize) {
    for (key, value) in entry {
        let text = value.text();
        let known = columns.get(standard, &format!("{list}.{key}"));
        // Either interface is read with the columns of both.
        let known = known
            .or_else(|| columns.get(Standard::Settlement4101, &format!("{list}.{key}")))
            .or_else(|| columns.get(Standard::Settlement4101A, &format!("{list}.{key}")));
        match known {
            Some(column) if at == 0 => build.put(column, text),
            Some(column) => build.put_field(column, &column.field.further(at), text),
            None if at == 0 => keep(build, &format!("{list}.{key}"), text),
            None => keep(build, &format!("{list}.{key}.{}", at + 1), text),
        }
    }
}

fn keep(build: &mut Build<'_>, name: &str, text: &str) {
    let text = mend::free(text).text;
    if !text.is_empty() {
        build.page().extra.insert(name.chars().take(60).collect(), text.into_owned());
    }
}

fn amounts(build: &mut Build<'_>, list: &str, entries: &[Entry], item: &str, amount: &str) -> Vec<Charge> {
    let mut charges = Vec::new();
    for entry in entries {
        let code = entry.get(item).map(|value| mend::value(value.text()).text.into_owned()).unwrap_or_default();
        let given = entry.get(amount).map(|value| value.text().to_owned()).unwrap_or_default();
        match money(&mend::money(&given).text) {
            Ok(Some(amount)) => charges.push(Charge { item: code, amount }),
            Ok(None) => {}
            Err(expected) => build.trouble(&format!("{list}.{amount}"), "", &given, Problem::Expected(expected)),
        }
    }
    charges
}
