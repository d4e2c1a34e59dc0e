//! The public tables in a folder: reads them, checks them, and takes out one scheme.
//!
//! Weights, tariffs, front-page columns and crosswalks lie in the same folder and are not read here.
//! Source: opendrg, "Tables".

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::definition::{Class, Code, CodeSet, Complicating, Definition, Drg, Mdc, Profile, Region, Step, Unmatched};
use crate::error::Error;
use crate::rule::{Kind, Rule, SetIx};
use crate::scheme::Scheme;

/// Every table the schemes are made of.
#[derive(Debug)]
pub struct Tables {
    versions: Table,
    mdcs: Table,
    steps: Table,
    drgs: Table,
    regions: Table,
    complicating: Table,
    exclusions: Table,
    errata: Table,
    icd10: Table,
    icd9cm3: Table,
    sets: HashMap<String, SetRow>,
}

/// The rules of a scheme in evaluation order.
type Rules = (Vec<Mdc>, Vec<Step>, Vec<Drg>);
/// Complications, and exclusions as in `Definition::exclusions`.
type Complications = (Vec<Complicating>, Vec<(u32, u16)>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRow {
    set: String,
    kind: String,
    codes: Vec<String>,
}

/// One CSV table. rows: [row], each as wide as the header.
#[derive(Debug)]
struct Table {
    file: &'static str,
    header: Vec<String>,
    rows: Vec<(u64, csv::StringRecord)>,
    /// Rows by their first column, which is the version, the list or the code.
    first: HashMap<String, Vec<usize>>,
}

impl Table {
    fn open(dir: &Path, file: &'static str, columns: &[&str]) -> Result<Table, Error> {
        let opened = File::open(dir.join(file)).map_err(|source| Error::Read { file: file.to_owned(), source })?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(opened));
        let fault = |line: u64, column: &str, what: String| Error::Table {
            file: file.to_owned(),
            line,
            column: column.to_owned(),
            what,
        };
        let broken = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            match error.into_kind() {
                csv::ErrorKind::Io(source) => Error::Read { file: file.to_owned(), source },
                other => fault(line, "", format!("{other:?}")),
            }
        };
        let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        for column in columns {
            if !header.iter().any(|name| name == column) {
                return Err(fault(1, column, "the column is missing".to_owned()));
            }
        }
        let mut rows = Vec::new();
        let mut first: HashMap<String, Vec<usize>> = HashMap::new();
        for row in reader.into_records() {
            let row = row.map_err(broken)?;
            let line = row.position().map_or(0, csv::Position::line);
            if row.len() != header.len() {
                let column = header.get(row.len()).map_or("", String::as_str);
                return Err(fault(line, column, format!("{} fields, but the header has {}", row.len(), header.len())));
            }
            first.entry(row.get(0).unwrap_or("").to_owned()).or_default().push(rows.len());
            rows.push((line, row));
        }
        Ok(Table { file, header, rows, first })
    }

    fn of<'t>(&'t self, key: &str) -> impl Iterator<Item = Row<'t>> + use<'t> {
        let numbers = self.first.get(key).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| self.rows.get(*number)).map(|(line, row)| Row {
            table: self,
            line: *line,
            row,
        })
    }

    fn all(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, row)| Row { table: self, line: *line, row })
    }
}

#[derive(Clone, Copy)]
struct Row<'t> {
    table: &'t Table,
    line: u64,
    row: &'t csv::StringRecord,
}

