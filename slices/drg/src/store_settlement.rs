//! Rows of settled months and cleared years; all SQL of them.
//!
//! INVARIANT: no statement changes or deletes a line, and none changes a frozen run but the insert that made it.

use drg_payment::{Fen as PackFen, Sums};
use serde_json::json;
use yiti_directory::{InstitutionId, PersonId, Scope};
use yiti_kernel::{Fen, Timestamp, Uuid, id_type};
use yiti_record::front_page::FrontPageId;
use yiti_store::{Digest, Error, Reader, Row, Tx, args, sql};

use crate::settle::{RuleUsed, SettledStay};

id_type!(
    /// Names a settled month.
    SettlementRunId
);
id_type!(
    /// Names a cleared year.
    ClearingId
);

/// Where a run or a clearing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Its lines are being written; one that stays so was interrupted.
    Preparing,
    /// Complete, and still to be frozen or discarded.
    Draft,
    /// Never changes again.
    Frozen,
    /// Replaced by a newer draft, or given up.
    Discarded,
}

impl RunStatus {
    const ALL: [Self; 4] = [Self::Preparing, Self::Draft, Self::Frozen, Self::Discarded];

    /// As stored and as key of its words below `settlement_status`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Draft => "draft",
            Self::Frozen => "frozen",
            Self::Discarded => "discarded",
        }
    }

    fn of(key: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|status| status.key() == key);
        found.ok_or_else(|| Error::Corrupt { what: "settlement status", why: key.to_owned() })
    }
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The person.
    pub person: PersonId,
    /// Their name then.
    pub name: String,
    /// The moment.
    pub at: Timestamp,
}

/// A settled month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its identifier.
    pub id: SettlementRunId,
    /// The node; all institutions below it are in the run.
    pub institution: InstitutionId,
    /// `2026-03`.
    pub month: String,
    /// `employee` or `resident`.
    pub insurance: String,
    /// 1 for the first run of the month, 2 for the next.
    pub number: u32,
    /// Where it stands.
    pub status: RunStatus,
    /// The frozen run that this one corrects.
    pub previous: Option<SettlementRunId>,
    /// Share of what the fund owes that it pays at once.
    pub prepaid_share: String,
    /// Packs and schemes.
    pub rules: Vec<RuleUsed>,
    /// Stays that are left out.
    pub left_count: u32,
    /// Sums over the settled stays; `reviews` is not kept and 0.
    pub sums: Sums,
    /// The canonical text, kept as a blob.
    pub text: Digest,
    /// SHA-256 of the inputs.
    pub inputs_hash: String,
    /// SHA-256 of the whole.
    pub hash: String,
    /// What was noted with it.
    pub note: String,
    /// Who prepared it.
    pub prepared: By,
    /// Who froze it.
    pub frozen: Option<By>,
}

fn amount(amount: PackFen) -> Fen {
    Fen(amount.0)
}

fn sums_of(row: &Row) -> Result<Sums, Error> {
    let money = |column: &str| row.get::<i64>(column).map(PackFen);
    Ok(Sums {
        cases: row.get("case_count")?,
        reviews: 0,
        points_e6: row.get("points_e6")?,
        standard: money("standard")?,
        cost: money("cost")?,
        patient: money("patient")?,
        pay: money("pay")?,
        fund: money("fund")?,
        prepaid: money("prepaid")?,
        retained: money("retained")?,
    })
}

fn by(row: &Row, [person, name, at]: [&str; 3]) -> Result<Option<By>, Error> {
    let Some(person) = row.optional_id::<PersonId>(person)? else { return Ok(None) };
    let at: Option<Timestamp> = row.get(at)?;
    let at = at.ok_or_else(|| Error::Corrupt { what: "settlement", why: "a person without a moment".into() })?;
    Ok(Some(By { person, name: row.get(name)?, at }))
}

fn prepared(row: &Row) -> Result<By, Error> {
    let by = by(row, ["prepared_by", "prepared_name", "prepared_at"])?;
    by.ok_or_else(|| Error::Corrupt { what: "settlement", why: "nobody prepared it".into() })
}

