//! Tables of front pages as input: the wide forms of HQMS, whose codes are of the clinical edition.
//!
//! The edge reads and mends the pages; here each becomes a record. A stay is named by its medical record number and the
//! count of the admission, with `-` between.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use chs_drg::Record;
use yiti_drg::check::Checks;
use yiti_drg::codes::Packed;
use yiti_frontpage::read::Problem;
use yiti_frontpage::{FileFault, Item, Limits, Opened, Repair, RepairKind};
use yiti_kernel::definition::Fault;

use super::failure::Failure;
use super::pipeline::STOP;
use super::stay::{Note, Reason, Severity, Stay, Taker};
use crate::definitions;

/// An open table of front pages, with what reading it needs.
pub(crate) struct Pages {
    /// The file's name.
    pub(crate) name: String,
    opened: Opened,
    checks: Checks,
    codes: Packed,
}

impl Pages {
    /// Opens a table of front pages. It is held in memory.
    ///
    /// # Errors
    /// It is none, or breaks off.
    pub(crate) fn open(path: &Path) -> Result<Pages, Failure> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let unreadable = |reason: String| {
            Failure::from(sheet::Fault {
                file: name.to_string(),
                row: None,
                column: None,
                problem: sheet::Problem::Unreadable { reason },
            })
        };
        let broken = |faults: Vec<Fault>| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Failure::new("definitions", [("faults", faults.join("; "))])
        };
        let checks = Checks::load(&definitions::files(None).map_err(broken)?).map_err(broken)?;
        let codes = Packed::new(&definitions::shipped).map_err(broken)?;
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let opened = yiti_frontpage::open(&name, bytes.into(), None, &checks, Limits::default());
        let opened = opened.map_err(|fault| of_file(&name, fault))?;
        Ok(Pages { name: name.into_owned(), opened, checks, codes })
    }

    /// Hands over row after row, with its number, until `work` breaks off. A refused row has notes alone.
    ///
    /// # Errors
    /// The command is to end, or the file breaks off.
    pub(crate) fn each(
        &mut self,
        taker: &Taker<'_>,
        mut work: impl FnMut(u64, &Stay<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut stopped = false;
        let read = self.opened.each(&self.checks, self.codes.get(), |item| {
            if STOP.load(Ordering::Relaxed) {
                stopped = true;
                return ControlFlow::Break(());
            }
            match item {
                Item::Page { place, page, repairs } => {
                    let id = format!("{}-{}", page.medical_record_number, page.admission_count);
                    yiti_drg::group::with_record(&page, |record| {
                        let notes = repairs.into_iter().filter_map(note_of).collect();
                        let mut stay = Stay::new(&id, record, notes);
                        taker.judge(&mut stay);
                        work(place.0, &stay)
                    })
                }
                Item::Refused(troubles) => {
                    let row = troubles.first().map_or(0, |trouble| trouble.place.0);
                    let notes = troubles.into_iter().map(|trouble| Note {
                        severity: Severity::Refused,
                        field: trouble.column,
                        value: trouble.value,
                        reason: match trouble.problem {
                            Problem::Row(fault) => Reason::Row(fault),
                            problem => Reason::Page(problem.key()),
                        },
                    });
                    work(row, &Stay::new("", &Record::default(), notes.collect()))
                }
            }
        });
        read.map_err(|fault| of_file(&self.name, fault))?;
        if stopped { Err(Failure::new("stopped", [])) } else { Ok(()) }
    }
}

/// What a person should see of the mends. Spelling that changes no answer is left out.
fn note_of(repair: Repair) -> Option<Note> {
    let severity = match repair.kind {
        RepairKind::LowerCase
        | RepairKind::DotLost
        | RepairKind::CodeNumber
        | RepairKind::CodeDate
        | RepairKind::DateNumber
        | RepairKind::SexWord
        | RepairKind::NewbornDays
        | RepairKind::NewbornYears
        | RepairKind::PrincipalFirst => Severity::Repaired,
        RepairKind::Crosswalk => Severity::Note,
        RepairKind::FullWidth
        | RepairKind::Spaces
        | RepairKind::Placeholder
        | RepairKind::NumberSpelling
        | RepairKind::DateSpelling
        | RepairKind::ZeroMeansNothing
        | RepairKind::Gap
        | RepairKind::Encoding => return None,
    };
    let reason = Reason::Mended { key: repair.kind.key(), to: repair.after };
    Some(Note { severity, field: repair.column, value: repair.before, reason })
}

/// A file that was refused as a whole.
fn of_file(name: &str, fault: FileFault) -> Failure {
    match fault {
        FileFault::Sheet(fault) => fault.into(),
        other => Failure::Pages { file: name.to_owned(), fault: Box::new(other) },
    }
}
