//! Groups one stay by a pack and prints why: `explain <pack> <en|zh-CN> <sex> <age> <diagnoses> <procedures>`, with
//! `|` between codes.

use chs_drg::{Record, Scheme, Words};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pack, language, sex, age, dx, px] = arguments.as_slice() else {
        return Err("usage: explain <pack> <en|zh-CN> <sex> <age> <diagnoses> <procedures>".into());
    };
    let scheme = Scheme::read(&std::fs::read(pack)?)?;
    let words = Words::shipped(language)?;
    let dx: Vec<&str> = dx.split('|').filter(|code| !code.is_empty()).collect();
    let px: Vec<&str> = px.split('|').filter(|code| !code.is_empty()).collect();
    let record = Record { sex: sex.parse().ok(), age: age.parse().ok(), dx: &dx, px: &px, ..Record::default() };
    println!("{} ({})", scheme.definition().title, scheme.hash());
    for fault in scheme.check(&record) {
        println!("  {}", words.fault(&fault));
    }
    let explained = scheme.explain(&record);
    for sentence in words.explained(&scheme, &record, &explained) {
        println!("  {sentence}");
    }
    let grouped = scheme.name(explained.answer);
    println!("{} {} {}", grouped.mdc, grouped.adrg, grouped.drg);
    Ok(())
}