fn run_of(row: &Row) -> Result<RunRow, Error> {
    let rules: String = row.get("rules")?;
    let corrupt = |why: serde_json::Error| Error::Corrupt { what: "rules of a run", why: why.to_string() };
    Ok(RunRow {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        month: row.get("month")?,
        insurance: row.get("insurance")?,
        number: row.get("number")?,
        status: RunStatus::of(&row.get::<String>("status")?)?,
        previous: row.optional_id("previous_id")?,
        prepaid_share: row.get("prepaid_share")?,
        rules: serde_json::from_str(&rules).map_err(corrupt)?,
        left_count: row.get("left_count")?,
        sums: sums_of(row)?,
        text: row.get("text_digest")?,
        inputs_hash: row.get("inputs_hash")?,
        hash: row.get("hash")?,
        note: row.get("note")?,
        prepared: prepared(row)?,
        frozen: by(row, ["frozen_by", "frozen_name", "frozen_at"])?,
    })
}

/// The next number of a month's run, and its newest frozen run.
///
/// # Errors
/// Whatever the store says.
pub async fn before(
    reader: &mut Reader,
    (institution, month, insurance): (InstitutionId, &str, &str),
) -> Result<(u32, Option<SettlementRunId>), Error> {
    let keys = args![institution.0, month, insurance];
    let last = reader
        .one(
            sql!(
                "select coalesce(max(number), 0) as n from drg_settlement_run
                 where institution_id = $1 and month = $2 and insurance = $3"
            ),
            keys,
        )
        .await?;
    let frozen = reader
        .row(
            sql!(
                "select id from drg_settlement_run where institution_id = $1 and month = $2 and insurance = $3
                     and status = 'frozen' order by number desc limit 1"
            ),
            keys,
        )
        .await?;
    Ok((last.get::<u32>("n")? + 1, frozen.map(|row| row.id("id")).transpose()?))
}

/// Keeps a run that is being prepared.
///
/// # Errors
/// Whatever the store says.
pub async fn add_run(tx: &mut Tx, run: &RunRow) -> Result<(), Error> {
    let rules = json!(run.rules).to_string();
    tx.execute(
        sql!(
            "insert into drg_settlement_run (id, institution_id, month, insurance, number, status, previous_id,
                 prepaid_share, rules, case_count, left_count, points_e6, standard, cost, patient, pay, fund, prepaid,
                 retained, text_digest, inputs_hash, hash, note, prepared_by, prepared_name, prepared_at, frozen_by,
                 frozen_name, frozen_at)
             values ($1, $2, $3, $4, $5, 'preparing', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                 $20, $21, $22, $23, $24, $25, null, '', null)"
        ),
        args![
            run.id.0,
            run.institution.0,
            &run.month,
            &run.insurance,
            run.number,
            run.previous.map(Uuid::from),
            &run.prepaid_share,
            rules,
            run.sums.cases,
            run.left_count,
            run.sums.points_e6,
            amount(run.sums.standard),
            amount(run.sums.cost),
            amount(run.sums.patient),
            amount(run.sums.pay),
            amount(run.sums.fund),
            amount(run.sums.prepaid),
            amount(run.sums.retained),
            run.text,
            &run.inputs_hash,
            &run.hash,
            &run.note,
            run.prepared.person.0,
            &run.prepared.name,
            run.prepared.at,
        ],
    )
    .await?;
    Ok(())
}

/// Keeps lines of a run that is being prepared, all in one statement. Gives how many were kept: none when the run is no
/// longer being prepared.
///
/// # Errors
/// Whatever the store says.
pub async fn add_lines(tx: &mut Tx, run: SettlementRunId, stays: &[SettledStay]) -> Result<u64, Error> {
    let rows: Vec<_> = stays
        .iter()
        .map(|stay| {
            let sums = &stay.sums;
            json!([
                stay.stay.0.simple().to_string(),
                stay.version,
                stay.institution.0.simple().to_string(),
                stay.department,
                stay.medical_record_number,
                stay.discharged_on.to_string(),
                stay.drg,
                stay.basis,
                stay.unpriced,
                sums.points_e6,
                sums.standard.0,
                sums.cost.0,
                sums.patient.0,
                sums.pay.0,
                sums.fund.0,
                sums.prepaid.0,
                sums.retained.0,
            ])
        })
        .collect();
    tx.execute(
        sql!(
            lite: "insert into drg_settlement_line
                 select r.id, unhex(l.value ->> 0), l.value ->> 1, unhex(l.value ->> 2), l.value ->> 3, l.value ->> 4,
                     l.value ->> 5, l.value ->> 6, l.value ->> 7, l.value ->> 8, l.value ->> 9, l.value ->> 10,
                     l.value ->> 11, l.value ->> 12, l.value ->> 13, l.value ->> 14, l.value ->> 15, l.value ->> 16
                 from drg_settlement_run r, json_each($2) l where r.id = $1 and r.status = 'preparing'",
            pg: "insert into drg_settlement_line
                 select r.id, cast(l.value ->> 0 as uuid), cast(l.value ->> 1 as bigint), cast(l.value ->> 2 as uuid),
                     l.value ->> 3, l.value ->> 4, l.value ->> 5, l.value ->> 6, l.value ->> 7, l.value ->> 8,
                     cast(l.value ->> 9 as bigint), cast(l.value ->> 10 as bigint), cast(l.value ->> 11 as bigint),
                     cast(l.value ->> 12 as bigint), cast(l.value ->> 13 as bigint), cast(l.value ->> 14 as bigint),
                     cast(l.value ->> 15 as bigint), cast(l.value ->> 16 as bigint)
                 from drg_settlement_run r, jsonb_array_elements(cast(cast($2 as text) as jsonb)) l (value)
                 where r.id = $1 and r.status = 'preparing'"
        ),
        args![run.0, serde_json::Value::from(rows).to_string()],
    )
    .await
}

