//! Rows of this slice; all its SQL stands here.

use yiti_directory::{InstitutionId, Scope};
use yiti_kernel::{Date, Fen, Timestamp, Uuid};
use yiti_record::front_page::{FrontPage, FrontPageId, Status, Stored};
use yiti_record::patient::Sex;
use yiti_store::{Error, Reader, Row, Tx, Value, args, sql};

use crate::assess::{Assessed, complication_key, outcome_key};
use crate::check::{Finding, Severity};

/// Stands in `listed_on` for a stay without discharge.
const NOT_DISCHARGED: &str = "9999-12-31";
/// The way of discharge of who died, code list `RC019`.
const DIED: &str = "5";

/// Which stays a person sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Of which institutions.
    pub scope: Scope,
    /// Only of this department, as the front page names it; `None` for all. The empty one has no stays.
    pub department: Option<String>,
}

impl Reach {
    /// All stays of a scope.
    #[must_use]
    pub const fn all(scope: Scope) -> Self {
        Self { scope, department: None }
    }
}

/// The current front page of a stay, grouped and priced, as lists and figures see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayRow {
    /// The front page.
    pub id: FrontPageId,
    /// Its version that was grouped.
    pub version: u32,
    /// The institution of the stay.
    pub institution: InstitutionId,
    /// Department of discharge, or of admission before it.
    pub department: String,
    /// Attending physician.
    pub physician: String,
    /// Number of the medical record.
    pub medical_record_number: String,
    /// Name of the patient.
    pub patient_name: String,
    /// Sex of the patient.
    pub sex: Sex,
    /// Draft or final.
    pub status: Status,
    /// Day of admission.
    pub admitted_on: Option<Date>,
    /// Day of discharge.
    pub discharged_on: Option<Date>,
    /// Days of the stay; while it lasts, up to the day of grouping.
    pub stay_days: Option<u32>,
    /// Way of discharge, code list `RC019`.
    pub disposition: String,
    /// Whether the patient died.
    pub is_dead: bool,
    /// Code of the principal diagnosis as given.
    pub principal: String,
    /// `employee`, `resident`, or empty when neither pays.
    pub insurance: String,
    /// Level of the institution in the pack.
    pub level: String,
    /// The grouping scheme.
    pub scheme: String,
    /// Its hash.
    pub scheme_hash: String,
    /// The payment pack; empty without one.
    pub pack: String,
    /// Its hash.
    pub pack_hash: String,
    /// Main category.
    pub mdc: String,
    /// ADRG.
    pub adrg: String,
    /// Group.
    pub drg: String,
    /// How grouping ended: `drg`, `adrg`, `ambiguous`, `ungrouped`.
    pub outcome: String,
    /// Highest complication that counted: `none`, `cc`, `mcc`.
    pub complication: String,
    /// How many counted as CC.
    pub cc_count: u32,
    /// How many counted as MCC.
    pub mcc_count: u32,
    /// How many the principal diagnosis excludes.
    pub excluded_count: u32,
    /// Weight in millionths.
    pub weight_e6: Option<i64>,
    /// What the group is worth here.
    pub standard: Option<Fen>,
    /// What the stay is worth, fund and patient together.
    pub pay: Option<Fen>,
    /// What the fund owes.
    pub fund: Option<Fen>,
    /// The rule that decided, `tier:normal`; empty without a price.
    pub basis: String,
    /// Why there is no price; empty with one.
    pub unpriced: String,
    /// Total cost.
    pub cost: Option<Fen>,
    /// Cost of drugs.
    pub drug_cost: Option<Fen>,
    /// Cost of consumables.
    pub consumable_cost: Option<Fen>,
    /// What the patient pays.
    pub self_paid: Option<Fen>,
    /// What is wrong or doubtful on the page.
    pub finding_count: u32,
    /// What of it keeps the page from being grouped or handed in.
    pub refusing_count: u32,
    /// When it was grouped.
    pub grouped_at: Timestamp,
}

/// The department that a page is counted to: that of discharge, or of admission before it.
#[must_use]
pub fn department_of(page: &FrontPage) -> &str {
    if page.discharge_department.is_empty() { &page.admission_department } else { &page.discharge_department }
}

