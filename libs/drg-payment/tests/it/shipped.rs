//! The packs that come with the product, for the other tests.

use std::path::PathBuf;

use drg_payment::{Case, Fen, File, Flags, Insurance, Pack};

/// Every pack that is shipped.
pub(crate) const PACKS: [&str; 21] = [
    "beijing_2022",
    "changsha_2023",
    "changzhou_2022",
    "fuzhou_2022",
    "guangxi_2022",
    "lanzhou_2023",
    "liaocheng_2022",
    "linfen_2022",
    "linyi_2022",
    "qingdao_2023",
    "suzhou_2023",
    "taizhou_2022",
    "tongchuan_2022",
    "wuhan_2022",
    "wulumuqi_2022",
    "wuxi_2022",
    "xian_2020",
    "yancheng_2023",
    "yantai_2023",
    "yinchuan_2023",
    "yunnan_2022",
];

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../definitions/payment"))
}

pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

pub(crate) fn pack(id: &str) -> Pack {
    changed(id, |head| head, |groups| groups, |defaults| defaults).unwrap()
}

/// A shipped pack with its three texts changed.
pub(crate) fn changed(
    id: &str,
    head: impl Fn(String) -> String,
    groups: impl Fn(String) -> String,
    defaults: impl Fn(String) -> String,
) -> Result<Pack, drg_payment::FileFault> {
    let head = head(text(&format!("{id}.toml")));
    let groups = groups(text(&format!("{id}.csv")));
    let defaults = defaults(text("defaults.toml"));
    Pack::read(
        File { name: "head.toml", text: &head },
        File { name: "groups.csv", text: &groups },
        File { name: "defaults.toml", text: &defaults },
    )
}

/// A stay of eight days at a tertiary hospital, employee insurance, discharged in March 2023.
pub(crate) fn case(drg: &str, cost: i64) -> Case<'_> {
    Case {
        drg,
        level: "3",
        insurance: Insurance::Employee,
        discharged_on: "2023-03-10".parse().unwrap(),
        stay_days: 8,
        cost: Fen(cost),
        patient: Fen(0),
        flags: Flags::default(),
    }
}