/// Makes a run whose lines are all there a draft; drafts of the same month before it are discarded.
///
/// # Errors
/// [`Error::Stale`] when it is not being prepared.
pub async fn complete(tx: &mut Tx, run: SettlementRunId) -> Result<(), Error> {
    tx.execute(
        sql!(
            "update drg_settlement_run set status = 'discarded'
             where status in ('draft', 'preparing') and id <> $1
                 and (institution_id, month, insurance) = (select o.institution_id, o.month, o.insurance
                     from drg_settlement_run o where o.id = $1)"
        ),
        args![run.0],
    )
    .await?;
    tx.execute_one(
        sql!("update drg_settlement_run set status = 'draft' where id = $1 and status = 'preparing'"),
        args![run.0],
    )
    .await
}

/// Who has settled stays of a run already: short name of the node and number of its newest frozen run of the same month and
/// insurance, when that is another node than the run's.
///
/// # Errors
/// Whatever the database says.
pub async fn holder(reader: &mut Reader, run: &RunRow) -> Result<Option<(String, u32)>, Error> {
    let row = reader
        .row(
            sql!(
                "select i.short_name, r.number from drg_settlement_run r join institution i on i.id = r.institution_id
                 where r.month = $2 and r.insurance = $3 and r.institution_id <> $4 and r.status = 'frozen'
                     and r.number = (select max(o.number) from drg_settlement_run o
                         where o.institution_id = r.institution_id and o.month = r.month and o.insurance = r.insurance
                             and o.status = 'frozen')
                     and exists (select 1 from drg_settlement_line own
                         join drg_settlement_line held on held.run_id = r.id and held.stay_id = own.stay_id
                         where own.run_id = $1 and own.unpriced = '' and held.unpriced = '')
                 order by i.tree_low, r.number limit 1"
            ),
            args![run.id.0, &run.month, &run.insurance, run.institution.0],
        )
        .await?;
    row.map(|row| Ok((row.get("short_name")?, row.get("number")?))).transpose()
}

/// Freezes a draft.
///
/// # Errors
/// [`Error::Stale`] when it is no draft.
pub async fn freeze(tx: &mut Tx, run: SettlementRunId, by: &By) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "update drg_settlement_run set status = 'frozen', frozen_by = $2, frozen_name = $3, frozen_at = $4
             where id = $1 and status = 'draft'"
        ),
        args![run.0, by.person.0, &by.name, by.at],
    )
    .await
}

/// Discards a run that is not frozen.
///
/// # Errors
/// [`Error::Stale`] when it is frozen or discarded.
pub async fn discard(tx: &mut Tx, run: SettlementRunId) -> Result<(), Error> {
    tx.execute_one(
        sql!("update drg_settlement_run set status = 'discarded' where id = $1 and status in ('preparing', 'draft')"),
        args![run.0],
    )
    .await
}

/// A run inside `scope`.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn run(reader: &mut Reader, scope: Scope, id: SettlementRunId) -> Result<RunRow, Error> {
    let row = reader
        .one(
            sql!(
                "select r.* from drg_settlement_run r join institution i on i.id = r.institution_id
                 where r.id = $1 and i.tree_low >= $2 and i.tree_high <= $3"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    run_of(&row)
}

/// Which runs a list shows; empty means all.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this node.
    pub institution: Option<InstitutionId>,
    /// Only months of this year, `2026`.
    pub year: String,
    /// Only of this insurance.
    pub insurance: String,
    /// Discarded ones too.
    pub with_discarded: bool,
}

