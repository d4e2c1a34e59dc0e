//! The character repertoires that (0008,0005) can name, and their single characters.
//!
//! Left out: escape sequences, see `iso2022`. Source: dicom-ps3.3, C.12.1.1.2.

use encoding_rs::{EUC_JP, EUC_KR, Encoding, GBK};

/// One repertoire. `G1` sets of one byte unless the name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repertoire {
    Ascii,
    Latin1,
    Latin2,
    Latin3,
    Latin4,
    Cyrillic,
    Arabic,
    Greek,
    Hebrew,
    Latin5,
    Latin9,
    Thai,
    /// JIS X 0201: katakana in G1, Roman letters in G0.
    Katakana,
    /// JIS X 0208, two bytes in G0.
    Kanji,
    /// JIS X 0212, two bytes in G0.
    SupplementaryKanji,
    /// KS X 1001, two bytes in G1.
    Korean,
    /// GB 2312, two bytes in G1.
    Gb2312,
    Utf8,
    Gb18030,
    Gbk,
}

impl Repertoire {
    /// Reads a defined term; blanks, hyphens, underscores and case do not matter, as devices vary them.
    pub(super) fn from_term(term: &str) -> Option<Self> {
        let term: String =
            term.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).take(20).collect();
        let number = term.strip_prefix("ISO2022IR").or_else(|| term.strip_prefix("ISOIR")).unwrap_or(&term);
        Some(match number {
            "" | "6" => Repertoire::Ascii,
            "100" => Repertoire::Latin1,
            "101" => Repertoire::Latin2,
            "109" => Repertoire::Latin3,
            "110" => Repertoire::Latin4,
            "144" => Repertoire::Cyrillic,
            "127" => Repertoire::Arabic,
            "126" => Repertoire::Greek,
            "138" => Repertoire::Hebrew,
            "148" => Repertoire::Latin5,
            "203" => Repertoire::Latin9,
            "166" => Repertoire::Thai,
            "13" => Repertoire::Katakana,
            "87" => Repertoire::Kanji,
            "159" => Repertoire::SupplementaryKanji,
            "149" => Repertoire::Korean,
            "58" => Repertoire::Gb2312,
            "192" | "UTF8" => Repertoire::Utf8,
            "GB18030" => Repertoire::Gb18030,
            "GBK" | "GB2312" => Repertoire::Gbk,
            _ => return None,
        })
    }

    /// The defined term, with code extensions or without.
    pub(super) fn term(self, extended: bool) -> &'static str {
        match (self, extended) {
            (Repertoire::Ascii, false) => "ISO_IR 6",
            (Repertoire::Ascii, true) => "",
            (Repertoire::Latin1, false) => "ISO_IR 100",
            (Repertoire::Latin1, true) => "ISO 2022 IR 100",
            (Repertoire::Latin2, false) => "ISO_IR 101",
            (Repertoire::Latin2, true) => "ISO 2022 IR 101",
            (Repertoire::Latin3, false) => "ISO_IR 109",
            (Repertoire::Latin3, true) => "ISO 2022 IR 109",
            (Repertoire::Latin4, false) => "ISO_IR 110",
            (Repertoire::Latin4, true) => "ISO 2022 IR 110",
            (Repertoire::Cyrillic, false) => "ISO_IR 144",
            (Repertoire::Cyrillic, true) => "ISO 2022 IR 144",
            (Repertoire::Arabic, false) => "ISO_IR 127",
            (Repertoire::Arabic, true) => "ISO 2022 IR 127",
            (Repertoire::Greek, false) => "ISO_IR 126",
            (Repertoire::Greek, true) => "ISO 2022 IR 126",
            (Repertoire::Hebrew, false) => "ISO_IR 138",
            (Repertoire::Hebrew, true) => "ISO 2022 IR 138",
            (Repertoire::Latin5, false) => "ISO_IR 148",
            (Repertoire::Latin5, true) => "ISO 2022 IR 148",
            (Repertoire::Latin9, false) => "ISO_IR 203",
            (Repertoire::Latin9, true) => "ISO 2022 IR 203",
            (Repertoire::Thai, false) => "ISO_IR 166",
            (Repertoire::Thai, true) => "ISO 2022 IR 166",
            (Repertoire::Katakana, false) => "ISO_IR 13",
            (Repertoire::Katakana, true) => "ISO 2022 IR 13",
            (Repertoire::Kanji, _) => "ISO 2022 IR 87",
            (Repertoire::SupplementaryKanji, _) => "ISO 2022 IR 159",
            (Repertoire::Korean, _) => "ISO 2022 IR 149",
            (Repertoire::Gb2312, _) => "ISO 2022 IR 58",
            (Repertoire::Utf8, _) => "ISO_IR 192",
            (Repertoire::Gb18030, _) => "GB18030",
            (Repertoire::Gbk, _) => "GBK",
        }
    }

    /// True for sets whose characters take two bytes.
    pub(super) fn is_double(self) -> bool {
        self.is_double_low() || matches!(self, Repertoire::Korean | Repertoire::Gb2312)
    }

    /// True for two-byte sets that take the place of ASCII.
    pub(super) fn is_double_low(self) -> bool {
        matches!(self, Repertoire::Kanji | Repertoire::SupplementaryKanji)
    }

    /// The escape sequence that calls the set.
    pub(super) fn escape(self) -> &'static [u8] {
        match self {
            Repertoire::Ascii | Repertoire::Utf8 | Repertoire::Gb18030 | Repertoire::Gbk => b"\x1b(B",
            Repertoire::Latin1 => b"\x1b-A",
            Repertoire::Latin2 => b"\x1b-B",
            Repertoire::Latin3 => b"\x1b-C",
            Repertoire::Latin4 => b"\x1b-D",
            Repertoire::Cyrillic => b"\x1b-L",
            Repertoire::Arabic => b"\x1b-G",
            Repertoire::Greek => b"\x1b-F",
            Repertoire::Hebrew => b"\x1b-H",
            Repertoire::Latin5 => b"\x1b-M",
            Repertoire::Latin9 => b"\x1b-b",
            Repertoire::Thai => b"\x1b-T",
            Repertoire::Katakana => b"\x1b)I",
            Repertoire::Kanji => b"\x1b$B",
            Repertoire::SupplementaryKanji => b"\x1b$(D",
            Repertoire::Korean => b"\x1b$)C",
            Repertoire::Gb2312 => b"\x1b$)A",
        }
    }

    fn single_encoding(self) -> Option<&'static Encoding> {
        Some(match self {
            Repertoire::Latin2 => encoding_rs::ISO_8859_2,
            Repertoire::Latin3 => encoding_rs::ISO_8859_3,
            Repertoire::Latin4 => encoding_rs::ISO_8859_4,
            Repertoire::Cyrillic => encoding_rs::ISO_8859_5,
            Repertoire::Arabic => encoding_rs::ISO_8859_6,
            Repertoire::Greek => encoding_rs::ISO_8859_7,
            Repertoire::Hebrew => encoding_rs::ISO_8859_8,
            Repertoire::Latin5 => encoding_rs::WINDOWS_1254,
            Repertoire::Latin9 => encoding_rs::ISO_8859_15,
            Repertoire::Thai => encoding_rs::WINDOWS_874,
            _ => return None,
        })
    }

    /// The character of one byte above 0x7F.
    pub(super) fn single(self, byte: u8) -> Option<char> {
        match self {
            Repertoire::Latin1 => Some(byte as char),
            Repertoire::Katakana => {
                (0xA1..=0xDF).contains(&byte).then(|| char::from_u32(0xFF61 + u32::from(byte) - 0xA1)).flatten()
            }
            _ => one_char(self.single_encoding()?, &[byte]),
        }
    }

    /// The character of two bytes, each given without its top bit.
    pub(super) fn double(self, first: u8, second: u8) -> Option<char> {
        if !(0x21..=0x7E).contains(&first) || !(0x21..=0x7E).contains(&second) {
            return None;
        }
        let (first, second) = (first | 0x80, second | 0x80);
        match self {
            Repertoire::Kanji => one_char(EUC_JP, &[first, second]),
            Repertoire::SupplementaryKanji => one_char(EUC_JP, &[0x8F, first, second]),
            Repertoire::Korean => one_char(EUC_KR, &[first, second]),
            Repertoire::Gb2312 => one_char(GBK, &[first, second]),
            _ => None,
        }
    }

    /// The bytes of a character above ASCII, top bits set; one or two of them.
    pub(super) fn bytes_of(self, c: char) -> Option<([u8; 2], usize)> {
        match self {
            Repertoire::Latin1 => {
                let code = u32::from(c);
                (0xA0..=0xFF).contains(&code).then_some(([code as u8, 0], 1))
            }
            Repertoire::Katakana => {
                let code = u32::from(c);
                (0xFF61..=0xFF9F).contains(&code).then(|| ([(code - 0xFF61 + 0xA1) as u8, 0], 1))
            }
            Repertoire::Kanji => two_bytes(EUC_JP, c),
            Repertoire::Korean => two_bytes(EUC_KR, c),
            Repertoire::Gb2312 => two_bytes(GBK, c).filter(|(bytes, _)| (0xA1..=0xF7).contains(&bytes[0])),
            _ => {
                let mut buffer = [0_u8; 4];
                let (bytes, _, bad) = self.single_encoding()?.encode(c.encode_utf8(&mut buffer));
                match *bytes {
                    [byte] if !bad && byte >= 0xA0 => Some(([byte, 0], 1)),
                    _ => None,
                }
            }
        }
    }
}

fn one_char(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Some(c),
        _ => None,
    }
}

fn two_bytes(encoding: &'static Encoding, c: char) -> Option<([u8; 2], usize)> {
    let mut buffer = [0_u8; 4];
    let (bytes, _, bad) = encoding.encode(c.encode_utf8(&mut buffer));
    match *bytes {
        [first, second] if !bad && first >= 0xA1 && second >= 0xA1 => Some(([first, second], 2)),
        _ => None,
    }
}
