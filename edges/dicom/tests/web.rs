//! DICOMweb requests and answers as viewers and client libraries write them.

use bytes::Bytes;
use futures::{StreamExt, executor::block_on, stream};
use std::convert::Infallible;
use yiti_dicom::{
    attributes::Attributes,
    dataset::{Limits, Tag},
    query::{Level, Matching},
    web::{
        accept::{self, InstanceForm},
        multipart::{self, MultipartError, MultipartLimits, Part, Parts},
        qido::{Qido, QidoError},
        stow::{Outcome, PartRefused, read_part},
    },
};

type Chunks = stream::Iter<std::vec::IntoIter<Result<Bytes, Infallible>>>;

fn body(bytes: &[u8], size: usize) -> Chunks {
    stream::iter(bytes.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect::<Vec<_>>())
}

fn read(bytes: &[u8], size: usize, content_type: &str, limits: MultipartLimits) -> Result<Vec<Part>, MultipartError> {
    block_on(async {
        let mut parts = Parts::new(body(bytes, size), content_type, limits)?;
        let mut all = Vec::new();
        while let Some(part) = parts.next().await? {
            all.push(part);
        }
        Ok(all)
    })
}

#[test]
fn parts_come_back_as_they_were_written_however_they_are_cut() {
    let content = [&b"first \r\n--edg half a boundary\r\n"[..], b"", &[0xFF; 5000]];
    let parts =
        content.map(|bytes| Part { content_type: "application/dicom".into(), bytes: Bytes::copy_from_slice(bytes) });
    let written = parts.clone().map(|part| Ok((part.content_type, stream::iter([Ok::<_, Infallible>(part.bytes)]))));
    let stream = multipart::write(stream::iter(written), "edge");
    let written: Vec<u8> = block_on(stream.map(|chunk| chunk.unwrap()).collect::<Vec<_>>()).concat();
    for size in [1, 2, 3, 7, 64, 10_000] {
        let read = read(&written, size, &multipart::related("application/dicom", "edge"), MultipartLimits::default());
        assert_eq!(read.unwrap(), parts, "chunks of {size}");
    }
    let limits = MultipartLimits { part_bytes_max: 1000, part_count_max: 10 };
    let kind = "multipart/related; boundary=edge";
    assert!(matches!(read(&written, 64, kind, limits), Err(MultipartError::PartTooLarge { part: 3, max: 1000 })));
    let limits = MultipartLimits { part_count_max: 2, ..MultipartLimits::default() };
    assert_eq!(read(&written, 64, kind, limits), Err(MultipartError::TooManyParts { max: 2 }));
    let cut = &written[..written.len() - 10];
    assert!(matches!(read(cut, 64, kind, MultipartLimits::default()), Err(MultipartError::Cut { .. })));
    assert_eq!(read(&written, 64, "application/json", limits), Err(MultipartError::ContentType));
}

#[test]
fn a_query_string_becomes_typed_keys() {
    // As OHIF 3 asks for its study list.
    let ohif = "limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060&StudyDate=20260101-20260131\
                &PatientName=*%E7%8E%8B*&ModalitiesInStudy=CT%2CMR&00100020=P1";
    let qido = Qido::parse(Level::Study, ohif).unwrap();
    assert_eq!(qido.query.limit, Some(101));
    assert_eq!(qido.query.condition(Tag(0x10, 0x10)), &Matching::Name(vec!["*王*".into()]));
    assert_eq!(qido.query.condition(Tag(0x10, 0x20)), &Matching::OneOf(vec!["P1".into()]));
    assert_eq!(qido.query.condition(Tag(0x08, 0x61)), &Matching::OneOf(vec!["CT".into(), "MR".into()]));
    assert!(matches!(qido.query.condition(Tag(0x08, 0x20)), Matching::Dates { from: Some(_), to: Some(_) }));
    assert!(qido.keeps(Tag(0x08, 0x1030)) && qido.keeps(Tag(0x10, 0x10)) && !qido.keeps(Tag(0x18, 0x15)));
    let series =
        Qido::parse(Level::Series, "StudyInstanceUID=1.2.3,1.2.4&RequestAttributesSequence.0040100A.CodeValue=x");
    let series = series.unwrap();
    assert_eq!(series.query.condition(Tag(0x20, 0xD)), &Matching::Uids(vec!["1.2.3".into(), "1.2.4".into()]));
    assert!(series.query.keys[1].items.is_some());
    for (query, name) in [("limit=x", "limit"), ("StudyDate=2026-13", "StudyDate"), ("PatientID=%zz", "PatientID")] {
        assert_eq!(Qido::parse(Level::Study, query), Err(QidoError::BadValue { name: name.into() }));
    }
    let unknown = Qido::parse(Level::Study, "Patient=1");
    assert_eq!(unknown.unwrap_err().to_string(), "parameter `Patient` is not known");
    let mut out = String::new();
    let answer = Attributes::new().text(Tag(0x10, 0x20), "P1").text(Tag(0x18, 0x15), "CHEST");
    qido.write(&mut out, [answer.clone(), answer]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 2);
    assert!(value[0]["00180015"].is_null() && value[0]["00100020"]["Value"][0] == "P1");
}

