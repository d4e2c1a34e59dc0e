//! The rules of deadlines: how long an act may take, when to warn, whom to tell when it is late.
//!
//! One file of `definitions/clocks/` is one rule:
//! ```toml
//! id = "diagnostics.report"
//! title = { zh-CN = "...", en = "Report of an examination" }
//! provenance = { source = "yiti-defaults", locator = "reporting times", evidence = "default", review = { ... } }
//! facts = ["modality", "priority"]        # the facts a variant may ask for
//!
//! [[version]]
//! effective_from = 2026-01-01              # a rule is picked by the day of the start event
//! calendar = "office"                      # a file of definitions/calendars, or `always`
//! limit_minutes = 240                      # without it, facts that match no variant are refused
//! warn_ratio = 0.7                         # of the limit has passed; or `warn_minutes`, before the due instant
//! escalation = [
//!     { after_minutes = 0, to_role = "department_head" },     # minutes after the due instant, may be negative
//! ]
//!
//! [[version.variant]]                      # the first whose `when` holds wins; what it leaves out is the version's
//! id = "stat_ct"
//! when = { modality = ["CT"], priority = ["stat"] }           # every key is to hold one of its texts
//! calendar = "always"
//! limit_minutes = 30
//! provenance = { ... }                     # where this number comes from, when it is not the rule's own source
//! ```
//! All minutes run in the calendar of the variant: on working time, an escalation `after_minutes = 60` comes after one
//! hour of working time.
//!
//! Leaves out: what starts and what satisfies an obligation (the slice knows), limits in whole workdays.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use toml::Spanned;
use yiti_kernel::definition::{Day, Evidence, Fault, File, Provenance, Words, read};
use yiti_kernel::{Date, Due, SignedDuration, Timestamp, time};

use crate::calendar::{Calendar, Calendars};
use crate::fault;

/// The variant of a rule whose version itself carries the limit.
pub const BASE: &str = "base";

/// Ten years: longer limits are taken for slips.
const LIMIT_MINUTES_MAX: u32 = 10 * 366 * 24 * 60;

/// What a rule says for one obligation. Kept with the obligation, so that a newer version never touches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The id of the calendar in which all minutes run.
    pub calendar: String,
    /// From the start event to the due instant.
    pub limit_minutes: u32,
    /// From the warning to the due instant; `None` when nobody is warned.
    pub warn_lead_minutes: Option<u32>,
    /// The ladder, in order of time.
    pub escalation: Vec<Step>,
}

/// One step of the escalation ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// After the due instant; negative for before it.
    pub after_minutes: i32,
    /// The role that is told.
    pub to_role: String,
}

/// The instants that follow from a plan and a due instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The last instant at which the act is in time.
    pub due_at: Timestamp,
    /// When to warn.
    pub warn_at: Option<Timestamp>,
    /// When to tell whom.
    pub escalations: Vec<Escalation>,
}

impl Schedule {
    /// The deadline without its ladder.
    #[must_use]
    pub const fn due(&self) -> Due {
        Due { at: self.due_at, warn_at: self.warn_at }
    }
}

/// One instant of the escalation ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// When.
    pub at: Timestamp,
    /// The role that is told.
    pub to_role: String,
}

/// What a rule says about one start event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The rule.
    pub rule: String,
    /// Digest of the version: sixteen hexadecimal digits.
    pub version: String,
    /// The first day of the version.
    pub effective_from: Date,
    /// The variant that the facts chose; [`BASE`] for the version's own values.
    pub variant: String,
    /// How the limit is supported.
    pub evidence: Evidence,
    /// What was chosen.
    pub plan: Plan,
    /// The start event.
    pub started_at: Timestamp,
    /// Due instant, warning, escalation.
    pub schedule: Schedule,
    /// False when the due instant lies in or behind a year whose holidays are not known.
    pub is_calendar_known: bool,
}

impl Plan {
    /// The limit.
    #[must_use]
    pub fn limit(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.limit_minutes))
    }

    /// Warning and escalation around `due_at`.
    #[must_use]
    pub fn schedule(&self, calendar: &Calendar, due_at: Timestamp) -> Schedule {
        let around = |minutes: i64| calendar.add(due_at, SignedDuration::from_mins(minutes));
        Schedule {
            due_at,
            warn_at: self.warn_lead_minutes.map(|lead| around(-i64::from(lead))),
            escalations: self
                .escalation
                .iter()
                .map(|step| Escalation { at: around(i64::from(step.after_minutes)), to_role: step.to_role.clone() })
                .collect(),
        }
    }
}

