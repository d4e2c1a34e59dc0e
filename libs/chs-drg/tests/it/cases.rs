//! The published tables and case files, which do not lie in the repository (`samples`), and the shipped packs, which
//! do.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

use chs_drg::{Days, Profile, Record, Scheme, Tables};
use flate2::read::GzDecoder;

/// Folder of the published tables, where they are.
pub(crate) fn dir() -> Option<PathBuf> {
    samples::field("drg")
}

/// The published tables, read once, where they are.
pub(crate) fn tables() -> Option<&'static Tables> {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    let folder = dir()?;
    Some(TABLES.get_or_init(|| Tables::open(folder).unwrap()))
}

/// The bytes of a pack that comes with the product.
pub(crate) fn shipped(id: &str) -> Vec<u8> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions/drg"));
    std::fs::read(dir.join(format!("{id}.pack"))).unwrap()
}

/// A scheme that comes with the product.
pub(crate) fn scheme(id: &str) -> Scheme {
    Scheme::read(&shipped(id)).unwrap()
}

/// A scheme as the published tables make it.
pub(crate) fn built(tables: &Tables, id: &str, profile: Profile) -> Scheme {
    Scheme::build(tables, id, profile).unwrap()
}

/// A record of a case file. expected: [version of the file], the DRG; empty where the reference has no answer.
pub(crate) struct Case {
    pub(crate) id: String,
    row: csv::StringRecord,
    dx: Vec<String>,
    px: Vec<String>,
    pub(crate) expected: Vec<String>,
}

/// A case file.
pub(crate) struct Cases {
    pub(crate) versions: Vec<String>,
    pub(crate) cases: Vec<Case>,
}

const INPUTS: usize = 12;

impl Cases {
    /// Reads a published case file, where it is.
    pub(crate) fn published(file: &str) -> Option<Cases> {
        let path = samples::field(&format!("drg/{file}"))?;
        Some(Cases::read(GzDecoder::new(File::open(path).unwrap())))
    }

    /// Cases of our own making. Their answers are the grouper's own, kept when it agreed with every published case.
    pub(crate) fn own() -> Cases {
        Cases::read(&include_bytes!("../cases.csv")[..])
    }

    fn read(text: impl std::io::Read) -> Cases {
        let mut reader = csv::Reader::from_reader(text);
        let header = reader.headers().unwrap().clone();
        assert_eq!(
            header.iter().take(INPUTS).collect::<Vec<_>>().join(","),
            "id,kind,sex,age,age_days,weight,dept,los,discharge,icu_hours,dx,px"
        );
        let versions = header.iter().skip(INPUTS).map(str::to_owned).collect();
        let split = |text: &str| text.split('|').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        let cases = reader.records().map(Result::unwrap).map(|row| Case {
            id: row[0].to_owned(),
            dx: split(&row[10]),
            px: split(&row[11]),
            expected: row.iter().skip(INPUTS).map(str::to_owned).collect(),
            row,
        });
        Cases { versions, cases: cases.collect() }
    }
}

impl Case {
    /// Hands the record to `work`.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Record<'_>) -> T) -> T {
        let dx: Vec<&str> = self.dx.iter().map(String::as_str).collect();
        let px: Vec<&str> = self.px.iter().map(String::as_str).collect();
        let number = |at: usize| self.row[at].parse().ok();
        work(&Record {
            sex: number(2),
            age: number(3),
            age_days: number(4),
            weight: number(5),
            dept: &self.row[6],
            los: number(7),
            discharge: &self.row[8],
            icu_hours: number(9),
            dx: &dx,
            px: &px,
            days: Days::default(),
        })
    }
}
