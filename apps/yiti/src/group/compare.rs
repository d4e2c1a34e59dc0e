//! Which records change between two schemes, and what decided differently.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use chs_drg::{Atom, Event, Explained, Grouped, Outcome, Record, Scheme, Weighed};
use sheet::{Batch, Progress, Sheet};

use super::columns::{Found, Names};
use super::failure::Failure;
use super::money::{self, Prices};
use super::output::{Pending, cell, is_same};
use super::pages::Pages;
use super::pipeline;
use super::progress::Line;
use super::repair::Repairer;
use super::stay::{Note, Reason, Severity, Stay, Taker, Tongue};
use super::table::{PAGES, Source};

/// Where two answers part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// One has a group, the other none.
    Group,
    /// Another MDC.
    Mdc,
    /// Another ADRG of the same MDC.
    Adrg,
    /// Another DRG of the same ADRG.
    Drg,
    /// One scheme refuses the record, the other does not.
    Refused,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Group => "group",
            Kind::Mdc => "mdc",
            Kind::Adrg => "adrg",
            Kind::Drg => "drg",
            Kind::Refused => "refused",
        }
    }

    /// None when the answers are the same.
    fn of(a: &[&str; 3], b: &[&str; 3]) -> Option<Kind> {
        let is_none = |answer: &[&str; 3]| answer[2] == "0000";
        if is_none(a) != is_none(b) {
            Some(Kind::Group)
        } else if a[0] != b[0] {
            Some(Kind::Mdc)
        } else if a[1] != b[1] {
            Some(Kind::Adrg)
        } else if a[2] != b[2] {
            Some(Kind::Drg)
        } else {
            None
        }
    }
}

/// A change that several records share.
#[derive(Debug, Clone)]
struct Way {
    count: u64,
    id: String,
    why: String,
}

/// What one side sums up to. weight in billionths, money in fen.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    weighed: u64,
    weight: i128,
    money: i128,
}

/// What was compared so far.
#[derive(Debug, Default)]
struct Tally {
    rows: u64,
    compared: u64,
    /// Refused by both.
    refused: u64,
    kinds: BTreeMap<Kind, u64>,
    /// Each side by itself.
    sums: [Sum; 2],
    /// Each side over the records that have a weight on both.
    both: [Sum; 2],
    /// (drg of the first, drg of the second): what they share
    ways: BTreeMap<(String, String), Way>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.rows += other.rows;
        self.compared += other.compared;
        self.refused += other.refused;
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        let own = self.sums.iter_mut().chain(&mut self.both);
        for (own, other) in own.zip(other.sums.into_iter().chain(other.both)) {
            own.weighed += other.weighed;
            own.weight += other.weight;
            own.money += other.money;
        }
        for (way, other) in other.ways {
            self.ways.entry(way).and_modify(|own| own.count += other.count).or_insert(other);
        }
    }

    fn weigh(&mut self, drgs: [&str; 2], prices: &Prices) {
        let weights = [prices[0].weight(drgs[0]), prices[1].weight(drgs[1])];
        let is_both = weights.iter().all(Option::is_some);
        for (at, (weight, side)) in weights.into_iter().zip(prices).enumerate() {
            let Some(weight) = weight else { continue };
            let money = i128::from(side.money(weight).unwrap_or(0));
            let own = [Some(&mut self.sums[at]), is_both.then_some(&mut self.both[at])];
            for sum in own.into_iter().flatten() {
                sum.weighed += 1;
                sum.weight += i128::from(weight);
                sum.money += money;
            }
        }
    }

    fn change(&mut self, kind: Kind, id: &str, drgs: [&str; 2], why: &str) {
        *self.kinds.entry(kind).or_default() += 1;
        let way = (drgs[0].to_owned(), drgs[1].to_owned());
        let first = || Way { count: 1, id: id.to_owned(), why: why.to_owned() };
        self.ways.entry(way).and_modify(|own| own.count += 1).or_insert_with(first);
    }
}

/// Header of the list of changes.
const HEADER: &str = "id,kind,mdc_a,adrg_a,drg_a,mdc_b,adrg_b,drg_b,weight_a,weight_b,money_a,money_b,why\n";
/// The most frequent changes that are told.
const WAYS: usize = 15;