/// A rule with its versions.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id: `diagnostics.report`.
    pub id: String,
    /// What people call it.
    pub title: Words,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The facts its variants may ask for.
    pub facts: Vec<String>,
    /// Its versions, the oldest first.
    pub versions: Vec<Version>,
}

/// One dated version of a rule.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its first day.
    pub effective_from: Date,
    /// Its digest.
    pub digest: String,
    /// Its variants in the order in which they are tried; the base, when there is one, is the last.
    pub variants: Vec<Variant>,
}

/// One variant of a version.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its id inside the rule.
    pub id: String,
    /// What the facts must say: each key one of its texts. Empty for the base.
    pub when: BTreeMap<String, Vec<String>>,
    /// What it says.
    pub plan: Plan,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

impl Variant {
    fn holds(&self, facts: &[(&str, &str)]) -> bool {
        self.when
            .iter()
            .all(|(key, texts)| facts.iter().any(|(name, text)| name == key && texts.iter().any(|t| t == text)))
    }
}

/// Why a rule starts no obligation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTerms {
    /// No such rule.
    #[error("there is no clock rule `{0}`")]
    Unknown(String),
    /// The rule has no version yet at the start event.
    #[error("the clock rule `{rule}` is in force from {from}")]
    NotInForce {
        /// The rule.
        rule: String,
        /// The first day of its first version.
        from: Date,
    },
    /// The facts match no variant, and the version has no limit of its own.
    #[error("no variant of the clock rule `{rule}` fits the facts {facts}")]
    NoVariant {
        /// The rule.
        rule: String,
        /// The facts, for the log.
        facts: String,
    },
}