impl StayRow {
    /// The row of a page that was grouped and priced.
    #[must_use]
    pub fn of(stored: &Stored, assessed: &Assessed<'_>, findings: &[Finding], at: Timestamp) -> Self {
        let page = &stored.page;
        let priced = assessed.priced.as_ref();
        let money = |amount: drg_payment::Fen| Fen(amount.0);
        let counted = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let staff = &page.staff;
        let physician =
            if staff.attending_physician.is_empty() { &staff.resident_physician } else { &staff.attending_physician };
        Self {
            id: stored.id,
            version: stored.version,
            institution: stored.institution,
            department: department_of(page).to_owned(),
            physician: physician.clone(),
            medical_record_number: page.medical_record_number.clone(),
            patient_name: page.patient_name.clone(),
            sex: page.sex.unwrap_or(Sex::Unknown),
            status: page.status,
            admitted_on: page.admitted_on(),
            discharged_on: page.discharged_on(),
            stay_days: assessed.stay_days,
            disposition: page.discharge_disposition.clone(),
            is_dead: page.discharge_disposition == DIED,
            principal: page.principal().map_or_else(String::new, |diagnosis| diagnosis.code.clone()),
            insurance: assessed.insurance.map_or("", |insurance| insurance.key()).to_owned(),
            level: assessed.level.to_owned(),
            scheme: assessed.scheme.definition().id.clone(),
            scheme_hash: assessed.scheme.hash().to_string(),
            pack: assessed.pack.map_or_else(String::new, |pack| pack.id().to_owned()),
            pack_hash: assessed.pack.map_or_else(String::new, |pack| pack.hash().to_string()),
            mdc: assessed.mdc.to_owned(),
            adrg: assessed.adrg.to_owned(),
            drg: assessed.drg.to_owned(),
            outcome: outcome_key(assessed.explained.answer.outcome).to_owned(),
            complication: complication_key(assessed.explained.answer.complication).to_owned(),
            cc_count: assessed.cc_count,
            mcc_count: assessed.mcc_count,
            excluded_count: assessed.excluded_count,
            weight_e6: assessed.weight_e6(),
            standard: assessed.standard.as_ref().map(|standard| money(standard.amount)),
            pay: priced.ok().map(|priced| money(priced.pay)),
            fund: priced.ok().map(|priced| money(priced.fund)),
            basis: priced.ok().map_or_else(String::new, |priced| priced.basis.key()),
            unpriced: priced.err().map_or("", |unpriced| unpriced.key()).to_owned(),
            cost: assessed.cost,
            drug_cost: assessed.drug_cost,
            consumable_cost: assessed.consumable_cost,
            self_paid: page.costs.self_paid,
            finding_count: counted(findings.len()),
            refusing_count: counted(findings.iter().filter(|found| found.severity != Severity::Advice).count()),
            grouped_at: at,
        }
    }

    /// What is paid less the cost: above zero is a gain of the hospital.
    #[must_use]
    pub fn balance(&self) -> Option<Fen> {
        self.pay.zip(self.cost).and_then(|(pay, cost)| pay.0.checked_sub(cost.0)).map(Fen)
    }
}

fn int(amount: Option<Fen>) -> Option<i64> {
    amount.map(|amount| amount.0)
}

