//! Diagnosis related groups at work: a front page is checked, grouped and priced before the patient leaves.
//!
//! - [`field`], [`columns`]: what the columns of each form mean on the page. [`codes`]: names and editions of codes.
//! - [`check`]: what is wrong with a page, what mends it, and what that changes in group and money: pure.
//! - [`group`]: the page as a record to group: pure. [`schemes`]: the grouping schemes that come with the platform.
//! - [`assess`]: group and price of a page by the rules that hold where and when the stay is: pure. [`norm`]: what is
//!   usual for a group: pure. [`settings`]: which rules hold where.
//! - [`analysis`]: figures over finished stays: pure. [`compare`], [`ceilings`]: what they are held against. [`quarter`]: the
//!   frozen pack of a quarter. [`facts`]: what measures see. [`store_analysis`]: rows of all that.
//! - [`settle`]: a month from its final pages: pure. [`settlement`]: acts on months and years. [`store_settlement`]: their
//!   rows.
//! - [`regroup`]: stays under another scheme or tariff: pure. [`regrouping`]: the act of it. [`store_regroup`]: its rows.
//! - [`what_if`]: another coding of the same stay, grouped and priced: pure.
//! - [`actions`]: opening, typing and saving a stay; every save groups ([`actions::front_page_saved`]). [`store`]: rows.

pub mod actions;
pub mod analysis;
pub mod analysis_acts;
pub mod assess;
pub mod ceilings;
pub mod check;
pub mod codes;
pub mod columns;
pub mod compare;
pub mod facts;
pub mod field;
pub mod group;
pub mod measured;
pub mod norm;
pub mod pages;
pub mod quarter;
pub mod regroup;
pub mod regrouping;
pub mod schemes;
pub mod settings;
pub mod settle;
pub mod settlement;
pub mod store;
pub mod store_analysis;
pub mod store_regroup;
pub mod store_settlement;
pub mod what_if;

pub use actions::Error;
pub use settings::Definitions;

use yiti_store::Migration;

/// The tables of this slice.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 11001, name: "stays grouped and priced", sql: include_str!("../migrations/11001_stay.sql") },
    Migration {
        version: 11002,
        name: "settlement and regrouping",
        sql: include_str!("../migrations/11002_settlement.sql"),
    },
    Migration { version: 11003, name: "analysis of stays", sql: include_str!("../migrations/11003_analysis.sql") },
    Migration { version: 11004, name: "indexes of figures", sql: include_str!("../migrations/11004_figures.sql") },
];
