//! Obligations: what must be done until when, and what became of it.
//!
//! An obligation has a subject, a rule and the version of it, a start event, a due instant, a calendar (24 hours and 7
//! days, or working time with public holidays and make-up workdays), pauses with reasons, an escalation ladder, and the
//! event that satisfies it.
//!
//! - [`calendar`]: working time, pure. Definitions: `definitions/calendars/*.toml`.
//! - [`rule`]: the rules and their dated versions. Definitions: `definitions/clocks/*.toml`.
//! - [`obligation`]: the states of one obligation and the steps between them, pure.
//! - [`store`]: rows, the tick that raises warnings, breaches and escalations once each, lists and the breach statistic.
//! - [`case`]: the cases beside the definitions, facts and start in, due instant out.
//!
//! INVARIANT: the version of a rule is fixed when the obligation starts; a newer version never touches it.
//!
//! INVARIANT: a breach stays. It can be explained; no step takes it back, and the due instant of a breached obligation
//! no longer moves.
//!
//! Leaves out: the clock itself (instants are arguments), who may act (the caller asks the directory), the journal entry
//! of an act (the caller writes one per act; only a breach found by the tick is journaled here), messages to people.

pub mod calendar;
pub mod case;
mod fault;
pub mod obligation;
pub mod rule;
pub mod store;

pub use calendar::{Calendar, Calendars};
pub use obligation::{Obligation, Refused, State};
pub use rule::{Plan, Rules, Terms};
pub use store::{Error, ObligationId};

use yiti_store::Migration;

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] =
    &[Migration { version: 4001, name: "obligations", sql: include_str!("../migrations/4001_obligations.sql") }];