fn write_change(out: &mut Vec<u8>, id: &str, kind: Kind, answers: &[[&str; 3]; 2], prices: &Prices, why: &str) {
    cell(out, id);
    out.push(b',');
    out.extend_from_slice(kind.word().as_bytes());
    for text in answers.iter().flatten() {
        out.push(b',');
        cell(out, text);
    }
    let weights: Vec<Option<i64>> = answers.iter().zip(prices).map(|(answer, side)| side.weight(answer[2])).collect();
    for weight in &weights {
        out.push(b',');
        out.extend_from_slice(weight.map_or_else(String::new, |own| money::weight_text(own.into())).as_bytes());
    }
    for (weight, side) in weights.iter().zip(prices) {
        out.push(b',');
        let money = weight.and_then(|weight| side.money(weight));
        out.extend_from_slice(money.map_or_else(String::new, |own| money::text(own.into(), 2)).as_bytes());
    }
    out.push(b',');
    cell(out, why);
    out.push(b'\n');
}

/// Compares two schemes over a table. Gives the summary; the records that change go to `output`.
///
/// # Errors
/// The table is refused as a whole, or the list cannot be written.
pub(crate) fn schemes(
    schemes: [&Scheme; 2],
    names: &Names,
    input: &Path,
    output: Option<&Path>,
    prices: &Prices,
    tongue: &Tongue,
) -> Result<String, Failure> {
    if output.is_some_and(|output| is_same(input, output)) {
        return Err(Failure::new("same_file", [("file", input.display().to_string())]));
    }
    let mut source = Source::open(input, names)?;
    let found = source.found();
    let name = source.name().to_owned();
    let takers = schemes.map(|scheme| taker(scheme, found, names));
    let mut list = output.map(Pending::create).transpose()?;
    if let Some(list) = &mut list {
        list.write(HEADER.as_bytes())?;
    }
    let mut tally = Tally::default();
    let mut line = Line::new(tongue);
    let mut take = |(part, bytes): (Tally, Vec<u8>), progress| {
        if let Some(list) = &mut list {
            list.write(&bytes)?;
        }
        tally.add(part);
        line.tell(tally.rows, progress);
        Ok(())
    };
    let result = match &mut source {
        Source::Plain(table, _) => {
            pipeline::run(table, pipeline::workers(), |batch| compare_batch(&takers, batch, prices, tongue), take)
        }
        Source::Pages(pages) => compare_pages(&takers, pages, prices, tongue, &mut take),
    };
    line.end();
    result?;
    if let Some(list) = list {
        list.complete()?;
    }
    let ids = schemes.map(|scheme| scheme.definition().id.as_str());
    Ok(summary(&tally, ids, &name, output, prices, tongue))
}

fn taker<'s>(scheme: &'s Scheme, found: Found, names: &'s Names) -> Taker<'s> {
    Taker { scheme, found, names, repairer: Repairer::new(scheme), unchecked: false }
}

fn codes<'g>(grouped: &Grouped<'g>) -> [&'g str; 3] {
    [grouped.mdc, grouped.adrg, grouped.drg]
}

