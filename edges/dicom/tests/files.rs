//! Every sample file against what is known of it: those of our own, and the third-party ones with their manifest.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{fs, path::Path};
use yiti_dicom::dataset::{File, Header, Limits, PixelData};

/// One manifest row, by column name.
struct Row(Vec<(String, String)>);

impl Row {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap()
    }
}

fn split(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn manifest(folder: &Path) -> Vec<Row> {
    let text = fs::read_to_string(folder.join("manifest.csv")).unwrap();
    let mut lines = text.lines();
    let names = split(lines.next().unwrap());
    lines.map(|line| Row(names.iter().cloned().zip(split(line)).collect())).collect()
}

/// Files that are refused, and why.
const REFUSED: [(&str, &str); 2] = [
    // Cut off inside its pixels: never stored as complete.
    ("pydicom/MR_truncated.dcm", "(7FE0,0010) at byte 1488: declares 8192 bytes, 8130 are left"),
    // A stray byte before the first element; pydicom finds nothing in it either when forced.
    ("pydicom/no_meta.dcm", "not a DICOM file"),
];

#[test]
fn every_sample_of_our_own_walks_and_its_header_says_what_was_written() {
    for sample in samples::dicom::every() {
        let file =
            File::read(&sample.bytes, &Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let header = Header::of_file(&file);
        header.identity(Some(&file.meta)).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let name = sample.name;
        assert_eq!(header.transfer_syntax_uid, sample.transfer_syntax, "{name}");
        assert_eq!(header.modality, sample.modality, "{name}");
        assert_eq!(header.patient_name.joined(), "Ceshi^Huanzhe=测试^患者", "{name}");
        let Some(pixels) = sample.pixels else {
            assert!(header.pixel_data.is_none(), "{name}");
            continue;
        };
        assert_eq!((header.rows, header.columns), (Some(pixels.rows), Some(pixels.columns)), "{name}");
        assert_eq!(header.bits_stored, Some(pixels.bits), "{name}");
        assert_eq!(header.photometric_interpretation, pixels.photometric, "{name}");
        assert_eq!(header.frame_count as usize, pixels.frames.len(), "{name}");
        for frame in 1..=header.frame_count {
            assert!(!header.frame_bytes(file.data.bytes(), frame).unwrap().is_empty(), "{name}");
        }
        assert!(header.frame_bytes(file.data.bytes(), header.frame_count + 1).is_err(), "{name}");
    }
}

#[test]
fn every_sample_file_walks_and_its_header_matches_the_manifest() {
    let Some(folder) = samples::field("data/dicom") else { return };
    let rows = manifest(&folder);
    assert_eq!(rows.len(), 112);
    let mut problems = Vec::new();
    for row in &rows {
        let name = row.get("file");
        let bytes = fs::read(folder.join(name)).unwrap();
        assert_eq!(bytes.len().to_string(), row.get("bytes"), "{name}");
        let file = match File::read(&bytes, &Limits::default()) {
            Ok(file) => file,
            Err(error) => {
                let expected = REFUSED.iter().find(|(file, _)| *file == name).map(|(_, reason)| reason.to_string());
                if expected != Some(error.to_string()) {
                    problems.push(format!("{name}: {error}"));
                }
                continue;
            }
        };
        let header = Header::of_file(&file);
        let mut check = |what: &str, own: String| {
            let theirs = row.get(what).trim_end_matches('=');
            if own != theirs {
                problems.push(format!("{name}: {what} is `{own}`, the manifest says `{theirs}`"));
            }
        };
        let number = |value: Option<u16>| value.map(|value| value.to_string()).unwrap_or_default();
        check("modality", header.modality.clone());
        check("transfer_syntax", header.transfer_syntax_uid.clone());
        check("rows", number(header.rows));
        check("cols", number(header.columns));
        check("bits", number(header.bits_stored));
        check("photometric", header.photometric_interpretation.clone());
        check("patient_name", header.patient_name.joined());
        if header.pixel_data.is_some() {
            check("frames", header.frame_count.to_string());
        }
        if let (Some(PixelData::Encapsulated { .. }), true) = (&header.pixel_data, header.frame_count < 100) {
            for frame in 1..=header.frame_count {
                let bytes = header.frame_bytes(file.data.bytes(), frame).unwrap();
                assert!(!bytes.is_empty(), "{name}");
            }
            assert!(header.frame_bytes(file.data.bytes(), header.frame_count + 1).is_err());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
