//! Files made to break readers: bounded, never a panic, refused where they must be.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::{fs, io::Read, sync::LazyLock};
use yiti_dicom::{
    dataset::{File, Header, Limits},
    json, render,
};

/// What the server does with a file before anything is stored.
fn admit(bytes: &[u8]) -> Result<Header, String> {
    let file = File::read(bytes, &Limits::default()).map_err(|error| error.to_string())?;
    let header = Header::of_file(&file);
    let mut metadata = String::new();
    json::write_instance(&mut metadata, &file.data, "/bulk", None);
    let parsed: serde_json::Value = serde_json::from_str(&metadata).expect("valid JSON");
    assert!(parsed.is_object());
    assert!(metadata.len() <= 40 * bytes.len().max(1024), "{} from {}", metadata.len(), bytes.len());
    for frame in [0, 1, 2, u32::MAX] {
        header.frame_bytes(file.data.bytes(), frame).ok();
    }
    header.identity(Some(&file.meta)).map_err(|error| error.to_string())?;
    Ok(header)
}

#[test]
fn every_bad_file_is_answered_as_the_list_says() {
    let Some(folder) = samples::field("data/bad-inputs") else { return };
    let text = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let mut count = 0;
    for row in text.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(|row| row[5] == "dicom") {
        count += 1;
        let mut bytes = fs::read(folder.join(row[0])).unwrap();
        if row[0].ends_with(".gz") {
            let mut inflated = Vec::new();
            GzDecoder::new(&bytes[..]).read_to_end(&mut inflated).unwrap();
            bytes = inflated;
        }
        let admitted = admit(&bytes);
        match row[8] {
            // Its file meta group names another instance, which only matters where files come in, as in
            // dicom/uid-mismatch-meta-a.dcm; over the network there is none.
            "accept" if row[0] == "dicom/same-uid-1.dcm" => {
                assert!(admitted.unwrap_err().contains("differs between the file meta group"));
                let file = File::read(&bytes, &Limits::default()).unwrap();
                assert!(Header::of_file(&file).identity(None).is_ok());
                continue;
            }
            "accept" => assert!(admitted.is_ok(), "{}: {admitted:?}", row[0]),
            // Only the store can know that the identifier is taken.
            "reject" if row[0] == "dicom/same-uid-2.dcm" => {}
            "reject" => assert!(admitted.is_err(), "{} was accepted", row[0]),
            _ => {}
        }
        // A picture may or may not come out; memory and time stay bounded and nothing panics.
        render::render(&bytes, 1, None, 512).ok();
        match row[0] {
            "dicom/charset-gb18030-rare-a.dcm" => {
                let name = admitted.unwrap().patient_name.alphabetic;
                assert!(!name.contains('\u{FFFD}') && !name.is_empty(), "{name}");
            }
            "dicom/charset-lie-a.dcm" | "dicom/charset-gb18030-invalid-a.dcm" => {
                assert!(admitted.is_ok_and(|header| header.patient_name_uncertain), "{}", row[0]);
            }
            "dicom/pixel-rows-ul-a.dcm" => assert!(admitted.is_ok_and(|header| header.rows.is_none())),
            _ => {}
        }
    }
    assert_eq!(count, 85);
}

/// What is mutated: samples of our own, and third-party ones where they are.
static BASES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut all: Vec<_> = samples::dicom::every().into_iter().map(|sample| sample.bytes).collect();
    let names = [
        "charset/chrH31.dcm",
        "pydicom/UN_sequence.dcm",
        "pydicom/nested_priv_SQ.dcm",
        "pydicom/reportsi.dcm",
        "pydicom/SC_rgb_rle_2frame.dcm",
        "pydicom/rtplan.dcm",
        "pydicom/MR_small_bigendian.dcm",
        "pydicom/image_dfl.dcm",
        "highdicom/seg_image_ct_binary.dcm",
    ];
    let folder = samples::field("data/dicom");
    all.extend(folder.iter().flat_map(|folder| names.map(|name| fs::read(folder.join(name)).unwrap())));
    all
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(base in any::<prop::sample::Index>(), cut in 0.5_f64..1.0, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12)) {
        let mut bytes = base.get(&BASES).clone();
        for (index, byte) in changes {
            let at = index.index(bytes.len().min(4096));
            bytes[at] = byte;
        }
        if cut < 0.9 {
            bytes.truncate((bytes.len() as f64 * cut) as usize);
        }
        admit(&bytes).ok();
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        admit(&bytes).ok();
        let mut with_preamble = vec![0; 128];
        with_preamble.extend(b"DICM");
        with_preamble.extend(&bytes);
        admit(&with_preamble).ok();
    }
}
