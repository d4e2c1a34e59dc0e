//! From a row of the plain table to a record that groups, with everything that was put right or refused on the way.

use chs_drg::{Answer, Day, Days, Fault, Known, Outcome, Record, Scheme, Weighed, Words};
use sheet::{CellKind, Row};
use yiti_kernel::Lang;

use super::columns::{Field, Found, Names, half_width};
use super::repair::{Damage, Repair, Repairer, is_separator};

/// How much a note weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The row was not grouped.
    Refused,
    /// Something was put right, and the row grouped with it.
    Repaired,
    /// The row was grouped; this should be looked at.
    Note,
    /// The whole file failed.
    Failed,
}

impl Severity {
    /// The word in the error file.
    #[must_use]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Severity::Refused => "refused",
            Severity::Repaired => "repaired",
            Severity::Note => "note",
            Severity::Failed => "failed",
        }
    }
}

/// Why something of a row was refused or put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The grouper found it.
    Fault(Fault),
    /// The reader of the table found it. Key below `group.refused` and `group.remedy`.
    Cell(&'static str),
    /// The code may stand for several.
    Ambiguous(Vec<String>),
    /// The code was put right.
    Repaired {
        /// What had happened.
        damage: Damage,
        /// What it was taken for.
        to: String,
    },
    /// A cell of a front page is not what its column holds. Key below `front_page.trouble`.
    Page(&'static str),
    /// A cell of a front page was mended. Key below `front_page.repair`, and what it became.
    Mended {
        /// The key.
        key: &'static str,
        /// What it became.
        to: String,
    },
    /// The row of the table is broken.
    Row(sheet::Fault),
}

/// A line of the error file about one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// How much it weighs.
    pub(crate) severity: Severity,
    /// The field, or the column of a front page; empty for the row as a whole.
    pub(crate) field: String,
    /// What stood there.
    pub(crate) value: String,
    /// Why.
    pub(crate) reason: Reason,
}

/// The sentences of one language.
pub(crate) struct Tongue {
    /// The language.
    pub(crate) lang: Lang,
    faults: Words,
    tables: sheet::Words,
}

impl Tongue {
    /// The shipped sentences of a language.
    ///
    /// # Errors
    /// A table of words is broken.
    pub(crate) fn new(lang: Lang) -> anyhow::Result<Tongue> {
        Ok(Tongue { lang, faults: Words::shipped(lang.tag())?, tables: sheet::Words::shipped(lang.tag())? })
    }

    /// The grouper's words.
    #[must_use]
    pub(crate) fn trail(&self) -> &Words {
        &self.faults
    }

    /// A text of `locales/group.toml`.
    #[must_use]
    pub(crate) fn say(&self, key: &str, facts: &[(&str, &str)]) -> String {
        yiti_web::words::t_with(self.lang, &format!("group.{key}"), facts)
    }

    /// What is wrong.
    #[must_use]
    pub(crate) fn reason(&self, note: &Note) -> String {
        match &note.reason {
            Reason::Fault(fault) => self.faults.fault(fault),
            Reason::Cell(key) => self.say(&format!("refused.{key}"), &[]),
            Reason::Ambiguous(codes) => self.say("refused.ambiguous_code", &[("codes", &codes.join(", "))]),
            Reason::Repaired { damage, .. } => self.say(&format!("repaired.{}", damage.key()), &[]),
            Reason::Page(key) => yiti_web::words::t(self.lang, &format!("front_page.trouble.{key}.reason")).to_owned(),
            Reason::Mended { key, .. } => yiti_web::words::t(self.lang, &format!("front_page.repair.{key}")).to_owned(),
            Reason::Row(fault) => self.tables.problem(fault),
        }
    }

    /// What helps.
    #[must_use]
    pub(crate) fn remedy(&self, note: &Note) -> String {
        match &note.reason {
            Reason::Fault(fault) => {
                self.say(&format!("remedy.{}", fault.key().strip_prefix("fault.").unwrap_or("")), &[])
            }
            Reason::Cell(key) => self.say(&format!("remedy.{key}"), &[]),
            Reason::Ambiguous(_) => self.say("remedy.ambiguous_code", &[]),
            Reason::Page(key) => yiti_web::words::t(self.lang, &format!("front_page.trouble.{key}.remedy")).to_owned(),
            Reason::Repaired { to, .. } => self.say("remedy.repaired", &[("to", to)]),
            Reason::Mended { to, .. } => self.say("remedy.mended", &[("to", to)]),
            Reason::Row(fault) => self.tables.remedy(fault),
        }
    }
}

