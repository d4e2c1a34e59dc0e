//! Institutions, staff, sign-ins, residents, devices and the rota.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;
use yiti_directory::device::{self, Device};
use yiti_directory::duty::{self, Duty, Leave};
use yiti_directory::institution::{self, NewInstitution};
use yiti_directory::people::{self, Department, Person, Post};
use yiti_directory::{Actor, DepartmentId, InstitutionId, InstitutionKind, PersonId, Platform, PostId, Title, sign_in};
use yiti_kernel::{NationalId, SignedDuration, civil, time};
use yiti_record::PatientId;
use yiti_record::patient::{self, NewPatient, Sex};
use yiti_store::Error;

use super::Plan;
use super::chance::Chance;

/// How many residents are registered in one act.
const BATCH: usize = 250;

/// An institution of the plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedInstitution {
    key: String,
    parent: Option<String>,
    name: String,
    short_name: String,
    kind: InstitutionKind,
    #[serde(default)]
    departments: Vec<(String, String)>,
    /// End of its AE titles.
    #[serde(default)]
    ae: String,
    /// What its machines are.
    #[serde(default)]
    modalities: Vec<String>,
}

/// A line of posts of the plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStaff {
    institution: String,
    role: String,
    title: Title,
    count: usize,
    #[serde(default)]
    login: Option<String>,
}

/// Someone who can sign in to the demonstration.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The login.
    pub login: String,
    /// The person.
    pub person: PersonId,
    /// The post.
    pub post: PostId,
    /// The name.
    pub name: String,
    /// Where the post is held.
    pub institution: InstitutionId,
    /// The role's key.
    pub role: String,
}

/// What readings need of the county.
#[derive(Debug)]
pub struct County {
    /// Institutions that have machines: institution, AE title of the platform, modalities.
    pub branches: Vec<Branch>,
    /// People who act, by institution and role.
    pub staff: HashMap<(InstitutionId, String), Vec<Arc<Actor>>>,
    /// The lead hospital.
    pub lead: InstitutionId,
    /// All institutions by the key of the plan.
    pub ids: HashMap<String, InstitutionId>,
    /// Residents: patient, number, name, sex, birthday.
    pub residents: Vec<Resident>,
    /// Who can sign in.
    pub sign_ins: Vec<SignIn>,
}

/// An institution that examines.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The institution.
    pub institution: InstitutionId,
    /// Its AE title at the platform.
    pub archive: String,
    /// What its machines are.
    pub modalities: Vec<String>,
}

/// A synthetic resident.
#[derive(Debug, Clone)]
pub struct Resident {
    /// The patient.
    pub id: PatientId,
    /// Their number.
    pub number: String,
    /// Their name.
    pub name: String,
    /// Their sex.
    pub sex: Sex,
    /// Their birthday.
    pub birth_on: civil::Date,
}

