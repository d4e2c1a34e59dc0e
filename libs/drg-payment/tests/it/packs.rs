//! Packs that are broken are refused with file, line and column; what is read is bounded.

use drg_payment::{Book, BookFault, FileFault, Insurance, Pack, Terms};

use crate::shipped::{PACKS, changed, pack, text};

fn fault(result: Result<Pack, FileFault>) -> (String, u64, String) {
    let fault = result.unwrap_err();
    (fault.file, fault.line, fault.column)
}

#[test]
fn every_shipped_pack_is_read_and_has_a_hash_of_its_own() {
    let hashes: std::collections::BTreeSet<_> = PACKS.iter().map(|id| pack(id).hash()).collect();
    assert_eq!(hashes.len(), PACKS.len());
    for id in PACKS {
        assert_eq!(pack(id).id(), id);
    }
}

#[test]
fn a_pack_of_another_text_has_another_hash() {
    let hash = pack("changzhou_2022").hash();
    assert_eq!(hash, pack("changzhou_2022").hash());
    let defaults = changed("changzhou_2022", |t| t, |t| t, |t| t.replace("\"0.4\"", "\"0.5\"")).unwrap();
    let weights = changed("changzhou_2022", |t| t, |t| t.replace("22.5705", "22.5706"), |t| t).unwrap();
    assert!(defaults.hash() != hash && weights.hash() != hash);
    assert_eq!(hash.to_string().parse(), Ok(hash));
}

#[test]
fn a_broken_head_is_refused_at_its_place() {
    let head = |from: &str, to: &str| {
        assert!(text("changzhou_2022.toml").contains(from), "{from}");
        changed("changzhou_2022", |t| t.replacen(from, to, 1), |t| t, |t| t)
    };
    assert_eq!(fault(head("\"11519\"", "11519")), ("head.toml".into(), 23, "8".into()));
    assert_eq!(fault(head("\"11519\"", "\"1e4\"")), ("head.toml".into(), 23, "8".into()));
    assert_eq!(fault(head("2022-01-01", "2022-02-30")).1, 8);
    assert_eq!(fault(head("method = \"rate\"", "method = \"rats\"")).1, 7);
    assert_eq!(fault(head("method", "methode")).1, 7);
    for (from, to) in [
        ("code = \"320400\"", "code = \"32040\""),
        ("id = \"changzhou_2022\"", "id = \"Changzhou 2022\""),
        ("valid_from = 2022-01-01", "valid_from = 2022-01-01\nvalid_to = 2021-12-31"),
        ("valid_from = 2022-01-01", "valid_from = 2022-01-01\ninsurance = []"),
        ("valid_from = 2022-01-01", "valid_from = 2022-01-01\ninsurance = [\"employee\", \"employee\"]"),
        ("id = \"2\"", "id = \"3\""),
        ("coefficient = \"1.01\"", "coefficient = \"-1\""),
        ("\"11519\"", "\"0\""),
        ("insurance = \"resident\"", "insurance = \"employee\""),
        ("insurance = \"resident\"", "insurance = \"resident\"\nlevel = \"7\""),
    ] {
        let fault = head(from, to).unwrap_err();
        assert!(fault.file == "head.toml" && !fault.what.is_empty(), "{from}");
    }
}

#[test]
fn broken_groups_are_refused_at_their_place() {
    let groups = |from: &str, to: &str| {
        assert!(text("suzhou_2023.csv").contains(from), "{from}");
        changed("suzhou_2023", |t| t, |t| t.replacen(from, to, 1), |t| t)
    };
    let at = |line: u64, column: &str| ("groups.csv".to_owned(), line, column.to_owned());
    assert_eq!(fault(groups("AB19,29.7,", "AB19,2 9.7,")), at(3, "weight"));
    assert_eq!(fault(groups("AB19,29.7,", "AB19,-29.7,")), at(3, "weight"));
    assert_eq!(fault(groups("AB19,", "AA19,")), at(3, "drg"));
    assert_eq!(fault(groups("AB19,", "A!19,")), at(3, "drg"));
    assert_eq!(fault(groups("AB19,29.7,ordinary", "AB19,29.7,usual")), at(3, "kind"));
    assert_eq!(fault(groups("AB19,29.7,ordinary", "AB19,29.7")), at(3, ""));
    assert_eq!(fault(groups("coefficient.3", "coefficient.9")), at(1, "coefficient.9"));
    assert_eq!(fault(groups("coefficient.3", "coefficient.1")), at(1, "coefficient.1"));
    assert_eq!(fault(groups("price.1.*", "price.1.both")), at(1, "price.1.both"));
    assert_eq!(fault(groups("marks", "mark")), at(1, "mark"));
    let empty = changed("suzhou_2023", |t| t, |_| "drg,weight,kind,marks,note\n".into(), |t| t);
    assert_eq!(fault(empty), at(0, ""));
    let many = |_: String| {
        let rows = (0..20_001).map(|at| format!("A{at},1,ordinary,,\n"));
        format!("drg,weight,kind,marks,note\n{}", rows.collect::<String>())
    };
    assert_eq!(fault(changed("suzhou_2023", |t| t, many, |t| t)).1, 20_002);
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let large = |t: String| format!("{t}#{}", "x".repeat(1 << 22));
    assert!(changed("suzhou_2023", large, |t| t, |t| t).unwrap_err().what.contains("bytes"));
    assert!(changed("suzhou_2023", |t| t, large, |t| t).unwrap_err().what.contains("bytes"));
    assert!(changed("suzhou_2023", |t| t, |t| t, large).unwrap_err().what.contains("bytes"));
}

