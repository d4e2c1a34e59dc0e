//! A year of discharges and the patients in hospital now: front pages, saved and grouped through the same acts as those of
//! a real year.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;
use yiti_directory::{Actor, InstitutionId, Platform};
use yiti_drg::codes::{Codes, System};
use yiti_drg::{Definitions, Error, actions};
use yiti_kernel::{Date, Fen, SignedDuration, Timestamp, time};
use yiti_record::PatientId;
use yiti_record::front_page::{
    self, CostItem, Costs, Diagnosis, FrontPage, IntensiveCare, Procedure, Saved, Source, Staff, Status,
};
use yiti_record::patient::Sex;

use super::Plan;
use super::chance::Chance;
use super::county::{County, Names, Resident};

/// Stays written in one act.
const BATCH: usize = 100;
/// Physicians of a department whose names stand on its pages.
const PHYSICIANS: usize = 3;
/// The last discharges of the lead hospital that come in with a file instead.
const IN_FILE: usize = 12;
/// How often another resident is looked for before a passer-by is made up.
const TRIES: usize = 400;

/// `demo/stays.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StayPlan {
    days: i64,
    employee_percent: i64,
    own_expense_percent: i64,
    employee_pays: (i64, i64),
    resident_pays: (i64, i64),
    newborn_son: String,
    newborn_daughter: String,
    draft_at: Vec<(String, String, usize)>,
    #[serde(rename = "flaw")]
    flaws: Vec<Flaw>,
    #[serde(rename = "place")]
    places: Vec<Place>,
    #[serde(rename = "mix")]
    mixes: Vec<Mix>,
    #[serde(rename = "profile")]
    profiles: Vec<Profile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flaw {
    profile: String,
    kind: FlawKind,
    #[serde(default)]
    code: String,
    per_mille: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FlawKind {
    /// The principal diagnosis has another code.
    Principal,
    /// The sex is the other.
    Sex,
    /// Complications are not coded.
    Complications,
    /// The length of stay is too long.
    Days,
    /// The age is too low.
    Age,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    id: String,
    institutions: Vec<String>,
    cost_percent: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mix {
    id: String,
    items: BTreeMap<CostItem, i64>,
}

/// What is treated, how often, how long and for how much.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    id: String,
    share: i64,
    at: Vec<(String, String, i64)>,
    principal: Vec<(String, i64)>,
    #[serde(default)]
    secondary: Vec<(String, i64)>,
    #[serde(default)]
    procedures: Vec<(String, i64, i64, u8)>,
    days: (i64, i64, i64),
    cost: (i64, i64, i64),
    mix: String,
    #[serde(default)]
    sex: Option<Sex>,
    age: (i64, i64),
    #[serde(default)]
    died: i64,
    #[serde(default)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Usual,
    /// A mother; her page has the weight of the child.
    Delivery,
    /// A newborn, who is no registered resident yet.
    Newborn,
    /// A newborn of low weight.
    Premature,
    /// The first secondary diagnosis that is a tumour, and no other, stands on the page.
    OneTumour,
}

/// The plan that comes with the product.
///
/// # Errors
/// When it cannot be read: a fault of the build.
pub fn plan() -> anyhow::Result<StayPlan> {
    toml::from_str(include_str!("../../demo/stays.toml")).context("demo/stays.toml")
}

/// A stay to be saved.
struct Made {
    institution: InstitutionId,
    patient: Option<PatientId>,
    page: FrontPage,
    at: Timestamp,
}

/// Who is treated.
struct Patient {
    id: Option<PatientId>,
    /// Place among the residents.
    resident: Option<usize>,
    number: String,
    name: String,
    sex: Sex,
    birth_on: Date,
}

struct Maker<'m> {
    plan: &'m StayPlan,
    county: &'m County,
    codes: &'m Codes,
    names: Names,
    chance: Chance,
    /// Until when a resident is in hospital.
    busy: HashMap<usize, Date>,
    dead: HashSet<usize>,
    /// How often a record number was admitted to an institution.
    admissions: HashMap<(InstitutionId, String), u32>,
    physicians: HashMap<(InstitutionId, String), Vec<String>>,
    made_up: usize,
}

