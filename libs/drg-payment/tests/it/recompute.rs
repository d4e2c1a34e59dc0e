//! Every price that the tables print is worked out again from weight, rate and coefficient and compared to the fen.

use std::collections::BTreeMap;

use drg_payment::{Exact, File, Insurance, Refused, Tables, Verdict};

use crate::shipped::{PACKS, folder, pack, text};

/// The published tables, where they are.
fn tables() -> Option<Tables> {
    samples::field("drg").map(|folder| Tables::open(&folder).unwrap())
}

fn counts(id: &str) -> BTreeMap<Verdict, usize> {
    let mut counts = BTreeMap::new();
    for recomputed in pack(id).recomputed().unwrap() {
        *counts.entry(recomputed.verdict).or_default() += 1;
    }
    counts
}

#[test]
fn published_prices_come_out_to_the_fen() {
    let agree = [
        ("suzhou_2023", 1944),
        ("yancheng_2023", 1076),
        ("wuxi_2022", 1806),
        ("taizhou_2022", 353),
        ("qingdao_2023", 2728),
        ("wuhan_2022", 1320),
        ("xian_2020", 597),
        ("linyi_2022", 2440),
    ];
    for (id, prices) in agree {
        assert_eq!(counts(id), BTreeMap::from([(Verdict::Agrees, prices)]), "{id}");
    }
    let tongchuan = BTreeMap::from([(Verdict::Agrees, 1191), (Verdict::PrintedRounded, 1)]);
    assert_eq!(counts("tongchuan_2022"), tongchuan);
    assert_eq!(counts("beijing_2022"), BTreeMap::from([(Verdict::Listed, 647)]));
    let without = ["changzhou_2022", "lanzhou_2023", "yinchuan_2023", "fuzhou_2022", "changsha_2023", "linfen_2022"];
    let without =
        without.iter().chain(&["wulumuqi_2022", "yunnan_2022", "guangxi_2022", "yantai_2023", "liaocheng_2022"]);
    for id in without {
        // These tables print no prices; a recomputation has nothing to compare.
        assert!(counts(id).is_empty(), "{id}");
    }
    assert_eq!(agree.len() + 2 + 11, PACKS.len());
    assert_eq!(agree.iter().map(|(_, prices)| prices).sum::<usize>() + 1191, 13_455);
}

#[test]
fn the_one_price_that_differs_was_rounded_when_it_was_printed() {
    let all = pack("tongchuan_2022").recomputed().unwrap();
    let differing: Vec<_> = all.iter().filter(|recomputed| recomputed.verdict != Verdict::Agrees).collect();
    assert_eq!(differing.len(), 1);
    let one = differing[0];
    assert_eq!((one.drg.as_str(), one.insurance), ("RR11", Some(Insurance::Resident)));
    assert_eq!(one.published.to_string(), "14414.315");
    assert_eq!(one.computed.unwrap().to_string(), "14414.314998");
}

#[test]
fn a_wrong_weight_rate_or_coefficient_is_noticed() {
    let differs = |id: &str, head: (&str, &str), groups: (&str, &str)| {
        let change = |text: String, (from, to): (&str, &str)| {
            assert!(from.is_empty() || text.contains(from), "{id} has no {from}");
            if from.is_empty() { text } else { text.replace(from, to) }
        };
        let pack = crate::shipped::changed(id, |t| change(t, head), |t| change(t, groups), |t| t).unwrap();
        pack.recomputed().unwrap().iter().filter(|one| one.verdict == Verdict::Differs).count()
    };
    assert_eq!(differs("wuxi_2022", ("", ""), ("AF19,31.2105,", "AF19,31.2106,")), 3);
    assert!(differs("wuxi_2022", ("yuan = \"9947\"", "yuan = \"9947.01\""), ("", "")) > 400);
    assert_eq!(
        differs("wuxi_2022", ("kind = \"base\"\nyuan = \"7782\"", "kind = \"base\"\nyuan = \"7783\""), ("", "")),
        75
    );
    assert_eq!(
        differs("suzhou_2023", ("coefficient = \"1.02\"\n\n[origin]", "coefficient = \"1\"\n\n[origin]"), ("", "")),
        21
    );
}