impl<'t> Row<'t> {
    fn get(&self, column: &str) -> &'t str {
        let at = self.table.header.iter().position(|name| name == column);
        at.and_then(|at| self.row.get(at)).unwrap_or("")
    }

    fn text(&self, column: &str) -> String {
        self.get(column).to_owned()
    }

    fn fault(&self, column: &str, what: impl Into<String>) -> Error {
        Error::Table { file: self.table.file.to_owned(), line: self.line, column: column.to_owned(), what: what.into() }
    }

    fn number<T: std::str::FromStr>(&self, column: &str) -> Result<T, Error> {
        let text = self.get(column);
        text.parse().map_err(|_| self.fault(column, format!("`{text}` is no whole number")))
    }

    fn one_of<T: Copy>(&self, column: &str, words: &[(T, &str)]) -> Result<T, Error> {
        let text = self.get(column);
        let found = words.iter().find(|(_, word)| *word == text);
        found.map(|(value, _)| *value).ok_or_else(|| self.fault(column, format!("`{text}` is not known here")))
    }
}

impl Tables {
    /// Reads the tables in `dir`.
    pub fn open(dir: impl AsRef<Path>) -> Result<Tables, Error> {
        let dir = dir.as_ref();
        Ok(Tables {
            versions: Table::open(
                dir,
                "version.csv",
                &[
                    "version",
                    "title",
                    "region",
                    "base",
                    "year",
                    "cc_list",
                    "cce_list",
                    "valid_px",
                    "ignored_px",
                    "bad_pdx",
                    "retry",
                    "checked",
                ],
            )?,
            mdcs: Table::open(dir, "mdc.csv", &["version", "seq", "mdc", "name", "when"])?,
            steps: Table::open(
                dir,
                "adrg.csv",
                &["version", "mdc", "seq", "step", "adrg", "class", "name", "when", "unmatched"],
            )?,
            drgs: Table::open(dir, "drg.csv", &["version", "step", "seq", "drg", "name", "when"])?,
            regions: Table::open(dir, "region.csv", &["version", "region", "set"])?,
            complicating: Table::open(dir, "cc.csv", &["list", "code", "level", "excl"])?,
            exclusions: Table::open(dir, "cce.csv", &["list", "pdx", "excl"])?,
            errata: Table::open(dir, "errata.csv", &["version", "level", "key", "reference_when", "published_when"])?,
            icd10: Table::open(dir, "icd10.csv", &["code", "grey"])?,
            icd9cm3: Table::open(dir, "icd9cm3.csv", &["code", "grey"])?,
            sets: open_sets(dir)?,
        })
    }

