//! What is found over DICOMweb and over C-FIND, by whom, and in which bytes.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use futures::stream;
use yiti_dicom::archive;
use yiti_dicom::dataset::{File, Limits};
use yiti_dicom::web::multipart::{MultipartLimits, Part, Parts, related};
use yiti_directory::Actor;
use yiti_kernel::SignedDuration;
use yiti_kernel::civil::date;
use yiti_record::imaging::{self, Arrived};
use yiti_record::patient::Sex;
use yiti_store::{Digest, args, sql, testing};

use crate::house::{Browser, Got, Group, MIGRATIONS, copy_of, run};
use crate::modalities::uid_of;

const A: (&str, &str) = ("CT-A", "YITI-A");
const B: (&str, &str) = ("CT-B", "YITI-B");
const JSON: &str = "application/dicom+json";
const FILES: &str = "multipart/related; type=\"application/dicom\"";

async fn parts(got: &Got) -> Vec<Part> {
    let body = stream::iter([Ok::<_, std::convert::Infallible>(got.body.clone())]);
    let mut parts = Parts::new(body, got.header("content-type"), MultipartLimits::default()).unwrap();
    let mut all = Vec::new();
    while let Some(part) = parts.next().await.unwrap() {
        all.push(part);
    }
    all
}

/// The data set of a file, without what stands before it.
fn data_set(file: &[u8]) -> Vec<u8> {
    let read = File::read(file, &Limits::default()).unwrap();
    file[read.data_offset..].to_vec()
}

