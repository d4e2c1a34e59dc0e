//! Working time: which instants count, and how far a deadline lies ahead when only those count.
//!
//! `definitions/calendars/*.toml` holds two kinds of file. `kind = "holidays"` is a list of public holidays and make-up
//! workdays by year:
//! ```toml
//! kind = "holidays"
//! id = "cn"
//! title = { zh-CN = "...", en = "..." }
//! [[year]]
//! year = 2026
//! provenance = { source = "state-council-holidays-2026", locator = "items 1 to 7", evidence = "verified", review = { ... } }
//! workdays = [2026-01-04]
//! holidays = [{ from = 2026-01-01, to = 2026-01-03, name = { zh-CN = "...", en = "New Year" } }]
//! ```
//! `kind = "hours"` is a week of shifts that follows such a list:
//! ```toml
//! kind = "hours"
//! id = "office"
//! title = { zh-CN = "...", en = "Office hours" }
//! provenance = { ... }
//! holidays = "cn"
//! makeup_as = "monday"          # the shifts worked on a make-up workday
//! [week]
//! monday = ["08:00-12:00", "14:00-17:30"]
//! ```
//! `always` is built in: every instant counts.
//!
//! A shift is half-open: 12:00 is no longer working time. A year without an entry is counted as plain weekdays, and
//! [`Calendar::is_known`] says so. The zone is the group's (UTC+8 without summer time), so no hour is skipped or doubled.
//!
//! Leaves out: shifts across midnight (write them as two), hours that change with the season, rosters of people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use yiti_kernel::civil::Weekday;
use yiti_kernel::definition::{Day, Evidence, Fault, File, Provenance, Words, read};
use yiti_kernel::time::{day, day_start};
use yiti_kernel::{Date, SignedDuration, Timestamp};

use crate::fault;

/// The id of the calendar on which every instant counts.
pub const ALWAYS: &str = "always";

const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// Which time counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calendar {
    /// 24 hours, 7 days.
    Always,
    /// Shifts of a week, public holidays, make-up workdays.
    Working(Arc<Working>),
}

/// Part of a day, in minutes since midnight, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    /// The first minute.
    pub start: u16,
    /// The minute after the last.
    pub end: u16,
}

/// The holidays and make-up workdays of one year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Year {
    /// Days off, weekends inside a holiday included.
    pub holidays: BTreeSet<Date>,
    /// Days worked although they fall on a weekend.
    pub workdays: BTreeSet<Date>,
}

/// Working time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// Shifts from Monday to Sunday, each day's in order.
    week: [Vec<Shift>; 7],
    /// Shifts of a make-up workday.
    makeup: Vec<Shift>,
    years: Arc<BTreeMap<i16, Year>>,
}

/// What is wrong with a week of shifts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// No day of the week has a shift.
    #[error("no day of the week has a shift")]
    NoShift,
    /// A shift ends before it begins, or two of one day overlap.
    #[error("the shifts of a day are to follow one another, each ending after it begins and before 24:00")]
    Order,
}

impl Working {
    /// Working time from shifts by day (Monday first), the shifts of a make-up workday, and the known years.
    ///
    /// # Errors
    /// [`Impossible`] when no day has a shift, or shifts of a day overlap.
    pub fn new(week: [Vec<Shift>; 7], makeup: Vec<Shift>, years: Arc<BTreeMap<i16, Year>>) -> Result<Self, Impossible> {
        if week.iter().all(Vec::is_empty) {
            return Err(Impossible::NoShift);
        }
        for shifts in week.iter().chain([&makeup]) {
            let one = |s: &Shift| s.start < s.end && s.end <= MINUTES_OF_A_DAY;
            if !shifts.iter().all(one) || shifts.windows(2).any(|pair| pair[0].end > pair[1].start) {
                return Err(Impossible::Order);
            }
        }
        Ok(Self { week, makeup, years })
    }

