//! Rows of the figures: slim reads of stays, sums by group, justifications, quarterly packs.
//!
//! Only final pages of stays that ended are in any figure.

use yiti_directory::{InstitutionId, PersonId, Scope};
use yiti_kernel::{Date, Fen, Timestamp, Uuid};
use yiti_record::front_page::FrontPageId;
use yiti_store::{Error, Reader, Row, Tx, Value, args, sql};

use crate::analysis::{By, GroupSum, Stay};
use crate::ceilings::Kind;
use crate::store::Reach;

/// Stands in an address for what is empty on the page: the stays without department, physician, insurance or category.
pub const EMPTY: &str = "-";

/// Which stays are counted. The default counts all of the days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Only this institution.
    pub institution: Option<InstitutionId>,
    /// Only this department; empty for all, [`EMPTY`] for those without.
    pub department: String,
    /// Only this insurance, in the same way.
    pub insurance: String,
    /// Only this physician.
    pub physician: String,
    /// Only this scheme.
    pub scheme: String,
    /// Only this group.
    pub drg: String,
    /// Only this main category.
    pub mdc: String,
}

/// Which finished stays a question is about: the one condition of every figure and of the list behind it. Its parameters are
/// [`Slice::values`].
macro_rules! asked {
    () => {
        "s.status = 'final' and s.discharged_on between $12 and $13
            and s.institution_id in (select id from institution where tree_low between $1 and $2)
            and ($3 = 0 or (s.department = $4 and $4 <> ''))
            and (s.institution_id = $5 or $5 is null)
            and ($6 = '' or s.department = $6 or ($6 = '-' and s.department = ''))
            and ($7 = '' or s.insurance = $7 or ($7 = '-' and s.insurance = ''))
            and ($8 = '' or s.physician = $8 or ($8 = '-' and s.physician = ''))
            and ($9 = '' or s.scheme = $9) and ($10 = '' or s.drg = $10)
            and ($11 = '' or s.mdc = $11 or ($11 = '-' and s.mdc = ''))"
    };
}

impl Slice {
    fn values(&self, reach: &Reach, (from, until): (Date, Date)) -> Vec<Value> {
        args![
            reach.scope.low,
            reach.scope.high,
            reach.department.is_some(),
            reach.department.as_deref().unwrap_or_default(),
            self.institution.map(Uuid::from),
            &self.department,
            &self.insurance,
            &self.physician,
            &self.scheme,
            &self.drg,
            &self.mdc,
            from,
            until,
        ]
        .to_vec()
    }
}

fn count(row: &Row, column: &str) -> Result<u64, Error> {
    Ok(u64::try_from(row.get::<i64>(column)?).unwrap_or_default())
}

fn money(row: &Row, column: &str) -> Result<Option<Fen>, Error> {
    Ok(row.get::<Option<i64>>(column)?.map(Fen))
}

/// The finished stays within reach discharged from the first to the last day, the newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn stays(reader: &mut Reader, reach: &Reach, slice: &Slice, days: (Date, Date)) -> Result<Vec<Stay>, Error> {
    let rows = reader
        .rows(
            sql!(concat!(
                "select s.id, s.institution_id, s.outcome, s.scheme, s.drg, s.mdc, s.department, s.physician, s.cost,
                     s.pay, s.weight_e6, s.stay_days, s.is_dead, s.drug_cost, s.consumable_cost, s.discharged_on,
                     s.insurance, s.unpriced
                 from drg_stay s
                 where ",
                asked!(),
                "
                 order by s.discharged_on desc, s.id"
            )),
            &slice.values(reach, days),
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Stay {
                id: row.id("id")?,
                institution: row.id("institution_id")?,
                department: row.get("department")?,
                physician: row.get("physician")?,
                insurance: row.get("insurance")?,
                scheme: row.get("scheme")?,
                mdc: row.get("mdc")?,
                drg: row.get("drg")?,
                outcome: row.get("outcome")?,
                unpriced: row.get("unpriced")?,
                discharged_on: row.get("discharged_on")?,
                is_dead: row.get("is_dead")?,
                stay_days: row.get("stay_days")?,
                weight_e6: row.get("weight_e6")?,
                pay: money(row, "pay")?,
                cost: money(row, "cost")?,
                drug_cost: money(row, "drug_cost")?,
                consumable_cost: money(row, "consumable_cost")?,
            })
        })
        .collect()
}

