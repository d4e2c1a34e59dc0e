//! Packs: what is written reads back, and damage is refused, never a panic.

use chs_drg::{Definition, Error, Mdc, Profile, Rule, Scheme};
use proptest::prelude::*;

use crate::cases::{Cases, built, scheme, shipped, tables};

const SHIPPED: [&str; 4] = ["chs_drg_10", "chs_drg_11", "chs_drg_20", "changzhou_2022"];

#[test]
fn the_shipped_packs_are_what_the_tables_say() {
    let Some(tables) = tables() else { return };
    for id in SHIPPED {
        let (built, read) = (built(tables, id, Profile::Published), scheme(id));
        assert_eq!(read.hash(), built.hash(), "{id}");
        assert_eq!(read.definition(), built.definition(), "{id}");
    }
}

#[test]
fn every_scheme_of_the_tables_packs_and_reads_back() {
    let Some(tables) = tables() else { return };
    let mut count = 0;
    for id in tables.schemes() {
        let published = built(tables, id, Profile::Published);
        let read = Scheme::read(&published.pack().unwrap()).unwrap();
        assert_eq!(read.hash(), published.hash());
        assert_eq!(read.definition(), published.definition());
        count += 1;
    }
    assert_eq!(count, 29);
    let reference = built(tables, "chs_drg_11", Profile::Reference);
    let read = Scheme::read(&reference.pack().unwrap()).unwrap();
    assert_eq!(read.definition(), reference.definition());
    assert_ne!(read.hash(), built(tables, "chs_drg_11", Profile::Published).hash());
}

#[test]
fn every_shipped_pack_packs_and_reads_back() {
    for id in SHIPPED {
        let shipped = scheme(id);
        let read = Scheme::read(&shipped.pack().unwrap()).unwrap();
        assert_eq!(read.hash(), shipped.hash(), "{id}");
        assert_eq!(read.definition(), shipped.definition(), "{id}");
    }
}

#[test]
fn a_pack_groups_like_the_tables() {
    let (Some(tables), Some(cases)) = (tables(), Cases::published("cases-open.csv.gz")) else { return };
    let (built, read) = (built(tables, "chs_drg_11", Profile::Published), scheme("chs_drg_11"));
    for case in &cases.cases {
        case.with(|record| assert_eq!(read.answer(record), built.answer(record)));
    }
}

#[test]
fn a_damaged_pack_says_where() {
    let pack = shipped("chs_drg_11");
    let fault = |pack: &[u8]| Scheme::read(pack).unwrap_err().to_string();
    assert_eq!(fault(b""), "the pack is refused at byte 0: the head is cut off");
    assert_eq!(fault(&[0; 99]), "the pack is refused at byte 0: this is no CHS-DRG pack");
    let mut other = pack.clone();
    other[6] = 9;
    assert_eq!(fault(&other), "the pack is refused at byte 6: format 9 is not 1");
    let mut other = pack.clone();
    other[8] ^= 1;
    assert!(fault(&other).contains("SHA-256 of the content"));
    assert!(Scheme::read(&pack[..pack.len() - 1]).is_err());
    let mut other = pack.clone();
    other[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(fault(&other).contains("the content is too long"));
}

/// Unpacks, changes and packs the content again with a right hash, so that the checks behind the hash are reached.
fn repacked(content: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    use std::io::Write;
    let mut out = b"CHSDRG\x01\x00".to_vec();
    out.extend(sha2::Sha256::digest(content));
    out.extend((content.len() as u32).to_le_bytes());
    let mut deflate = flate2::write::DeflateEncoder::new(out, flate2::Compression::fast());
    deflate.write_all(content).unwrap();
    deflate.finish().unwrap()
}

fn unpacked(pack: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut content = Vec::new();
    flate2::read::DeflateDecoder::new(&pack[44..]).read_to_end(&mut content).unwrap();
    content
}

fn small() -> Definition {
    let mut definition = scheme("chs_drg_11").definition().clone();
    // Few codes, so that a change often meets a rule.
    definition.dx.truncate(60);
    definition.px.truncate(60);
    for set in &mut definition.sets {
        set.codes.retain(|code| *code < 60);
    }
    definition.complicating.retain(|row| row.dx < 60);
    definition.exclusions.retain(|row| row.0 < 60);
    definition
}

#[test]
fn a_definition_whose_parts_do_not_fit_is_refused() {
    let refused = |change: &dyn Fn(&mut Definition)| {
        let mut definition = small();
        change(&mut definition);
        match Scheme::new(definition) {
            Err(Error::Scheme { what }) => what,
            other => panic!("taken: {:?}", other.map(|scheme| scheme.hash())),
        }
    };
    assert!(refused(&|d| d.mdcs.clear()).contains("no MDC"));
    assert!(refused(&|d| d.sets[0].codes.push(60)).contains("names code 60 of 60"));
    assert!(refused(&|d| d.steps[3].mdc = 99).contains("names MDC 99"));
    assert!(refused(&|d| d.steps[3].drg_count = 9).contains("do not follow"));
    assert!(refused(&|d| d.steps.swap(0, 40)).contains("step"));
    assert!(refused(&|d| d.dx.swap(0, 1)).contains("ascending"));
    assert!(refused(&|d| d.dx[1].text = "A".repeat(21)).contains("longer than 20"));
    assert!(refused(&|d| d.bad_pdx = Some(9_999)).contains("bad_pdx"));
    assert!(refused(&|d| d.complicating.push(d.complicating[0])).contains("twice"));
    assert!(refused(&|d| d.complicating.reverse()).contains("ascending"));
    assert!(refused(&|d| d.exclusions.reverse()).contains("ascending"));
    assert!(refused(&|d| d.sets[0].name = "a | b".to_owned()).contains("no name"));
    assert!(refused(&|d| d.sets.clear()).contains("code set"));
    let many = |d: &mut Definition| {
        d.mdcs = vec![Mdc { code: "M".to_owned(), name: String::new(), when: Rule::Always }; 256];
    };
    assert!(refused(&many).contains("256 MDCs"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pack_changed_anywhere_is_read_or_refused_but_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        static SMALL: std::sync::LazyLock<Vec<u8>> =
            std::sync::LazyLock::new(|| unpacked(&Scheme::new(small()).unwrap().pack().unwrap()));
        let mut content = SMALL.clone();
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(content.len()));
        }
        if let Ok(scheme) = Scheme::read(&repacked(&content)) {
            scheme.explain(&chs_drg::Record { dx: &["A00.000"], px: &["00.0100"], ..chs_drg::Record::default() });
        }
    }
}