/// Keeps the row of a stay in place of an earlier one.
///
/// # Errors
/// Whatever the store says.
pub async fn put(tx: &mut Tx, row: &StayRow) -> Result<(), Error> {
    let listed_on = row.discharged_on.map_or_else(|| NOT_DISCHARGED.to_owned(), |day| day.to_string());
    tx.execute(
        sql!(
            "insert into drg_stay (id, version, institution_id, department, physician, medical_record_number,
                 patient_name, sex, status, admitted_on, discharged_on, listed_on, stay_days, disposition, is_dead,
                 principal, insurance, level, scheme, scheme_hash, pack, pack_hash, mdc, adrg, drg, outcome,
                 complication, cc_count, mcc_count, excluded_count, weight_e6, standard, pay, fund, basis, unpriced,
                 cost, drug_cost, consumable_cost, self_paid, finding_count, refusing_count, grouped_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41,
                 $42, $43)
             on conflict (id) do update set version = excluded.version, institution_id = excluded.institution_id,
                 department = excluded.department, physician = excluded.physician,
                 medical_record_number = excluded.medical_record_number, patient_name = excluded.patient_name,
                 sex = excluded.sex, status = excluded.status, admitted_on = excluded.admitted_on,
                 discharged_on = excluded.discharged_on, listed_on = excluded.listed_on,
                 stay_days = excluded.stay_days, disposition = excluded.disposition, is_dead = excluded.is_dead,
                 principal = excluded.principal, insurance = excluded.insurance, level = excluded.level,
                 scheme = excluded.scheme, scheme_hash = excluded.scheme_hash, pack = excluded.pack,
                 pack_hash = excluded.pack_hash, mdc = excluded.mdc, adrg = excluded.adrg, drg = excluded.drg,
                 outcome = excluded.outcome, complication = excluded.complication, cc_count = excluded.cc_count,
                 mcc_count = excluded.mcc_count, excluded_count = excluded.excluded_count,
                 weight_e6 = excluded.weight_e6, standard = excluded.standard, pay = excluded.pay,
                 fund = excluded.fund, basis = excluded.basis, unpriced = excluded.unpriced, cost = excluded.cost,
                 drug_cost = excluded.drug_cost, consumable_cost = excluded.consumable_cost,
                 self_paid = excluded.self_paid, finding_count = excluded.finding_count,
                 refusing_count = excluded.refusing_count, grouped_at = excluded.grouped_at"
        ),
        args![
            row.id.0,
            row.version,
            row.institution.0,
            &row.department,
            &row.physician,
            &row.medical_record_number,
            &row.patient_name,
            row.sex.key(),
            row.status.key(),
            row.admitted_on,
            row.discharged_on,
            listed_on,
            row.stay_days,
            &row.disposition,
            row.is_dead,
            &row.principal,
            &row.insurance,
            &row.level,
            &row.scheme,
            &row.scheme_hash,
            &row.pack,
            &row.pack_hash,
            &row.mdc,
            &row.adrg,
            &row.drg,
            &row.outcome,
            &row.complication,
            row.cc_count,
            row.mcc_count,
            row.excluded_count,
            row.weight_e6,
            int(row.standard),
            int(row.pay),
            int(row.fund),
            &row.basis,
            &row.unpriced,
            int(row.cost),
            int(row.drug_cost),
            int(row.consumable_cost),
            int(row.self_paid),
            row.finding_count,
            row.refusing_count,
            row.grouped_at,
        ],
    )
    .await?;
    Ok(())
}

fn money(row: &Row, column: &str) -> Result<Option<Fen>, Error> {
    Ok(row.get::<Option<i64>>(column)?.map(Fen))
}

fn of_row(row: &Row) -> Result<StayRow, Error> {
    let status: String = row.get("status")?;
    Ok(StayRow {
        id: row.id("id")?,
        version: row.get("version")?,
        institution: row.id("institution_id")?,
        department: row.get("department")?,
        physician: row.get("physician")?,
        medical_record_number: row.get("medical_record_number")?,
        patient_name: row.get("patient_name")?,
        sex: Sex::from_key(&row.get::<String>("sex")?),
        status: Status::from_key(&status).ok_or_else(|| Error::Corrupt { what: "stay status", why: status })?,
        admitted_on: row.get("admitted_on")?,
        discharged_on: row.get("discharged_on")?,
        stay_days: row.get("stay_days")?,
        disposition: row.get("disposition")?,
        is_dead: row.get("is_dead")?,
        principal: row.get("principal")?,
        insurance: row.get("insurance")?,
        level: row.get("level")?,
        scheme: row.get("scheme")?,
        scheme_hash: row.get("scheme_hash")?,
        pack: row.get("pack")?,
        pack_hash: row.get("pack_hash")?,
        mdc: row.get("mdc")?,
        adrg: row.get("adrg")?,
        drg: row.get("drg")?,
        outcome: row.get("outcome")?,
        complication: row.get("complication")?,
        cc_count: row.get("cc_count")?,
        mcc_count: row.get("mcc_count")?,
        excluded_count: row.get("excluded_count")?,
        weight_e6: row.get("weight_e6")?,
        standard: money(row, "standard")?,
        pay: money(row, "pay")?,
        fund: money(row, "fund")?,
        basis: row.get("basis")?,
        unpriced: row.get("unpriced")?,
        cost: money(row, "cost")?,
        drug_cost: money(row, "drug_cost")?,
        consumable_cost: money(row, "consumable_cost")?,
        self_paid: money(row, "self_paid")?,
        finding_count: row.get("finding_count")?,
        refusing_count: row.get("refusing_count")?,
        grouped_at: row.get("grouped_at")?,
    })
}

