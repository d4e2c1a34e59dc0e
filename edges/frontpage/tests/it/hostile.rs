//! Whatever comes in, it is read or refused; it never panics, and memory follows what was sent.

use proptest::prelude::*;
use yiti_frontpage::FileFault;

use crate::support::{gb18030, hqms, read, stay};

#[test]
fn a_half_written_table_is_refused_as_a_whole_with_its_place() {
    let whole = hqms(&[stay("41"), stay("42"), stay("43")]);
    let cut = &whole[..whole.len() - 600];
    let fault = read(cut).unwrap_err();
    let FileFault::Sheet(fault) = fault else { panic!("{fault}") };
    assert_eq!((fault.row, fault.problem), (Some(4), sheet::Problem::CutOff));
    assert!(matches!(read("").unwrap_err(), FileFault::Sheet(_)));
    assert!(matches!(read("A48,A49,C03C\n").unwrap_err(), FileFault::Empty | FileFault::Sheet(_)));
    assert!(matches!(read(&b"%PDF-1.7"[..]).unwrap_err(), FileFault::Sheet(_)));
}

#[test]
fn bounds_hold() {
    let rows: Vec<_> = (0..3).map(|_| "1,1,I10.x00\n").collect();
    let text = format!("A48,A49,C03C\n{}", rows.concat().repeat(4_000));
    assert!(matches!(read(text).unwrap_err(), FileFault::TooManyRows { rows: 10_000 }));
    let codes = vec!["I10.x00"; 101].join("|");
    let all = read(format!("id,dx\n1,{codes}\n")).unwrap();
    assert_eq!(all.refused[0][0].problem.key(), "shorter");
    let deep = "[".repeat(100_000);
    assert!(matches!(read(deep).unwrap_err(), FileFault::Json { .. }));
    let many = format!(
        "{{\"setlinfo\":{{\"medcasno\":1,\"adm_time\":\"20260201\"}},\"oprninfo\":[{}]}}",
        vec!["{}"; 101].join(",")
    );
    assert_eq!(read(many).unwrap().refused[0][0].problem.key(), "long_list");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(read(bytes));
    }

    #[test]
    fn any_cells_are_read_or_refused(
        cells in proptest::collection::vec(("[A-DI][0-9]{2}x?C?", ".{0,12}"), 1..20),
        as_gb in any::<bool>(),
    ) {
        let mut row = stay("1");
        for (column, text) in &cells {
            row = row.set(column, text);
        }
        let mut text = hqms(&[row, stay("2")]);
        if as_gb {
            text.retain(|c| !encoding_rs::GB18030.encode(c.encode_utf8(&mut [0; 4])).2);
            drop(read(gb18030(&text)));
        } else {
            drop(read(text));
        }
    }

    #[test]
    fn any_change_of_a_message_is_read_or_refused(at in 0usize..2_000, byte in any::<u8>(), cut in 0usize..2_000) {
        let mut bytes = include_str!("message.json").as_bytes().to_vec();
        let length = bytes.len();
        if let Some(place) = bytes.get_mut(at % length) {
            *place = byte;
        }
        bytes.truncate(length.saturating_sub(cut % 7));
        drop(read(bytes));
    }
}