/// What is needed to take rows, shared by all threads.
pub(crate) struct Taker<'s> {
    /// The scheme whose codes count.
    pub(crate) scheme: &'s Scheme,
    /// Where the fields stand.
    pub(crate) found: Found,
    /// Words that stand for values.
    pub(crate) names: &'s Names,
    /// Puts codes right.
    pub(crate) repairer: Repairer<'s>,
    /// Faults are told and do not refuse.
    pub(crate) unchecked: bool,
}

/// A row that was taken.
#[derive(Debug, Default)]
pub(crate) struct Stay<'r> {
    /// What names it.
    pub(crate) id: &'r str,
    /// The record without its codes.
    pub(crate) record: Record<'r>,
    /// dx: [diagnosis], as written or put right
    pub(crate) dx: Vec<&'r str>,
    /// px: [procedure], as written or put right
    pub(crate) px: Vec<&'r str>,
    /// notes: [note], what was found
    pub(crate) notes: Vec<Note>,
    /// What the scheme that judged the stay knows of its codes.
    known: Known,
    /// How that scheme groups it; none for a stay that no scheme judged.
    pub(crate) answer: Option<Answer>,
}

impl<'r> Stay<'r> {
    /// A stay whose cells were read elsewhere, not yet judged.
    #[must_use]
    pub(crate) fn new(id: &'r str, record: &Record<'r>, notes: Vec<Note>) -> Stay<'r> {
        let (dx, px) = (record.dx.to_vec(), record.px.to_vec());
        Stay {
            id,
            record: Record { dx: &[], px: &[], ..*record },
            dx,
            px,
            notes,
            known: Known::default(),
            answer: None,
        }
    }

    /// An empty stay in the memory of this one.
    #[must_use]
    pub(crate) fn emptied<'n>(self) -> Stay<'n> {
        let Stay { dx, px, mut notes, known, .. } = self;
        notes.clear();
        Stay { dx: emptied(dx), px: emptied(px), notes, known, ..Stay::default() }
    }

    /// Weighs the complications by the scheme that judged the stay. `out` is cleared.
    pub(crate) fn weigh(&self, scheme: &Scheme, out: &mut Vec<Weighed>) {
        scheme.weigh_known(&self.known, out);
    }

    /// The record with its codes.
    #[must_use]
    pub(crate) fn whole(&self) -> Record<'_> {
        Record { dx: &self.dx, px: &self.px, ..self.record }
    }

    /// Whether the row must not be grouped.
    #[must_use]
    pub(crate) fn is_refused(&self) -> bool {
        self.notes.iter().any(|note| note.severity == Severity::Refused)
    }
}

/// An empty list in the memory of another: the standard library collects in place.
fn emptied<'n>(mut list: Vec<&str>) -> Vec<&'n str> {
    list.clear();
    list.into_iter().map(|_| "").collect()
}

/// A list of procedures begins with a separator.
const NO_PRINCIPAL_PX: Reason = Reason::Cell("no_principal_px");

/// The longest value that is repeated in the error file, in characters.
const VALUE_CHARS_MAX: usize = 200;

/// A number of nothing but a few digits, as nearly all are.
#[inline]
fn digits(text: &str) -> Option<i32> {
    // Numbers of nine digits always fit.
    if text.len() > 9 {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + i32::from(digit))
    })
}

fn short(text: &str) -> String {
    text.chars().take(VALUE_CHARS_MAX).collect()
}