    /// The shifts worked on `day`.
    #[must_use]
    pub fn shifts(&self, day: Date) -> &[Shift] {
        if let Some(year) = self.years.get(&day.year()) {
            if year.workdays.contains(&day) {
                return &self.makeup;
            }
            if year.holidays.contains(&day) {
                return &[];
            }
        }
        let monday_first = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        self.week.get(monday_first).map_or(&[], Vec::as_slice)
    }

    fn spans(&self, day: Date) -> impl DoubleEndedIterator<Item = (Timestamp, Timestamp)> + '_ {
        let midnight = day_start(day);
        let at = move |minute: u16| plus(midnight, SignedDuration::from_mins(i64::from(minute)));
        self.shifts(day).iter().map(move |shift| (at(shift.start), at(shift.end)))
    }

    fn forward(&self, start: Timestamp, by: SignedDuration) -> Timestamp {
        let (mut left, mut on) = (by, day(start));
        loop {
            for (from, to) in self.spans(on) {
                let from = from.max(start);
                if from >= to {
                    continue;
                }
                let room = to.duration_since(from);
                if left <= room {
                    return plus(from, left);
                }
                left -= room;
            }
            match on.tomorrow() {
                Ok(next) => on = next,
                Err(_) => return Timestamp::MAX,
            }
        }
    }

    fn backward(&self, start: Timestamp, by: SignedDuration) -> Timestamp {
        let (mut left, mut on) = (by, day(start));
        loop {
            for (from, to) in self.spans(on).rev() {
                let to = to.min(start);
                if from >= to {
                    continue;
                }
                let room = to.duration_since(from);
                if left <= room {
                    return plus(to, -left);
                }
                left -= room;
            }
            match on.yesterday() {
                Ok(next) => on = next,
                Err(_) => return Timestamp::MIN,
            }
        }
    }

    fn elapsed(&self, start: Timestamp, end: Timestamp) -> SignedDuration {
        let mut sum = SignedDuration::ZERO;
        let (mut on, last) = (day(start), day(end));
        while on <= last {
            for (from, to) in self.spans(on) {
                let (from, to) = (from.max(start), to.min(end));
                if from < to {
                    sum += to.duration_since(from);
                }
            }
            match on.tomorrow() {
                Ok(next) => on = next,
                Err(_) => break,
            }
        }
        sum
    }
}

impl Calendar {
    /// The instant at which `by` of this calendar's time has passed since `start`: the earliest such instant, so that a
    /// deadline falls on the end of a shift and not on the begin of the next. With a negative `by`, the latest instant
    /// from which `-by` lead up to `start`. Clamped to what a timestamp can hold.
    #[must_use]
    pub fn add(&self, start: Timestamp, by: SignedDuration) -> Timestamp {
        match self {
            _ if by.is_zero() => start,
            Self::Always => plus(start, by),
            Self::Working(working) if by.is_positive() => working.forward(start, by),
            Self::Working(working) => working.backward(start, -by),
        }
    }

    /// This calendar's time from `start` to `end`; negative when `end` comes first.
    #[must_use]
    pub fn between(&self, start: Timestamp, end: Timestamp) -> SignedDuration {
        match self {
            Self::Always => end.duration_since(start),
            Self::Working(working) if start <= end => working.elapsed(start, end),
            Self::Working(working) => -working.elapsed(end, start),
        }
    }

    /// True when `at` counts.
    #[must_use]
    pub fn is_working(&self, at: Timestamp) -> bool {
        match self {
            Self::Always => true,
            Self::Working(working) => working.spans(day(at)).any(|(from, to)| from <= at && at < to),
        }
    }

    /// True when holidays and make-up workdays of `year` are known; otherwise the year is counted as plain weekdays.
    #[must_use]
    pub fn is_known(&self, year: i16) -> bool {
        match self {
            Self::Always => true,
            Self::Working(working) => working.years.contains_key(&year),
        }
    }