#[test]
fn broken_rules_are_refused() {
    let defaults = |from: &str, to: &str| {
        assert!(text("defaults.toml").contains(from), "{from}");
        changed("changzhou_2022", |t| t, |t| t, |t| t.replacen(from, to, 1)).unwrap_err()
    };
    for (from, to) in [
        ("ratio_up_to = \"2\"", "ratio_up_to = \"0.3\""),
        ("ratio_up_to = \"2\"\n", ""),
        ("excess_over = \"2\" }", "excess_over = \"2\" }\nratio_below = \"9\""),
        ("of_cost = \"1\"", "of_cost = \"-1\""),
        ("[[rules.band]]\n[", "[[rules.band]]\nweight_below = \"1\"\n["),
        ("per_diem = true\n", ""),
        ("codes = [\"*QY\"]", "codes = [\"*\"]"),
        ("share = \"1\"", "share = \"11\""),
        ("cases_share_max = \"0.05\"", "cases_share_max = \"5\""),
        ("unit_fen = 1", "unit_fen = 0"),
        ("[rules.base]\ncoefficient = \"1\"", "[rules.base]\ncoefficient = \"-1\""),
        ("[rules.fund]\nbelow_zero = \"keep\"", ""),
        ("by = \"cost\"\nshare", "by = \"cash\"\nshare"),
    ] {
        assert!(!defaults(from, to).what.is_empty(), "{from}");
    }
}

#[test]
fn a_book_finds_the_one_pack_of_region_insurance_and_day() {
    let ending = |t: String| t.replace("valid_from = 2022-01-01", "valid_from = 2022-01-01\nvalid_to = 2022-12-31");
    let next = |t: String| t.replace("valid_from = 2022-01-01", "valid_from = 2023-01-01").replacen("2022", "2023", 1);
    let old = changed("changzhou_2022", ending, |t| t, |t| t).unwrap();
    let new = changed("changzhou_2022", next, |t| t, |t| t).unwrap();
    let mut book = Book::default();
    book.add(old).unwrap();
    assert!(matches!(book.add(pack("changzhou_2022")), Err(BookFault::Overlap { .. })));
    book.add(new).unwrap();
    book.add(pack("lanzhou_2023")).unwrap();
    let find = |region, insurance, day: &str| book.find(region, insurance, day.parse().unwrap()).map(Pack::valid_from);
    assert_eq!(find("320400", Insurance::Employee, "2022-12-31").unwrap().to_string(), "2022-01-01");
    assert_eq!(find("320400", Insurance::Resident, "2023-01-01").unwrap().to_string(), "2023-01-01");
    assert!(find("320400", Insurance::Resident, "2021-12-31").is_err());
    assert!(find("620100", Insurance::Resident, "2023-05-01").is_err());
    assert!(find("620100", Insurance::Employee, "2023-05-01").is_ok());
}

#[test]
fn the_shipped_terms_are_read_and_marked_as_defaults() {
    let text = text("settlement.toml");
    let read = |text: &str| Terms::read(drg_payment::File { name: "settlement.toml", text });
    let terms = read(&text).unwrap();
    assert!(terms.prepaid_share.is_default() && terms.clearing.is_default());
    assert_eq!(terms.prepaid_share.rule.to_string(), "0.95");
    assert!(read(&text.replace("\"0.95\"", "\"1.05\"")).unwrap_err().what.contains("month.prepaid_share"));
    assert!(read(&text.replace("reserve_share", "reserves")).unwrap_err().line > 10);
}

#[test]
fn every_source_that_a_pack_cites_is_there() {
    let sources = crate::shipped::folder().join("../sources");
    for id in PACKS {
        for source in pack(id).sources() {
            assert!(sources.join(format!("{source}.toml")).is_file(), "{id} cites {source}");
        }
    }
    let terms = text("settlement.toml");
    let terms = Terms::read(drg_payment::File { name: "settlement.toml", text: &terms }).unwrap();
    for source in [&terms.prepaid_share.provenance.source, &terms.clearing.provenance.source] {
        assert!(sources.join(format!("{source}.toml")).is_file(), "{source}");
    }
}