/// Beijing prints whole yuan and weights of two decimals: the prices give the weights, not the other way round.
#[test]
fn the_prices_of_beijing_give_its_weights() {
    let pack = pack("beijing_2022");
    let rate: Exact = "20425.3".parse().unwrap();
    let (mut agree, mut forward) = (0, 0);
    for group in pack.groups() {
        let (Some(weight), Some(price)) = (group.weight, group.price("*", Insurance::Employee)) else { continue };
        agree += usize::from(price.divided_by(rate).unwrap().rounded(2) == weight.rounded(2));
        forward += usize::from(weight.times(rate).unwrap().rounded(2) == price.rounded(2));
    }
    assert_eq!((agree, forward), (647, 0));
}

/// Yulin's mean costs are no prices, but they prove the weights of Guangxi: mean cost of the group over mean cost of
/// all.
#[test]
fn the_mean_costs_of_yulin_give_the_weights_of_guangxi() {
    let Some(tables) = tables() else { return };
    let pack = pack("guangxi_2022");
    let all: Exact = "7990.242".parse().unwrap();
    let (mut agree, mut forward, mut without) = (0, 0, 0);
    for (drg, item, value) in tables.tariff("广西2022") {
        if item != "例均费用（玉林）" {
            continue;
        }
        let mean: Exact = value.parse().unwrap();
        let Some(weight) = pack.group(drg).unwrap().weight else {
            assert_eq!(mean, all, "{drg}");
            without += 1;
            continue;
        };
        agree += usize::from(mean.divided_by(all).unwrap().rounded(4) == weight.rounded(4));
        forward += usize::from(weight.times(all).unwrap().rounded(2) == mean.rounded(2));
    }
    assert_eq!((agree, forward, without), (979, 27, 5));
}

/// Constants of the tables (rates, coefficients) are compared with the heads on the way.
#[test]
fn the_shipped_groups_are_those_of_the_tables() {
    let Some(tables) = tables() else { return };
    for id in PACKS {
        let (name, head) = (format!("{id}.toml"), text(&format!("{id}.toml")));
        let groups = tables.groups(File { name: &name, text: &head }).unwrap();
        assert!(groups == text(&format!("{id}.csv")), "{id}.csv differs from the tables");
    }
    assert_eq!(tables.names().count(), PACKS.len());
    let heads = std::fs::read_dir(folder()).unwrap().filter_map(Result::ok);
    let heads = heads.filter(|entry| entry.file_name().to_string_lossy().ends_with(".csv")).count();
    assert_eq!(heads, PACKS.len());
}

#[test]
fn a_constant_that_differs_from_the_table_is_refused() {
    let Some(tables) = tables() else { return };
    let head = text("changzhou_2022.toml").replace("11519", "11520");
    let fault = tables.groups(File { name: "head.toml", text: &head }).unwrap_err();
    assert_eq!((fault.file.as_str(), fault.line, fault.column.as_str()), ("tariff.csv", 2, "value"));
}

#[test]
fn a_cell_that_the_head_does_not_explain_is_refused() {
    let Some(tables) = tables() else { return };
    let head = text("wuhan_2022.toml").replace("name = \"备注\"\nnote = true", "name = \"x\"\nnote = true");
    let fault = tables.groups(File { name: "head.toml", text: &head }).unwrap_err();
    assert_eq!((fault.file.as_str(), fault.column.as_str()), ("tariff.csv", "item"));
    let head = text("beijing_2022.toml").replace("按项目据实支付", "x");
    let fault = tables.groups(File { name: "head.toml", text: &head }).unwrap_err();
    assert_eq!((fault.file.as_str(), fault.column.as_str()), ("weight.csv", "rw"));
}

#[test]
fn tables_without_rates_have_weights_but_no_prices() {
    let mut priced = 0;
    for id in PACKS {
        let pack = pack(id);
        let group = pack.groups().find(|group| group.kind == drg_payment::Kind::Ordinary).unwrap();
        let level = pack.levels()[0].id.clone();
        let insurance = pack.insurances()[0];
        match pack.standard(&group.drg, &level, insurance) {
            Ok(_) | Err(Refused::NoCoefficient { .. }) => priced += 1,
            Err(Refused::NoRate { .. }) => assert!(group.weight.is_some()),
            Err(other) => panic!("{id}: {other}"),
        }
    }
    assert_eq!(priced, 12);
}
