//! Months of reading history and a live queue with something due in minutes, something overdue and something critical.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use serde::Deserialize;
use yiti_diagnostics::actions::{self, NewRequest};
use yiti_diagnostics::content::Content;
use yiti_diagnostics::{Definitions, Error};
use yiti_directory::{Actor, Cx, InstitutionId, Platform};
use yiti_flow::CaseId;
use yiti_kernel::{SignedDuration, Timestamp, time};
use yiti_record::imaging::{self, Arrived};
use yiti_record::order::{Order, Priority, Setting};
use yiti_store::NewBlob;

use super::Plan;
use super::chance::Chance;
use super::county::{Branch, County, Resident};
use super::pictures::{self, Study};

/// Days of history.
const HISTORY_DAYS: i64 = 180;
/// Readings written in one act.
const BATCH: usize = 25;

/// An examination of the plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedExam {
    code: String,
    weight: i64,
    pictures: Vec<String>,
    questions: Vec<String>,
    findings_normal: String,
    impression_normal: String,
    findings_positive: Vec<String>,
    impression_positive: Vec<String>,
    #[serde(default)]
    critical_findings: String,
    #[serde(default)]
    critical_impression: String,
    #[serde(default)]
    critical_note: String,
}

/// How far a reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Requested,
    Uploaded,
    RepeatAsked,
    Waiting,
    Drafting,
    Drafted,
    Returned,
    Issued,
}

/// One reading of the demonstration.
#[derive(Debug, Clone)]
struct Life {
    branch: Branch,
    resident: Resident,
    exam: PlannedExam,
    priority: Priority,
    setting: Setting,
    question: String,
    doctor: Arc<Actor>,
    technician: Arc<Actor>,
    reader: Arc<Actor>,
    approver: Arc<Actor>,
    requested_at: Timestamp,
    examined_at: Timestamp,
    arrived_at: Timestamp,
    graded_at: Timestamp,
    taken_at: Timestamp,
    submitted_at: Timestamp,
    issued_at: Timestamp,
    stage: Stage,
    content: Content,
    lost_points: u32,
    has_addendum: bool,
}

/// Fills history and live queue.
///
/// # Errors
/// Whatever an act says.
pub async fn fill(
    platform: &Arc<Platform>,
    plan: &Plan,
    county: &County,
    count: usize,
    chance: &mut Chance,
) -> anyhow::Result<()> {
    let now = platform.now();
    let mut lives: Vec<Life> = Vec::new();
    for n in 0..count {
        let days_ago = HISTORY_DAYS - i64::try_from(n)? * (HISTORY_DAYS - 1) / i64::try_from(count.max(1))?;
        lives.push(past(plan, county, now - SignedDuration::from_hours(24 * days_ago), chance)?);
    }
    lives.extend(live(plan, county, now, chance)?);
    for batch in lives.chunks(BATCH) {
        run(platform, batch).await?;
    }
    strays(platform, plan, county, now, chance).await?;
    crate::site::tick(platform).await?;
    Ok(())
}

fn staff(county: &County, institution: InstitutionId, role: &str, chance: &mut Chance) -> anyhow::Result<Arc<Actor>> {
    let people = county.staff.get(&(institution, role.to_owned())).with_context(|| format!("nobody is {role}"))?;
    Ok(chance.pick(people).clone())
}

fn readers(county: &County, chance: &mut Chance) -> anyhow::Result<(Arc<Actor>, Arc<Actor>)> {
    let reader = staff(county, county.lead, "radiologist", chance)?;
    loop {
        let approver = staff(county, county.lead, "radiologist", chance)?;
        if approver.person != reader.person {
            return Ok((reader, approver));
        }
    }
}

fn exam_for(plan: &Plan, branch: &Branch, chance: &mut Chance) -> PlannedExam {
    let fits = |exam: &&PlannedExam| {
        let modality = exam.code.get(..2).unwrap_or_default().to_ascii_uppercase();
        branch.modalities.contains(&modality)
    };
    let fitting: Vec<&PlannedExam> = plan.exams.iter().filter(fits).collect();
    let total: i64 = fitting.iter().map(|exam| exam.weight).sum();
    let mut at = chance.between(1, total.max(1));
    for exam in &fitting {
        at -= exam.weight;
        if at <= 0 {
            return (*exam).clone();
        }
    }
    plan.exams[0].clone()
}