/// All rules, with the calendars they run in.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: BTreeMap<String, Rule>,
    calendars: Calendars,
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    id: Spanned<String>,
    title: Words,
    provenance: Provenance,
    #[serde(default)]
    facts: Vec<String>,
    version: Vec<VersionEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionEntry {
    effective_from: Spanned<Day>,
    calendar: Spanned<String>,
    limit_minutes: Option<Spanned<u32>>,
    warn_ratio: Option<Spanned<f64>>,
    warn_minutes: Option<Spanned<u32>>,
    #[serde(default)]
    escalation: Vec<StepEntry>,
    provenance: Option<Provenance>,
    #[serde(default)]
    variant: Vec<VariantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantEntry {
    id: Spanned<String>,
    when: BTreeMap<Spanned<String>, Vec<String>>,
    calendar: Option<Spanned<String>>,
    limit_minutes: Option<Spanned<u32>>,
    warn_ratio: Option<Spanned<f64>>,
    warn_minutes: Option<Spanned<u32>>,
    escalation: Option<Vec<StepEntry>>,
    provenance: Option<Provenance>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct StepEntry {
    after_minutes: Spanned<i32>,
    to_role: Spanned<String>,
}

/// The values of a version or variant before they are checked.
struct Draft<'a> {
    calendar: &'a Spanned<String>,
    limit_minutes: &'a Spanned<u32>,
    warn_ratio: Option<&'a Spanned<f64>>,
    warn_minutes: Option<&'a Spanned<u32>>,
    escalation: &'a [StepEntry],
}

impl Rules {
    /// Reads `definitions/clocks/*.toml`.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn load(files: &[File], calendars: &Calendars) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut all = Self { calendars: calendars.clone(), ..Self::default() };
        for file in files {
            match read::<RuleFile>(file) {
                Ok(entry) => all.add(file, entry, &mut faults),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// What rule `id` says about an obligation that starts at `at`, given `facts` such as `[("modality", "CT")]`.
    ///
    /// # Errors
    /// [`NoTerms`] when there is no such rule, no version on that day or no fitting variant.
    pub fn start(&self, id: &str, facts: &[(&str, &str)], at: Timestamp) -> Result<Terms, NoTerms> {
        let rule = self.rules.get(id).ok_or_else(|| NoTerms::Unknown(id.to_owned()))?;
        let on = time::day(at);
        let not_in_force = || NoTerms::NotInForce {
            rule: id.to_owned(),
            from: rule.versions.first().map_or(on, |version| version.effective_from),
        };
        let version = rule.versions.iter().rev().find(|v| v.effective_from <= on).ok_or_else(not_in_force)?;
        let no_variant = || NoTerms::NoVariant { rule: id.to_owned(), facts: format!("{facts:?}") };
        let variant = version.variants.iter().find(|v| v.holds(facts)).ok_or_else(no_variant)?;
        let calendar = self.calendar(&variant.plan);
        let due_at = calendar.add(at, variant.plan.limit());
        Ok(Terms {
            rule: id.to_owned(),
            version: version.digest.clone(),
            effective_from: version.effective_from,
            variant: variant.id.clone(),
            evidence: variant.provenance.evidence,
            plan: variant.plan.clone(),
            started_at: at,
            schedule: variant.plan.schedule(&calendar, due_at),
            is_calendar_known: calendar.is_known_between(at, due_at),
        })
    }

    /// The rule `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// All rules by id.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// The calendars these rules run in.
    #[must_use]
    pub const fn calendars(&self) -> &Calendars {
        &self.calendars
    }

    /// Every source a rule cites, with the file that cites it.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.values().flat_map(|rule| {
            let path = self.files.get(&rule.id).map_or("", String::as_str);
            let variants = rule.versions.iter().flat_map(|version| &version.variants);
            let keys = std::iter::once(&rule.provenance).chain(variants.map(|variant| &variant.provenance));
            keys.map(move |provenance| (path, provenance.source.as_str()))
        })
    }

    /// The calendar of a plan. A plan is only made with a calendar that was known when the rule was read; should the
    /// file be gone since, time counts around the clock.
    pub(crate) fn calendar(&self, plan: &Plan) -> Calendar {
        self.calendars.get(&plan.calendar).unwrap_or(Calendar::Always)
    }

    fn add(&mut self, file: &File, entry: RuleFile, faults: &mut Vec<Fault>) {
        let id = entry.id.get_ref().clone();
        if !fault::is_id(&id) || self.rules.contains_key(&id) {
            faults.push(fault::at(file, entry.id.span(), "an id of its own is expected, such as `area.act`"));
        }
        if entry.version.is_empty() {
            faults.push(fault::at(file, entry.id.span(), "a rule has at least one `[[version]]`"));
        }
        let mut versions: Vec<Version> = Vec::new();
        for version in entry.version {
            let from = version.effective_from.get_ref().0;
            if versions.last().is_some_and(|last| last.effective_from >= from) {
                faults.push(fault::at(
                    file,
                    version.effective_from.span(),
                    "the versions are to stand in order of time",
                ));
            }
            let variants = self.variants(file, &version, &entry.provenance, &entry.facts, faults);
            if variants.is_empty() {
                let message = "a version has `limit_minutes` or at least one `[[version.variant]]`";
                faults.push(fault::at(file, version.effective_from.span(), message));
            }
            let digest = digest(&id, from, &variants);
            versions.push(Version { effective_from: from, digest, variants });
        }
        let rule =
            Rule { id: id.clone(), title: entry.title, provenance: entry.provenance, facts: entry.facts, versions };
        self.files.insert(id.clone(), file.path.clone());
        self.rules.insert(id, rule);
    }

    fn variants(
        &self,
        file: &File,
        version: &VersionEntry,
        provenance: &Provenance,
        facts: &[String],
        faults: &mut Vec<Fault>,
    ) -> Vec<Variant> {
        let mut variants: Vec<Variant> = Vec::new();
        let provenance = version.provenance.as_ref().unwrap_or(provenance);
        for entry in &version.variant {
            let id = entry.id.get_ref();
            if !fault::is_id(id) || id == BASE || variants.iter().any(|other| other.id == *id) {
                faults.push(fault::at(file, entry.id.span(), "a variant has an id of its own, in small letters"));
            }
            if entry.when.is_empty() {
                let message = "a variant says `when` it holds; what always holds stands in the version";
                faults.push(fault::at(file, entry.id.span(), message));
            }
            for (key, texts) in &entry.when {
                if !facts.contains(key.get_ref()) {
                    let message = format!("`{}` is none of the rule's facts {facts:?}", key.get_ref());
                    faults.push(fault::at(file, key.span(), message));
                }
                if texts.is_empty() {
                    faults.push(fault::at(file, key.span(), "at least one text is expected"));
                }
            }
            let Some(limit_minutes) = entry.limit_minutes.as_ref().or(version.limit_minutes.as_ref()) else {
                faults.push(fault::at(
                    file,
                    entry.id.span(),
                    "neither the variant nor its version has `limit_minutes`",
                ));
                continue;
            };
            let own_warning = entry.warn_ratio.is_some() || entry.warn_minutes.is_some();
            let plan = self.plan(
                file,
                &Draft {
                    calendar: entry.calendar.as_ref().unwrap_or(&version.calendar),
                    limit_minutes,
                    warn_ratio: if own_warning { entry.warn_ratio.as_ref() } else { version.warn_ratio.as_ref() },
                    warn_minutes: if own_warning { entry.warn_minutes.as_ref() } else { version.warn_minutes.as_ref() },
                    escalation: entry.escalation.as_deref().unwrap_or(&version.escalation),
                },
                faults,
            );
            let when = entry.when.iter().map(|(key, texts)| (key.get_ref().clone(), texts.clone())).collect();
            let provenance = entry.provenance.as_ref().unwrap_or(provenance).clone();
            variants.push(Variant { id: id.clone(), when, plan, provenance });
        }
        if let Some(limit_minutes) = &version.limit_minutes {
            let plan = self.plan(
                file,
                &Draft {
                    calendar: &version.calendar,
                    limit_minutes,
                    warn_ratio: version.warn_ratio.as_ref(),
                    warn_minutes: version.warn_minutes.as_ref(),
                    escalation: &version.escalation,
                },
                faults,
            );
            variants.push(Variant { id: BASE.into(), when: BTreeMap::new(), plan, provenance: provenance.clone() });
        }
        variants
    }

    fn plan(&self, file: &File, draft: &Draft<'_>, faults: &mut Vec<Fault>) -> Plan {
        let limit = *draft.limit_minutes.get_ref();
        if limit == 0 || limit > LIMIT_MINUTES_MAX {
            faults.push(fault::at(file, draft.limit_minutes.span(), "a limit lies between one minute and ten years"));
        }
        if self.calendars.get(draft.calendar.get_ref()).is_none() {
            let message = format!("no calendar has the id `{}`", draft.calendar.get_ref());
            faults.push(fault::at(file, draft.calendar.span(), message));
        }
        let warn_lead_minutes = match (draft.warn_ratio, draft.warn_minutes) {
            (Some(ratio), Some(_)) => {
                faults.push(fault::at(
                    file,
                    ratio.span(),
                    "either `warn_ratio` or `warn_minutes` is expected, not both",
                ));
                None
            }
            (Some(ratio), None) => {
                if !(*ratio.get_ref() > 0.0 && *ratio.get_ref() < 1.0) {
                    faults.push(fault::at(file, ratio.span(), "a ratio between 0 and 1 is expected"));
                }
                Some(lead(limit, *ratio.get_ref()))
            }
            (None, Some(minutes)) => {
                if *minutes.get_ref() == 0 || *minutes.get_ref() >= limit {
                    faults.push(fault::at(
                        file,
                        minutes.span(),
                        "the warning comes before the due instant, after the start",
                    ));
                }
                Some(*minutes.get_ref())
            }
            (None, None) => None,
        };
        let mut escalation = Vec::new();
        let mut seen = BTreeSet::new();
        for step in draft.escalation {
            let (after, role) = (*step.after_minutes.get_ref(), step.to_role.get_ref());
            if i64::from(after) <= -i64::from(limit) {
                faults.push(fault::at(file, step.after_minutes.span(), "the step comes before the start"));
            }
            if !fault::is_id(role) {
                faults.push(fault::at(file, step.to_role.span(), "the id of a role is expected"));
            }
            if !seen.insert((after, role.clone())) {
                faults.push(fault::at(file, step.after_minutes.span(), "the step stands twice"));
            }
            escalation.push(Step { after_minutes: after, to_role: role.clone() });
        }
        escalation.sort_by_key(|step| step.after_minutes);
        Plan { calendar: draft.calendar.get_ref().clone(), limit_minutes: limit, warn_lead_minutes, escalation }
    }
}

/// From the warning to the due instant: the warning comes at the first whole minute at which `ratio` of `limit` passed.
fn lead(limit: u32, ratio: f64) -> u32 {
    // Binary fractions: 0.7 of 10 would be 7.000000000000001 and round up to 8.
    let passed = (f64::from(limit) * ratio - 1e-6).ceil();
    limit.saturating_sub(passed as u32)
}

/// Digest over everything that decides: reordering comments or adding a version changes nothing.
fn digest(rule: &str, effective_from: Date, variants: &[Variant]) -> String {
    let variants: Vec<_> = variants.iter().map(|v| serde_json::json!([v.id, v.when, v.plan])).collect();
    let text = serde_json::json!([rule, effective_from, variants]).to_string();
    let mut digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.truncate(16);
    digest
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