    /// The ids of the schemes, in the order of the table.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.versions.all().map(|row| row.get("version"))
    }

    /// Takes out one scheme as plain data.
    pub fn definition(&self, id: &str, profile: Profile) -> Result<Definition, Error> {
        let version = self.versions.of(id).next().ok_or_else(|| Error::NoScheme { id: id.to_owned() })?;
        let mut asked = Asked { rows: &self.sets, names: Vec::new(), numbers: HashMap::new() };
        let optional = |asked: &mut Asked<'_>, column: &str, kind: Kind| match version.get(column) {
            "" => Ok(None),
            name => match asked.find(name) {
                Some((set, found)) if found == kind => Ok(Some(set)),
                Some(_) => Err(version.fault(column, format!("the code set `{name}` does not list {kind}"))),
                None => Err(version.fault(column, format!("there is no code set `{name}`"))),
            },
        };
        let valid_px = optional(&mut asked, "valid_px", Kind::Px)?;
        let ignored_px = optional(&mut asked, "ignored_px", Kind::Px)?;
        let bad_pdx = optional(&mut asked, "bad_pdx", Kind::Dx)?;
        let (mdcs, steps, drgs) = self.rules(id, profile, &mut asked)?;
        let mut regions = Vec::new();
        for row in self.regions.of(id) {
            let name = row.get("set");
            let set = asked.find(name).ok_or_else(|| row.fault("set", format!("there is no code set `{name}`")))?.0;
            regions.push(Region { name: row.text("region"), set });
        }
        let lists = (version.get("cc_list"), version.get("cce_list"));
        let complicating = self.complicating.of(lists.0).filter_map(|row| plain_code(row.get("code"), profile));
        let excluding = self.exclusions.of(lists.1).filter_map(|row| plain_code(row.get("pdx"), profile));
        let (dx, dx_numbers) = dictionary(&self.icd10, asked.codes(Kind::Dx).chain(complicating).chain(excluding));
        let (px, px_numbers) = dictionary(&self.icd9cm3, asked.codes(Kind::Px));
        let sets = asked.sets(&dx_numbers, &px_numbers);
        let (complicating, exclusions) = self.complications(lists, &dx_numbers, profile)?;
        let definition = Definition {
            id: id.to_owned(),
            title: version.text("title"),
            region: version.text("region"),
            base: version.text("base"),
            year: version.number("year")?,
            checked: version.text("checked"),
            profile,
            retry: version.one_of("retry", &[(false, ""), (true, "secondary-procedure")])?,
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
        };
        definition.check()?;
        Ok(definition)
    }

    /// Takes out one scheme, ready to group.
    pub fn scheme(&self, id: &str, profile: Profile) -> Result<Scheme, Error> {
        Scheme::new(self.definition(id, profile)?)
    }

    fn rules(&self, id: &str, profile: Profile, asked: &mut Asked<'_>) -> Result<Rules, Error> {
        // errata: by level and key, the row and whether it was used.
        let mut errata: HashMap<String, (Row<'_>, bool)> = HashMap::new();
        if profile == Profile::Published {
            for row in self.errata.of(id) {
                row.one_of("level", &[((), "mdc"), ((), "adrg")])?;
                errata.insert([row.get("level"), row.get("key")].join(" "), (row, false));
            }
        }
        let mut when = |row: Row<'_>, level: &str, key: &str, asked: &mut Asked<'_>| {
            let read = |row: Row<'_>, column: &str, asked: &mut Asked<'_>| {
                Rule::parse(row.get(column), &mut |name| asked.find(name))
                    .map_err(|fault| row.fault(&format!("{column}, character {}", fault.at), fault.what))
            };
            match errata.get_mut(&[level, key].join(" ")) {
                Some((erratum, used)) => {
                    *used = true;
                    read(*erratum, "published_when", asked)
                }
                None => read(row, "when", asked),
            }
        };
        let mut mdcs = Vec::new();
        let mut steps = Vec::new();
        let mut drgs = Vec::new();
        let mut mdc_rows: Vec<Row<'_>> = self.mdcs.of(id).collect();
        sort_by_seq(&mut mdc_rows)?;
        let mut step_rows: HashMap<&str, Vec<Row<'_>>> = HashMap::new();
        for row in self.steps.of(id) {
            step_rows.entry(row.get("mdc")).or_default().push(row);
        }
        let mut drg_rows: HashMap<&str, Vec<Row<'_>>> = HashMap::new();
        for row in self.drgs.of(id) {
            drg_rows.entry(row.get("step")).or_default().push(row);
        }
        for mdc_row in mdc_rows {
            let code = mdc_row.get("mdc");
            let mdc = u8::try_from(mdcs.len()).map_err(|_| mdc_row.fault("mdc", "more than 255 MDCs"))?;
            mdcs.push(Mdc {
                code: code.to_owned(),
                name: mdc_row.text("name"),
                when: when(mdc_row, "mdc", code, asked)?,
            });
            let mut rows = step_rows.remove(code).unwrap_or_default();
            sort_by_seq(&mut rows)?;
            for row in rows {
                let step = row.get("step");
                let mut own = drg_rows.remove(step).unwrap_or_default();
                sort_by_seq(&mut own)?;
                let drg_first = u16::try_from(drgs.len()).map_err(|_| row.fault("step", "too many DRGs"))?;
                for drg in &own {
                    drgs.push(Drg {
                        code: drg.text("drg"),
                        name: drg.text("name"),
                        when: when(*drg, "drg", drg.get("drg"), asked)?,
                    });
                }
                let class = row.one_of("class", &Class::ALL)?;
                let unmatched = [(Unmatched::Next, "next"), (Unmatched::Adrg, "adrg"), (Unmatched::Adrg, "")];
                // Only an ambiguous step, which answers before any DRG is asked, may leave `unmatched` empty.
                let unmatched = match class {
                    Class::Ambiguous => row.one_of("unmatched", &unmatched)?,
                    Class::Surgical | Class::Operation | Class::Medical => row.one_of("unmatched", &unmatched[..2])?,
                };
                steps.push(Step {
                    mdc,
                    step: step.to_owned(),
                    adrg: row.text("adrg"),
                    class,
                    name: row.text("name"),
                    when: when(row, "adrg", step, asked)?,
                    unmatched,
                    drg_first,
                    drg_count: u16::try_from(own.len()).map_err(|_| row.fault("step", "too many DRGs"))?,
                });
            }
        }
        if let Some(row) = step_rows.into_values().flatten().next() {
            return Err(row.fault("mdc", format!("`{id}` has no MDC `{}`", row.get("mdc"))));
        }
        if let Some(row) = drg_rows.into_values().flatten().next() {
            return Err(row.fault("step", format!("`{id}` has no step `{}`", row.get("step"))));
        }
        if let Some((row, _)) = errata.into_values().find(|(_, used)| !used) {
            return Err(row.fault("key", format!("`{id}` has no `{}`", row.get("key"))));
        }
        Ok((mdcs, steps, drgs))
    }

    fn complications(
        &self,
        lists: (&str, &str),
        dx: &HashMap<&str, u32>,
        profile: Profile,
    ) -> Result<Complications, Error> {
        let number = |row: Row<'_>, column: &str, code: &str| {
            dx.get(code).copied().ok_or_else(|| row.fault(column, format!("`{code}` is not in the dictionary")))
        };
        let mut complicating: Vec<Complicating> = Vec::new();
        // A repaired code gives way to the same code written properly.
        let mut repaired = Vec::new();
        for row in self.complicating.of(lists.0) {
            let Some(code) = plain_code(row.get("code"), profile) else { continue };
            let to = if code == row.get("code") { &mut complicating } else { &mut repaired };
            to.push(Complicating {
                dx: number(row, "code", code)?,
                major: row.one_of("level", &[(true, "MCC"), (false, "CC")])?,
                exclusion: if row.get("excl").is_empty() { 0 } else { row.number("excl")? },
            });
        }
        repaired.retain(|row| !complicating.iter().any(|proper| proper.dx == row.dx));
        complicating.append(&mut repaired);
        let mut exclusions: Vec<(u32, u16)> = Vec::new();
        let mut repaired = Vec::new();
        for row in self.exclusions.of(lists.1) {
            let Some(code) = plain_code(row.get("pdx"), profile) else { continue };
            let to = if code == row.get("pdx") { &mut exclusions } else { &mut repaired };
            to.push((number(row, "pdx", code)?, row.number("excl")?));
        }
        repaired.retain(|row| !exclusions.iter().any(|proper| proper.0 == row.0));
        exclusions.append(&mut repaired);
        complicating.sort_unstable_by_key(|row| (row.dx, row.major));
        exclusions.sort_unstable();
        Ok((complicating, exclusions))
    }
}