fn content(exam: &PlannedExam, template: &str, kind: &str, chance: &mut Chance) -> Content {
    let (findings, impression) = match kind {
        "critical" => (exam.critical_findings.clone(), exam.critical_impression.clone()),
        "positive" => {
            let n = usize::try_from(chance.between(0, exam.findings_positive.len() as i64 - 1)).unwrap_or_default();
            (
                exam.findings_positive[n].clone(),
                exam.impression_positive[n.min(exam.impression_positive.len() - 1)].clone(),
            )
        }
        _ => (exam.findings_normal.clone(), exam.impression_normal.clone()),
    };
    let sections = [("findings", findings), ("impression", impression)];
    Content {
        template: template.to_owned(),
        sections: sections.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        is_positive: kind != "normal",
        is_critical: kind == "critical",
        critical_note: if kind == "critical" { exam.critical_note.clone() } else { String::new() },
    }
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// A finished reading of some day of the past.
fn past(plan: &Plan, county: &County, day: Timestamp, chance: &mut Chance) -> anyhow::Result<Life> {
    let branch = chance.pick(&county.branches).clone();
    let exam = exam_for(plan, &branch, chance);
    let priority = match chance.between(1, 100) {
        1..=10 => Priority::Stat,
        11..=22 => Priority::Urgent,
        _ => Priority::Routine,
    };
    let setting = match (priority, chance.between(1, 100)) {
        (Priority::Stat, _) => Setting::Emergency,
        (_, 1..=25) => Setting::Inpatient,
        _ => Setting::Outpatient,
    };
    let minute = if priority == Priority::Stat { chance.between(0, 1439) } else { chance.between(8 * 60, 15 * 60) };
    let requested_at = time::day_start(time::day(day)) + minutes(minute);
    let examined_at = requested_at + minutes(chance.between(12, 55));
    let arrived_at = examined_at + minutes(chance.between(2, 9));
    let graded_at = arrived_at + minutes(chance.between(1, 9));
    let is_late = chance.hits(7);
    let wait = match priority {
        Priority::Stat => chance.between(2, 12),
        Priority::Urgent => chance.between(5, 40),
        Priority::Routine => chance.between(8, 90),
    };
    let taken_at = graded_at + minutes(if is_late { wait + chance.between(90, 300) } else { wait });
    let submitted_at = taken_at + minutes(chance.between(4, 14));
    let issued_at = submitted_at + minutes(chance.between(2, 14));
    let (reader, approver) = readers(county, chance)?;
    let kind = match chance.between(1, 100) {
        1..=2 if !exam.critical_note.is_empty() => "critical",
        1..=38 => "positive",
        _ => "normal",
    };
    Ok(Life {
        doctor: staff(county, branch.institution, "branch_doctor", chance)?,
        technician: staff(county, branch.institution, "branch_technician", chance)?,
        resident: chance.pick(&county.residents).clone(),
        question: chance.pick(&exam.questions).clone(),
        content: content(&exam, "", kind, chance),
        lost_points: *chance.pick(&[0, 0, 2, 4, 6, 8, 8, 10, 12, 15, 20, 28]),
        has_addendum: chance.hits(2),
        branch,
        exam,
        priority,
        setting,
        reader,
        approver,
        requested_at,
        examined_at,
        arrived_at,
        graded_at,
        taken_at,
        submitted_at,
        issued_at,
        stage: Stage::Issued,
    })
}

/// What waits now: branch, exam, priority, how far, minutes since arrival (before arrival: since the request).
const LIVE: &[(usize, &str, Priority, Stage, i64)] = &[
    (2, "ct_chest_plain", Priority::Stat, Stage::Waiting, 54),
    (0, "ct_chest_plain", Priority::Stat, Stage::Waiting, 75),
    (3, "ct_chest_plain", Priority::Stat, Stage::Uploaded, 6),
    (4, "dx_ankle", Priority::Urgent, Stage::Waiting, 104),
    (2, "dx_ankle", Priority::Routine, Stage::Uploaded, 9),
    (2, "ct_chest_plain", Priority::Routine, Stage::Uploaded, 21),
    (0, "mr_shoulder", Priority::Routine, Stage::Waiting, 190),
    (0, "mr_abdomen_plain", Priority::Urgent, Stage::Waiting, 35),
    (1, "mr_wrist", Priority::Routine, Stage::Waiting, 300),
    (5, "ct_chest_plain", Priority::Routine, Stage::Waiting, 66),
    (5, "dx_ankle", Priority::Routine, Stage::Waiting, 48),
    (3, "ct_chest_plain", Priority::Urgent, Stage::Waiting, 41),
    (1, "dx_ankle", Priority::Routine, Stage::Waiting, 30),
    (3, "dx_ankle", Priority::Routine, Stage::Waiting, 25),
    (2, "ct_chest_plain", Priority::Urgent, Stage::Drafting, 38),
    (5, "ct_chest_plain", Priority::Routine, Stage::Drafting, 58),
    (2, "ct_chest_plain", Priority::Stat, Stage::Drafted, 31),
    (0, "ct_chest_plain", Priority::Routine, Stage::Drafted, 80),
    (4, "dx_ankle", Priority::Routine, Stage::Drafted, 70),
    (2, "dx_ankle", Priority::Routine, Stage::Returned, 95),
    (2, "ct_chest_plain", Priority::Routine, Stage::RepeatAsked, 26),
    (2, "ct_chest_plain", Priority::Stat, Stage::Issued, 44),
    (2, "dx_ankle", Priority::Routine, Stage::Issued, 120),
    (2, "ct_chest_plain", Priority::Routine, Stage::Requested, 12),
    (2, "dx_ankle", Priority::Urgent, Stage::Requested, 6),
    (3, "ct_chest_plain", Priority::Routine, Stage::Requested, 33),
    (0, "mr_shoulder", Priority::Routine, Stage::Requested, 51),
];

fn live(plan: &Plan, county: &County, now: Timestamp, chance: &mut Chance) -> anyhow::Result<Vec<Life>> {
    let mut lives = Vec::new();
    for (branch, code, priority, stage, ago) in LIVE {
        let exam = plan.exams.iter().find(|exam| exam.code == *code).context("no such exam in the plan")?.clone();
        let mut life = past(plan, county, now, chance)?;
        life.branch = county.branches[*branch].clone();
        // The first doctor of a place has the live orders, so that the demonstration's own doctor has some.
        life.doctor = county
            .staff
            .get(&(life.branch.institution, "branch_doctor".to_owned()))
            .and_then(|doctors| doctors.first())
            .context("no doctor")?
            .clone();
        life.technician = staff(county, life.branch.institution, "branch_technician", chance)?;
        life.question = chance.pick(&exam.questions).clone();
        life.priority = *priority;
        life.setting = if *priority == Priority::Stat { Setting::Emergency } else { Setting::Outpatient };
        life.stage = *stage;
        life.has_addendum = false;
        life.lost_points = 5;
        let arrived_at = now - minutes(*ago);
        life.arrived_at = arrived_at;
        life.examined_at = arrived_at - minutes(4);
        life.requested_at =
            if *stage == Stage::Requested { now - minutes(*ago) } else { arrived_at - minutes(chance.between(20, 45)) };
        life.graded_at = arrived_at + minutes((ago / 8).clamp(1, 6));
        life.taken_at = arrived_at + minutes((ago / 3).max(2));
        if *stage == Stage::Drafting {
            life.taken_at = now - minutes(6);
        }
        life.submitted_at = life.taken_at + minutes((ago / 5).max(1));
        life.issued_at = life.submitted_at + minutes((ago / 8).max(1));
        let is_critical = *stage == Stage::Issued && *priority == Priority::Stat;
        let kind = if is_critical { "critical" } else { *chance.pick(&["positive", "normal"]) };
        life.content = content(&exam, "", kind, chance);
        life.exam = exam;
        lives.push(life);
    }
    Ok(lives)
}

/// Places the orders of a batch, makes their pictures, and takes every reading as far as it has come.
async fn run(platform: &Arc<Platform>, batch: &[Life]) -> anyhow::Result<()> {
    let system = batch.first().context("an empty batch")?.doctor.clone();
    let lives = batch.to_vec();
    let orders: Vec<(CaseId, Order)> = platform
        .act(&system, move |cx| {
            Box::pin(async move {
                let mut orders = Vec::new();
                for life in &lives {
                    orders.push(place(cx, life).await?);
                }
                Ok::<_, Error>(orders)
            })
        })
        .await?;
    let tree = platform.tree();
    let (mut blobs, mut arrivals): (Vec<NewBlob>, Vec<Vec<Arrived>>) = (Vec::new(), Vec::new());
    for (life, (_, order)) in batch.iter().zip(&orders) {
        let mut arrived = Vec::new();
        if life.stage != Stage::Requested {
            let machine = machine_of(life);
            let institution = tree.name(life.branch.institution);
            let study = Study::of(order, &life.resident, institution, &machine, life.examined_at);
            for file in pictures::files(&life.exam.pictures, &study)? {
                let (blob, new) = prepared(file, life.arrived_at)?;
                blobs.push(blob);
                arrived.push(new);
            }
        }
        arrivals.push(arrived);
    }
    let lives = batch.to_vec();
    platform
        .act_at(platform.now(), &system, blobs, move |cx| {
            Box::pin(async move {
                for ((life, (case, _)), arrived) in lives.iter().zip(&orders).zip(&arrivals) {
                    go(cx, life, *case, arrived).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(())
}

fn prepared(file: Bytes, at: Timestamp) -> anyhow::Result<(NewBlob, Arrived)> {
    Ok(yiti_dicom::archive::prepared(file, at)?)
}

fn machine_of(life: &Life) -> String {
    let modality = life.exam.code.get(..2).unwrap_or_default().to_ascii_uppercase();
    life.branch.archive.replace("YITI", &modality)
}

fn acting(cx: &mut Cx<'_>, actor: &Arc<Actor>, at: Timestamp) {
    cx.actor = actor.clone();
    cx.now = at;
}

async fn place(cx: &mut Cx<'_>, life: &Life) -> Result<(CaseId, Order), Error> {
    acting(cx, &life.doctor, life.requested_at);
    // The resident is a patient of this branch from now on, so that its doctor may open the record.
    let mut doctor = (*life.doctor).clone();
    doctor.scope = cx.tree.whole();
    cx.actor = Arc::new(doctor);
    let new = NewRequest {
        patient: life.resident.id,
        exam_code: life.exam.code.clone(),
        priority: life.priority,
        setting: life.setting,
        question: life.question.clone(),
        history: String::new(),
        warnings: String::new(),
        scheduled_at: life.requested_at,
    };
    actions::request(cx, new).await
}

async fn go(cx: &mut Cx<'_>, life: &Life, case: CaseId, arrived: &[Arrived]) -> Result<(), Error> {
    if life.stage == Stage::Requested {
        return Ok(());
    }
    let device =
        Actor::device(&machine_of(life), life.branch.institution, cx.tree.whole(), &["diagnostics.image.send"]);
    acting(cx, &Arc::new(device), life.arrived_at);
    let mut study = None;
    for new in arrived {
        let received = imaging::receive(cx, life.branch.institution, new).await;
        study = Some(received.map_err(|e| yiti_store::Error::Corrupt { what: "picture", why: e.to_string() })?.study);
    }
    if let Some(study) = study {
        actions::study_complete(cx, study).await?;
    }
    if life.stage == Stage::Uploaded {
        return Ok(());
    }
    acting(cx, &life.technician, life.graded_at);
    if life.stage == Stage::RepeatAsked {
        return actions::ask_repeat(cx, case, "motion", "").await;
    }
    actions::grade(cx, case, &sheet(cx, life.lost_points)).await?;
    if life.stage == Stage::Waiting {
        return Ok(());
    }
    let content = with_template(cx, life);
    acting(cx, &life.reader, life.taken_at);
    actions::take(cx, case).await?;
    if life.stage == Stage::Drafting {
        let mut begun = content.clone();
        begun.sections.remove("impression");
        actions::save_draft(cx, case, 0, &begun).await?;
        return Ok(());
    }
    acting(cx, &life.reader, life.submitted_at);
    actions::submit(cx, case, &content).await?;
    if life.stage == Stage::Drafted {
        return Ok(());
    }
    acting(cx, &life.approver, life.issued_at);
    if life.stage == Stage::Returned {
        return actions::send_back(cx, case, "wording", "").await;
    }
    let issued = actions::approve(cx, case, None).await?;
    acting(cx, &life.doctor, life.issued_at + minutes(3));
    let is_history = life.issued_at + SignedDuration::from_hours(24) < cx.kit.get::<Filled>().0;
    if is_history {
        actions::open_report(cx, issued.report, None, false, "treatment").await?;
        for notice in yiti_flow::notice::list(cx.tx, &life.doctor, life.issued_at, 20).await? {
            yiti_flow::notice::mark_read(cx, notice.id).await?;
        }
    }
    if life.has_addendum {
        acting(cx, &life.reader, life.issued_at + minutes(40));
        actions::begin_addendum(cx, case).await?;
        let mut more = content;
        more.sections.entry("advice".into()).or_default().push_str(ADDENDUM);
        acting(cx, &life.reader, life.issued_at + minutes(46));
        actions::submit(cx, case, &more).await?;
        acting(cx, &life.approver, life.issued_at + minutes(52));
        actions::approve(cx, case, None).await?;
    }
    Ok(())
}

/// What addenda of the demonstration say.
const ADDENDUM: &str = "\u{8865}\u{5145}\u{ff1a}\u{5df2}\u{4e0e}\u{65e7}\u{7247}\u{6bd4}\u{8f83}\u{3002}";

/// The moment at which the county was filled; what lies a day before it was read long ago.
#[derive(Debug, Clone, Copy)]
pub struct Filled(pub Timestamp);

fn with_template(cx: &Cx<'_>, life: &Life) -> Content {
    let definitions = cx.kit.get::<Definitions>();
    let template = definitions.exam(&life.exam.code).map(|exam| exam.template.clone()).unwrap_or_default();
    Content { template, ..life.content.clone() }
}

fn sheet(cx: &Cx<'_>, lost: u32) -> BTreeMap<String, u32> {
    let mut left = lost;
    let definitions = cx.kit.get::<Definitions>();
    let items = definitions.score_sheet.items.iter().rev();
    items
        .map(|item| {
            let off = if item.veto { 0 } else { left.min(item.points / 2) };
            left -= off;
            (item.id.clone(), item.points - off)
        })
        .collect()
}

/// Pictures that meet no order: one without a number, one of another patient, one without a name, and one that was sent
/// under the Study Instance UID of the first, of someone else.
async fn strays(
    platform: &Arc<Platform>,
    plan: &Plan,
    county: &County,
    now: Timestamp,
    chance: &mut Chance,
) -> anyhow::Result<()> {
    let branch = county.branches.get(2).context("no branch")?.clone();
    let exam = plan.exams.first().context("no exam")?;
    let tree = platform.tree();
    // Pictures sent under the number of someone else's order.
    let scope = tree.get(branch.institution).context("no branch")?.scope;
    let ordered = yiti_diagnostics::store::to_examine(&mut platform.store.read().await?, scope, 1).await?;
    let ordered = ordered.first().map(|row| row.accession_number.clone()).unwrap_or_default();
    let mut first_uid = None;
    for (n, ago) in [(0, 47), (1, 96), (2, 200), (3, 31)] {
        let resident = chance.pick(&county.residents).clone();
        let other = chance.pick(&county.residents).clone();
        let at = now - minutes(ago);
        let machine = branch.archive.replace("YITI", "CT");
        let study = Study {
            resident: &resident,
            accession_number: if n == 1 { &ordered } else { "" },
            patient_number: if n == 1 { &other.number } else { "" },
            patient_name: if n == 2 { "" } else { &resident.name },
            modality: "CT",
            body_part: "CHEST",
            description: "ct_chest_plain",
            institution: tree.name(branch.institution),
            machine: &machine,
            examined_at: at - minutes(5),
            study_uid: first_uid.clone().filter(|_| n == 3),
        };
        let (mut blobs, mut arrived) = (Vec::new(), Vec::new());
        for file in pictures::files(&exam.pictures, &study)? {
            let (blob, new) = prepared(file, at)?;
            first_uid.get_or_insert_with(|| new.study_uid.clone());
            blobs.push(blob);
            arrived.push(new);
        }
        let institution = branch.institution;
        let device = Actor::device(&machine, institution, tree.whole(), &["diagnostics.image.send"]);
        platform
            .act_at(at, &Arc::new(device), blobs, move |cx| {
                Box::pin(async move {
                    for new in &arrived {
                        let received = imaging::receive(cx, institution, new).await;
                        let received =
                            received.map_err(|e| yiti_store::Error::Corrupt { what: "picture", why: e.to_string() })?;
                        actions::study_complete(cx, received.study).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
    }
    Ok(())
}