impl<'s> Taker<'s> {
    /// Takes a row: numbers, days and codes, put right where that is safe, then checked by the grouper. `spare` is an
    /// empty stay.
    #[inline]
    pub(crate) fn take<'r>(&self, row: &Row<'r>, spare: Stay<'r>) -> Stay<'r>
    where
        's: 'r,
    {
        let Stay { dx: mut dx_codes, px: mut px_codes, mut notes, known, .. } = spare;
        let id = self.text(row, Field::Id);
        self.check_id(row, id, &mut notes);
        let record = Record {
            sex: self.sex(row, &mut notes),
            age: self.number(row, Field::Age, &mut notes),
            age_days: self.number(row, Field::AgeDays, &mut notes),
            weight: self.number(row, Field::Weight, &mut notes),
            los: self.number(row, Field::Los, &mut notes),
            icu_hours: self.number(row, Field::IcuHours, &mut notes),
            dept: self.text(row, Field::Dept),
            discharge: self.text(row, Field::Discharge),
            dx: &[],
            px: &[],
            days: Days {
                born_on: self.day(row, Field::BornOn, &mut notes),
                admitted_on: self.day(row, Field::AdmittedOn, &mut notes),
                discharged_on: self.day(row, Field::DischargedOn, &mut notes),
            },
        };
        let (dx, px) = (self.text(row, Field::Dx), self.text(row, Field::Px));
        split(dx, &mut dx_codes);
        split(px, &mut px_codes);
        let mut stay = Stay { id, record, dx: dx_codes, px: px_codes, notes, known, answer: None };
        let mut faults = self.look_up(&mut stay);
        let is_unknown = |fault: &Fault| {
            matches!(fault, Fault::UnknownDiagnosis { .. } | Fault::UnknownProcedure { .. } | Fault::NoPrincipal)
        };
        if faults.iter().any(is_unknown) {
            self.repair(&mut stay, &faults, dx, px);
            faults = self.look_up(&mut stay);
        }
        if stay.px.first().is_some_and(|code| code.is_empty()) {
            stay.notes.push(refused(Field::Px, px, NO_PRINCIPAL_PX));
        }
        self.settle(&mut stay, faults);
        stay
    }

    /// Checks a stay whose cells were read elsewhere.
    pub(crate) fn judge(&self, stay: &mut Stay<'_>) {
        let faults = self.look_up(stay);
        self.settle(stay, faults);
    }

    /// Looks the codes up; gives what refuses the stay.
    #[inline]
    fn look_up(&self, stay: &mut Stay<'_>) -> Vec<Fault> {
        let record = Record { dx: &stay.dx, px: &stay.px, ..stay.record };
        self.scheme.look_up(&record, &mut stay.known);
        self.scheme.refusals_known(&record, &stay.known)
    }

    /// Groups a stay that was looked up and notes its faults; grey codes are worth a note where there is no group.
    #[inline]
    fn settle(&self, stay: &mut Stay<'_>, mut faults: Vec<Fault>) {
        let answer = self.scheme.answer_known(&stay.whole(), &stay.known);
        stay.answer = Some(answer);
        if let Outcome::Ungrouped(_) = answer.outcome {
            faults = self.scheme.check_known(&stay.whole(), &stay.known);
        }
        if !faults.is_empty() {
            self.note(stay, faults);
        }
        if self.unchecked {
            for note in &mut stay.notes {
                if note.severity == Severity::Refused {
                    note.severity = Severity::Note;
                }
            }
        }
    }

