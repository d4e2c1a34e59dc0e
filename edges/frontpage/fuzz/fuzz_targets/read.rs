//! Any bytes given to the readers of front pages are read or refused. The first byte chooses what stands before the rest,
//! so that the readers behind the header are reached: nothing, the header of the wide form, that of the plain table, or
//! the beginning of a message.
#![no_main]

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use yiti_drg::check::Checks;
use yiti_drg::codes::Packed;
use yiti_drg::columns::Standard;
use yiti_frontpage::{Item, Limits};
use yiti_kernel::definition::File;

static TABLES: LazyLock<(Checks, Packed, String)> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../definitions/");
    let bytes = |path: &str| std::fs::read(format!("{folder}{path}")).ok();
    let files: Vec<File> = ["frontpage/columns.csv", "frontpage/codes.csv", "frontpage/rules.toml"]
        .into_iter()
        .filter_map(|path| Some(File { path: path.into(), text: String::from_utf8(bytes(path)?).ok()? }))
        .collect();
    let checks = Checks::load(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let packed = Packed::new(&|path| bytes(path).map(Cow::Owned)).unwrap_or_else(|faults| panic!("{faults:?}"));
    let names: Vec<&str> = checks.columns.of(Standard::Hqms).iter().map(|column| column.id.as_str()).collect();
    let header = names.join(",") + "\n";
    (checks, packed, header)
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (checks, packed, header) = &*TABLES;
    let before = match kind % 4 {
        0 => "",
        1 => header.as_str(),
        2 => "id,sex,age,age_days,weight,dept,los,discharge,icu_hours,dx,px,admitted_at,total_cost\n",
        _ => "{\"infno\":\"4101\",\"input\":{\"setlinfo\":{\"medcasno\":\"1\",\"adm_time\":\"2026-02-01\",",
    };
    let file = [before.as_bytes(), rest].concat();
    let limits = Limits { rows_max: 1_000, ..Limits::default() };
    let Ok(mut opened) = yiti_frontpage::open("fuzz", file.into(), None, checks, limits) else { return };
    let standard = opened.standard();
    let read = opened.each(checks, packed.get(), |item| {
        match item {
            Item::Page { page, .. } => {
                drop(checks.check(&page, standard, packed.get(), None));
            }
            Item::Refused(troubles) => assert!(!troubles.is_empty()),
        }
        ControlFlow::Continue(())
    });
    assert!(read.is_ok(), "what was whole at first stays whole");
});
