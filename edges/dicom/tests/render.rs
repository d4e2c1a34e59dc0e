//! Decoded frames against pydicom's hashes, and pictures of every colour model.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use sha2::{Digest, Sha256};
use std::{fs, path::Path};
use yiti_dicom::{
    dataset::{File, Header, Limits},
    render::{self, Format, RenderError, decode_frame, render_as},
};

/// File name, array type with shape, first digits of the hash.
fn rows(folder: &Path) -> Vec<(String, String, String)> {
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap();
    let cells = |line: &str| {
        let name = line.split(',').next().unwrap().to_owned();
        let (rest, hash) = line.rsplit_once(',').unwrap();
        let kind = rest.rsplit_once(",\"").map(|(_, kind)| kind.trim_end_matches('"').to_owned());
        (name, kind.unwrap_or_default(), hash.to_owned())
    };
    manifest
        .lines()
        .skip(1)
        .map(cells)
        .filter(|(_, kind, hash)| !kind.starts_with("error") && !hash.is_empty())
        .collect()
}

#[test]
fn frames_of_our_own_decode_to_the_samples_that_were_written_and_render() {
    for sample in samples::dicom::every() {
        let (Some(pixels), name) = (&sample.pixels, sample.name) else { continue };
        let file = File::read(&sample.bytes, &Limits::default()).unwrap();
        let header = Header::of_file(&file);
        for (frame, expected) in (1..).zip(&pixels.frames) {
            let decoded = decode_frame(&file, &header, frame).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(decoded == *expected, "{name}, frame {frame}: the samples differ");
            let png = render_as(&sample.bytes, frame, None, 512, Format::Png).unwrap();
            let picture = image::load_from_memory(&png).unwrap();
            assert_eq!((picture.width(), picture.height()), (pixels.columns.into(), pixels.rows.into()), "{name}");
        }
    }
}

#[test]
fn lossless_frames_decode_to_the_same_samples_as_pydicom() {
    let Some(folder) = samples::field("data/dicom") else { return };
    let mut compared = Vec::new();
    for (name, kind, hash) in rows(&folder) {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let Ok(file) = File::read(&bytes, &Limits::default()) else { continue };
        let header = Header::of_file(&file);
        let lossy = ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"]
            .contains(&header.transfer_syntax_uid.as_str());
        // One-bit arrays are unpacked by pydicom, subsampled colour is spread, planes are interleaved.
        let other_layout = header.bits_allocated == Some(1)
            || header.photometric_interpretation == "YBR_FULL_422"
            || (header.planar_configuration == Some(1) && header.samples_per_pixel == Some(3));
        if lossy || other_layout || !render::can_decode(&header.transfer_syntax_uid) {
            continue;
        }
        let mut all = Sha256::new();
        for frame in 1..=header.frame_count {
            all.update(decode_frame(&file, &header, frame).unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        let digest: String = all.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // The manifest hashed this one array most significant byte first; it is MR_small.dcm again.
        let hash = if kind.starts_with('>') { "88617aaa46138fb1".to_owned() } else { hash };
        assert_eq!(digest, hash, "{name} {kind} {}", header.transfer_syntax_uid);
        compared.push(name);
    }
    assert!(compared.len() >= 80, "{} compared", compared.len());
    for needed in ["pydicom/MR_small_RLE.dcm", "pydicom-data/JPEG-LL.dcm", "pydicom/MR_small_bigendian.dcm"] {
        assert!(compared.iter().any(|name| name == needed), "{needed}");
    }
}

#[test]
fn every_picture_we_can_decode_renders() {
    let Some(folder) = samples::field("data/dicom") else { return };
    let mut count = 0;
    for (name, ..) in rows(&folder) {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let Ok(file) = File::read(&bytes, &Limits::default()) else { continue };
        let header = Header::of_file(&file);
        match render_as(&bytes, 1, None, 256, Format::Png) {
            Ok(png) => {
                count += 1;
                let picture = image::load_from_memory(&png).unwrap();
                let longest = header.rows.unwrap().max(header.columns.unwrap());
                assert_eq!(picture.width().max(picture.height()), u32::from(longest).min(256), "{name}");
            }
            Err(RenderError::TransferSyntax { transfer_syntax }) => {
                assert!(!render::can_decode(&transfer_syntax), "{name}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(count >= 85, "{count} rendered");
}

#[test]
fn a_window_darkens_and_brightens_and_monochrome1_is_inverted() {
    let mean = |bytes: &[u8], window| {
        let png = render_as(bytes, 1, window, 512, Format::Png).unwrap();
        let picture = image::load_from_memory(&png).unwrap().into_luma8();
        picture.pixels().map(|pixel| u64::from(pixel.0[0])).sum::<u64>() / u64::from(picture.width() * picture.height())
    };
    let ct = samples::dicom::every().swap_remove(1).bytes;
    assert!(mean(&ct, Some((300.0, 100.0))) > mean(&ct, Some((3800.0, 100.0))) + 50);
    let mut inverted = ct.clone();
    let at = inverted.windows(12).position(|part| part == b"MONOCHROME2 ").unwrap();
    inverted[at + 10] = b'1';
    let sum = mean(&ct, Some((2048.0, 4096.0))) + mean(&inverted, Some((2048.0, 4096.0)));
    assert!((253..=256).contains(&sum), "{sum}");
}

#[test]
fn colours_come_out_right() {
    let Some(folder) = samples::field("data/dicom") else { return };
    let rgb = |name: &str| {
        let png = render_as(&fs::read(folder.join(name)).unwrap(), 1, None, 512, Format::Png).unwrap();
        image::load_from_memory(&png).unwrap().into_rgb8()
    };
    // The same test picture, compressed four ways: red on top.
    for name in ["SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm", "SC_ybr_full_422_uncompressed.dcm"]
    {
        let [red, green, blue] = rgb(&format!("pydicom/{name}")).get_pixel(50, 5).0;
        assert!(red > 240 && green < 15 && blue < 15, "{name}: {red} {green} {blue}");
    }
    assert!(rgb("pydicom/examples_palette.dcm").pixels().any(|p| p.0[0].abs_diff(p.0[2]) > 30));
}