/// Runs inside `scope`, the latest month first.
///
/// # Errors
/// Whatever the store says.
pub async fn runs(
    reader: &mut Reader,
    scope: Scope,
    filter: &RunFilter,
    (limit, offset): (u32, u32),
) -> Result<(Vec<RunRow>, u32), Error> {
    let conditions = args![
        scope.low,
        scope.high,
        filter.institution.map(Uuid::from),
        &filter.year,
        &filter.insurance,
        filter.with_discarded,
    ];
    let count = reader
        .one(
            sql!(
                "select count(*) as n from drg_settlement_run r join institution i on i.id = r.institution_id
                 where i.tree_low >= $1 and i.tree_high <= $2 and (r.institution_id = $3 or $3 is null)
                     and ($4 = '' or substr(r.month, 1, 4) = $4) and ($5 = '' or r.insurance = $5)
                     and ($6 = 1 or r.status <> 'discarded')"
            ),
            conditions,
        )
        .await?;
    let rows = reader
        .rows(
            sql!(
                "select r.* from drg_settlement_run r join institution i on i.id = r.institution_id
                 where i.tree_low >= $1 and i.tree_high <= $2 and (r.institution_id = $3 or $3 is null)
                     and ($4 = '' or substr(r.month, 1, 4) = $4) and ($5 = '' or r.insurance = $5)
                     and ($6 = 1 or r.status <> 'discarded')
                 order by r.month desc, i.tree_low, r.insurance, r.number desc limit $7 offset $8"
            ),
            &[conditions, args![limit, offset]].concat(),
        )
        .await?;
    Ok((rows.iter().map(run_of).collect::<Result<_, _>>()?, count.get("n")?))
}

/// The newest frozen run of each month of a year at one node.
///
/// # Errors
/// Whatever the store says.
pub async fn frozen_months(
    reader: &mut Reader,
    (institution, year, insurance): (InstitutionId, u16, &str),
) -> Result<Vec<RunRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select r.* from drg_settlement_run r
                 where r.institution_id = $1 and substr(r.month, 1, 4) = $2 and r.insurance = $3 and r.status = 'frozen'
                     and r.number = (select max(o.number) from drg_settlement_run o
                         where o.institution_id = r.institution_id and o.month = r.month and o.insurance = r.insurance
                             and o.status = 'frozen')
                 order by r.month"
            ),
            args![institution.0, format!("{year:04}"), insurance],
        )
        .await?;
    rows.iter().map(run_of).collect()
}

/// By what a run's lines are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumBy {
    /// Each institution.
    Institution,
    /// Each group.
    Drg,
}

/// Sums over the settled lines of a run, by the institution's id (in the order of the tree) or by group (most money first).
///
/// # Errors
/// Whatever the store says.
pub async fn sums(reader: &mut Reader, run: SettlementRunId, by: SumBy) -> Result<Vec<(String, Sums)>, Error> {
    let (sql, is_node) = match by {
        SumBy::Institution => (
            sql!(
                "select l.institution_id as name, count(*) as case_count, cast(sum(l.points_e6) as bigint) as points_e6,
                     cast(sum(l.standard) as bigint) as standard, cast(sum(l.cost) as bigint) as cost,
                     cast(sum(l.patient) as bigint) as patient, cast(sum(l.pay) as bigint) as pay,
                     cast(sum(l.fund) as bigint) as fund, cast(sum(l.prepaid) as bigint) as prepaid,
                     cast(sum(l.retained) as bigint) as retained
                 from drg_settlement_line l join institution i on i.id = l.institution_id
                 where l.run_id = $1 and l.unpriced = '' group by l.institution_id, i.tree_low order by i.tree_low"
            ),
            true,
        ),
        SumBy::Drg => (
            sql!(
                "select l.drg as name, count(*) as case_count, cast(sum(l.points_e6) as bigint) as points_e6,
                     cast(sum(l.standard) as bigint) as standard, cast(sum(l.cost) as bigint) as cost,
                     cast(sum(l.patient) as bigint) as patient, cast(sum(l.pay) as bigint) as pay,
                     cast(sum(l.fund) as bigint) as fund, cast(sum(l.prepaid) as bigint) as prepaid,
                     cast(sum(l.retained) as bigint) as retained
                 from drg_settlement_line l where l.run_id = $1 and l.unpriced = ''
                 group by l.drg order by sum(l.pay) desc, l.drg"
            ),
            false,
        ),
    };
    let rows = reader.rows(sql, args![run.0]).await?;
    let name = |row: &Row| match is_node {
        true => row.id::<InstitutionId>("name").map(|id| id.to_string()),
        false => row.get("name"),
    };
    rows.iter().map(|row| Ok((name(row)?, sums_of(row)?))).collect()
}

