//! Text against another reader, on any table that a writer can write.

use proptest::prelude::*;

use crate::support::read_bytes;

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z0-9.|]{0,8}",
        1 => "[\"',;\t\n甲乙 é]{0,6}",
    ]
}

proptest! {
    #[test]
    fn what_a_writer_writes_is_read(
        rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..40),
        separator in prop::sample::select(vec![b',', b';', b'\t']),
        is_windows: bool,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(separator)
            .terminator(if is_windows { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        writer.write_record(["id", "dx", "px"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let read = read_bytes(&bytes).unwrap();
        prop_assert_eq!(&read.faults, &[]);
        let kept: Vec<&Vec<String>> = rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())).collect();
        let found: Vec<&Vec<String>> = read.rows.iter().map(|(_, cells)| cells).collect();
        prop_assert_eq!(found, kept);
    }

    /// Rows without quotes go a quicker way when no line ends in a carriage return; both ways must read the same.
    #[test]
    fn line_ends_make_no_difference(lines in prop::collection::vec("[a-z0-9.|,\u{7532}\u{e9} ]{0,40}", 0..40)) {
        let table = |end: &str| format!("id,dx,px{end}{}", lines.iter().map(|line| line.clone() + end).collect::<String>());
        let (unix, windows) = (read_bytes(table("\n").as_bytes()).unwrap(), read_bytes(table("\r\n").as_bytes()).unwrap());
        prop_assert_eq!(&unix.rows, &windows.rows);
        prop_assert_eq!(&unix.faults, &windows.faults);
        let whole = lines.iter().filter(|line| line.split(',').filter(|cell| !cell.is_empty()).count() > 0);
        prop_assert_eq!(unix.rows.len() + unix.faults.len(), whole.count());
        for (_, cells) in &unix.rows {
            prop_assert!(lines.iter().any(|line| line.split(',').take(3).eq(cells.iter().map(String::as_str))));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_bytes(&bytes);
        let _ = read_bytes([b"id,dx\n".as_slice(), &bytes].concat());
    }
}
