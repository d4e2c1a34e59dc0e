//! Every expected answer of the case files.

use chs_drg::{Columns, Profile, Scheme};

use crate::cases::{Cases, TABLES};

/// Groups every case by every version of the file, one by one and as a batch. Gives cells and empty cells.
fn agree(file: &str) -> (usize, usize) {
    let cases = Cases::open(file);
    let (mut cells, mut empty) = (0, 0);
    for (column, version) in cases.versions.iter().enumerate() {
        let scheme = Scheme::build(&TABLES, version, Profile::Reference).unwrap();
        let mut columns = Columns::unchecked(&scheme);
        let mut wrong = Vec::new();
        let mut answers = Vec::new();
        for case in &cases.cases {
            case.with(|record| {
                columns.push(&scheme, record).unwrap();
                let answer = scheme.answer(record);
                answers.push(answer);
                let expected = &case.expected[column];
                let found = scheme.name(answer).drg;
                if expected.is_empty() {
                    empty += 1;
                } else {
                    cells += 1;
                    if found != expected {
                        wrong.push(format!("{}: {found}, expected {expected}", case.id));
                    }
                }
            });
        }
        let mut batch = Vec::new();
        scheme.group_batch(&columns, &mut batch).unwrap();
        assert!(batch == answers, "{version}: the batch differs from the records one by one");
        assert!(wrong.is_empty(), "{file} {version}: {} differ: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
    }
    (cells, empty)
}

#[test]
fn open_cases_agree_in_every_version() {
    assert_eq!(agree("cases-open.csv.gz"), (75_000, 0));
}

#[test]
fn regional_cases_agree_in_every_version() {
    // The reference crashed on nine cells of Hefei.
    assert_eq!(agree("cases-regional.csv.gz"), (6_000 * 28 - 9, 9));
}

#[test]
fn cases_of_chs_drg_20_agree() {
    assert_eq!(agree("cases-chs20.csv.gz"), (5_000, 0));
}
