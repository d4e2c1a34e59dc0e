//! Prices one stay and tells how: `price <folder of packs> <pack> <drg> <level> <employee|resident> <cost> <days>
//! [en|zh-CN]`. The cost is in yuan. Try `price definitions/payment changzhou_2022 ES25 3 employee 9100.50 8`.

use drg_payment::{Case, Fen, File, Flags, Pack, Words};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, id, drg, level, insurance, cost, days, language @ ..] = arguments.as_slice() else {
        return Err("usage: price <folder> <pack> <drg> <level> <employee|resident> <cost> <days> [en|zh-CN]".into());
    };
    let text = |name: &str| std::fs::read_to_string(format!("{folder}/{name}"));
    let (head, groups) = (format!("{id}.toml"), format!("{id}.csv"));
    let (head_text, groups_text, defaults) = (text(&head)?, text(&groups)?, text("defaults.toml")?);
    let pack = Pack::read(
        File { name: &head, text: &head_text },
        File { name: &groups, text: &groups_text },
        File { name: "defaults.toml", text: &defaults },
    )?;
    let priced = pack.price(&Case {
        drg,
        level,
        insurance: insurance.parse()?,
        discharged_on: pack.valid_from(),
        stay_days: days.parse()?,
        cost: cost.parse()?,
        patient: Fen(0),
        flags: Flags::default(),
    })?;
    let words = Words::shipped(language.first().map_or("en", String::as_str))?;
    for sentence in words.steps(&priced) {
        println!("{sentence}");
    }
    println!("{}", pack.hash());
    Ok(())
}
