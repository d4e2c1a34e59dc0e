//! Published examples of every character set, both ways.

use proptest::prelude::*;
use yiti_dicom::charset::{Charset, PersonName};

/// Declared sets, bytes of a person's name, the name. Source: dicom-ps3.5, annexes H to K.
const EXAMPLES: [(&[u8], &[u8], &str); 10] = [
    (b"GB18030", b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB", "Wang^XiaoDong=王^小东"),
    (b"GBK", b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB", "Wang^XiaoDong=王^小东"),
    (b"\\ISO 2022 IR 58", b"Wang^XiaoDong=\x1b$)A\xCD\xF5^\x1b$)A\xD0\xA1\xB6\xAB", "Wang^XiaoDong=王^小东"),
    (b"\\ISO 2022 IR 58", b"Zhang^XiaoDong=\x1b$)A\xD5\xC5^\x1b$)A\xD0\xA1\xB6\xAB", "Zhang^XiaoDong=张^小东"),
    (b"ISO_IR 192", "Wang^XiaoDong=王^小東".as_bytes(), "Wang^XiaoDong=王^小東"),
    (
        b"\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    (
        b"\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xFB\xF3^\x1b$)C\xD1\xCE\xD4\xD7=\x1b$)C\xC8\xAB^\x1b$)C\xB1\xE6\xB5\xBF",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    (b"ISO_IR 100", b"Buc^J\xE9r\xF4me", "Buc^Jérôme"),
    (b"ISO_IR 126", b"\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", "Διονυσιος"),
];

#[test]
fn published_names_are_read_and_written_byte_for_byte() {
    for (declared, bytes, name) in EXAMPLES {
        let charset = Charset::from_value(declared);
        let decoded = charset.decode(bytes);
        assert_eq!(decoded.text, name, "{}", declared.escape_ascii());
        assert!(!decoded.uncertain, "{name}");
        let (encoded, lossy) = charset.encode(name);
        assert_eq!(encoded.escape_ascii().to_string(), bytes.escape_ascii().to_string(), "{name}");
        assert!(!lossy, "{name}");
        assert_eq!(Charset::from_value(charset.to_value().as_bytes()), charset);
    }
}

#[test]
fn single_byte_sets_are_read() {
    for (declared, bytes, text) in [
        ("ISO_IR 6", &b"plain"[..], "plain"),
        ("ISO_IR 101", b"W\xB3adys\xB3aw", "Władysław"),
        ("ISO_IR 109", b"\xA6", "Ĥ"),
        ("ISO_IR 110", b"\xC6emaitis", "Æemaitis"),
        ("ISO_IR 144", b"\xBB\xEE\xDA", "Люк"),
        ("ISO_IR 127", b"\xE2\xC8\xC7\xE6\xEA", "قباني"),
        ("ISO_IR 138", b"\xF9\xF8\xE5\xEF", "שרון"),
        ("ISO_IR 148", b"\xC7avu\xFEo\xF0lu", "Çavuşoğlu"),
        ("ISO_IR 166", b"\xB9\xD2\xC1", "นาม"),
        ("ISO_IR 13", b"\xD4\xCF", "ﾔﾏ"),
    ] {
        let charset = Charset::from_value(declared.as_bytes());
        assert_eq!(charset.decode(bytes).text, text, "{declared}");
        assert_eq!(*charset.encode(text).0, *bytes, "{declared}");
    }
}

#[test]
fn a_trail_byte_that_is_a_backslash_does_not_split_a_name() {
    // 0x8F5C and 0x815C are letters of GBK whose second byte is the value separator.
    let charset = Charset::from_value(b"GBK");
    let (bytes, lossy) = charset.encode("乗\\俓");
    assert!(!lossy);
    let values = charset.decode_values(&bytes);
    assert_eq!(values, ["乗", "俓"]);
    let with_separator_inside = charset.decode_values(b"\x81\x5C\\\x90\x5C");
    assert_eq!(with_separator_inside.len(), 2);
    assert!(with_separator_inside.iter().all(|value| value.chars().count() == 1));
}

#[test]
fn what_a_set_cannot_write_is_said() {
    let (bytes, lossy) = Charset::from_value(b"\\ISO 2022 IR 58").encode("王𠮷");
    assert!(lossy);
    assert_eq!(*bytes, *b"\x1b$)A\xCD\xF5?");
    assert!(!Charset::from_value(b"GB18030").encode("王𠮷").1);
    assert!(Charset::from_value(b"GBK").encode("王𠮷").1);
}

#[test]
fn a_name_that_cannot_be_trusted_is_marked() {
    let name = b"\xCD\xF5\xD0\xA1\xB6\xAB";
    assert!(Charset::default().decode(name).uncertain);
    assert_eq!(Charset::default().decode(name).text, "王小东");
    assert!(Charset::from_value(b"ISO_IR 100").decode(name).uncertain);
    assert!(Charset::from_value(b"ISO_IR 999").decode(name).uncertain);
    assert!(Charset::from_value(b"ISO_IR 192").decode(name).uncertain);
    assert!(!Charset::from_value(b"GB18030").decode(name).uncertain);
    assert!(!Charset::from_value(b"ISO_IR 100").decode(b"M\xFCller").uncertain);
}

#[test]
fn a_person_name_has_three_groups() {
    let name = PersonName::parse("Wang^XiaoDong=王^小东=");
    assert_eq!((name.alphabetic.as_str(), name.ideographic.as_str()), ("Wang^XiaoDong", "王^小东"));
    assert_eq!(name.display(), "王小东");
    assert_eq!(name.joined(), "Wang^XiaoDong=王^小东");
    assert_eq!(PersonName::parse("Doe^Jane").display(), "Doe Jane");
}

proptest! {
    #[test]
    fn reading_never_panics(declared in "[\\\\A-Z0-9_ ]{0,40}", at in 0_usize..EXAMPLES.len(), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        Charset::from_value(declared.as_bytes()).decode(&bytes);
        Charset::from_value(EXAMPLES[at].0).decode_values(&bytes);
    }

    #[test]
    fn what_is_written_without_loss_is_read_again(at in 0_usize..EXAMPLES.len(), text in "[王小东张李欧阳a-z^= ]{0,20}") {
        let charset = Charset::from_value(EXAMPLES[at].0);
        let (bytes, lossy) = charset.encode(&text);
        if !lossy {
            prop_assert_eq!(charset.decode(&bytes).text, text);
        }
    }
}