/// Which lines of a run a list shows; the default shows all.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    /// Only of this institution.
    pub institution: Option<InstitutionId>,
    /// Only of this group; empty for all.
    pub drg: String,
    /// Only this stay.
    pub stay: Option<FrontPageId>,
    /// `settled`, `left`, or empty for both.
    pub part: String,
}

/// A line with the name of the patient as the stay has it now.
#[derive(Debug, Clone)]
pub struct LineRow {
    /// The line.
    pub settled: SettledStay,
    /// Name of the patient.
    pub patient_name: String,
    /// The version of the front page now.
    pub version_now: u32,
}

/// Lines of a run, and how many there are.
///
/// # Errors
/// Whatever the store says.
pub async fn lines(
    reader: &mut Reader,
    run: SettlementRunId,
    filter: &LineFilter,
    (limit, offset): (u32, u32),
) -> Result<(Vec<LineRow>, u32), Error> {
    let conditions =
        args![run.0, filter.institution.map(Uuid::from), &filter.drg, filter.stay.map(Uuid::from), &filter.part,];
    let count = reader
        .one(
            sql!(
                "select count(*) as n from drg_settlement_line l
                 where l.run_id = $1 and (l.institution_id = $2 or $2 is null) and ($3 = '' or l.drg = $3)
                     and (l.stay_id = $4 or $4 is null)
                     and ($5 = '' or ($5 = 'settled' and l.unpriced = '') or ($5 = 'left' and l.unpriced <> ''))"
            ),
            conditions,
        )
        .await?;
    let rows = reader
        .rows(
            sql!(
                "select l.*, 1 as case_count, s.patient_name, s.version as version_now from drg_settlement_line l
                 join drg_stay s on s.id = l.stay_id
                 where l.run_id = $1 and (l.institution_id = $2 or $2 is null) and ($3 = '' or l.drg = $3)
                     and (l.stay_id = $4 or $4 is null)
                     and ($5 = '' or ($5 = 'settled' and l.unpriced = '') or ($5 = 'left' and l.unpriced <> ''))
                 order by l.discharged_on, l.stay_id limit $6 offset $7"
            ),
            &[conditions, args![limit, offset]].concat(),
        )
        .await?;
    let lines = rows.iter().map(|row| {
        Ok(LineRow {
            settled: SettledStay {
                stay: row.id("stay_id")?,
                version: row.get("version")?,
                institution: row.id("institution_id")?,
                department: row.get("department")?,
                medical_record_number: row.get("medical_record_number")?,
                discharged_on: row.get("discharged_on")?,
                drg: row.get("drg")?,
                basis: row.get("basis")?,
                unpriced: row.get("unpriced")?,
                sums: sums_of(row)?,
            },
            patient_name: row.get("patient_name")?,
            version_now: row.get("version_now")?,
        })
    });
    Ok((lines.collect::<Result<_, Error>>()?, count.get("n")?))
}

/// A cleared year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearingRow {
    /// Its identifier.
    pub id: ClearingId,
    /// The node.
    pub institution: InstitutionId,
    /// The year.
    pub year: u16,
    /// `employee` or `resident`.
    pub insurance: String,
    /// 1 for the first clearing of the year.
    pub number: u32,
    /// Where it stands; never `preparing`.
    pub status: RunStatus,
    /// `points` or `rates`.
    pub method: String,
    /// The fund's budget of the year.
    pub budget: Fen,
    /// The shares as typed: reserve, saving kept, overspending borne, up to.
    pub shares: [String; 4],
    /// Kept back of the budget.
    pub reserve: Fen,
    /// What the fund owes all institutions.
    pub fund: Fen,
    /// What it has paid in the months.
    pub prepaid: Fen,
    /// What is left of the budget.
    pub left: Fen,
    /// Yuan a point; empty by rates.
    pub point_value: String,
    /// How many months were frozen.
    pub month_count: u32,
    /// Canonical JSON of inputs and rows.
    pub content: String,
    /// SHA-256 of it.
    pub hash: String,
    /// What was noted with it.
    pub note: String,
    /// Who prepared it.
    pub prepared: By,
    /// Who froze it.
    pub frozen: Option<By>,
}

