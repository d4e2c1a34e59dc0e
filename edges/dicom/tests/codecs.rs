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

/// Pictures of 13 by 9 pixels, compressed without loss as JPEG 2000 codestreams: grey of 8 bits, colours (with the
/// reversible transform), grey of 16 bits.
const JPEG_2000: [(u16, u16, &str); 3] = [
    (
        1,
        8,
        "\
        ff4fff51002900000000000d0000000900000000000000000000000d0000000900000000000000000001070101ff52000c000000010001\
        04040001ff5c00074040484850ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34ff9000\
        0a0000000000680001ff93df8130120bd684816461454855c7f4590f2dd7e9f917f61facfdb955481efe59fdadb2806eb3da728fc7da1d\
        3f00f8fc02c01fa09c76c6f75f34cc964e02db8719c71b625e85be497be02932fbff7f19c2c3339c95917a4924bfffd9",
    ),
    (
        3,
        8,
        "\
        ff4fff51002f00000000000d0000000900000000000000000000000d0000000900000000000000000003070101070101070101ff52000c\
        00000001000104040001ff5c00074040484850ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e\
        352e34ff90000a0000000000960001ff93df80d811682bc468b5c1fbcac01626189bf918fe895054defa10f979e7f3df80c8128c4373cf\
        5b2219712d1db115789220d8fae941aa5800287fdf80e011507233e56ec7255e18b6c6cf8a75214976a720b45571757394a1078080c7da\
        193f00d8fc02c02483848efe89256fad21d35f30297ab5093c463cb15130ab7c1f3e39ed1e9f58a806e47fffd9",
    ),
    (
        1,
        16,
        "\
        ff4fff51002900000000000d0000000900000000000000000000000d00000009000000000000000000010f0101ff52000c000000010001\
        04040001ff5c00074080888890ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e34ff9000\
        0a0000000000870001ff93cffc30e011505429be5ba88813d9f0d6fe22680a4d768170926085f0fcf05a9def53fb51ff32a5fe5c08402d\
        1501fbf5a61e7d6c6af4229e622594dfc07f22303fc0a407f80e0be25f1d0f634df8d2be4094a7f67fff7f166ee022715b9e718335a2d2\
        484d5230a8c6177f0e6deb0bcb40cfb49556d30d835dffd9",
    ),
];

#[test]
fn jpeg_2000_comes_out_to_the_last_bit() {
    let at = |index: u32| (index % 13, index / 13);
    for (samples, bits, hex) in JPEG_2000 {
        let stream: Vec<u8> = hex
            .as_bytes()
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let expected: Vec<u8> = (0..117)
            .map(at)
            .flat_map(|(x, y)| match (samples, bits) {
                (3, _) => vec![x * 17, y * 29, x * y * 7].into_iter().map(|value| value as u8).collect(),
                (_, 8) => vec![(x * 17 + y * 29) as u8],
                _ => (((x * 701 + y * 1999) % 4096) as u16).to_le_bytes().to_vec(),
            })
            .collect();
        let photometric = if samples == 3 { "YBR_RCT" } else { "MONOCHROME2" };
        let pixels = Pixels { rows: 9, columns: 13, samples, bits, photometric, frames: vec![expected.clone()] };
        let set = pixels.described(DataSet::instance(SECONDARY_CAPTURE, "OT", 8, 1)).frames(vec![stream]);
        let file = set.file("1.2.840.10008.1.2.4.90");
        assert!(samples_of(&file).1 == expected, "{samples} samples of {bits} bits");
        render_as(&file, 1, None, 512, Format::Png).unwrap();
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