    #[inline]
    fn text<'r>(&self, row: &Row<'r>, field: Field) -> &'r str {
        self.found.column(field).map_or("", |column| row.get(column).trim_ascii())
    }

    fn check_id(&self, row: &Row<'_>, id: &str, notes: &mut Vec<Note>) {
        let kind = self.found.column(Field::Id).map_or(CellKind::Text, |column| row.kind(column));
        let key = match id.as_bytes() {
            [] => "id_missing",
            _ if kind == CellKind::Error => "cell_error",
            _ if kind == CellKind::RoundedNumber || is_scientific(id) => "id_rounded",
            [b'=' | b'+' | b'-' | b'@', ..] => "id_formula",
            [first, ..] if *first >= 0x80 && id.starts_with(|c| matches!(half_width(c), '=' | '+' | '-' | '@')) => {
                "id_formula"
            }
            _ => return,
        };
        notes.push(refused(Field::Id, id, Reason::Cell(key)));
    }

    #[inline]
    fn number(&self, row: &Row<'_>, field: Field, notes: &mut Vec<Note>) -> Option<i32> {
        let cell = self.found.column(field).map_or("", |column| row.get(column));
        if cell.is_empty() {
            return None;
        }
        digits(cell).or_else(|| match cell.trim_ascii() {
            "" => None,
            text => text.parse().ok().or_else(|| self.odd_number(row, field, text, notes)),
        })
    }

    /// A number as other programs write it: with `.0`, in full width, or a word for nothing.
    fn odd_number(&self, row: &Row<'_>, field: Field, text: &str, notes: &mut Vec<Note>) -> Option<i32> {
        let half: String = text.chars().map(half_width).collect();
        let half = half.trim();
        let whole = match half.split_once('.') {
            Some((whole, part)) if part.bytes().all(|byte| byte == b'0') => whole,
            _ => half,
        };
        if let Ok(number) = whole.parse() {
            return Some(number);
        }
        let kind = self.found.column(field).map_or(CellKind::Text, |column| row.kind(column));
        if kind == CellKind::Error || !self.names.is_empty_word(text) {
            let key = if kind == CellKind::Error { "cell_error" } else { "number" };
            notes.push(refused(field, text, Reason::Cell(key)));
        }
        None
    }

    #[inline]
    fn sex(&self, row: &Row<'_>, notes: &mut Vec<Note>) -> Option<i32> {
        match self.text(row, Field::Sex) {
            "1" => Some(1),
            "2" => Some(2),
            "" => None,
            text => match self.names.sex(text) {
                Some(sex) => Some(sex),
                None => self.number(row, Field::Sex, notes),
            },
        }
    }

    #[inline]
    fn day(&self, row: &Row<'_>, field: Field, notes: &mut Vec<Note>) -> Option<Day> {
        self.found.column(field)?;
        let text = self.text(row, field);
        if text.is_empty() || self.names.is_empty_word(text) {
            return None;
        }
        let half: String = text.chars().map(half_width).collect();
        let day = half.trim().split([' ', 'T']).next().unwrap_or("");
        let found = day.parse().ok().or_else(|| {
            let mut parts =
                day.split(['-', '/', '.', '\u{5e74}', '\u{6708}', '\u{65e5}']).filter(|part| !part.is_empty());
            let day = Day::new(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?)?;
            parts.next().is_none().then_some(day)
        });
        if found.is_none() {
            notes.push(refused(field, text, Reason::Cell("day")));
        }
        found
    }

    /// Goes through the codes again, slowly, with what typing and spreadsheets do to them in mind.
    #[inline(never)]
    fn repair<'r>(&self, stay: &mut Stay<'r>, faults: &[Fault], dx: &'r str, px: &'r str)
    where
        's: 'r,
    {
        let unknown_dx = faults.iter().any(|f| matches!(f, Fault::UnknownDiagnosis { .. } | Fault::NoPrincipal));
        let unknown_px = faults.iter().any(|f| matches!(f, Fault::UnknownProcedure { .. }));
        if unknown_dx {
            self.repair_list(Field::Dx, dx, &mut stay.dx, &mut stay.notes);
        }
        if unknown_px {
            self.repair_list(Field::Px, px, &mut stay.px, &mut stay.notes);
        }
    }

    fn repair_list<'r>(&self, field: Field, cell: &'r str, codes: &mut Vec<&'r str>, notes: &mut Vec<Note>)
    where
        's: 'r,
    {
        let parts: Vec<&str> = cell.split(|c| is_separator(half_width(c))).map(str::trim).collect();
        let begins_empty = parts.first().is_some_and(|part| part.is_empty());
        let mut repaired = Vec::new();
        let mut own_notes = Vec::new();
        for part in parts {
            if self.names.is_empty_word(part) {
                continue;
            }
            let known = match field {
                Field::Px => self.scheme.check(&Record { px: &[part], ..Record::default() }),
                _ => self.scheme.check(&Record { dx: &[part], ..Record::default() }),
            };
            let is_unknown = known
                .iter()
                .any(|fault| matches!(fault, Fault::UnknownDiagnosis { .. } | Fault::UnknownProcedure { .. }));
            if !is_unknown {
                repaired.push(part);
                continue;
            }
            let repair = if field == Field::Px { self.repairer.px(part) } else { self.repairer.dx(part) };
            match repair {
                Repair::One { code, damage } => {
                    repaired.push(code);
                    let reason = Reason::Repaired { damage, to: code.to_owned() };
                    own_notes.push(Note {
                        severity: Severity::Repaired,
                        field: field.name().to_owned(),
                        value: short(part),
                        reason,
                    });
                }
                Repair::Several(several) => {
                    repaired.push(part);
                    let reason = Reason::Ambiguous(several.into_iter().take(6).map(str::to_owned).collect());
                    own_notes.push(refused(field, part, reason));
                }
                Repair::None => repaired.push(part),
            }
        }
        // A list that begins with a separator lacks its principal; what follows must not take its place.
        if begins_empty && !repaired.is_empty() {
            repaired.insert(0, "");
        }
        let was_cut = codes.iter().any(|code| code.contains(|c| is_separator(half_width(c))));
        if was_cut && repaired.len() > codes.len() {
            let reason = Reason::Repaired { damage: Damage::Separator, to: repaired.join("|") };
            let note =
                Note { severity: Severity::Repaired, field: field.name().to_owned(), value: short(cell), reason };
            own_notes.insert(0, note);
        }
        *codes = repaired;
        notes.extend(own_notes);
    }

    /// Turns the grouper's faults into notes. Where the whole table lacks a column, its fault refuses only a record that
    /// gets no group without it.
    #[inline(never)]
    fn note(&self, stay: &mut Stay<'_>, faults: Vec<Fault>) {
        let is_grouped = stay.answer.is_some_and(|answer| !matches!(answer.outcome, Outcome::Ungrouped(_)));
        let lacks = |field: Field| self.found.column(field).is_none();
        let mut notes = Vec::new();
        for fault in faults {
            let is_absent = match fault {
                Fault::NoSex => lacks(Field::Sex),
                Fault::NoAge => lacks(Field::Age) && lacks(Field::AgeDays),
                _ => false,
            };
            let is_grey = !fault.refuses();
            if (is_absent || is_grey) && is_grouped {
                continue;
            }
            let field = field_of(&fault);
            let value = match &fault {
                Fault::UnknownDiagnosis { code, .. }
                | Fault::UnknownProcedure { code, .. }
                | Fault::GreyDiagnosis { code, .. }
                | Fault::GreyProcedure { code, .. } => short(code),
                Fault::Sex { sex } => sex.to_string(),
                Fault::Age { years } | Fault::AgeDisagrees { years, .. } | Fault::AgesDisagree { years, .. } => {
                    years.to_string()
                }
                Fault::AgeDays { days } | Fault::Stay { days } | Fault::StayDisagrees { days, .. } => days.to_string(),
                Fault::Weight { grams } => grams.to_string(),
                Fault::IcuHours { hours } => hours.to_string(),
                Fault::BornAfterAdmission => stay.record.days.born_on.map(|day| day.to_string()).unwrap_or_default(),
                Fault::AdmittedAfterDischarge => {
                    stay.record.days.admitted_on.map(|day| day.to_string()).unwrap_or_default()
                }
                Fault::NoPrincipal | Fault::NoSex | Fault::NoAge => String::new(),
            };
            // A cell that could not be read, or a code that may be several, has its own note already.
            let told = stay.notes.iter().any(|note| {
                let is_same = note.value == value || matches!(fault, Fault::NoSex | Fault::NoAge);
                let is_empty_place = value.is_empty() && note.reason == NO_PRINCIPAL_PX;
                note.severity == Severity::Refused && note.field == field.name() && (is_same || is_empty_place)
            });
            if !told {
                let severity = if is_grey { Severity::Note } else { Severity::Refused };
                let field = field.name().to_owned();
                notes.push(Note { severity, field, value, reason: Reason::Fault(fault) });
            }
        }
        stay.notes.extend(notes);
    }
}