/// The same stays summed by group, and by what the lines asked for are about.
///
/// # Errors
/// Whatever the store says.
pub async fn sums(
    reader: &mut Reader,
    reach: &Reach,
    slice: &Slice,
    days: (Date, Date),
    by: &[By],
) -> Result<Vec<GroupSum>, Error> {
    let any = |wanted: &[By]| by.iter().any(|by| wanted.contains(by));
    let split = args![
        any(&[By::Institution, By::Department, By::Physician]),
        any(&[By::Department]),
        any(&[By::Physician]),
        any(&[By::Mdc]),
    ];
    // The group comes first where rows are ordered: it tells most of them apart.
    let rows = reader
        .rows(
            sql!(concat!(
                "select case when $14 <> 0 then s.institution_id end as institution_id,
                     case when $15 <> 0 then s.department else '' end as department,
                     case when $16 <> 0 then s.physician else '' end as physician,
                     case when $17 <> 0 then s.mdc else '' end as mdc, s.scheme, s.drg,
                     cast(case when s.outcome in ('drg', 'adrg') then 1 else 0 end as bigint) as is_grouped,
                     count(*) as stays, cast(sum(s.is_dead) as bigint) as deaths, count(s.weight_e6) as weighted,
                     cast(coalesce(sum(s.weight_e6), 0) as bigint) as weight, count(s.cost) as costed,
                     cast(coalesce(sum(s.cost), 0) as bigint) as cost, count(s.stay_days) as timed,
                     cast(coalesce(sum(s.stay_days), 0) as bigint) as days,
                     count(*) filter (where s.cost > 0 and s.drug_cost is not null and s.consumable_cost is not null)
                         as itemised,
                     cast(coalesce(sum(s.cost) filter (where s.cost > 0 and s.drug_cost is not null
                         and s.consumable_cost is not null), 0) as bigint) as itemised_cost,
                     cast(coalesce(sum(s.drug_cost) filter (where s.cost > 0 and s.consumable_cost is not null), 0)
                         as bigint) as drug_cost,
                     cast(coalesce(sum(s.consumable_cost) filter (where s.cost > 0 and s.drug_cost is not null), 0)
                         as bigint) as consumable_cost,
                     count(s.pay - s.cost) as priced,
                     cast(coalesce(sum(s.pay) filter (where s.cost is not null), 0) as bigint) as pay,
                     cast(coalesce(sum(s.cost) filter (where s.pay is not null), 0) as bigint) as priced_cost,
                     count(*) filter (where s.cost > s.pay) as losses,
                     cast(coalesce(sum(s.pay - s.cost) filter (where s.cost > s.pay), 0) as bigint) as loss
                 from drg_stay s
                 where ",
                asked!(),
                "
                 group by s.drg, 1, 2, 3, 4, s.scheme, 7"
            )),
            &[slice.values(reach, days), split.to_vec()].concat(),
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(GroupSum {
                institution: row.optional_id("institution_id")?,
                department: row.get("department")?,
                physician: row.get("physician")?,
                mdc: row.get("mdc")?,
                scheme: row.get("scheme")?,
                drg: row.get("drg")?,
                is_grouped: row.get("is_grouped")?,
                stays: count(row, "stays")?,
                deaths: count(row, "deaths")?,
                weight: (count(row, "weighted")?, row.get("weight")?),
                cost: (count(row, "costed")?, row.get("cost")?),
                days: (count(row, "timed")?, row.get("days")?),
                items: (
                    count(row, "itemised")?,
                    row.get("itemised_cost")?,
                    row.get("drug_cost")?,
                    row.get("consumable_cost")?,
                ),
                priced: (count(row, "priced")?, row.get("pay")?, row.get("priced_cost")?),
                loss: (count(row, "losses")?, row.get("loss")?),
            })
        })
        .collect()
}

/// Keeps why a stay has no group, or that it has one.
///
/// # Errors
/// Whatever the store says.
pub async fn put_failure(tx: &mut Tx, id: FrontPageId, cause: Option<&str>) -> Result<(), Error> {
    match cause {
        None => tx.execute(sql!("delete from drg_failure where stay_id = $1"), args![id.0]).await?,
        Some(cause) => {
            tx.execute(
                sql!(
                    "insert into drg_failure (stay_id, cause) values ($1, $2)
                     on conflict (stay_id) do update set cause = excluded.cause"
                ),
                args![id.0, cause],
            )
            .await?
        }
    };
    Ok(())
}

