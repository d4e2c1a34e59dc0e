//! What this slice tells those who measure: one row for each remote reading. Measures read nothing else of it.
//!
//! Leaves out: which rows are asked for and by whom; the caller reads them inside its scope.

use yiti_directory::{InstitutionId, Tree};
use yiti_flow::CaseId;
use yiti_kernel::{Timestamp, time};
use yiti_measure::fact::BadRow;
use yiti_measure::{Batch, Column, Datum, Fact, Kind};

use crate::store::ReadRow;

/// One remote reading.
pub static REMOTE_READ: Fact = Fact {
    name: "remote_read",
    grain: "one remote reading, from the order of a branch to the report of headquarters",
    columns: &[
        Column::new("read_id", Kind::Id, "The reading"),
        Column::new("institution_id", Kind::Id, "The branch that asked"),
        Column::new("institution", Kind::Text, "The short name of that branch"),
        Column::new("modality", Kind::Text, "DICOM modality"),
        Column::new("body_part", Kind::Text, "DICOM body part"),
        Column::new("priority", Kind::Text, "How soon: stat, urgent, routine"),
        Column::new("setting", Kind::Text, "In which care: outpatient, emergency, inpatient"),
        Column::new("month", Kind::Text, "The month of the first issue: 2026-03").nullable(),
        Column::new("requested_at", Kind::Instant, "When it was asked for"),
        Column::new("examined_at", Kind::Instant, "End of the examination at the branch").nullable(),
        Column::new("arrived_at", Kind::Instant, "When the pictures were complete at headquarters").nullable(),
        Column::new("issued_at", Kind::Instant, "When the first version of the report was issued").nullable(),
        Column::new("due_at", Kind::Instant, "When the report is due, counted from arrival").nullable(),
        Column::new("due_whole_at", Kind::Instant, "When it is due, counted from the end of the examination")
            .nullable(),
        Column::new("grade", Kind::Text, "The grade of the pictures: a, b, c, unfit").nullable(),
        Column::new("repeat_count", Kind::Integer, "How often the pictures were asked for again").unit("times"),
        Column::new("is_positive", Kind::Flag, "Something was found").nullable(),
        Column::new("is_critical", Kind::Flag, "Something critical was found").nullable(),
        Column::new("is_double_signed", Kind::Flag, "One person wrote the report, another approved it").nullable(),
    ],
};

/// What measures see of one remote reading: the narrow row that is read when figures are asked for.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The case.
    pub id: CaseId,
    /// The branch.
    pub institution: InstitutionId,
    /// Modality.
    pub modality: String,
    /// Body part.
    pub body_part: String,
    /// Key of the urgency.
    pub priority: String,
    /// Key of the care.
    pub setting: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// End of the examination.
    pub examined_at: Option<Timestamp>,
    /// When the pictures were complete at headquarters.
    pub arrived_at: Option<Timestamp>,
    /// When the first version was issued.
    pub issued_at: Option<Timestamp>,
    /// Due, counted from arrival.
    pub due_at: Option<Timestamp>,
    /// Due, counted from the end of the examination.
    pub due_whole_at: Option<Timestamp>,
    /// Key of the pictures' grade.
    pub grade: Option<String>,
    /// How often the pictures were asked for again.
    pub repeat_count: u32,
    /// Something was found.
    pub is_positive: Option<bool>,
    /// Something critical was found.
    pub is_critical: Option<bool>,
    /// Two people signed; `None` when a signature is not known.
    pub is_double_signed: Option<bool>,
}

impl From<&ReadRow> for Reading {
    fn from(row: &ReadRow) -> Self {
        Self {
            id: row.id,
            institution: row.institution,
            modality: row.modality.clone(),
            body_part: row.body_part.clone(),
            priority: row.priority.key().to_owned(),
            setting: row.setting.key().to_owned(),
            requested_at: row.requested_at,
            examined_at: row.examined_at,
            arrived_at: row.arrived_at,
            issued_at: row.first_issued_at,
            due_at: row.due.map(|due| due.at),
            due_whole_at: row.due_whole_at,
            grade: row.grade.clone(),
            repeat_count: row.repeat_count,
            is_positive: row.is_positive,
            is_critical: row.is_critical,
            is_double_signed: row.author.zip(row.approver).map(|(author, approver)| author != approver),
        }
    }
}

/// The month of an instant as figures name it: `2026-03`.
#[must_use]
pub fn month_of(at: Timestamp) -> String {
    let day = time::day(at);
    format!("{:04}-{:02}", day.year(), day.month())
}

/// The rows of [`REMOTE_READ`], in the order of `readings`.
///
/// # Errors
/// [`BadRow`] when a row does not fit the fact, which is a fault of this module.
pub fn batch(readings: &[Reading], tree: &Tree) -> Result<Batch, BadRow> {
    let mut batch = Batch::new(&REMOTE_READ);
    // Readings come by the time of issue: a month's name is made once, not once a row.
    let mut month = (Timestamp::MIN, Timestamp::MIN, String::new());
    for reading in readings {
        if let Some(at) = reading.issued_at
            && !(month.0 <= at && at < month.1)
        {
            let first = time::day(at).first_of_month();
            let next = first.last_of_month().tomorrow().unwrap_or(first);
            month = (time::day_start(first), time::day_start(next), month_of(at));
        }
        batch.push(&[
            reading.id.0.into(),
            reading.institution.0.into(),
            tree.short_name(reading.institution).into(),
            reading.modality.as_str().into(),
            reading.body_part.as_str().into(),
            reading.priority.as_str().into(),
            reading.setting.as_str().into(),
            reading.issued_at.map(|_| month.2.as_str()).into(),
            reading.requested_at.into(),
            reading.examined_at.into(),
            reading.arrived_at.into(),
            reading.issued_at.into(),
            reading.due_at.into(),
            reading.due_whole_at.into(),
            reading.grade.as_deref().map_or(Datum::Missing, Datum::from),
            reading.repeat_count.into(),
            reading.is_positive.into(),
            reading.is_critical.into(),
            reading.is_double_signed.into(),
        ])?;
    }
    Ok(batch)
}

/// As [`batch`], from the rows that lists show.
///
/// # Errors
/// As [`batch`].
pub fn rows(reads: &[ReadRow], tree: &Tree) -> Result<Batch, BadRow> {
    let readings: Vec<Reading> = reads.iter().map(Reading::from).collect();
    batch(&readings, tree)
}
