//! Reads the published tables and case files. A missing file fails the test.

use std::fs::File;
use std::path::PathBuf;
use std::sync::LazyLock;

use chs_drg::{Days, Record, Tables};
use flate2::read::GzDecoder;

/// Folder of the published tables.
pub(crate) fn dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/drg"))
}

/// The published tables, read once.
pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::open(dir()).unwrap());

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
    /// Reads a case file.
    pub(crate) fn open(file: &str) -> Cases {
        let path = dir().join(file);
        let opened = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = csv::Reader::from_reader(GzDecoder::new(opened));
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
