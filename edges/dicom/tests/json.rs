//! The DICOM JSON model of the sample files.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use serde_json::Value;
use std::fs;
use yiti_dicom::{
    attributes::Attributes,
    charset::PersonName,
    dataset::{File, Limits, Tag},
    json,
};

fn metadata(bytes: &[u8]) -> Value {
    let file = File::read(bytes, &Limits::default()).unwrap();
    let mut out = String::new();
    json::write_instance(&mut out, &file.data, "/bulk/1", None);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn every_sample_of_our_own_gives_the_json_of_what_was_written() {
    for sample in samples::dicom::every() {
        let (value, name) = (metadata(&sample.bytes), sample.name);
        assert!(value.as_object().unwrap().values().all(|entry| entry["vr"].is_string()), "{name}");
        assert_eq!(value["00080060"]["Value"][0], sample.modality, "{name}");
        assert_eq!(value["00100010"]["Value"][0]["Ideographic"], "测试^患者", "{name}");
        if let Some(pixels) = &sample.pixels {
            assert_eq!(value["00280010"], serde_json::json!({"vr": "US", "Value": [pixels.rows]}), "{name}");
            assert_eq!(value["7FE00010"]["BulkDataURI"], "/bulk/1/7FE00010", "{name}");
        }
    }
    let report = metadata(&samples::dicom::report().file(samples::dicom::syntax::IMPLICIT));
    let item = &report["0040A730"]["Value"][0]["0040A730"]["Value"][1];
    assert_eq!(item["0040A160"]["Value"][0], "双肺纹理清晰。");
    assert_eq!(item["0040A043"]["Value"][0]["00080104"]["Value"][0], "所见");
}

#[test]
fn every_sample_file_gives_valid_json() {
    let Some(folder) = samples::field("data/dicom") else { return };
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap();
    let mut count = 0;
    for name in manifest.lines().skip(1).filter_map(|line| line.split(',').next()) {
        let bytes = fs::read(folder.join(name)).unwrap();
        if let Ok(file) = File::read(&bytes, &Limits::default()) {
            count += 1;
            let mut out = String::new();
            json::write_instance(&mut out, &file.data, "/bulk", None);
            let value: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(value.as_object().unwrap().values().all(|entry| entry["vr"].is_string()), "{name}");
            assert!(!out.contains(r#"7FE00010":{"vr":"OW","InlineBinary"#), "{name}");
        }
    }
    assert_eq!(count, 110);
}

#[test]
fn values_have_the_types_of_the_standard() {
    let Some(folder) = samples::field("data/dicom") else { return };
    let metadata = |name: &str| metadata(&fs::read(folder.join(name)).unwrap());
    let ct = metadata("pydicom/CT_small.dcm");
    assert_eq!(ct["00280010"], serde_json::json!({"vr": "US", "Value": [128]}));
    assert_eq!(ct["00200013"], serde_json::json!({"vr": "IS", "Value": [1]}));
    assert_eq!(ct["00280030"], serde_json::json!({"vr": "DS", "Value": [0.661468, 0.661468]}));
    assert_eq!(ct["00100010"]["Value"][0]["Alphabetic"], "CompressedSamples^CT1");
    assert_eq!(ct["7FE00010"], serde_json::json!({"vr": "OW", "BulkDataURI": "/bulk/1/7FE00010"}));
    assert_eq!(ct["00080008"]["Value"][2], "AXIAL");
    let name = &metadata("charset/chrX2.dcm");
    assert_eq!(name["00080005"]["Value"][0], "ISO_IR 192");
    assert_eq!(name["00100010"]["Value"][0]["Ideographic"], "王^小东");
    let report = metadata("pydicom/reportsi.dcm");
    assert!(report["0040A730"]["Value"].as_array().is_some_and(|items| !items.is_empty()));
    let unknown = metadata("pydicom/UN_sequence.dcm");
    assert_eq!(unknown["4453100C"]["vr"], "SQ");
    assert!(unknown["4453100C"]["Value"][0]["0020000D"]["Value"][0].is_string());
    let big = metadata("pydicom/MR_small_bigendian.dcm");
    assert_eq!(big["00280010"]["Value"][0], 64);
}

#[test]
fn a_query_answer_is_built() {
    let answer = Attributes::new()
        .text(Tag(0x0020, 0x000D), "2.25.1")
        .name(Tag(0x0010, 0x0010), &PersonName::parse("Wang=王\"小"))
        .number(Tag(0x0020, 0x1208), 3.0)
        .text(Tag(0x0020, 0x0013), "7")
        .text(Tag(0x0008, 0x0061), "CT\\MR")
        .text(Tag(0x0008, 0x0050), "");
    let mut out = String::new();
    json::write_attributes(&mut out, &answer);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["00100010"]["Value"][0]["Ideographic"], "王\"小");
    assert_eq!(value["00200013"]["Value"][0], 7);
    assert_eq!(value["00080061"]["Value"], serde_json::json!(["CT", "MR"]));
    assert_eq!(value["00080050"], serde_json::json!({"vr": "SH"}));
}