/// The row of a stay within reach.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn get(reader: &mut Reader, reach: &Reach, id: FrontPageId) -> Result<StayRow, Error> {
    let row = reader
        .one(
            sql!(
                "select s.* from drg_stay s join institution i on i.id = s.institution_id
                 where s.id = $1 and i.tree_low between $2 and $3
                     and ($4 = 0 or (s.department = $5 and $5 <> ''))"
            ),
            args![id.0, reach.scope.low, reach.scope.high, reach.department.is_some(), own(reach)],
        )
        .await?;
    of_row(&row)
}

fn own(reach: &Reach) -> &str {
    reach.department.as_deref().unwrap_or_default()
}

/// What a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Look {
    /// Every stay.
    #[default]
    All,
    /// Stays whose page has findings.
    Findings,
    /// Stays whose cost is above what is paid.
    Loss,
    /// Stays without a group, or with an ambiguous one.
    Ungrouped,
}

impl Look {
    /// All of them, in the order of the tabs.
    pub const ALL: [Self; 4] = [Self::All, Self::Findings, Self::Loss, Self::Ungrouped];

    /// As in addresses, and key of its words below `drg.look`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Findings => "findings",
            Self::Loss => "loss",
            Self::Ungrouped => "ungrouped",
        }
    }

    /// The one of a key; all for an unknown one.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|look| look.key() == key).unwrap_or_default()
    }
}

/// In which order stays are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Stays that are not over first, then the latest discharge; among equals the earliest admission.
    #[default]
    Time,
    /// The greatest loss first; stays without a price last.
    Balance,
    /// The longest stay first.
    Days,
    /// The most findings first.
    Findings,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Time, Self::Balance, Self::Days, Self::Findings];

    /// As in addresses, and key of its words below `drg.order`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Balance => "balance",
            Self::Days => "days",
            Self::Findings => "findings",
        }
    }

    /// The one of a key; by time for an unknown one.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|order| order.key() == key).unwrap_or_default()
    }
}

/// Which stays a list shows. The default shows all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only drafts, or only final pages.
    pub status: Option<Status>,
    /// Only this institution of the reach.
    pub institution: Option<InstitutionId>,
    /// Only this department; empty for all.
    pub department: String,
    /// Only this insurance, `employee` or `resident`; empty for all.
    pub insurance: String,
    /// Only this group, or groups that begin so; empty for all.
    pub drg: String,
    /// Number of the medical record, or the beginning of the patient's name; empty for all.
    pub text: String,
    /// Discharged on this day or later. A stay without discharge counts as later than all.
    pub from: Option<Date>,
    /// Discharged on this day or earlier; leaves out stays without discharge.
    pub until: Option<Date>,
}

impl Filter {
    fn values(&self, reach: &Reach) -> Vec<Value> {
        let day = |day: Option<Date>, otherwise: &str| day.map_or_else(|| otherwise.to_owned(), |day| day.to_string());
        let (text, drg) = (self.text.trim(), self.drg.trim());
        args![
            reach.scope.low,
            reach.scope.high,
            reach.department.is_some(),
            own(reach),
            self.status.map_or("", Status::key),
            self.institution.map(Uuid::from),
            &self.department,
            &self.insurance,
            drg,
            format!("{drg}\u{10ffff}"),
            text,
            format!("{text}\u{10ffff}"),
            day(self.from, ""),
            day(self.until, NOT_DISCHARGED),
        ]
        .to_vec()
    }
}