/// Adds the codes of a cell. Empty ones are left out, but an empty principal stays, so that no other takes its place.
#[inline]
fn split<'r>(cell: &'r str, codes: &mut Vec<&'r str>) {
    if cell.is_empty() {
        return;
    }
    let mut begins_empty = false;
    for (code, position) in sheet::pieces(cell, b'|').zip(0..) {
        let code = code.trim_ascii();
        if !code.is_empty() {
            codes.push(code);
        } else if position == 0 {
            begins_empty = true;
        }
    }
    if begins_empty && !codes.is_empty() {
        codes.insert(0, "");
    }
}

fn refused(field: Field, value: &str, reason: Reason) -> Note {
    Note { severity: Severity::Refused, field: field.name().to_owned(), value: short(value), reason }
}

/// Whether a text is a number as spreadsheets shorten long ones: `3.20102E+17`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let Some(exponent) = exponent.strip_prefix('+') else { return false };
    !exponent.is_empty()
        && exponent.bytes().all(|byte| byte.is_ascii_digit())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn field_of(fault: &Fault) -> Field {
    match fault {
        Fault::NoPrincipal | Fault::UnknownDiagnosis { .. } | Fault::GreyDiagnosis { .. } => Field::Dx,
        Fault::UnknownProcedure { .. } | Fault::GreyProcedure { .. } => Field::Px,
        Fault::NoSex | Fault::Sex { .. } => Field::Sex,
        Fault::NoAge | Fault::Age { .. } | Fault::AgesDisagree { .. } | Fault::AgeDisagrees { .. } => Field::Age,
        Fault::AgeDays { .. } => Field::AgeDays,
        Fault::Weight { .. } => Field::Weight,
        Fault::Stay { .. } | Fault::StayDisagrees { .. } => Field::Los,
        Fault::IcuHours { .. } => Field::IcuHours,
        Fault::BornAfterAdmission => Field::BornOn,
        Fault::AdmittedAfterDischarge => Field::AdmittedOn,
    }
}