/// The stays of some days by group with their deaths, cost and days: what a yardstick is made of.
///
/// # Errors
/// Whatever the store says.
pub async fn reference(reader: &mut Reader, scope: Scope, (from, until): (Date, Date)) -> Result<Vec<GroupSum>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.scheme, s.drg,
                     cast(case when s.outcome in ('drg', 'adrg') then 1 else 0 end as bigint) as is_grouped,
                     count(*) as stays, cast(sum(s.is_dead) as bigint) as deaths, count(s.cost) as costed,
                     cast(coalesce(sum(s.cost), 0) as bigint) as cost, count(s.stay_days) as timed,
                     cast(coalesce(sum(s.stay_days), 0) as bigint) as days
                 from drg_stay s
                 where s.status = 'final' and s.discharged_on between $3 and $4
                     and s.institution_id in (select id from institution where tree_low between $1 and $2)
                 group by s.drg, s.scheme, 3"
            ),
            args![scope.low, scope.high, from, until],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(GroupSum {
                scheme: row.get("scheme")?,
                drg: row.get("drg")?,
                is_grouped: row.get("is_grouped")?,
                stays: count(row, "stays")?,
                deaths: count(row, "deaths")?,
                cost: (count(row, "costed")?, row.get("cost")?),
                days: (count(row, "timed")?, row.get("days")?),
                ..GroupSum::default()
            })
        })
        .collect()
}

/// Stays that have no group or no price, by institution and cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The institution.
    pub institution: InstitutionId,
    /// `group` or `price`.
    pub of: String,
    /// The cause: of a missing group `principal_refused`, `no_mdc`, `no_step`, `faulty`, `ambiguous`, `unknown` for a row
    /// from before causes were kept; of a missing price the key of [`crate::assess::Unpriced`].
    pub cause: String,
    /// Stays.
    pub stays: u64,
    /// Of them with cost known, and what they cost.
    pub cost: Fen,
}

/// Counts of [`failed_stays`], by institution and cause. A stay without group and without price counts as without group.
///
/// # Errors
/// Whatever the store says.
pub async fn failures(
    reader: &mut Reader,
    reach: &Reach,
    slice: &Slice,
    days: (Date, Date),
) -> Result<Vec<Failed>, Error> {
    let rows = reader
        .rows(
            sql!(concat!(
                "select s.institution_id, case when s.outcome in ('drg', 'adrg') then 'price' else 'group' end as failed,
                     case when s.outcome in ('drg', 'adrg') then s.unpriced else coalesce(f.cause, 'unknown') end
                         as cause,
                     count(*) as stays, cast(coalesce(sum(s.cost), 0) as bigint) as cost
                 from drg_stay s
                 left join drg_failure f on f.stay_id = s.id
                 where ",
                asked!(),
                "
                     and (s.outcome not in ('drg', 'adrg') or s.unpriced <> '')
                 group by 1, 2, 3 order by 2, 3"
            )),
            &slice.values(reach, days),
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Failed {
                institution: row.id("institution_id")?,
                of: row.get("failed")?,
                cause: row.get("cause")?,
                stays: u64::try_from(row.get::<i64>("stays")?).unwrap_or_default(),
                cost: Fen(row.get("cost")?),
            })
        })
        .collect()
}

/// The stays behind one line of [`failures`]; empty `cause` for all of that kind.
///
/// # Errors
/// Whatever the store says.
pub async fn failed_stays(
    reader: &mut Reader,
    reach: &Reach,
    slice: &Slice,
    days: (Date, Date),
    (of, cause): (&str, &str),
) -> Result<Vec<FrontPageId>, Error> {
    let rows = reader
        .rows(
            sql!(concat!(
                "select s.id from drg_stay s
                 left join drg_failure f on f.stay_id = s.id
                 where ",
                asked!(),
                "
                     and (($14 = 'group' and s.outcome not in ('drg', 'adrg')
                             and ($15 = '' or coalesce(f.cause, 'unknown') = $15))
                         or ($14 = 'price' and s.outcome in ('drg', 'adrg') and s.unpriced <> ''
                             and ($15 = '' or s.unpriced = $15)))
                 order by s.discharged_on desc, s.id"
            )),
            &[slice.values(reach, days), args![of, cause].to_vec()].concat(),
        )
        .await?;
    rows.iter().map(|row| row.id("id")).collect()
}