/// Stays within reach that pass `filter` and `look`.
///
/// # Errors
/// Whatever the store says.
pub async fn list(
    reader: &mut Reader,
    reach: &Reach,
    filter: &Filter,
    look: Look,
    order: Order,
    (limit, offset): (u32, u32),
) -> Result<Vec<StayRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.* from drg_stay s join institution i on i.id = s.institution_id
                 where i.tree_low between $1 and $2 and ($3 = 0 or (s.department = $4 and $4 <> ''))
                     and ($5 = '' or s.status = $5) and (s.institution_id = $6 or $6 is null)
                     and ($7 = '' or s.department = $7) and ($8 = '' or s.insurance = $8)
                     and ($9 = '' or (s.drg >= $9 and s.drg < $10))
                     and ($11 = '' or s.medical_record_number = $11
                         or (s.patient_name >= $11 and s.patient_name < $12))
                     and s.listed_on >= $13 and s.listed_on <= $14
                     and ($15 = 'all' or ($15 = 'findings' and s.finding_count > 0)
                         or ($15 = 'loss' and s.cost > s.pay)
                         or ($15 = 'ungrouped' and s.outcome in ('ungrouped', 'ambiguous')))
                 order by
                     case $16 when 'balance' then coalesce(s.pay - s.cost, 9000000000000000)
                         when 'days' then -coalesce(s.stay_days, 0) when 'findings' then -s.finding_count else 0 end,
                     s.listed_on desc, s.admitted_on, s.id limit $17 offset $18"
            ),
            &[filter.values(reach), args![look.key(), order.key(), limit, offset].to_vec()].concat(),
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// How many stays each look finds, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// By [`Look::ALL`].
    pub looks: [u32; 4],
    /// Stays that have both a price and a cost.
    pub priced_count: u32,
    /// What they are paid.
    pub pay: Fen,
    /// What they cost.
    pub cost: Fen,
    /// Stays with a weight.
    pub weighted_count: u32,
    /// Sum of their weights, millionths.
    pub weight_e6: i64,
}

impl Counts {
    /// How many stays a look finds.
    #[must_use]
    pub fn of(&self, look: Look) -> u32 {
        Look::ALL.iter().zip(self.looks).find(|(one, _)| **one == look).map_or(0, |(_, count)| count)
    }
}

/// Counts and sums of the stays that [`list`] finds.
///
/// # Errors
/// Whatever the store says.
pub async fn counts(reader: &mut Reader, reach: &Reach, filter: &Filter) -> Result<Counts, Error> {
    let row = reader
        .one(
            sql!(
                "select count(*) as n, count(*) filter (where s.finding_count > 0) as findings,
                     count(*) filter (where s.cost > s.pay) as losses,
                     count(*) filter (where s.outcome in ('ungrouped', 'ambiguous')) as ungrouped,
                     count(s.pay - s.cost) as priced, count(s.weight_e6) as weighted,
                     cast(coalesce(sum(s.weight_e6), 0) as bigint) as weight,
                     cast(coalesce(sum(s.pay) filter (where s.cost is not null), 0) as bigint) as pay,
                     cast(coalesce(sum(s.cost) filter (where s.pay is not null), 0) as bigint) as cost
                 from drg_stay s join institution i on i.id = s.institution_id
                 where i.tree_low between $1 and $2 and ($3 = 0 or (s.department = $4 and $4 <> ''))
                     and ($5 = '' or s.status = $5) and (s.institution_id = $6 or $6 is null)
                     and ($7 = '' or s.department = $7) and ($8 = '' or s.insurance = $8)
                     and ($9 = '' or (s.drg >= $9 and s.drg < $10))
                     and ($11 = '' or s.medical_record_number = $11
                         or (s.patient_name >= $11 and s.patient_name < $12))
                     and s.listed_on >= $13 and s.listed_on <= $14"
            ),
            &filter.values(reach),
        )
        .await?;
    Ok(Counts {
        looks: [row.get("n")?, row.get("findings")?, row.get("losses")?, row.get("ungrouped")?],
        priced_count: row.get("priced")?,
        pay: Fen(row.get("pay")?),
        cost: Fen(row.get("cost")?),
        weighted_count: row.get("weighted")?,
        weight_e6: row.get("weight")?,
    })
}