#[test]
fn accept_headers_of_known_clients_are_understood() {
    let j2k = "1.2.840.10008.1.2.4.90";
    let rle = "1.2.840.10008.1.2.5";
    let raw = "1.2.840.10008.1.2";
    // OHIF and dicomweb-client.
    for header in [
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        r#"multipart/related; type="application/octet-stream"; transfer-syntax="*""#,
    ] {
        let form = accept::frames(Some(header), j2k).unwrap();
        assert_eq!(form.content_type, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.90");
        assert!(!form.single && !form.decode);
    }
    let any = accept::frames(None, j2k).unwrap();
    assert_eq!(any.content_type, "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90");
    let plain = r#"multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1"#;
    assert!(accept::frames(Some(plain), rle).unwrap().decode);
    assert!(accept::frames(Some(plain), "1.2.840.10008.1.2.2").unwrap().decode);
    assert!(accept::frames(Some(plain), j2k).is_none());
    assert_eq!(
        accept::frames(Some(plain), raw).unwrap().content_type,
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    );
    let jls = accept::frames(Some("image/jls, multipart/related; type=\"image/jls\";q=0.5"), "1.2.840.10008.1.2.4.80");
    assert!(jls.unwrap().single);
    assert_eq!(accept::instances(Some("*/*"), j2k), Some(InstanceForm::Multipart));
    let dicom = r#"multipart/related; type="application/dicom"; transfer-syntax=*"#;
    assert_eq!(accept::instances(Some(dicom), j2k), Some(InstanceForm::Multipart));
    assert_eq!(accept::instances(Some("application/dicom"), j2k), Some(InstanceForm::Single));
    assert_eq!(accept::instances(Some("text/html"), j2k), None);
    assert!(accept::takes_json(Some("application/dicom+json")) && !accept::takes_json(Some("application/dicom+xml")));
    assert!(accept::rendered(Some("image/png;q=0.1, image/jpeg")).is_some());
}

#[test]
fn a_store_answer_names_what_failed_and_why() {
    let bytes = samples::dicom::every().swap_remove(1).bytes;
    let header = read_part(&bytes, None, &Limits::default()).unwrap();
    assert_eq!(read_part(&bytes, Some("1.2"), &Limits::default()), Err(PartRefused::OtherStudy));
    let refused = read_part(&bytes[..bytes.len() - 100], None, &Limits::default()).unwrap_err();
    let mut outcome = Outcome::default();
    outcome.stored(&header.sop_class_uid, &header.sop_instance_uid, "/studies/1/series/2/instances/3");
    assert_eq!(outcome.status(), 200);
    outcome.failed("", "", refused.reason());
    assert_eq!(outcome.status(), 202);
    let value: serde_json::Value = serde_json::from_str(&outcome.to_json(Some("/studies/1"))).unwrap();
    assert_eq!(value["00081199"]["Value"][0]["00081155"]["Value"][0], header.sop_instance_uid);
    assert_eq!(value["00081198"]["Value"][0]["00081197"]["Value"][0], 0xC000);
    assert_eq!(value["00081190"]["Value"][0], "/studies/1");
}
