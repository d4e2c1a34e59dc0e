//! Compressed pictures as dcmtk makes them come out as dcmtk reads them: every process of JPEG and JPEG-LS that a modality
//! may send, on pictures with noise, slopes and flat places.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use proptest::prelude::*;
use samples::dicom::{DataSet, Pixels, syntax};
use std::{fs, path::Path, process::Command};
use yiti_dicom::{
    dataset::{File, Header, Limits},
    render::{Format, decode_frame, render_as},
};

const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Columns are no multiple of eight. Left third flat, middle third a slope, right third noise.
fn picture(samples: u16, bits: u16) -> Vec<u8> {
    let (rows, columns) = (37_u32, 61_u32);
    let top = (1_u32 << bits) - 1;
    let mut frame = Vec::new();
    let mut noise = 12_345_u32;
    for row in 0..rows {
        for column in 0..columns {
            for sample in 0..u32::from(samples) {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = match column * 3 / columns {
                    0 => top / (2 + sample),
                    1 => top * (row + column) / (rows + columns),
                    _ => (noise >> 8) % (top + 1),
                };
                frame.extend_from_slice(&value.to_le_bytes()[..if bits > 8 { 2 } else { 1 }]);
            }
        }
    }
    let photometric = if samples == 3 { "RGB" } else { "MONOCHROME2" };
    let pixels = Pixels { rows: 37, columns: 61, samples, bits, photometric, frames: vec![frame] };
    pixels.plain(DataSet::instance(SECONDARY_CAPTURE, "OT", 9, bits.into())).file(syntax::EXPLICIT)
}

