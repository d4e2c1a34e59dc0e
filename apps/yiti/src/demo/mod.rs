//! The demonstration county: a lead hospital, six members, village posts, staff, a few thousand synthetic residents, some
//! months of reading history and a live queue. Everything is filled through the same acts that people use, at the
//! moments at which they would have happened.
//!
//! - [`chance`]: numbers that are the same at every start.
//! - [`county`]: institutions, staff, sign-ins, residents, devices, rota.
//! - [`pictures`]: sample pictures with the patient's identifiers put in.
//! - [`readings`]: history and live queue.
//! - [`stays`]: a year of discharges, and the patients in hospital now.
//! - [`imports`]: the last discharges, in a file as a hospital exports it.
//! - [`settlements`]: settled months, a correction, a clearing, a comparison.
//! - [`shares`]: what a department said of its share of drugs or consumables.
//!
//! Leaves out: anything real. `demo/county.toml` holds the made-up names.

pub mod chance;
pub mod county;
pub mod imports;
pub mod pictures;
pub mod readings;
pub mod settlements;
pub mod shares;
pub mod stays;

use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;
use yiti_directory::Platform;
use yiti_directory::sign_in::Limits;
use yiti_web::Demo;

/// How much is filled in.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Residents.
    pub residents: usize,
    /// Readings of the past months.
    pub readings: usize,
    /// Inpatient stays of the past year.
    pub stays: usize,
}

/// Patients in hospital now.
const DRAFTS: usize = 25;

impl Default for Size {
    fn default() -> Self {
        Self { residents: 3_000, readings: 900, stays: 2_500 }
    }
}

/// `demo/county.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Password of all sign-ins.
    pub password: String,
    /// Region code of all identity numbers; given to no place.
    pub region: String,
    /// What the head of a clinical department says of a share above its ceiling.
    justification: String,
    surnames: String,
    given_male: String,
    given_female: String,
    #[serde(rename = "institution")]
    institutions: Vec<county::PlannedInstitution>,
    staff: Vec<county::PlannedStaff>,
    #[serde(rename = "exam")]
    exams: Vec<readings::PlannedExam>,
}

/// The plan that comes with the product.
///
/// # Errors
/// When it cannot be read: a fault of the build.
pub fn plan() -> anyhow::Result<Plan> {
    toml::from_str(include_str!("../../demo/county.toml")).context("demo/county.toml")
}

/// Fills an empty store and says who can sign in.
///
/// # Errors
/// Whatever an act says.
pub async fn fill(platform: &Arc<Platform>, limits: &Limits, size: Size) -> anyhow::Result<Vec<county::SignIn>> {
    let plan = plan()?;
    let mut chance = chance::Chance::new(2_026);
    let county = county::build(platform, limits, &plan, size.residents, &mut chance).await?;
    readings::fill(platform, &plan, &county, size.readings, &mut chance).await?;
    let in_file = stays::fill(platform, &plan, &county, (size.stays, DRAFTS)).await?;
    imports::fill(platform, &county, in_file).await?;
    settlements::fill(platform, &county).await?;
    shares::fill(platform, &plan, &county).await?;
    Ok(county.sign_ins)
}

/// The sign-ins as the sign-in page shows them.
#[must_use]
pub fn cards(sign_ins: &[county::SignIn]) -> Vec<Demo> {
    let card = |s: &county::SignIn| Demo {
        person: s.person,
        post: s.post,
        name: s.name.clone(),
        institution: s.institution,
        role: s.role.clone(),
    };
    sign_ins.iter().map(card).collect()
}