/// Saves `count` stays of the past year and `drafts` of patients in hospital now. Gives back the pages that are not saved
/// but left for a file ([`super::imports`]); they belong to `count`.
///
/// # Errors
/// Whatever an act says, and codes that the tables do not have.
pub async fn fill(
    platform: &Arc<Platform>,
    people: &Plan,
    county: &County,
    (count, drafts): (usize, usize),
) -> anyhow::Result<Vec<FrontPage>> {
    let plan = plan()?;
    let definitions = platform.kit.get::<Definitions>();
    let now = platform.now();
    let mut maker = Maker {
        plan: &plan,
        county,
        codes: definitions.codes.get(),
        names: Names::new(people),
        chance: Chance::new(11_001),
        busy: HashMap::new(),
        dead: HashSet::new(),
        admissions: HashMap::new(),
        physicians: HashMap::new(),
        made_up: 0,
    };
    let mut stays = Vec::new();
    for n in 0..count {
        // Spread over the year; the last ones were discharged yesterday.
        let ago = plan.days - i64::try_from(n)? * (plan.days - 1) / i64::try_from(count.max(1))?;
        stays.push(maker.past(now - SignedDuration::from_hours(24 * ago))?);
    }
    for n in 0..drafts {
        stays.push(maker.draft(n, now)?);
    }
    let tree = platform.tree();
    let root = tree.root().context("no group")?;
    let clerk = Arc::new(Actor::system("demo", root.id, root.scope, &["drg.edit"]));
    let mut in_file = Vec::new();
    for at in (0..stays.len()).rev() {
        let made: &Made = &stays[at];
        let is_plain = made.page.age_days.is_none() && made.page.intensive_care.is_empty();
        if in_file.len() < IN_FILE && made.institution == county.lead && made.page.status == Status::Final && is_plain {
            in_file.push(stays.remove(at).page);
        }
    }
    let mut stays = stays.into_iter().peekable();
    while stays.peek().is_some() {
        let batch: Vec<Made> = stays.by_ref().take(BATCH).collect();
        let at = batch.iter().map(|made| made.at).max().unwrap_or(now);
        let saved = platform.act_at(at, &clerk, Vec::new(), move |cx| {
            Box::pin(async move {
                for made in &batch {
                    let saved = front_page::save(cx, made.institution, &made.page, Source::Table).await?;
                    if let (Saved::New(id), Some(patient)) = (saved, made.patient) {
                        front_page::set_patient(cx, id, patient).await?;
                    }
                    actions::front_page_saved(cx, saved.id()).await?;
                }
                Ok::<_, Error>(())
            })
        });
        saved.await?;
    }
    Ok(in_file)
}

/// One of pairs by their weights.
fn weighted<'p, T>(chance: &mut Chance, items: &'p [T], weight: impl Fn(&T) -> i64) -> &'p T {
    let total: i64 = items.iter().map(&weight).sum();
    let mut at = chance.between(1, total.max(1));
    for item in items {
        at -= weight(item);
        if at <= 0 {
            return item;
        }
    }
    &items[0]
}

/// A number between the least and the most, mostly near the usual one.
fn around(chance: &mut Chance, (least, usual, most): (i64, i64, i64)) -> i64 {
    let low = if chance.hits(55) { (least, usual) } else { (usual, most) };
    let (one, two) = (chance.between(low.0, low.1), chance.between(low.0, low.1));
    // Of two draws the one nearer to the usual.
    if (one - usual).abs() < (two - usual).abs() { one } else { two }
}

fn years_before(day: Date, years: i64, days: i64) -> Date {
    let year = i64::from(day.year()) - years;
    let same = Date::new(i16::try_from(year).unwrap_or(1960), day.month(), day.day().min(28)).unwrap_or(day);
    same.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(same)
}

