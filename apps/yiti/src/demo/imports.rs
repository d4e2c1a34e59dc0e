//! The last discharges of the lead hospital, in a file as its system exports it: mostly right, with a code in the wrong
//! case, one that nobody knows, and a row that is refused. A coder imports it.

use std::sync::Arc;

use anyhow::Context as _;
use yiti_directory::Platform;
use yiti_drg::check::Checks;
use yiti_drg::columns::{Column, Standard};
use yiti_frontpage::Import;
use yiti_kernel::time;
use yiti_record::front_page::FrontPage;

use super::county::County;

/// Imports `pages`.
///
/// # Errors
/// Whatever the import says.
pub async fn fill(platform: &Arc<Platform>, county: &County, pages: Vec<FrontPage>) -> anyhow::Result<()> {
    if pages.is_empty() {
        return Ok(());
    }
    let coders = county.staff.get(&(county.lead, "coder".to_owned())).context("no coders")?;
    let coder = coders.first().context("no coder")?;
    let checks = platform.kit.get::<Checks>();
    let file = file(checks.columns.of(Standard::Plain), &pages)?;
    let name = format!("front-pages-{}.csv", time::day(platform.now()));
    let import = Import::new(&platform.kit, None);
    yiti_frontpage::import(platform, coder, county.lead, &name, file.into(), &import).await?;
    Ok(())
}

/// A plain table of pages; the flaws stand in its first rows and its last.
fn file(columns: &[Column], pages: &[FrontPage]) -> anyhow::Result<Vec<u8>> {
    // The id of a case is its record number, which has a column of its own.
    let columns: Vec<&Column> = columns.iter().filter(|column| column.id != "id").collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| column.id.as_str()))?;
    let mut rows: Vec<Vec<String>> =
        pages.iter().map(|page| columns.iter().map(|column| column.field.get(page).into_owned()).collect()).collect();
    let at = |id: &str| columns.iter().position(|column| column.id == id).with_context(|| format!("no column `{id}`"));
    let (number, cost, dx) = (at("medical_record_number")?, at("total_cost")?, at("dx")?);
    let mut refused = rows.last().cloned().unwrap_or_default();
    refused[number].push('X');
    refused[cost] = "-1".into();
    if let Some(row) = rows.first_mut() {
        row[dx] = row[dx].to_lowercase();
    }
    if let Some(row) = rows.get_mut(1) {
        row[dx].push_str("|Z99.9X9");
    }
    for row in rows.iter().chain([&refused]) {
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}