/// Builds everything but the readings.
///
/// # Errors
/// Whatever the store says.
pub async fn build(
    platform: &Arc<Platform>,
    limits: &sign_in::Limits,
    plan: &Plan,
    resident_count: usize,
    chance: &mut Chance,
) -> anyhow::Result<County> {
    let mut names = Names::new(plan);
    let ids: HashMap<String, InstitutionId> =
        plan.institutions.iter().map(|i| (i.key.clone(), InstitutionId::fresh())).collect();
    let id = |key: &str| ids.get(key).copied().with_context(|| format!("no institution `{key}` in the plan"));
    let mut institutions = Vec::new();
    let mut departments = Vec::new();
    let mut devices = Vec::new();
    let mut branches = Vec::new();
    for planned in &plan.institutions {
        let own = id(&planned.key)?;
        let parent = planned.parent.as_deref().map(id).transpose()?;
        institutions.push(NewInstitution {
            id: own,
            parent,
            name: planned.name.clone(),
            short_name: planned.short_name.clone(),
            kind: planned.kind,
            division_code: plan.region.clone(),
            is_synthetic: true,
        });
        for (name, kind) in &planned.departments {
            let (id, name, kind) = (DepartmentId::fresh(), name.clone(), kind.clone());
            departments.push(Department { id, institution: own, name, kind });
        }
        if planned.ae.is_empty() {
            continue;
        }
        let device = |title: String, kind, modality: &str| Device {
            name: title.clone(),
            ae_title: title,
            institution: own,
            kind,
            modality: modality.to_owned(),
            is_disabled: false,
            seen_at: None,
            seen_from: String::new(),
        };
        let archive = format!("YITI-{}", planned.ae);
        devices.push(device(archive.clone(), device::Kind::Archive, ""));
        for modality in &planned.modalities {
            devices.push(device(format!("{modality}-{}", planned.ae), device::Kind::Modality, modality));
        }
        branches.push(Branch { institution: own, archive, modalities: planned.modalities.clone() });
    }
    let people = hire(plan, &ids, &departments, &mut names, chance)?;
    let password_hash = sign_in::hash(&plan.password, limits.password_length_min).await?;
    let logins: Vec<(PersonId, String)> =
        people.iter().filter_map(|hired| Some((hired.person.id, hired.login.clone()?))).collect();
    let rota = rota(platform, &departments, &people);
    let staff_rows: Vec<(Person, Post)> = people.iter().map(|h| (h.person.clone(), h.post.clone())).collect();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                for new in &institutions {
                    institution::add(tx, new).await?;
                }
                for department in &departments {
                    people::add_department(tx, department).await?;
                }
                for (person, post) in &staff_rows {
                    people::add_person(tx, person).await?;
                    people::add_post(tx, post).await?;
                }
                for (person, login) in &logins {
                    sign_in::set_account(tx, *person, login, &password_hash, false).await?;
                }
                for new in &devices {
                    device::add(tx, new).await?;
                }
                for shift in &rota.0 {
                    duty::add(tx, shift).await?;
                }
                for leave in &rota.1 {
                    duty::add_leave(tx, leave).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    platform.reload_tree().await?;
    let mut staff: HashMap<(InstitutionId, String), Vec<Arc<Actor>>> = HashMap::new();
    let mut sign_ins = Vec::new();
    for hired in &people {
        let mut reader = platform.store.read().await?;
        let actor = platform.actor(&mut reader, hired.person.id, hired.post.id).await?;
        let actor = Arc::new(actor.with_context(|| format!("role `{}` is unknown", hired.post.role))?);
        staff.entry((hired.post.institution, hired.post.role.clone())).or_default().push(actor);
        if let Some(login) = &hired.login {
            sign_ins.push(SignIn {
                login: login.clone(),
                person: hired.person.id,
                post: hired.post.id,
                name: hired.person.name.clone(),
                institution: hired.post.institution,
                role: hired.post.role.clone(),
            });
        }
    }
    let lead = id("lead")?;
    let homes: Vec<InstitutionId> = branches.iter().map(|b| b.institution).chain([lead]).collect();
    let residents = register(platform, plan, &homes, resident_count, &mut names, chance).await?;
    Ok(County { branches, staff, lead, ids, residents, sign_ins })
}

struct Hired {
    person: Person,
    post: Post,
    login: Option<String>,
}

fn hire(
    plan: &Plan,
    ids: &HashMap<String, InstitutionId>,
    departments: &[Department],
    names: &mut Names,
    chance: &mut Chance,
) -> anyhow::Result<Vec<Hired>> {
    let mut people = Vec::new();
    for line in &plan.staff {
        let institution = *ids.get(&line.institution).with_context(|| format!("no `{}`", line.institution))?;
        let kinds: &[&str] = match line.role.as_str() {
            "radiologist" | "department_head" | "branch_technician" => &["imaging"],
            "quality_officer" => &["quality"],
            "it_administrator" => &["information"],
            "ward_doctor" | "clinical_head" => &["internal_medicine"],
            "insurance" => &["insurance"],
            "coder" => &["medical_records"],
            "president" => &["management"],
            _ => &["general_practice", "internal_medicine", "orthopedics", "obstetrics", "emergency"],
        };
        let fitting: Vec<&Department> =
            departments.iter().filter(|d| d.institution == institution && kinds.contains(&d.kind.as_str())).collect();
        for n in 0..line.count {
            let person = Person {
                id: PersonId::fresh(),
                name: names.next(chance.hits(50), chance),
                employee_number: format!("Y{:04}", people.len() + 1),
                title: line.title,
                phone: String::new(),
                is_synthetic: true,
            };
            let post = Post {
                id: PostId::fresh(),
                person: person.id,
                role: line.role.clone(),
                institution,
                department: fitting.get(n % fitting.len().max(1)).map(|d| d.id),
                from_on: civil::date(2024, 1, 1),
                until_on: None,
            };
            people.push(Hired { person, post, login: line.login.clone().filter(|_| n == 0) });
        }
    }
    Ok(people)
}

/// Two weeks of shifts in every imaging department, and one leave.
fn rota(platform: &Platform, departments: &[Department], people: &[Hired]) -> (Vec<Duty>, Vec<Leave>) {
    let today = time::day(platform.now());
    let (mut shifts, mut leaves) = (Vec::new(), Vec::new());
    for department in departments.iter().filter(|d| d.kind == "imaging") {
        let members: Vec<&Hired> = people
            .iter()
            .filter(|h| h.post.department == Some(department.id) && h.post.role != "department_head")
            .collect();
        for (day, offset) in (-3_i64..11).enumerate() {
            let midnight = time::day_start(today) + SignedDuration::from_hours(24 * offset);
            for (kind, slot, starts, hours) in [("day", 0, 8, 9), ("second_line", 1, 8, 9), ("night", 2, 17, 15)] {
                if members.is_empty() || (members.len() < 3 && slot > 0) {
                    continue;
                }
                let starts_at = midnight + SignedDuration::from_hours(starts);
                shifts.push(Duty {
                    id: yiti_kernel::fresh(),
                    department: department.id,
                    person: members[(day + slot * 2) % members.len()].person.id,
                    kind: kind.to_owned(),
                    starts_at,
                    ends_at: starts_at + SignedDuration::from_hours(hours),
                });
            }
        }
        if let Some(away) = members.last().filter(|_| members.len() > 3) {
            let starts_at = time::day_start(today) + SignedDuration::from_hours(24);
            leaves.push(Leave {
                id: yiti_kernel::fresh(),
                person: away.person.id,
                reason: "training".into(),
                starts_at,
                ends_at: starts_at + SignedDuration::from_hours(72),
            });
        }
    }
    shifts.sort_by_key(|s| (s.person, s.starts_at));
    shifts.dedup_by_key(|s| (s.person, s.starts_at));
    (shifts, leaves)
}

async fn register(
    platform: &Arc<Platform>,
    plan: &Plan,
    homes: &[InstitutionId],
    count: usize,
    names: &mut Names,
    chance: &mut Chance,
) -> anyhow::Result<Vec<Resident>> {
    let tree = platform.tree();
    let root = tree.root().context("no group")?;
    let clerk = Arc::new(Actor::system("demo", root.id, root.scope, &[]));
    let today = time::day(platform.now());
    let mut new = Vec::new();
    for n in 0..count {
        let is_male = chance.hits(49);
        // More old people than young ones, as a county hospital sees them.
        let age = if chance.hits(60) { chance.between(45, 88) } else { chance.between(2, 44) };
        let year = i64::from(today.year()) - age;
        let (month, day) = (chance.between(1, 12), chance.between(1, 28));
        let order = 2 * i64::try_from(n % 499)? + i64::from(is_male);
        let digits = format!("{}{year:04}{month:02}{day:02}{order:03}", plan.region);
        let national_id = NationalId::from_first_seventeen(&digits)?;
        new.push((
            *chance.pick(homes),
            NewPatient {
                name: names.next(is_male, chance),
                sex: Sex::Unknown,
                birth_on: None,
                national_id: national_id.as_str().to_owned(),
                phone: format!("100{:08}", 10_000_000 + n),
                address: String::new(),
                is_synthetic: true,
            },
        ));
    }
    // Before the first stay of the year.
    let long_ago = platform.now() - SignedDuration::from_hours(24 * 400);
    let mut residents = Vec::new();
    for batch in new.chunks(BATCH) {
        let batch = batch.to_vec();
        let registered = platform.act_at(long_ago, &clerk, Vec::new(), move |cx| {
            Box::pin(async move {
                let mut residents = Vec::new();
                for (home, new) in &batch {
                    match patient::register(cx, *home, new).await {
                        Ok(patient) => residents.push(patient),
                        // Two people were given the same day and number by chance.
                        Err(patient::Refused::Known { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(residents)
            })
        });
        for patient in registered.await? {
            residents.push(Resident {
                id: patient.id,
                number: patient.number,
                name: patient.name,
                sex: patient.sex,
                birth_on: patient.birth_on.unwrap_or(civil::date(1960, 1, 1)),
            });
        }
    }
    Ok(residents)
}

/// Makes names up.
pub(super) struct Names {
    surnames: Vec<char>,
    given_male: Vec<char>,
    given_female: Vec<char>,
}

impl Names {
    pub(super) fn new(plan: &Plan) -> Self {
        let chars = |text: &str| text.chars().collect();
        Self {
            surnames: chars(&plan.surnames),
            given_male: chars(&plan.given_male),
            given_female: chars(&plan.given_female),
        }
    }

    pub(super) fn next(&mut self, is_male: bool, chance: &mut Chance) -> String {
        let given = if is_male { &self.given_male } else { &self.given_female };
        let mut name = String::from(*chance.pick(&self.surnames));
        name.push(*chance.pick(given));
        if chance.hits(75) {
            name.push(*chance.pick(given));
        }
        name
    }
}

/// The sign-ins of a demonstration that was filled earlier.
///
/// # Errors
/// Whatever the store says.
pub async fn known_sign_ins(platform: &Platform) -> anyhow::Result<Vec<SignIn>> {
    let mut reader = platform.store.read().await?;
    let mut sign_ins = Vec::new();
    for sign_in::Account { login, person, .. } in sign_in::accounts(&mut reader).await? {
        let who = people::person(&mut reader, person).await?;
        if let Some(post) = people::posts_of(&mut reader, person).await?.into_iter().next() {
            let (institution, role) = (post.institution, post.role);
            sign_ins.push(SignIn { login, person, post: post.id, name: who.name, institution, role });
        }
    }
    Ok(sign_ins)
}