impl Maker<'_> {
    /// A stay that ended on the day of `at`.
    fn past(&mut self, at: Timestamp) -> anyhow::Result<Made> {
        let profile = weighted(&mut self.chance, &self.plan.profiles, |profile| profile.share);
        let (place, department, _) = weighted(&mut self.chance, &profile.at, |at| at.2).clone();
        let institution = self.institution_of(&place)?;
        let days = around(&mut self.chance, profile.days);
        let mut made = self.make(profile, (&place, institution, &department), time::day(at), days, Status::Final)?;
        self.flaw(profile, &mut made.page);
        Ok(made)
    }

    /// The stay of someone who is in hospital now.
    fn draft(&mut self, n: usize, now: Timestamp) -> anyhow::Result<Made> {
        let plan = self.plan;
        let mut before = 0;
        let fixed = plan.draft_at.iter().find(|(_, _, count)| {
            before += count;
            n < before
        });
        let place_of = |key: &str| plan.places.iter().find(|place| place.institutions.iter().any(|one| one == key));
        let (profile, place, institution, department) = match fixed {
            Some((key, department, _)) => {
                let place = place_of(key).context("no such place")?.id.clone();
                let fits = |profile: &Profile| profile.at.iter().any(|at| at.0 == place && at.1 == *department);
                let share = |profile: &Profile| if fits(profile) { profile.share } else { 0 };
                let profile = weighted(&mut self.chance, &plan.profiles, share);
                (profile, place, *self.county.ids.get(key).context("no such institution")?, department.clone())
            }
            None => {
                let share = |profile: &Profile| if profile.days.1 > 4 { profile.share } else { 0 };
                let profile = weighted(&mut self.chance, &plan.profiles, share);
                let (place, department, _) = weighted(&mut self.chance, &profile.at, |at| at.2).clone();
                let institution = self.institution_of(&place)?;
                (profile, place, institution, department)
            }
        };
        let whole = around(&mut self.chance, profile.days).max(2);
        let so_far = self.chance.between(1, whole + 1);
        let mut made = self.make(profile, (&place, institution, &department), time::day(now), so_far, Status::Draft)?;
        // Most of the cost falls on the first days.
        let percent = (40 + 60 * so_far / whole).min(100 + 3 * so_far);
        scale(&mut made.page.costs, percent);
        made.page.costs.self_paid = None;
        made.at = now;
        Ok(made)
    }

    fn institution_of(&mut self, place: &str) -> anyhow::Result<InstitutionId> {
        let place = self.plan.places.iter().find(|one| one.id == place).context("no such place")?;
        let key = self.chance.pick(&place.institutions);
        self.county.ids.get(key).copied().with_context(|| format!("no institution `{key}`"))
    }

    fn make(
        &mut self,
        profile: &Profile,
        (place, institution, department): (&str, InstitutionId, &str),
        ends_on: Date,
        days: i64,
        status: Status,
    ) -> anyhow::Result<Made> {
        let admitted_on = ends_on.checked_sub(SignedDuration::from_hours(24 * days))?;
        let minute = self.chance.between(8 * 60, 20 * 60);
        let admitted_at = time::day_start(admitted_on) + SignedDuration::from_mins(minute);
        let discharged_at = time::day_start(ends_on) + SignedDuration::from_mins(self.chance.between(9 * 60, 17 * 60));
        let patient = self.patient(profile, admitted_on, ends_on);
        let is_newborn = matches!(profile.kind, Kind::Newborn | Kind::Premature);
        let age = time::age_years(patient.birth_on, admitted_on);
        let is_dead = status == Status::Final && self.chance.between(1, 1000) <= profile.died;
        if let Some(resident) = patient.resident.filter(|_| is_dead) {
            self.dead.insert(resident);
        }
        let count = self.admissions.entry((institution, patient.number.clone())).or_default();
        *count += 1;
        let admission_count = *count;
        let (diagnoses, severity) = self.diagnoses(profile)?;
        let (procedures, extra) = self.procedures(profile, admitted_at, days)?;
        let mut page = FrontPage {
            status,
            medical_record_number: patient.number.clone(),
            admission_count,
            patient_name: patient.name.clone(),
            sex: Some(patient.sex),
            birth_on: Some(patient.birth_on),
            age_years: u32::try_from(age).ok(),
            admitted_at: Some(admitted_at),
            admission_department: department.to_owned(),
            admission_route: if self.chance.hits(30) { "1" } else { "2" }.into(),
            diagnoses,
            procedures,
            ..FrontPage::default()
        };
        if is_newborn {
            let lived = admitted_on.since(patient.birth_on)?.get_days();
            page.age_days = u32::try_from(lived).ok();
            let grams = if profile.kind == Kind::Premature { (1_600, 2_450) } else { (2_600, 4_000) };
            let grams = u32::try_from(self.chance.between(grams.0, grams.1) / 10 * 10)?;
            page.birth_weights_g = vec![grams];
            page.admission_weight_g = Some(grams + 20);
        } else if profile.kind == Kind::Delivery {
            page.birth_weights_g = vec![u32::try_from(self.chance.between(260, 400) * 10)?];
        }
        if status == Status::Final {
            page.discharged_at = Some(discharged_at);
            page.discharge_department = department.to_owned();
            page.length_of_stay_days = u32::try_from(days.max(1)).ok();
            page.discharge_disposition = match (is_dead, self.chance.between(1, 100)) {
                (true, _) => "5",
                (false, 1..=2) => "2",
                (false, 3..=5) => "4",
                (false, 6..=7) => "3",
                _ => "1",
            }
            .into();
        }
        if profile.mix == "critical" && self.chance.hits(40) {
            let hours = self.chance.between(12, 24 * days.max(1));
            page.intensive_care =
                vec![IntensiveCare { minutes: u32::try_from(hours * 60).ok(), ..IntensiveCare::default() }];
        }
        let pays = self.insure(&mut page, age);
        self.cost(profile, place, (days, severity, extra), &mut page.costs)?;
        let total = page.costs.total.unwrap_or_default();
        page.costs.self_paid = Some(Fen(total.0 * pays / 100));
        page.staff = self.staff(institution, department);
        Ok(Made { institution, patient: patient.id, page, at: discharged_at })
    }

    /// Puts the insurance in and gives the share that the patient pays, in percent.
    fn insure(&mut self, page: &mut FrontPage, age: impl Into<i64>) -> i64 {
        let plan = self.plan;
        let at = self.chance.between(1, 100);
        let (kind, way, pays) = if at <= plan.own_expense_percent {
            ("", "7", (100, 100))
        } else if at <= plan.own_expense_percent + plan.employee_percent && age.into() >= 18 {
            ("1", "1", plan.employee_pays)
        } else {
            ("2", "2", plan.resident_pays)
        };
        page.insurance_type = kind.into();
        page.payment_kind = way.into();
        self.chance.between(pays.0, pays.1)
    }

    fn patient(&mut self, profile: &Profile, admitted_on: Date, ends_on: Date) -> Patient {
        if matches!(profile.kind, Kind::Newborn | Kind::Premature) {
            let is_son = self.chance.hits(52);
            let ending = if is_son { &self.plan.newborn_son } else { &self.plan.newborn_daughter };
            let name = format!("{}{ending}", self.names.next(false, &mut self.chance));
            let birth_on = years_before(admitted_on, 0, self.chance.between(0, 6));
            return self.passer_by(name, if is_son { Sex::Male } else { Sex::Female }, birth_on);
        }
        let residents: &[Resident] = &self.county.residents;
        for _ in 0..TRIES.min(residents.len() * 2) {
            let at = usize::try_from(self.chance.between(0, residents.len() as i64 - 1)).unwrap_or_default();
            let resident = &residents[at];
            let age = i64::from(time::age_years(resident.birth_on, admitted_on));
            let fits = profile.sex.is_none_or(|sex| sex == resident.sex)
                && (profile.age.0..=profile.age.1).contains(&age)
                && resident.birth_on < admitted_on
                && !self.dead.contains(&at)
                && self.busy.get(&at).is_none_or(|until| *until < admitted_on);
            if fits {
                self.busy.insert(at, ends_on);
                return Patient {
                    id: Some(resident.id),
                    resident: Some(at),
                    number: resident.number.clone(),
                    name: resident.name.clone(),
                    sex: resident.sex,
                    birth_on: resident.birth_on,
                };
            }
        }
        let is_male = profile.sex.map_or_else(|| self.chance.hits(50), |sex| sex == Sex::Male);
        let name = self.names.next(is_male, &mut self.chance);
        let birth_on = years_before(
            admitted_on,
            self.chance.between(profile.age.0.max(1), profile.age.1.max(1)),
            self.chance.between(1, 300),
        );
        self.passer_by(name, if is_male { Sex::Male } else { Sex::Female }, birth_on)
    }

    /// Someone whom the group has not registered.
    fn passer_by(&mut self, name: String, sex: Sex, birth_on: Date) -> Patient {
        self.made_up += 1;
        Patient { id: None, resident: None, number: format!("T{:06}", self.made_up), name, sex, birth_on }
    }

    /// Diagnoses with their names, and by how much percent complications raise the cost.
    fn diagnoses(&mut self, profile: &Profile) -> anyhow::Result<(Vec<Diagnosis>, i64)> {
        let (principal, _) = weighted(&mut self.chance, &profile.principal, |one| one.1);
        let mut codes = vec![principal.clone()];
        let mut severity = 0;
        let is_tumour = |code: &str| code.starts_with('C') && !code.starts_with("C77");
        if profile.kind == Kind::OneTumour {
            let tumours: Vec<(String, i64)> =
                profile.secondary.iter().filter(|(code, _)| is_tumour(code)).cloned().collect();
            codes.push(weighted(&mut self.chance, &tumours, |one| one.1).0.clone());
        }
        for (code, percent) in &profile.secondary {
            let is_chosen = profile.kind == Kind::OneTumour && is_tumour(code);
            if !is_chosen && self.chance.hits(*percent) && !codes.contains(code) {
                codes.push(code.clone());
                // What is rare beside an illness is mostly what makes it hard.
                severity += if *percent <= 16 { self.chance.between(6, 26) } else { 0 };
            }
        }
        let diagnoses = codes.into_iter().enumerate().map(|(at, code)| {
            let name = self.codes.get(System::Diagnosis, &code).with_context(|| format!("no diagnosis `{code}`"))?;
            let condition = if at == 0 || self.chance.hits(80) { "1" } else { "4" };
            Ok(Diagnosis {
                name: name.name.to_owned(),
                code,
                insurance_code: None,
                admission_condition: condition.to_owned(),
            })
        });
        Ok((diagnoses.collect::<anyhow::Result<_>>()?, severity))
    }

    /// Procedures with their names, and what they cost in yuan.
    fn procedures(
        &mut self,
        profile: &Profile,
        admitted_at: Timestamp,
        days: i64,
    ) -> anyhow::Result<(Vec<Procedure>, i64)> {
        let (mut procedures, mut extra, mut left) = (Vec::new(), 0, 100);
        for (code, percent, yuan, level) in &profile.procedures {
            // Of several ways to do the same only one is taken: percents add up.
            if self.chance.between(1, left.max(1)) > *percent {
                left -= percent;
                continue;
            }
            let name = self.codes.get(System::Procedure, code).with_context(|| format!("no procedure `{code}`"))?;
            let hours = self.chance.between(2, (24 * (days - 1)).clamp(3, 60));
            procedures.push(Procedure {
                code: code.clone(),
                name: name.name.to_owned(),
                performed_at: Some(admitted_at + SignedDuration::from_hours(hours.min(24 * days.max(1) - 1).max(1))),
                level: if *level > 0 { level.to_string() } else { String::new() },
                ..Procedure::default()
            });
            extra += self.chance.between(yuan * 86 / 100, yuan * 122 / 100);
            break;
        }
        Ok((procedures, extra))
    }

    fn cost(
        &mut self,
        profile: &Profile,
        place: &str,
        (days, severity, extra): (i64, i64, i64),
        costs: &mut Costs,
    ) -> anyhow::Result<()> {
        let place = self.plan.places.iter().find(|one| one.id == place).context("no such place")?;
        let mix = self.plan.mixes.iter().find(|mix| mix.id == profile.mix).context("no such mix")?;
        let drawn = around(&mut self.chance, profile.cost);
        // Half of it goes with the days.
        let base = drawn / 2 + drawn * days.max(1) / (2 * profile.days.1.max(1));
        let yuan = (base + extra) * (100 + severity) * place.cost_percent / 10_000;
        let total = Fen(yuan.max(300) * 100 + self.chance.between(0, 99));
        let mut left = total.0;
        for (item, share) in &mix.items {
            let amount = (total.0 * share / 1000 * self.chance.between(82, 118) / 100).min(left);
            left -= amount;
            costs.items.insert(*item, Fen(amount));
        }
        *costs.items.entry(CostItem::Laboratory).or_default() = {
            let own = costs.items.get(&CostItem::Laboratory).copied().unwrap_or_default();
            Fen(own.0 + left)
        };
        let part = |costs: &mut Costs, whole: CostItem, part: CostItem, percent: i64| {
            if let Some(amount) = costs.items.get(&whole).copied() {
                costs.items.insert(part, Fen(amount.0 * percent / 100));
            }
        };
        let antibacterials = self.chance.between(8, 40);
        part(costs, CostItem::WesternDrugs, CostItem::Antibacterials, antibacterials);
        part(costs, CostItem::SurgicalTreatment, CostItem::Anesthesia, 22);
        part(costs, CostItem::SurgicalTreatment, CostItem::Operation, 70);
        costs.total = Some(total);
        Ok(())
    }

    fn staff(&mut self, institution: InstitutionId, department: &str) -> Staff {
        let key = (institution, department.to_owned());
        if !self.physicians.contains_key(&key) {
            let names = (0..PHYSICIANS).map(|_| self.names.next(self.chance.hits(60), &mut self.chance)).collect();
            self.physicians.insert(key.clone(), names);
        }
        let physician = self.physicians.get(&key).map(|names| self.chance.pick(names).clone());
        Staff { attending_physician: physician.unwrap_or_default(), ..Staff::default() }
    }

    /// Some pages have mistakes, as those of a real year do.
    fn flaw(&mut self, profile: &Profile, page: &mut FrontPage) {
        for flaw in self.plan.flaws.iter().filter(|flaw| flaw.profile == profile.id) {
            if self.chance.between(1, 1000) > flaw.per_mille {
                continue;
            }
            match flaw.kind {
                FlawKind::Principal => {
                    if let (Some(first), Some(code)) =
                        (page.diagnoses.first_mut(), self.codes.get(System::Diagnosis, &flaw.code))
                    {
                        code.code.clone_into(&mut first.code);
                        code.name.clone_into(&mut first.name);
                    }
                }
                FlawKind::Sex => page.sex = Some(if page.sex == Some(Sex::Male) { Sex::Female } else { Sex::Male }),
                FlawKind::Complications => page.diagnoses.truncate(1),
                FlawKind::Days => page.length_of_stay_days = page.length_of_stay_days.map(|days| days + 6),
                FlawKind::Age => page.age_years = page.age_years.map(|years| years.saturating_sub(10)),
            }
        }
    }
}

/// Brings every amount to so many percent.
fn scale(costs: &mut Costs, percent: i64) {
    for amount in costs.items.values_mut() {
        *amount = Fen(amount.0 * percent / 100);
    }
    costs.total = costs.sum_of_items();
}