/// Institutions within reach that have finished stays, with their departments: one look into the index for each.
///
/// # Errors
/// Whatever the store says.
pub async fn departments(reader: &mut Reader, reach: &Reach) -> Result<Vec<(InstitutionId, String)>, Error> {
    let rows = reader
        .rows(
            sql!(
                "with recursive place (institution_id, department) as (
                     select i.id, (select min(s.department) from drg_stay s
                         where s.status = 'final' and s.institution_id = i.id)
                     from institution i where i.tree_low between $1 and $2
                     union all
                     select p.institution_id, (select min(s.department) from drg_stay s
                         where s.status = 'final' and s.institution_id = p.institution_id
                             and s.department > p.department)
                     from place p where p.department is not null
                 )
                 select institution_id, department from place
                 where department is not null and ($3 = 0 or (department = $4 and $4 <> ''))
                 order by department, institution_id"
            ),
            args![
                reach.scope.low,
                reach.scope.high,
                reach.department.is_some(),
                reach.department.as_deref().unwrap_or_default()
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((row.id("institution_id")?, row.get("department")?))).collect()
}

/// The last day on which a final page within reach was discharged.
///
/// # Errors
/// Whatever the store says.
pub async fn last_day(reader: &mut Reader, reach: &Reach) -> Result<Option<Date>, Error> {
    let row = reader
        .one(
            sql!(
                "select max(s.discharged_on) as day from drg_stay s join institution i on i.id = s.institution_id
                 where s.status = 'final' and i.tree_low between $1 and $2
                     and ($3 = 0 or (s.department = $4 and $4 <> ''))"
            ),
            args![
                reach.scope.low,
                reach.scope.high,
                reach.department.is_some(),
                reach.department.as_deref().unwrap_or_default()
            ],
        )
        .await?;
    row.get("day")
}

/// What a department said about one share in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Justification {
    /// The institution.
    pub institution: InstitutionId,
    /// The department.
    pub department: String,
    /// The month, `2026-03`.
    pub month: String,
    /// Drugs or consumables.
    pub kind: Kind,
    /// From 1.
    pub version: u32,
    /// What was said.
    pub reason: String,
    /// The share when it was said, in millionths.
    pub share_e6: Option<i64>,
    /// The ceiling when it was said, in thousandths.
    pub ceiling_e3: u32,
    /// Who said it.
    pub written_by: PersonId,
    /// When.
    pub written_at: Timestamp,
}

/// Adds a version.
///
/// # Errors
/// Whatever the store says; a version that is there already is [`Error::Conflict`].
pub async fn add_justification(tx: &mut Tx, new: &Justification) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "insert into drg_justification (institution_id, department, month, kind, version, reason, share_e6,
                 ceiling_e3, written_by, written_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        ),
        args![
            new.institution.0,
            &new.department,
            &new.month,
            new.kind.key(),
            new.version,
            &new.reason,
            new.share_e6,
            new.ceiling_e3,
            new.written_by.0,
            new.written_at,
        ],
    )
    .await
}

/// Every version of a month within reach, the newest of each department and kind first.
///
/// # Errors
/// Whatever the store says.
pub async fn justifications(reader: &mut Reader, reach: &Reach, month: &str) -> Result<Vec<Justification>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select j.* from drg_justification j join institution i on i.id = j.institution_id
                 where j.month = $1 and i.tree_low between $2 and $3
                     and ($4 = 0 or (j.department = $5 and $5 <> ''))
                 order by j.department, j.kind, j.version desc"
            ),
            args![
                month,
                reach.scope.low,
                reach.scope.high,
                reach.department.is_some(),
                reach.department.as_deref().unwrap_or_default()
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.get("kind")?;
            Ok(Justification {
                institution: row.id("institution_id")?,
                department: row.get("department")?,
                month: row.get("month")?,
                kind: Kind::from_key(&kind).ok_or(Error::Corrupt { what: "kind of ceiling", why: kind })?,
                version: row.get("version")?,
                reason: row.get("reason")?,
                share_e6: row.get("share_e6")?,
                ceiling_e3: row.get("ceiling_e3")?,
                written_by: row.id("written_by")?,
                written_at: row.get("written_at")?,
            })
        })
        .collect()
}

/// The figures of a quarter as they were frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Its identifier.
    pub id: Uuid,
    /// Whose figures: those of this institution and all below it.
    pub institution: InstitutionId,
    /// The quarter, `2026-Q1`.
    pub quarter: String,
    /// Canonical JSON.
    pub pack: String,
    /// SHA-256 of it.
    pub hash: String,
    /// Who froze it.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
}