/// The code in a cell of the complication lists. A dozen cells hold part of the neighbouring name as well; no record
/// carries such a text, so the reference never counts it. The published profile takes the code out of it.
fn plain_code(cell: &str, profile: Profile) -> Option<&str> {
    if cell.is_ascii() {
        return Some(cell);
    }
    match profile {
        Profile::Reference => None,
        Profile::Published => {
            let start = cell.find(|c: char| c.is_ascii_uppercase())?;
            let code = cell.get(start..)?;
            let digits = code.get(1..)?;
            let end =
                digits.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | 'x')).map_or(code.len(), |end| end + 1);
            code.get(..end).filter(|code| code.len() >= 7)
        }
    }
}

fn sort_by_seq(rows: &mut [Row<'_>]) -> Result<(), Error> {
    for row in rows.iter() {
        row.number::<u32>("seq")?;
    }
    rows.sort_by_key(|row| row.get("seq").parse::<u32>().unwrap_or(u32::MAX));
    Ok(())
}

fn open_sets(dir: &Path) -> Result<HashMap<String, SetRow>, Error> {
    const FILE: &str = "codeset.jsonl";
    let read = |source| Error::Read { file: FILE.to_owned(), source };
    let reader = BufReader::new(File::open(dir.join(FILE)).map_err(read)?);
    let mut sets = HashMap::new();
    for (number, line) in reader.lines().enumerate() {
        let fault = |column: String, what: String| Error::Table {
            file: FILE.to_owned(),
            line: number as u64 + 1,
            column,
            what,
        };
        let row: SetRow = serde_json::from_str(&line.map_err(read)?)
            .map_err(|error| fault(error.column().to_string(), error.to_string()))?;
        if !matches!(row.kind.as_str(), "dx" | "px") {
            return Err(fault("kind".to_owned(), format!("`{}` is neither `dx` nor `px`", row.kind)));
        }
        if sets.insert(row.set.clone(), row).is_some() {
            return Err(fault("set".to_owned(), "the code set stands twice".to_owned()));
        }
    }
    Ok(sets)
}

/// Merges the classification's codes with those the scheme names. Gives the codes and their numbers by text.
fn dictionary<'t>(
    classification: &'t Table,
    named: impl Iterator<Item = &'t str>,
) -> (Vec<Code>, HashMap<&'t str, u32>) {
    let mut codes: BTreeMap<&str, (bool, bool)> = named.map(|code| (code, (false, false))).collect();
    for row in classification.all() {
        codes.insert(row.get("code"), (true, row.get("grey") == "1"));
    }
    let numbers = codes.keys().zip(0u32..).map(|(code, number)| (*code, number)).collect();
    let codes = codes.into_iter().map(|(text, (listed, grey))| Code { text: text.to_owned(), listed, grey }).collect();
    (codes, numbers)
}

