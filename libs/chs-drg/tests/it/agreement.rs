//! Every expected answer of the case files.

use chs_drg::{Columns, Profile, Scheme};

use crate::cases::{Cases, built, scheme, tables};

/// Groups every case by every version of the file, one by one and as a batch. Gives cells and empty cells.
fn agree(cases: &Cases, scheme: impl Fn(&str) -> Scheme) -> (usize, usize) {
    let (mut cells, mut empty) = (0, 0);
    for (column, version) in cases.versions.iter().enumerate() {
        let scheme = scheme(version);
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
        assert!(wrong.is_empty(), "{version}: {} differ: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
    }
    (cells, empty)
}

/// Agreement with a published file; `None` where there is none.
fn agree_published(file: &str) -> Option<(usize, usize)> {
    let (cases, tables) = (Cases::published(file)?, tables()?);
    Some(agree(&cases, |version| built(tables, version, Profile::Reference)))
}

#[test]
fn cases_of_our_own_agree_in_every_shipped_scheme() {
    assert_eq!(agree(&Cases::own(), scheme), (4 * 240, 0));
}

#[test]
fn open_cases_agree_in_every_version() {
    let Some(agreed) = agree_published("cases-open.csv.gz") else { return };
    assert_eq!(agreed, (75_000, 0));
}

#[test]
fn regional_cases_agree_in_every_version() {
    let Some(agreed) = agree_published("cases-regional.csv.gz") else { return };
    // The reference crashed on nine cells of Hefei.
    assert_eq!(agreed, (6_000 * 28 - 9, 9));
}

#[test]
fn cases_of_chs_drg_20_agree() {
    let Some(agreed) = agree_published("cases-chs20.csv.gz") else { return };
    assert_eq!(agreed, (5_000, 0));
}