fn clearing_of(row: &Row) -> Result<ClearingRow, Error> {
    Ok(ClearingRow {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        year: row.get("year")?,
        insurance: row.get("insurance")?,
        number: row.get("number")?,
        status: RunStatus::of(&row.get::<String>("status")?)?,
        method: row.get("method")?,
        budget: Fen(row.get("budget")?),
        shares: [
            row.get("reserve_share")?,
            row.get("surplus_kept_share")?,
            row.get("overspend_borne_share")?,
            row.get("overspend_borne_up_to")?,
        ],
        reserve: Fen(row.get("reserve")?),
        fund: Fen(row.get("fund")?),
        prepaid: Fen(row.get("prepaid")?),
        left: Fen(row.get("left_over")?),
        point_value: row.get("point_value")?,
        month_count: row.get("month_count")?,
        content: row.get("content")?,
        hash: row.get("hash")?,
        note: row.get("note")?,
        prepared: prepared(row)?,
        frozen: by(row, ["frozen_by", "frozen_name", "frozen_at"])?,
    })
}

/// Keeps a draft of a cleared year under the next number; an earlier draft of the same year is discarded.
///
/// # Errors
/// Whatever the store says.
pub async fn add_clearing(tx: &mut Tx, clearing: &ClearingRow) -> Result<u32, Error> {
    let keys = args![clearing.institution.0, clearing.year, &clearing.insurance];
    let last = tx
        .one(
            sql!(
                "select coalesce(max(number), 0) as n from drg_clearing
                 where institution_id = $1 and year = $2 and insurance = $3"
            ),
            keys,
        )
        .await?;
    tx.execute(
        sql!(
            "update drg_clearing set status = 'discarded'
             where institution_id = $1 and year = $2 and insurance = $3 and status = 'draft'"
        ),
        keys,
    )
    .await?;
    let number = last.get::<u32>("n")? + 1;
    let [reserve, surplus, overspend, up_to] = &clearing.shares;
    tx.execute(
        sql!(
            "insert into drg_clearing (id, institution_id, year, insurance, number, status, method, budget,
                 reserve_share, surplus_kept_share, overspend_borne_share, overspend_borne_up_to, reserve, fund,
                 prepaid, left_over, point_value, month_count, content, hash, note, prepared_by, prepared_name,
                 prepared_at, frozen_by, frozen_name, frozen_at)
             values ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                 $21, $22, $23, null, '', null)"
        ),
        args![
            clearing.id.0,
            clearing.institution.0,
            clearing.year,
            &clearing.insurance,
            number,
            &clearing.method,
            clearing.budget,
            reserve,
            surplus,
            overspend,
            up_to,
            clearing.reserve,
            clearing.fund,
            clearing.prepaid,
            clearing.left,
            &clearing.point_value,
            clearing.month_count,
            &clearing.content,
            &clearing.hash,
            &clearing.note,
            clearing.prepared.person.0,
            &clearing.prepared.name,
            clearing.prepared.at,
        ],
    )
    .await?;
    Ok(number)
}

/// Freezes a draft of a year.
///
/// # Errors
/// [`Error::Stale`] when it is no draft.
pub async fn freeze_clearing(tx: &mut Tx, id: ClearingId, by: &By) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "update drg_clearing set status = 'frozen', frozen_by = $2, frozen_name = $3, frozen_at = $4
             where id = $1 and status = 'draft'"
        ),
        args![id.0, by.person.0, &by.name, by.at],
    )
    .await
}

/// A cleared year inside `scope`.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn clearing(reader: &mut Reader, scope: Scope, id: ClearingId) -> Result<ClearingRow, Error> {
    let row = reader
        .one(
            sql!(
                "select c.* from drg_clearing c join institution i on i.id = c.institution_id
                 where c.id = $1 and i.tree_low >= $2 and i.tree_high <= $3"
            ),
            args![id.0, scope.low, scope.high],
        )
        .await?;
    clearing_of(&row)
}

/// Cleared years inside `scope` that are not discarded, the latest first; at most 200.
///
/// # Errors
/// Whatever the store says.
pub async fn clearings(reader: &mut Reader, scope: Scope) -> Result<Vec<ClearingRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select c.* from drg_clearing c join institution i on i.id = c.institution_id
                 where i.tree_low >= $1 and i.tree_high <= $2 and c.status <> 'discarded'
                 order by c.year desc, i.tree_low, c.insurance, c.number desc limit 200"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    rows.iter().map(clearing_of).collect()
}