/// The code sets that a scheme asks for, numbered in the order of first use.
struct Asked<'t> {
    rows: &'t HashMap<String, SetRow>,
    names: Vec<&'t SetRow>,
    numbers: HashMap<&'t str, SetIx>,
}

impl<'t> Asked<'t> {
    fn find(&mut self, name: &str) -> Option<(SetIx, Kind)> {
        let row = self.rows.get(name)?;
        let kind = if row.kind == "dx" { Kind::Dx } else { Kind::Px };
        if let Some(number) = self.numbers.get(name) {
            return Some((*number, kind));
        }
        let number = SetIx::try_from(self.names.len()).ok()?;
        self.names.push(row);
        self.numbers.insert(&row.set, number);
        Some((number, kind))
    }

    fn codes(&self, kind: Kind) -> impl Iterator<Item = &'t str> + use<'t> {
        let rows: Vec<&'t SetRow> =
            self.names.iter().copied().filter(|row| row.kind == if kind == Kind::Dx { "dx" } else { "px" }).collect();
        rows.into_iter().flat_map(|row| row.codes.iter().map(String::as_str))
    }

    fn sets(&self, dx: &HashMap<&str, u32>, px: &HashMap<&str, u32>) -> Vec<CodeSet> {
        let set = |row: &&SetRow| {
            let (kind, numbers) = if row.kind == "dx" { (Kind::Dx, dx) } else { (Kind::Px, px) };
            let mut codes: Vec<u32> = row.codes.iter().filter_map(|code| numbers.get(code.as_str()).copied()).collect();
            codes.sort_unstable();
            codes.dedup();
            CodeSet { name: row.set.clone(), kind, codes }
        };
        self.names.iter().map(set).collect()
    }
}