    /// True when every year from `start` to `end` is known.
    #[must_use]
    pub fn is_known_between(&self, start: Timestamp, end: Timestamp) -> bool {
        (day(start).year()..=day(end).year()).all(|year| self.is_known(year))
    }
}

fn plus(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// A calendar with its name and its support.
#[derive(Debug, Clone)]
pub struct Named {
    /// What people call it.
    pub title: Words,
    /// How its hours are supported.
    pub evidence: Evidence,
    /// The calendar.
    pub calendar: Calendar,
}

/// All calendars by id. [`ALWAYS`] is among them without a file.
#[derive(Debug, Clone, Default)]
pub struct Calendars {
    named: BTreeMap<String, Named>,
    sources: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Head {
    kind: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolidaysFile {
    #[serde(rename = "kind")]
    _kind: String,
    id: Spanned<String>,
    #[serde(rename = "title")]
    _title: Words,
    year: Vec<YearEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearEntry {
    year: Spanned<i16>,
    provenance: Provenance,
    holidays: Vec<HolidayEntry>,
    workdays: Vec<Spanned<Day>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HolidayEntry {
    from: Spanned<Day>,
    to: Spanned<Day>,
    #[serde(rename = "name")]
    _name: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursFile {
    #[serde(rename = "kind")]
    _kind: String,
    id: Spanned<String>,
    title: Words,
    provenance: Provenance,
    holidays: Spanned<String>,
    makeup_as: DayName,
    week: Spanned<Week>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum DayName {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Week {
    #[serde(default)]
    monday: Vec<Spanned<String>>,
    #[serde(default)]
    tuesday: Vec<Spanned<String>>,
    #[serde(default)]
    wednesday: Vec<Spanned<String>>,
    #[serde(default)]
    thursday: Vec<Spanned<String>>,
    #[serde(default)]
    friday: Vec<Spanned<String>>,
    #[serde(default)]
    saturday: Vec<Spanned<String>>,
    #[serde(default)]
    sunday: Vec<Spanned<String>>,
}

impl Calendars {
    /// Reads `definitions/calendars/*.toml`.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut lists: BTreeMap<String, Arc<BTreeMap<i16, Year>>> = BTreeMap::new();
        let mut hours: Vec<(&File, HoursFile)> = Vec::new();
        let mut all = Self::default();
        for file in files {
            match read::<Head>(file).map(|head| (head.kind.span(), head.kind.into_inner())) {
                Ok((_, kind)) if kind == "holidays" => match read::<HolidaysFile>(file) {
                    Ok(list) => all.add_holidays(file, list, &mut lists, &mut faults),
                    Err(fault) => faults.push(fault),
                },
                Ok((_, kind)) if kind == "hours" => match read::<HoursFile>(file) {
                    Ok(read) => hours.push((file, read)),
                    Err(fault) => faults.push(fault),
                },
                Ok((span, kind)) => {
                    faults.push(fault::at(
                        file,
                        span,
                        format!("unknown kind `{kind}`, expected `holidays` or `hours`"),
                    ));
                }
                Err(fault) => faults.push(fault),
            }
        }
        for (file, read) in hours {
            all.add_hours(file, read, &lists, &mut faults);
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// The calendar `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Calendar> {
        if id == ALWAYS { Some(Calendar::Always) } else { self.named.get(id).map(|named| named.calendar.clone()) }
    }

    /// The calendars that have a file, by id.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Named)> {
        self.named.iter().map(|(id, named)| (id.as_str(), named))
    }

    /// Every source a calendar cites, with the file that cites it.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.iter().map(|(path, key)| (path.as_str(), key.as_str()))
    }

    fn add_holidays(
        &mut self,
        file: &File,
        list: HolidaysFile,
        lists: &mut BTreeMap<String, Arc<BTreeMap<i16, Year>>>,
        faults: &mut Vec<Fault>,
    ) {
        let mut years: BTreeMap<i16, Year> = BTreeMap::new();
        for entry in list.year {
            self.sources.push((file.path.clone(), entry.provenance.source.clone()));
            let number = *entry.year.get_ref();
            let mut year = Year::default();
            for holiday in &entry.holidays {
                let (from, to) = (holiday.from.get_ref().0, holiday.to.get_ref().0);
                if to < from {
                    faults.push(fault::at(file, holiday.to.span(), "the holiday ends before it begins"));
                    continue;
                }
                if from.year() != number || to.year() != number {
                    faults.push(fault::at(file, holiday.from.span(), format!("the holiday is not inside {number}")));
                    continue;
                }
                year.holidays
                    .extend(std::iter::successors(Some(from), |on| on.tomorrow().ok()).take_while(|on| *on <= to));
            }
            for workday in &entry.workdays {
                let on = workday.get_ref().0;
                if on.year() != number {
                    faults.push(fault::at(file, workday.span(), format!("the workday is not inside {number}")));
                }
                if year.holidays.contains(&on) {
                    faults.push(fault::at(file, workday.span(), "the workday is a holiday too"));
                }
                if !matches!(on.weekday(), Weekday::Saturday | Weekday::Sunday) {
                    faults.push(fault::at(file, workday.span(), "a make-up workday falls on a weekend"));
                }
                year.workdays.insert(on);
            }
            if years.insert(number, year).is_some() {
                faults.push(fault::at(file, entry.year.span(), format!("the year {number} stands twice")));
            }
        }
        let span = list.id.span();
        if lists.insert(list.id.into_inner(), Arc::new(years)).is_some() {
            faults.push(fault::at(file, span, "another list of holidays has this id"));
        }
    }

    fn add_hours(
        &mut self,
        file: &File,
        read: HoursFile,
        lists: &BTreeMap<String, Arc<BTreeMap<i16, Year>>>,
        faults: &mut Vec<Fault>,
    ) {
        self.sources.push((file.path.clone(), read.provenance.source.clone()));
        let id = read.id.get_ref().clone();
        if !fault::is_id(&id) || id == ALWAYS || self.named.contains_key(&id) {
            faults.push(fault::at(file, read.id.span(), "an id of its own is expected, in small letters"));
        }
        let Some(years) = lists.get(read.holidays.get_ref()) else {
            let message = format!("no list of holidays has the id `{}`", read.holidays.get_ref());
            faults.push(fault::at(file, read.holidays.span(), message));
            return;
        };
        let span = read.week.span();
        let week = read.week.into_inner();
        let texts = [week.monday, week.tuesday, week.wednesday, week.thursday, week.friday, week.saturday, week.sunday];
        let week = texts.map(|texts| {
            let shifts = texts.iter().filter_map(|text| {
                let shift = shift(text.get_ref());
                if shift.is_none() {
                    let message = format!("`{}` is no shift, expected such as `08:00-12:00`", text.get_ref());
                    faults.push(fault::at(file, text.span(), message));
                }
                shift
            });
            shifts.collect::<Vec<_>>()
        });
        let makeup = week.get(read.makeup_as as usize).cloned().unwrap_or_default();
        match Working::new(week, makeup, years.clone()) {
            Ok(working) => {
                let calendar = Calendar::Working(Arc::new(working));
                self.named.insert(id, Named { title: read.title, evidence: read.provenance.evidence, calendar });
            }
            Err(impossible) => faults.push(fault::at(file, span, impossible.to_string())),
        }
    }
}

/// Reads `08:00-12:00`.
fn shift(text: &str) -> Option<Shift> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        if hour.len() != 2 || minute.len() != 2 {
            return None;
        }
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && hour * 60 + minute <= MINUTES_OF_A_DAY).then_some(hour * 60 + minute)
    };
    let (start, end) = text.split_once('-')?;
    Some(Shift { start: minute(start)?, end: minute(end)? })
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