async fn post(browser: &mut Browser, path: &str, files: &[Vec<u8>]) -> Got {
    let mut body = Vec::new();
    for file in files {
        body.extend_from_slice(b"--edge\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    let request = browser
        .request(Method::POST, path)
        .header(header::CONTENT_TYPE, related("application/dicom", "edge"))
        .header(header::ACCEPT, JSON);
    browser.send(request.body(Body::from(body)).unwrap()).await
}

async fn reads(group: &Group) -> i64 {
    let mut reader = group.house.platform.store.read().await.unwrap();
    let count = sql!("select count(*) as n from journal where action = 'patient.read'");
    reader.one(count, args![]).await.unwrap().get("n").unwrap()
}

/// A series that CT-A has sent as it lies on disk, explicit little endian so that dcmtk changes nothing.
async fn sent(group: &Group) -> (tempfile::TempDir, Vec<String>, String) {
    let (folder, files) = copy_of("mr_wrist", &[]).await;
    let mut explicit = Vec::new();
    for file in &files {
        let to = format!("{file}.x");
        let (ok, text) = run("dcmconv", &["+te", file, &to]).await;
        assert!(ok, "{text}");
        explicit.push(to);
    }
    let study = uid_of(&explicit[0], "0020,000d").await;
    let all: Vec<&str> = explicit.iter().map(String::as_str).collect();
    let (ok, text) = group.dcmtk("storescu", A, &all).await;
    assert!(ok, "{text}");
    group.completed(&study).await;
    (folder, explicit, study)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_found_and_comes_back_byte_for_byte() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let (_folder, files, study) = sent(&group).await;
        let mut reader = group.signed_in("reader", "radiologist", group.house.lead).await;
        let got = reader.get(&format!("/dicom-web/studies?StudyInstanceUID={study}&includefield=all"), JSON).await;
        assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, JSON), "{}", got.text());
        let found = got.json();
        assert_eq!(found[0]["0020000D"]["Value"][0], study.as_str());
        assert_eq!(found[0]["00201208"]["Value"][0], 16);
        assert_eq!(found[0]["00080061"]["Value"][0], "MR");
        let searches = [
            ("/dicom-web/studies?PatientName=DOE*", 1),
            ("/dicom-web/studies?PatientID=583295", 1),
            ("/dicom-web/studies?PatientID=583296", 0),
            ("/dicom-web/studies?StudyDate=20170701-20170731&ModalitiesInStudy=MR", 1),
            ("/dicom-web/studies?StudyDate=20170701-20170731&ModalitiesInStudy=CT", 0),
            ("/dicom-web/studies?offset=1", 0),
            ("/dicom-web/series?Modality=MR", 1),
            ("/dicom-web/instances?limit=5", 5),
            ("/dicom-web/instances?limit=5&offset=14", 2),
        ];
        for (path, count) in searches {
            let got = reader.get(path, JSON).await;
            assert_eq!(got.json().as_array().unwrap().len(), count, "{path}: {}", got.text());
        }
        let root = format!("/dicom-web/studies/{study}");
        let got = reader.get(&root, FILES).await;
        assert_eq!(got.status, StatusCode::OK);
        let back = parts(&got).await;
        assert_eq!(back.len(), 16);
        for part in back {
            assert_eq!(part.content_type, "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
            let data = data_set(&part.bytes);
            assert!(files.iter().any(|file| data_set(&std::fs::read(file).unwrap()) == data));
        }
        // The same over C-FIND, for the institution's own modality.
        let keys = ["-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", "SOPInstanceUID", "-k"];
        let key = format!("StudyInstanceUID={study}");
        let keys: Vec<&str> = keys.into_iter().chain([key.as_str()]).collect();
        let (ok, text) = group.dcmtk("findscu", A, &keys).await;
        assert!(ok && text.matches("Find Response").count() == 16, "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_institution_sees_nothing_and_the_refusal_says_nothing() {
    let store = testing::sqlite(MIGRATIONS).await;
    let group = Group::open(store.store.clone()).await;
    let (_folder, files, study) = sent(&group).await;
    let (series, instance) = (uid_of(&files[0], "0020,000e").await, uid_of(&files[0], "0008,0018").await);
    let mut own = group.signed_in("own", "branch_doctor", group.house.branch).await;
    let mut other = group.signed_in("other", "branch_doctor", group.house.other).await;
    for path in ["/dicom-web/studies", "/dicom-web/series", "/dicom-web/instances"] {
        assert_ne!(own.get(path, JSON).await.text(), "[]", "{path}");
        assert_eq!(other.get(path, JSON).await.text(), "[]", "{path}");
    }
    let below = format!("{study}/series/{series}/instances/{instance}");
    let tails = [
        study.clone(),
        format!("{study}/metadata"),
        format!("{study}/series/{series}"),
        format!("{study}/series/{series}/metadata"),
        below.clone(),
        format!("{below}/metadata"),
        format!("{below}/frames/1"),
        format!("{below}/rendered"),
        format!("{below}/frames/1/rendered"),
        format!("{below}/bulkdata/7FE00010"),
    ];
    for tail in tails {
        let path = format!("/dicom-web/studies/{tail}");
        let got = own.get(&path, "*/*").await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
        let denied = other.get(&path, "*/*").await;
        let missing = other.get(&path.replacen(&study, "1.2.3", 1), "*/*").await;
        assert_eq!((denied.status, denied.body), (StatusCode::NOT_FOUND, missing.body), "{path}");
    }
    let key = format!("StudyInstanceUID={study}");
    let keys = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName", "-k", &key];
    let (ok, text) = group.dcmtk("findscu", A, &keys).await;
    assert!(ok && text.contains("DOE^J1"), "{text}");
    let (ok, text) = group.dcmtk("findscu", B, &keys).await;
    assert!(ok && !text.contains("DOE^J1") && !text.contains("Find Response: 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_frames_and_pictures_are_what_the_viewer_needs() {
    let store = testing::sqlite(MIGRATIONS).await;
    let group = Group::open(store.store.clone()).await;
    let (_folder, files, study) = sent(&group).await;
    let mut reader = group.signed_in("reader", "radiologist", group.house.lead).await;
    let before = reads(&group).await;
    let root = format!("/dicom-web/studies/{study}");
    let got = reader.get(&format!("{root}/metadata"), JSON).await;
    let metadata = got.json();
    assert_eq!(metadata.as_array().unwrap().len(), 16);
    let tag = got.header("etag").to_owned();
    assert_eq!(got.header("cache-control"), "private, no-cache");
    let request = reader.request(Method::GET, &format!("{root}/metadata")).header(header::IF_NONE_MATCH, tag);
    let again = reader.send(request.header(header::ACCEPT, JSON).body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let uid = |at: usize, tag: &str| metadata[at][tag]["Value"][0].as_str().unwrap().to_owned();
    let (series, instance) = (uid(0, "0020000E"), uid(0, "00080018"));
    let one = format!("{root}/series/{series}/instances/{instance}");
    let file = {
        let mut found = None;
        for file in &files {
            if uid_of(file, "0008,0018").await == instance {
                found = Some(std::fs::read(file).unwrap());
            }
        }
        found.unwrap()
    };
    let read = File::read(&file, &Limits::default()).unwrap();
    let pixels = read.data.value(read.data.get(yiti_dicom::dataset::Tag(0x7FE0, 0x0010)).unwrap()).to_vec();
    let frames = "multipart/related; type=application/octet-stream; transfer-syntax=*";
    let got = reader.get(&format!("{one}/frames/1"), frames).await;
    let part = parts(&got).await.remove(0);
    assert_eq!(part.content_type, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1");
    assert!(part.bytes.len() >= 2 && pixels.starts_with(&part.bytes), "{} of {}", part.bytes.len(), pixels.len());
    let address = metadata[0]["7FE00010"]["BulkDataURI"].as_str().unwrap().to_owned();
    let got = reader.get(&address, "application/octet-stream").await;
    assert_eq!((got.status, got.body), (StatusCode::OK, Bytes::from(pixels)));
    assert_eq!(reader.get(&format!("{one}/frames/2"), frames).await.status, StatusCode::NOT_FOUND);
    assert_eq!(reader.get(&format!("{one}/frames/0"), frames).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(reader.get(&format!("{one}/frames/1"), "image/gif").await.status, StatusCode::NOT_ACCEPTABLE);
    let got = reader.get(&format!("{one}/rendered?viewport=64,64&window=600,1200"), "image/jpeg").await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "image/jpeg"));
    assert!(got.body.starts_with(&[0xFF, 0xD8]));
    assert_eq!(reader.get(&format!("{one}/rendered?window=1"), "*/*").await.status, StatusCode::BAD_REQUEST);
    // However much was fetched, it was one look by one session.
    assert_eq!(reads(&group).await, before + 1);
    group.house.clock.advance(yiti_kernel::SignedDuration::from_mins(25));
    assert_eq!(reader.get("/dicom-web/studies?x=1", JSON).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_handed_in_over_the_web_meet_their_order_too() {
    let store = testing::sqlite(MIGRATIONS).await;
    let group = Group::open(store.store.clone()).await;
    let (patient, case, order) = group.request("王小东").await;
    let number = format!("(0008,0050)={}", order.accession_number);
    let id = format!("(0010,0020)={}", patient.number);
    let (_folder, paths) = copy_of("mr_wrist", &["-m", &number, "-m", &id]).await;
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let study = uid_of(&paths[0], "0020,000d").await;
    let mut reader = group.signed_in("reader", "radiologist", group.house.lead).await;
    assert_eq!(post(&mut reader, "/dicom-web/studies", &files).await.status, StatusCode::NOT_FOUND);
    let mut technician = group.signed_in("technician", "branch_technician", group.house.branch).await;
    let path = format!("/dicom-web/studies/{study}");
    let got = post(&mut technician, &path, &files).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(got.json()["00081199"]["Value"].as_array().unwrap().len(), 16);
    assert_eq!(group.row(case).await.status, "uploaded");
    // The same over an association is the same instance, whatever the file meta group of the upload said.
    let files_as_paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let more: Vec<&str> = ["-xi"].into_iter().chain(files_as_paths).collect();
    let (ok, text) = group.dcmtk("storescu", A, &more).await;
    assert!(ok, "{text}");
    assert_eq!(group.study(&study).await.unwrap().instance_count, 16);
    // One good, one of another study, one unreadable.
    let (_other, others) = copy_of("mr_wrist", &["-m", "(0020,000d)=2.25.77", "-m", "(0008,0018)=2.25.78"]).await;
    let mixed = [files[0].clone(), std::fs::read(&others[0]).unwrap(), b"no DICOM at all, only words".to_vec()];
    let got = post(&mut technician, &path, &mixed).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "{}", got.text());
    let answer = got.json();
    let reasons: Vec<_> =
        answer["00081198"]["Value"].as_array().unwrap().iter().map(|one| one["00081197"]["Value"][0].clone()).collect();
    assert_eq!(reasons, [0xA900, 0xC000]);
    let got = technician.get(&path, FILES).await;
    let back = parts(&got).await;
    assert!(back.iter().all(|part| files.iter().any(|file| data_set(file) == data_set(&part.bytes))));
    assert_eq!(archive::sweep(&group.house.platform).await.unwrap(), 0);
}

/// A worklist query with one more key.
fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut keys = vec!["-v", "-W", "-k", "PatientName", "-k", "AccessionNumber"];
    keys.extend(["-k", "ScheduledProcedureStepSequence[0].Modality=CT"]);
    keys.extend(more.iter().flat_map(|key| ["-k", key]));
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_not_supported_are_ignored_and_the_modality_is_warned() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        group.request("王小东").await;
        for (keys, is_warned) in [
            (&[][..], false),
            // Asked for, and known to be empty.
            (&["ReferencedStudySequence", "ReferencedPatientSequence"], false),
            (&["ReferencedStudySequence[0].ReferencedSOPInstanceUID"], false),
            (&["ReferencedStudySequence[0].ReferencedSOPInstanceUID=1.2.3"], true),
            (&["ReferencedPatientSequence[0].ReferencedSOPInstanceUID=1.2.3"], true),
            (&["TimezoneOffsetFromUTC=+0800"], true),
            (&["ScheduledProcedureStepSequence[0].CommentsOnTheScheduledProcedureStep=x"], true),
            (&["StationName=x"], true),
            (&["RequestedProcedureCodeSequence[0].CodeValue=ct_chest_plain"], false),
        ] {
            let (ok, text) = group.dcmtk("findscu", A, &with(keys)).await;
            assert!(ok && text.contains("Wang^XiaoDong"), "{keys:?}: {text}");
            assert_eq!(text.contains("Warning"), is_warned, "{keys:?}: {text}");
        }
        // What is supported still narrows.
        for key in ["AccessionNumber=1", "RequestedProcedureCodeSequence[0].CodeValue=other", "PatientName==李*"] {
            let (ok, text) = group.dcmtk("findscu", A, &with(&[key, "TimezoneOffsetFromUTC=+0800"])).await;
            assert!(ok && !text.contains("Wang^XiaoDong"), "{key}: {text}");
        }
        for name in ["=王*", "wang^xiaodong", "ＷＡＮＧ*"] {
            let key = format!("PatientName={name}");
            let (ok, text) = group.dcmtk("findscu", A, &with(&["SpecificCharacterSet=ISO_IR 192", &key])).await;
            assert!(ok && text.contains("Wang^XiaoDong"), "{name}: {text}");
        }
    })
    .await;
}

/// A study of nobody in particular, with one instance.
fn study(n: u32) -> Arrived {
    Arrived {
        study_uid: format!("2.25.{n}"),
        series_uid: format!("2.25.{n}.1"),
        sop_uid: format!("2.25.{n}.1.1"),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
        patient_number: format!("P{n}"),
        patient_name: format!("Nobody^{n}"),
        sex: Sex::Unknown,
        birth_on: None,
        accession_number: String::new(),
        study_id_text: String::new(),
        study_description: String::new(),
        referring: String::new(),
        study_on: Some(date(2026, 1, 1) + SignedDuration::from_hours(24 * i64::from(n % 60))),
        study_time: "120000".into(),
        examined_at: None,
        modality: "CT".into(),
        series_number: Some(1),
        series_description: String::new(),
        body_part: String::new(),
        instance_number: Some(1),
        pixel_rows: None,
        pixel_columns: None,
        frame_count: 1,
        bits_allocated: None,
        digest: Digest::of(&n.to_le_bytes()),
        byte_count: 1,
        header_bytes: 1,
        oddities: String::new(),
    }
}

/// Keeps studies of the branch as if its modality had sent them.
async fn keep(group: &Group, studies: Vec<Arrived>) {
    let institution = group.house.branch;
    let scope = group.house.platform.tree().get(institution).unwrap().scope;
    let device = Arc::new(Actor::device("CT-A", institution, scope, &[archive::SEND]));
    let kept = group.house.platform.act(&device, move |cx| {
        Box::pin(async move {
            for study in &studies {
                imaging::receive(cx, institution, study).await.map_err(|_| yiti_store::Error::NotFound)?;
            }
            Ok::<_, yiti_store::Error>(())
        })
    });
    kept.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_goes_through_all_studies_and_all_answers_are_given() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let count = 2_345;
        keep(
            &group,
            (0..count)
                .map(|n| Arrived {
                    // The eldest, behind more than two thousand, some of which have no day.
                    study_on: if n == 7 { Some(date(1999, 1, 1)) } else { study(n).study_on.filter(|_| n % 10 > 0) },
                    study_description: if n == 7 { "NEEDLE".into() } else { String::new() },
                    ..study(n)
                })
                .collect(),
        )
        .await;
        let all = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID", "-k", "StudyInstanceUID"];
        let (ok, text) = group.dcmtk("findscu", A, &all).await;
        assert!(ok, "{text}");
        let mut uids: Vec<&str> = text.lines().filter(|line| line.contains("StudyInstanceUID")).collect();
        uids.retain(|line| line.contains("[2.25."));
        let answers = uids.len();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!((answers, uids.len()), (count as usize, count as usize));
        let needle = [&all[..], &["-k", "StudyDescription=NEEDLE"]].concat();
        let (ok, text) = group.dcmtk("findscu", A, &needle).await;
        assert!(ok && text.contains("[P7"), "{text}");
        let below = ["-S", "-k", "QueryRetrieveLevel=SERIES", "-k", "SeriesInstanceUID=2.25.7.1", "-k", "PatientID"];
        let (ok, text) = group.dcmtk("findscu", A, &below).await;
        assert!(ok && text.contains("[P7"), "{text}");
        let mut reader = group.signed_in("reader", "radiologist", group.house.lead).await;
        let got = reader.get("/dicom-web/studies?StudyDescription=NEEDLE", JSON).await;
        assert_eq!(got.json().as_array().unwrap().len(), 1, "{}", got.text());
        // The web is told when it gets less than there is, and can page through all of it.
        let got = reader.get("/dicom-web/studies", JSON).await;
        assert_eq!(got.json().as_array().unwrap().len(), archive::ANSWER_COUNT_MAX);
        assert!(got.header("warning").contains("more answers"));
        let mut seen = std::collections::BTreeSet::new();
        for page in 0..4 {
            let got = reader.get(&format!("/dicom-web/studies?limit=700&offset={}", page * 700), JSON).await;
            seen.extend(got.json().as_array().unwrap().iter().map(|one| one["0020000D"]["Value"][0].to_string()));
        }
        assert_eq!(seen.len(), count as usize);
        let got = reader.get("/dicom-web/studies?TimezoneOffsetFromUTC=%2B0800&PatientID=P7", JSON).await;
        assert_eq!(got.json().as_array().unwrap().len(), 1);
        assert!(got.header("warning").contains("not supported"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_times_and_modalities_are_found_alike_on_both_databases() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let named = [
            ("Иванов^Иван", "233000"),
            ("Müller^Hans", "030000"),
            ("Ｗａｎｇ^Ｘｉａｏ", "120000"),
            ("Zhang^San=张^三", "215959.5"),
            ("100%_Li^Si=李^四", "060030"),
        ];
        let mut studies = Vec::new();
        for ((name, time), n) in named.into_iter().zip(1..) {
            studies.push(Arrived { patient_name: name.into(), study_time: time.into(), ..study(n) });
        }
        // The first study has a report beside its pictures.
        studies.push(Arrived {
            modality: "SR".into(),
            series_uid: "2.25.1.2".into(),
            sop_uid: "2.25.1.2.1".into(),
            digest: Digest::of(b"sr"),
            ..studies[0].clone()
        });
        keep(&group, studies).await;
        // Names from before there was a searched form get one.
        let store = &group.house.platform.store;
        let forgotten = store.write(|tx| {
            Box::pin(async move { tx.execute(sql!("update imaging_study set name_folded = null"), args![]).await })
        });
        forgotten.await.unwrap_or_else(|error: yiti_store::Error| panic!("{error:?}"));
        let folded = store.write(|tx| Box::pin(async move { imaging::fold_names(tx).await })).await.unwrap();
        assert_eq!(
            (folded, store.write(|tx| Box::pin(async move { imaging::fold_names(tx).await })).await.unwrap()),
            (5, 0)
        );
        let asked = async |keys: &[&str]| {
            let mut all = vec!["-S", "-k", "SpecificCharacterSet=ISO_IR 192", "-k", "QueryRetrieveLevel=STUDY"];
            all.extend(["-k", "StudyInstanceUID"]);
            all.extend(keys.iter().flat_map(|key| ["-k", key]));
            let (ok, text) = group.dcmtk("findscu", A, &all).await;
            assert!(ok, "{text}");
            let found =
                (1..=5).filter(|n| text.contains(&format!("[2.25.{n}]")) || text.contains(&format!("[2.25.{n}\\0]")));
            found.collect::<Vec<u32>>()
        };
        for (key, expected) in [
            ("PatientName=ИВАНОВ*", vec![1]),
            ("PatientName=иванов^иван", vec![1]),
            ("PatientName=MÜLLER*", vec![2]),
            ("PatientName=müller^hans", vec![2]),
            ("PatientName=MULLER*", vec![]),
            ("PatientName=WANG*", vec![3]),
            ("PatientName=ＷＡＮＧ^ＸＩＡＯ", vec![3]),
            ("PatientName==张*", vec![4]),
            ("PatientName=张^三", vec![4]),
            ("PatientName=Zhang*=张*", vec![4]),
            ("PatientName=Li*=张*", vec![]),
            ("PatientName=100%_li*", vec![5]),
            ("PatientName=100_*", vec![]),
            ("StudyTime=2200-0600", vec![1, 2, 5]),
            ("StudyTime=0600-2200", vec![3, 4, 5]),
            ("StudyTime=-0300", vec![2]),
            ("Modality=SR", vec![1]),
            ("Modality=CT", vec![1, 2, 3, 4, 5]),
            ("Modality=MR", vec![]),
        ] {
            assert_eq!(asked(&[key]).await, expected, "{key}");
        }
        assert_eq!(asked(&["PatientName=ИВАНОВ*", "StudyTime=2200-0600", "Modality=SR"]).await, [1]);
    })
    .await;
}