/// The departments that have stays within reach, by institution.
///
/// # Errors
/// Whatever the store says.
pub async fn departments(reader: &mut Reader, reach: &Reach) -> Result<Vec<String>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select distinct s.department from drg_stay s join institution i on i.id = s.institution_id
                 where i.tree_low between $1 and $2 and ($3 = 0 or (s.department = $4 and $4 <> ''))
                 order by s.department"
            ),
            args![reach.scope.low, reach.scope.high, reach.department.is_some(), own(reach)],
        )
        .await?;
    rows.iter().map(|row| row.get("department")).collect()
}

/// One finished stay as a norm counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Total cost.
    pub cost: Option<Fen>,
    /// Cost of drugs.
    pub drug_cost: Option<Fen>,
    /// Cost of consumables.
    pub consumable_cost: Option<Fen>,
    /// Days of the stay.
    pub stay_days: Option<u32>,
}

/// What the finished stays of a group come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mean {
    /// Stays with days and cost.
    pub stay_count: u32,
    /// Sum of their days.
    pub days: i64,
    /// Sum of their cost.
    pub cost: Fen,
}

/// Sums of the finished stays of a group in the whole of `scope`, discharged from `from` to `until`, both included.
///
/// # Errors
/// Whatever the store says.
pub async fn mean(
    reader: &mut Reader,
    scope: Scope,
    (scheme, drg): (&str, &str),
    (from, until): (Date, Date),
) -> Result<Mean, Error> {
    let row = reader
        .one(
            sql!(
                "select count(*) as n, cast(coalesce(sum(s.stay_days), 0) as bigint) as days,
                     cast(coalesce(sum(s.cost), 0) as bigint) as cost
                 from drg_stay s join institution i on i.id = s.institution_id
                 where s.scheme = $3 and s.drg = $4 and s.status = 'final' and s.discharged_on between $5 and $6
                     and s.cost is not null and s.stay_days is not null and i.tree_low between $1 and $2"
            ),
            args![scope.low, scope.high, scheme, drg, from, until],
        )
        .await?;
    Ok(Mean { stay_count: row.get("n")?, days: row.get("days")?, cost: Fen(row.get("cost")?) })
}

/// Finished stays of a group in the whole of `scope`, discharged from `from` to `until`, both included; the newest
/// `limit` of them.
///
/// # Errors
/// Whatever the store says.
pub async fn finished(
    reader: &mut Reader,
    scope: Scope,
    (scheme, drg): (&str, &str),
    (from, until): (Date, Date),
    limit: u32,
) -> Result<Vec<Finished>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.cost, s.drug_cost, s.consumable_cost, s.stay_days from drg_stay s
                 join institution i on i.id = s.institution_id
                 where s.scheme = $3 and s.drg = $4 and s.status = 'final' and s.discharged_on between $5 and $6
                     and i.tree_low between $1 and $2 order by s.discharged_on desc limit $7"
            ),
            args![scope.low, scope.high, scheme, drg, from, until, limit],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Finished {
                cost: money(row, "cost")?,
                drug_cost: money(row, "drug_cost")?,
                consumable_cost: money(row, "consumable_cost")?,
                stay_days: row.get("stay_days")?,
            })
        })
        .collect()
}

/// Rows of final stays inside `scope` that ended on a day, whose identifiers lie between two, both included.
///
/// # Errors
/// Whatever the store says.
pub async fn finals_of_day(
    reader: &mut Reader,
    scope: Scope,
    day: Date,
    (low, high): (FrontPageId, FrontPageId),
) -> Result<Vec<StayRow>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select s.* from drg_stay s join institution i on i.id = s.institution_id
                 where i.tree_low between $1 and $2 and s.status = 'final' and s.discharged_on = $3
                     and s.id >= $4 and s.id <= $5"
            ),
            args![scope.low, scope.high, day, low.0, high.0],
        )
        .await?;
    rows.iter().map(of_row).collect()
}