fn compare_batch(takers: &[Taker<'_>; 2], batch: &Batch, prices: &Prices, tongue: &Tongue) -> (Tally, Vec<u8>) {
    let (mut tally, mut out) = (Tally::default(), Vec::new());
    let mut rows = batch.rows();
    while let Some(row) = rows.next() {
        tally.rows += 1;
        match row {
            Ok(row) => {
                let stays = [0, 1].map(|side: usize| takers[side].take(&row, Stay::default()));
                compare_stays(takers, [&stays[0], &stays[1]], prices, tongue, &mut tally, &mut out);
            }
            Err(_) => tally.refused += 1,
        }
    }
    (tally, out)
}

/// What was compared, and the lines of the list.
type Part = (Tally, Vec<u8>);

fn compare_pages(
    takers: &[Taker<'_>; 2],
    pages: &mut Pages,
    prices: &Prices,
    tongue: &Tongue,
    take: &mut dyn FnMut(Part, Progress) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut part = Part::default();
    let mut done = 0;
    let mut failed = Ok(());
    let progress = |done| Progress { done, total: None };
    pages.each(&takers[0], |_, first| {
        done += 1;
        part.0.rows += 1;
        // The second scheme judges the same codes; what the first found is not its own.
        let is_mended = |note: &&Note| !matches!(note.reason, Reason::Fault(_));
        let notes = first.notes.iter().filter(is_mended).cloned().collect();
        let mut second = Stay::new(first.id, &first.whole(), notes);
        if !second.is_refused() {
            takers[1].judge(&mut second);
        }
        compare_stays(takers, [first, &second], prices, tongue, &mut part.0, &mut part.1);
        if done % PAGES == 0 {
            failed = take(std::mem::take(&mut part), progress(done));
        }
        if failed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failed?;
    take(part, progress(done))
}

fn compare_stays(
    takers: &[Taker<'_>; 2],
    stays: [&Stay<'_>; 2],
    prices: &Prices,
    tongue: &Tongue,
    tally: &mut Tally,
    out: &mut Vec<u8>,
) {
    let records = [stays[0].whole(), stays[1].whole()];
    let is_refused = [stays[0].is_refused(), stays[1].is_refused()];
    let id = stays[0].id;
    if is_refused == [true, true] {
        tally.refused += 1;
        return;
    }
    let answer = |side: usize| {
        if is_refused[side] { ["", "", "refused"] } else { codes(&takers[side].scheme.group(&records[side])) }
    };
    let answers = [answer(0), answer(1)];
    let drgs = [answers[0][2], answers[1][2]];
    let (kind, why) = if is_refused.contains(&true) {
        let notes = stays[usize::from(is_refused[1])].notes.iter();
        let refused = notes.filter(|note| note.severity == Severity::Refused).map(|note| tongue.reason(note));
        (Kind::Refused, refused.collect::<Vec<_>>().join("; "))
    } else {
        tally.compared += 1;
        tally.weigh(drgs, prices);
        let Some(kind) = Kind::of(&answers[0], &answers[1]) else { return };
        (kind, why([takers[0].scheme, takers[1].scheme], [&records[0], &records[1]], kind, tongue))
    };
    tally.change(kind, id, drgs, &why);
    write_change(out, id, kind, &answers, prices, &why);
}

/// What decided differently, as a sentence.
fn why(schemes: [&Scheme; 2], records: [&Record<'_>; 2], kind: Kind, tongue: &Tongue) -> String {
    let explained = [schemes[0].explain(records[0]), schemes[1].explain(records[1])];
    let decided = [0, 1].map(|side| decision(schemes[side], records[side], &explained[side], kind, tongue));
    let sides = tongue.say("why.sides", &[("a", &decided[0]), ("b", &decided[1])]);
    if kind != Kind::Drg {
        return sides;
    }
    let counted = explained.each_ref().map(|own| own.answer.complication);
    let asked = [0, 1].iter().all(|side| asks_complications(schemes[*side], &explained[*side]));
    if asked && counted[0] != counted[1] {
        let codes = differing(records[0], &explained, tongue).join("; ");
        return tongue.say("why.complications", &[("codes", &codes), ("sides", &sides)]);
    }
    let splits = [0, 1].map(|side| split_of(schemes[side], explained[side].answer.outcome));
    if splits[0] != splits[1] && splits.iter().all(|codes| !codes.is_empty()) {
        let lists = splits.map(|codes| codes.join(", "));
        return tongue.say("why.split", &[("a", &lists[0]), ("b", &lists[1]), ("sides", &sides)]);
    }
    sides
}

/// Whether the DRG was chosen by complications.
fn asks_complications(scheme: &Scheme, explained: &Explained) -> bool {
    explained.trail.iter().any(|event| match event {
        Event::DrgRefused { because, .. } | Event::DrgMatched { because, .. } => {
            let mut questions = explained.because(*because).iter().filter_map(|asked| scheme.question(asked.question));
            questions.any(|question| matches!(question, Atom::Mcc | Atom::Cc))
        }
        _ => false,
    })
}

/// The DRGs of the step that answered.
fn split_of(scheme: &Scheme, outcome: Outcome) -> Vec<&str> {
    let step = match outcome {
        Outcome::Drg { step, .. } | Outcome::AdrgOnly { step } | Outcome::Ambiguous { step } => step,
        Outcome::Ungrouped(_) => return Vec::new(),
    };
    let definition = scheme.definition();
    let Some(step) = definition.steps.get(usize::from(step)) else { return Vec::new() };
    let first = usize::from(step.drg_first);
    let drgs = definition.drgs.get(first..first + usize::from(step.drg_count)).unwrap_or(&[]);
    drgs.iter().map(|drg| drg.code.as_str()).collect()
}

/// The event that decided at the level where the answers part.
fn decision(scheme: &Scheme, record: &Record<'_>, explained: &Explained, kind: Kind, tongue: &Tongue) -> String {
    let is_it = |event: &Event| match kind {
        Kind::Mdc => matches!(event, Event::MdcEntered { .. } | Event::Ungrouped(_)),
        Kind::Adrg => matches!(event, Event::StepMatched { .. } | Event::Ungrouped(_)),
        Kind::Drg => matches!(event, Event::DrgMatched { .. } | Event::NoDrg { .. } | Event::Ungrouped(_)),
        Kind::Group | Kind::Refused => match explained.answer.outcome {
            Outcome::Ungrouped(_) => matches!(event, Event::Ungrouped(_)),
            _ => matches!(event, Event::StepMatched { .. }),
        },
    };
    let at = explained.trail.iter().rposition(is_it);
    let sentences = tongue.trail().explained(scheme, record, explained);
    at.and_then(|at| sentences.into_iter().nth(explained.weighed.len() + at)).unwrap_or_default()
}

/// Secondary diagnoses whose weight as a complication differs.
fn differing(record: &Record<'_>, explained: &[Explained; 2], tongue: &Tongue) -> Vec<String> {
    let of = |side: usize, position: u16| -> Option<&Weighed> {
        let own = explained[side].weighed.iter().filter(|own| own.position == position);
        // A code on both lists counts by the higher one.
        own.max_by_key(|own| (own.excluded_by_table.is_none(), own.level))
    };
    let word = |own: Option<&Weighed>| match own {
        None => tongue.say("why.unlisted", &[]),
        Some(own) if own.excluded_by_table.is_some() => tongue.say("why.excluded", &[]),
        Some(own) => {
            let level = if own.level == chs_drg::Complication::Mcc { "MCC" } else { "CC" };
            tongue.say("why.counts", &[("level", level)])
        }
    };
    let mut out = Vec::new();
    for (code, position) in record.dx.iter().zip(0u16..).skip(1) {
        let words = [word(of(0, position)), word(of(1, position))];
        if words[0] != words[1] {
            out.push(tongue.say("why.complication", &[("code", code), ("a", &words[0]), ("b", &words[1])]));
        }
    }
    out
}

/// Compares two files of answers of the same table.
///
/// # Errors
/// A file is no table of answers, or their rows are not the same.
pub(crate) fn results(
    files: [&Path; 2],
    output: Option<&Path>,
    prices: &Prices,
    tongue: &Tongue,
) -> Result<String, Failure> {
    let answers = [read_answers(files[0])?, read_answers(files[1])?];
    let [first, second] = &answers;
    let mut tally = Tally::default();
    let mut out = HEADER.as_bytes().to_vec();
    if first.len() != second.len() {
        return Err(Failure::new("results_length", []));
    }
    for ((a, b), row) in first.iter().zip(second).zip(2u64..) {
        if a[0] != b[0] {
            let facts = [("row", row.to_string()), ("a", a[0].to_string()), ("b", b[0].to_string())];
            return Err(Failure::new("results_differ", facts));
        }
        tally.rows += 1;
        let answers = [a, b].map(|own| [&*own[1], &*own[2], &*own[3]]);
        let is_refused = [a, b].map(|own| &*own[4] == "refused");
        if is_refused == [true, true] {
            tally.refused += 1;
            continue;
        }
        let drgs = [answers[0][2], answers[1][2]];
        let kind = if is_refused.contains(&true) {
            Some(Kind::Refused)
        } else {
            tally.compared += 1;
            tally.weigh(drgs, prices);
            Kind::of(&answers[0], &answers[1])
        };
        if let Some(kind) = kind {
            tally.change(kind, &a[0], drgs, "");
            write_change(&mut out, &a[0], kind, &answers, prices, "");
        }
    }
    if let Some(output) = output {
        let mut list = Pending::create(output)?;
        list.write(&out)?;
        list.complete()?;
    }
    let names = files.map(|file| file.display().to_string());
    let both = format!("{}, {}", names[0], names[1]);
    Ok(summary(&tally, [&names[0], &names[1]], &both, output, prices, tongue))
}

/// Answers of a file. answers: [row], id, mdc, adrg, drg, status
fn read_answers(path: &Path) -> Result<Vec<[Box<str>; 5]>, Failure> {
    let mut file = Sheet::open(path)?;
    let column = |name: &'static str| {
        file.column(name).ok_or_else(|| {
            let facts = [
                ("file", file.name().to_owned()),
                ("field", name.to_owned()),
                ("names", name.to_owned()),
                ("columns", file.columns().join(", ")),
            ];
            Failure::new("column_required", facts)
        })
    };
    let columns = [column("id")?, column("mdc")?, column("adrg")?, column("drg")?, column("status")?];
    let mut rows = Vec::new();
    let mut broken = None;
    file.each(|row| match row {
        Ok(row) => {
            rows.push(columns.map(|column| row.get(column).into()));
            std::ops::ControlFlow::Continue(())
        }
        Err(fault) => {
            broken = Some(fault);
            std::ops::ControlFlow::Break(())
        }
    })?;
    match broken {
        Some(fault) => Err(fault.into()),
        None => Ok(rows),
    }
}

fn summary(
    tally: &Tally,
    sides: [&str; 2],
    file: &str,
    output: Option<&Path>,
    prices: &Prices,
    tongue: &Tongue,
) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    let changed: u64 = tally.kinds.values().sum();
    let all = (tally.rows - tally.refused).max(1);
    // Per ten thousand, so that two decimals of a percentage are exact.
    let percent = money::text(i128::from((changed * 10_000 + all / 2) / all), 2);
    line(tongue.say("compare.title", &[("a", sides[0]), ("b", sides[1]), ("file", file)]));
    let facts = [tally.rows, tally.compared, tally.refused, changed].map(|count| count.to_string());
    let facts = [
        ("rows", &*facts[0]),
        ("compared", &*facts[1]),
        ("refused", &*facts[2]),
        ("changed", &*facts[3]),
        ("percent", &*percent),
    ];
    line(tongue.say("compare.counts", &facts));
    if changed == 0 {
        line(tongue.say("compare.same", &[]));
    } else {
        let count = |kind: Kind| tally.kinds.get(&kind).copied().unwrap_or(0).to_string();
        let facts = [count(Kind::Mdc), count(Kind::Adrg), count(Kind::Drg), count(Kind::Group)];
        let facts = [("mdc", &*facts[0]), ("adrg", &*facts[1]), ("drg", &*facts[2]), ("ungrouped", &*facts[3])];
        line(tongue.say("compare.kinds", &facts));
    }
    if prices.iter().any(money::Side::has_weights) {
        for ((sum, side), name) in tally.sums.iter().zip(prices).zip(sides).filter(|((_, side), _)| side.has_weights())
        {
            let (weighed, weight) = (sum.weighed.to_string(), money::weight_text(sum.weight));
            let cmi = money::cmi_text(sum.weight, sum.weighed);
            let facts =
                [("scheme", name), ("table", &side.table), ("weighed", &weighed), ("weight", &weight), ("cmi", &cmi)];
            line(tongue.say("compare.weights", &facts));
            if let Some(rate) = side.rate {
                let (rate, money) = (money::text(rate.into(), 2), money::text(sum.money, 2));
                line(tongue.say("compare.money", &[("scheme", name), ("rate", &rate), ("money", &money)]));
            }
        }
        if prices.iter().all(money::Side::has_weights) {
            let records = tally.both[0].weighed.to_string();
            let cmi = tally.both.map(|sum| money::cmi_text(sum.weight, sum.weighed));
            line(tongue.say("compare.both", &[("records", &records), ("a", &cmi[0]), ("b", &cmi[1])]));
        }
        if prices.iter().all(|side| side.has_weights() && side.rate.is_some()) {
            let both = tally.both.map(|sum| money::text(sum.money, 2));
            let money = money::text(tally.both[1].money - tally.both[0].money, 2);
            line(tongue.say("compare.difference", &[("a", &both[0]), ("b", &both[1]), ("money", &money)]));
        }
        if prices.iter().any(|side| side.rate.is_some()) {
            line(tongue.say("compare.money_note", &[]));
        }
    } else {
        line(tongue.say("compare.no_weights", &[]));
    }
    let mut ways: Vec<(&(String, String), &Way)> = tally.ways.iter().collect();
    ways.sort_by(|a, b| b.1.count.cmp(&a.1.count).then(a.0.cmp(b.0)));
    if !ways.is_empty() {
        line(tongue.say("compare.ways", &[]));
    }
    for ((a, b), way) in ways.into_iter().take(WAYS) {
        let count = way.count.to_string();
        let facts = [("count", &*count), ("a", a), ("b", b), ("id", &way.id), ("why", &way.why)];
        let key = if way.why.is_empty() { "compare.way_plain" } else { "compare.way" };
        line(format!("  {}", tongue.say(key, &facts)));
    }
    if let Some(output) = output {
        line(tongue.say("compare.list", &[("file", &output.display().to_string())]));
    }
    out
}