fn run(program: &str, arguments: &[&str], from: &Path, to: &Path) {
    let output = Command::new(program).args(arguments).args([from, to]).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn samples_of(bytes: &[u8]) -> (Header, Vec<u8>) {
    let file = File::read(bytes, &Limits::default()).unwrap();
    let header = Header::of_file(&file);
    let samples = decode_frame(&file, &header, 1).unwrap_or_else(|error| panic!("{error}")).into_owned();
    (header, samples)
}

/// Compressed by dcmtk; read by us, and by dcmtk with what it says to be told back.
fn compared(samples: u16, bits: u16, arguments: &str) -> (Header, Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let [plain, packed, unpacked] = ["plain", "packed", "unpacked"].map(|name| folder.path().join(name));
    fs::write(&plain, picture(samples, bits)).unwrap();
    let (program, arguments) = arguments.split_once(' ').unwrap();
    run(program, &arguments.split(' ').collect::<Vec<_>>(), &plain, &packed);
    let back: &[&str] = if program == "dcmcjpls" { &[] } else { &["+px"] };
    run(&program.replacen("cj", "dj", 1), back, &packed, &unpacked);
    let (header, ours) = samples_of(&fs::read(&packed).unwrap());
    render_as(&fs::read(&packed).unwrap(), 1, None, 512, Format::Png).unwrap();
    let (theirs_header, mut theirs) = samples_of(&fs::read(&unpacked).unwrap());
    if theirs_header.planar_configuration == Some(1) && samples == 3 {
        let plane = theirs.len() / 3;
        theirs = (0..plane).flat_map(|at| [theirs[at], theirs[plane + at], theirs[2 * plane + at]]).collect();
    }
    (header, ours, theirs)
}

#[test]
fn jpeg_ls_comes_out_to_the_last_bit() {
    for bits in [8, 10, 12, 16] {
        for arguments in ["dcmcjpls +el", "dcmcjpls +en +md 3", "dcmcjpls +pc +t1 4 +t2 9 +t3 30 +rs 32"] {
            let (_, ours, theirs) = compared(1, bits, arguments);
            assert!(ours == theirs, "{bits} bits, {arguments}");
        }
    }
    for interleave in ["+il", "+is", "+in"] {
        for process in ["+el", "+en"] {
            let arguments = format!("dcmcjpls {process} {interleave}");
            let (_, ours, theirs) = compared(3, 8, &arguments);
            assert!(ours == theirs, "{arguments}");
        }
    }
    let (_, ours, _) = compared(3, 8, "dcmcjpls +el +is");
    let plain = picture(3, 8);
    assert!(plain.windows(ours.len()).any(|window| window == ours), "lossless is what it was before");
}

#[test]
fn every_process_of_jpeg_looks_as_another_reader_sees_it() {
    let cases = [
        (1, 8, "dcmcjpeg +eb +q 95", "50"),
        (1, 12, "dcmcjpeg +ee +bt +q 95", "51"),
        (1, 8, "dcmcjpeg +es +q 95", "53"),
        (1, 8, "dcmcjpeg +ep +q 95", "55"),
        (3, 8, "dcmcjpeg +eb +cr +q 95", "50"),
        (3, 8, "dcmcjpeg +eb +cy +s4 +q 95", "50"),
        (3, 8, "dcmcjpeg +eb +cy +s2 +q 95", "50"),
        (3, 8, "dcmcjpeg +eb +cy +n1 +q 95", "50"),
        (3, 8, "dcmcjpeg +ep +cy +s2 +q 95", "55"),
        (1, 16, "dcmcjpeg +el", "57"),
        (3, 8, "dcmcjpeg +e1", "70"),
    ];
    for (samples, bits, arguments, syntax) in cases {
        let (header, ours, theirs) = compared(samples, bits, arguments);
        assert_eq!(header.transfer_syntax_uid, format!("1.2.840.10008.1.2.4.{syntax}"), "{arguments}");
        assert_eq!(ours.len(), theirs.len(), "{arguments}");
        let wide = |bytes: &[u8]| -> Vec<i32> {
            if bits > 8 {
                bytes.as_chunks::<2>().0.iter().map(|pair| i32::from(u16::from_le_bytes(*pair))).collect()
            } else {
                bytes.iter().map(|byte| i32::from(*byte)).collect()
            }
        };
        let differences: Vec<i32> = wide(&ours).iter().zip(wide(&theirs)).map(|(a, b)| (a - b).abs()).collect();
        let mean = f64::from(differences.iter().sum::<i32>()) / differences.len() as f64;
        // Colours that are shared by neighbours may be spread smoothly or not.
        let allowed = match arguments {
            lossless if lossless.contains("+el") || lossless.contains("+e1") => 0.0,
            shared if shared.contains("+s2") || shared.contains("+n1") => 16.0,
            _ => 1.0,
        };
        assert!(mean <= allowed, "{arguments}: {mean} apart");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What is damaged is refused or drawn as far as it goes; the server goes on.
    #[test]
    fn damaged_streams_are_refused_or_drawn(which in 0..4_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        static PACKED: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(|| {
            let cases = [(3, 8, "dcmcjpls +el"), (1, 16, "dcmcjpls +en"), (1, 12, "dcmcjpeg +ee +bt"), (3, 8, "dcmcjpeg +eb")];
            cases.iter().map(|(samples, bits, arguments)| {
                let folder = tempfile::tempdir().unwrap();
                let [plain, packed] = ["plain", "packed"].map(|name| folder.path().join(name));
                fs::write(&plain, picture(*samples, *bits)).unwrap();
                let (program, arguments) = arguments.split_once(' ').unwrap();
                run(program, &arguments.split(' ').collect::<Vec<_>>(), &plain, &packed);
                fs::read(&packed).unwrap()
            }).collect()
        });
        let mut bytes = PACKED[which].clone();
        // The compressed stream alone: the file's own reading is tried elsewhere.
        let start = bytes.windows(2).rposition(|pair| pair == [0xFF, 0xD8]).unwrap();
        for (place, value) in changes {
            let at = start + place.index(bytes.len() - start);
            bytes[at] = value;
        }
        drop(render_as(&bytes, 1, None, 256, Format::Png));
    }
}
