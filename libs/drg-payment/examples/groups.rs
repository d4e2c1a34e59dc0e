//! Makes the table of groups of a pack from the public tables: `groups <folder of tables> <head.toml> <groups.csv>`.

use std::path::Path;

use drg_payment::{File, Tables};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, head, groups] = arguments.as_slice() else {
        return Err("usage: groups <folder of tables> <head.toml> <groups.csv>".into());
    };
    let text = std::fs::read_to_string(head)?;
    let table = Tables::open(Path::new(folder))?.groups(File { name: head, text: &text })?;
    std::fs::write(groups, &table)?;
    println!("{groups}: {} groups", table.lines().count().saturating_sub(1));
    Ok(())
}