/// Keeps a frozen quarter.
///
/// # Errors
/// [`Error::Conflict`] when the quarter is frozen already.
pub async fn add_frozen(tx: &mut Tx, new: &Frozen) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "insert into drg_quarter (id, institution_id, quarter, pack, hash, frozen_by, frozen_at)
             values ($1, $2, $3, $4, $5, $6, $7)"
        ),
        args![new.id, new.institution.0, &new.quarter, &new.pack, &new.hash, new.by.0, new.at],
    )
    .await
}

/// The frozen quarter of an institution.
///
/// # Errors
/// Whatever the store says.
pub async fn frozen(reader: &mut Reader, institution: InstitutionId, quarter: &str) -> Result<Option<Frozen>, Error> {
    let row = reader
        .row(
            sql!("select * from drg_quarter where institution_id = $1 and quarter = $2"),
            args![institution.0, quarter],
        )
        .await?;
    row.as_ref().map(of_frozen).transpose()
}

/// A frozen quarter by its identifier, inside a scope.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn frozen_by_id(reader: &mut Reader, scope: Scope, id: Uuid) -> Result<Frozen, Error> {
    let row = reader
        .one(
            sql!(
                "select q.* from drg_quarter q join institution i on i.id = q.institution_id
                 where q.id = $1 and i.tree_low between $2 and $3"
            ),
            args![id, scope.low, scope.high],
        )
        .await?;
    of_frozen(&row)
}

fn of_frozen(row: &Row) -> Result<Frozen, Error> {
    Ok(Frozen {
        id: row.get("id")?,
        institution: row.id("institution_id")?,
        quarter: row.get("quarter")?,
        pack: row.get("pack")?,
        hash: row.get("hash")?,
        by: row.id("frozen_by")?,
        at: row.get("frozen_at")?,
    })
}

/// A note, or what was agreed to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarterEntry {
    /// Its identifier.
    pub id: Uuid,
    /// The frozen quarter.
    pub quarter: Uuid,
    /// True for something to be done.
    pub is_action: bool,
    /// What it says.
    pub body: String,
    /// Who does it; empty for notes.
    pub owner: String,
    /// Until when.
    pub due_on: Option<Date>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// Who wrote it.
    pub written_by: PersonId,
    /// When.
    pub written_at: Timestamp,
}

/// Adds a note or an action.
///
/// # Errors
/// Whatever the store says.
pub async fn add_entry(tx: &mut Tx, new: &QuarterEntry) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "insert into drg_quarter_entry (id, quarter_id, kind, body, owner, due_on, done_at, done_by, written_by,
                 written_at) values ($1, $2, $3, $4, $5, $6, null, null, $7, $8)"
        ),
        args![
            new.id,
            new.quarter,
            if new.is_action { "action" } else { "note" },
            &new.body,
            &new.owner,
            new.due_on,
            new.written_by.0,
            new.written_at,
        ],
    )
    .await
}

/// Marks an action as done.
///
/// # Errors
/// [`Error::Stale`] or [`Error::NotFound`] when there is no such open action.
pub async fn finish(tx: &mut Tx, id: Uuid, by: PersonId, at: Timestamp) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "update drg_quarter_entry set done_at = $2, done_by = $3
             where id = $1 and kind = 'action' and done_at is null"
        ),
        args![id, at, by.0],
    )
    .await
}

/// The quarter that an entry belongs to.
///
/// # Errors
/// [`Error::NotFound`] when there is no such entry.
pub async fn quarter_of_entry(reader: &mut Reader, id: Uuid) -> Result<Uuid, Error> {
    reader.one(sql!("select quarter_id from drg_quarter_entry where id = $1"), args![id]).await?.get("quarter_id")
}

/// Notes and actions of a quarter, in the order in which they were written.
///
/// # Errors
/// Whatever the store says.
pub async fn entries(reader: &mut Reader, quarter: Uuid) -> Result<Vec<QuarterEntry>, Error> {
    let rows = reader
        .rows(sql!("select * from drg_quarter_entry where quarter_id = $1 order by written_at, id"), args![quarter])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(QuarterEntry {
                id: row.get("id")?,
                quarter: row.get("quarter_id")?,
                is_action: row.get::<String>("kind")? == "action",
                body: row.get("body")?,
                owner: row.get("owner")?,
                due_on: row.get("due_on")?,
                done_at: row.get("done_at")?,
                written_by: row.id("written_by")?,
                written_at: row.get("written_at")?,
            })
        })
        .collect()
}
