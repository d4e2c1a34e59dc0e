//! Makes `tests/cases.csv`, the cases of our own making: `cargo run -p chs-drg --example own_cases > tests/cases.csv`.
//!
//! Half are drawn from the codes that the rules of a scheme name, half from any; some carry a code that no edition
//! knows. Their answers are those of the shipped schemes. Keep a new file only from a build that agrees with every
//! published case (`tests/it/agreement.rs`).

use std::path::PathBuf;

use chs_drg::{Days, Definition, Kind, Record, Scheme};

const SCHEMES: [&str; 4] = ["chs_drg_10", "chs_drg_11", "chs_drg_20", "changzhou_2022"];
const CASES: usize = 240;

/// Numbers that look drawn and are the same in every run (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A code: of a set that rules ask for, or any; one in sixty is unknown.
    fn code(&mut self, definition: &Definition, kind: Kind) -> String {
        let codes = if kind == Kind::Dx { &definition.dx } else { &definition.px };
        if self.below(60) == 0 {
            return if kind == Kind::Dx { "Q99.999x".to_owned() } else { "99.9999x".to_owned() };
        }
        let sets: Vec<_> = definition.sets.iter().filter(|set| set.kind == kind && !set.codes.is_empty()).collect();
        let at = if self.below(4) > 0 {
            let set = self.of(&sets);
            *self.of(&set.codes) as usize
        } else {
            self.below(codes.len())
        };
        codes[at].text.clone()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions/drg"));
    let mut schemes = Vec::new();
    for id in SCHEMES {
        schemes.push(Scheme::read(&std::fs::read(folder.join(format!("{id}.pack")))?)?);
    }
    println!("id,kind,sex,age,age_days,weight,dept,los,discharge,icu_hours,dx,px,{}", SCHEMES.join(","));
    let mut draw = Draw(20_261_201);
    for number in 1..=CASES {
        let definition = schemes[number % schemes.len()].definition();
        let newborn = draw.below(12) == 0;
        let days = if newborn { draw.below(40) } else { 366 + draw.below(32_000) };
        let (sex, age) = (1 + draw.below(2), days * 100 / 36_525);
        let weight = if newborn { 800 + draw.below(3_400) } else { 0 };
        let (los, icu) = (1 + draw.below(40), *draw.of(&[0, 0, 0, 30, 97, 130]));
        let discharge = *draw.of(&["1", "1", "1", "2", "4", "5"]);
        let count = 1 + draw.below(6);
        let dx: Vec<String> = (0..count).map(|_| draw.code(definition, Kind::Dx)).collect();
        let count = *draw.of(&[0, 0, 1, 1, 2, 3]);
        let px: Vec<String> = (0..count).map(|_| draw.code(definition, Kind::Px)).collect();
        let (dx_texts, px_texts): (Vec<&str>, Vec<&str>) =
            (dx.iter().map(String::as_str).collect(), px.iter().map(String::as_str).collect());
        let record = Record {
            sex: Some(sex as i32),
            age: Some(age as i32),
            age_days: Some(days as i32),
            weight: Some(weight as i32),
            los: Some(los as i32),
            icu_hours: Some(icu),
            dept: "0301",
            discharge,
            dx: &dx_texts,
            px: &px_texts,
            days: Days::default(),
        };
        let answers: Vec<&str> = schemes.iter().map(|scheme| scheme.group(&record).drg).collect();
        let (dx, px) = (dx.join("|"), px.join("|"));
        println!(
            "Y{number:05},own,{sex},{age},{days},{weight},0301,{los},{discharge},{icu},{dx},{px},{}",
            answers.join(",")
        );
    }
    Ok(())
}
