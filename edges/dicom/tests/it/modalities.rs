//! What modalities send and ask.

use yiti_dicom::archive;
use yiti_dicom::worklist;
use yiti_kernel::SignedDuration;
use yiti_store::{args, sql, testing};

use crate::house::{Group, MIGRATIONS, copy_of};

const A: (&str, &str) = ("CT-A", "YITI-A");
const B: (&str, &str) = ("CT-B", "YITI-B");

async fn group() -> (Group, testing::TestStore) {
    let store = testing::sqlite(MIGRATIONS).await;
    (Group::open(store.store.clone()).await, store)
}

/// The Study Instance UID of a file, as dcmdump says.
pub(crate) async fn uid_of(file: &str, tag: &str) -> String {
    let (ok, text) = crate::house::run("dcmdump", &["-s", "-Un", "+P", tag, file]).await;
    assert!(ok, "{text}");
    let (_, rest) = text.split_once('[').unwrap();
    rest.split_once(']').unwrap().0.to_owned()
}

const QUERY: &[&str] = &[
    "-W",
    "-k",
    "SpecificCharacterSet=ISO_IR 192",
    "-k",
    "PatientName",
    "-k",
    "PatientID",
    "-k",
    "PatientBirthDate",
    "-k",
    "PatientSex",
    "-k",
    "AccessionNumber",
    "-k",
    "StudyInstanceUID",
    "-k",
    "RequestedProcedureDescription",
    "-k",
    "MedicalAlerts",
    "-k",
    "ScheduledProcedureStepSequence[0].Modality=CT",
    "-k",
    "ScheduledProcedureStepSequence[0].ScheduledStationAETitle",
    "-k",
    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate",
    "-k",
    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepDescription",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_modality_finds_the_orders_of_its_own_institution_and_no_others() {
    let (group, _store) = group().await;
    let (patient, _, order) = group.request("王小东").await;
    let (ok, text) = group.dcmtk("findscu", A, QUERY).await;
    assert!(ok, "{text}");
    let expected = [
        "Wang^XiaoDong=王^小东",
        &patient.number,
        &order.accession_number,
        &worklist::study_uid(order.id),
        "19600229",
        "胸部CT平扫",
        "青霉素过敏",
        "20260310",
        "CT-A",
    ];
    for expected in expected {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
    let (ok, text) = group.dcmtk("findscu", B, QUERY).await;
    assert!(ok && !text.contains("Wang^XiaoDong"), "{text}");
    for keys in ["PatientName=Li*", "AccessionNumber=1"] {
        let narrowed: Vec<_> = QUERY.iter().copied().chain(["-k", keys]).collect();
        let (ok, text) = group.dcmtk("findscu", A, &narrowed).await;
        assert!(ok && !text.contains("Wang^XiaoDong"), "{keys}: {text}");
    }
    for (keys, is_there) in [("20260310", true), ("20260301-20260309", false), ("20260311-", false)] {
        let key = format!("ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate={keys}");
        let narrowed: Vec<_> = QUERY.iter().copied().chain(["-k", &key]).collect();
        let (ok, text) = group.dcmtk("findscu", A, &narrowed).await;
        assert!(ok && text.contains("Wang^XiaoDong") == is_there, "{keys}: {text}");
    }
    assert!(group.house.platform.store.verify_journal().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_titles_of_one_institution_are_served() {
    let (group, _store) = group().await;
    for (titles, reason) in [
        (("STRANGER", "YITI-A"), "Calling AE Title Not Recognized"),
        (("CT-A", "NOWHERE"), "Called AE Title Not Recognized"),
        (("CT-A", "YITI-B"), "Calling AE Title Not Recognized"),
        (("YITI-A", "YITI-A"), "Calling AE Title Not Recognized"),
        (("CT-A", "CT-A"), "Called AE Title Not Recognized"),
    ] {
        let (ok, text) = group.dcmtk("echoscu", titles, &[]).await;
        assert!(!ok && text.contains(reason), "{titles:?}: {text}");
    }
    assert!(group.dcmtk("echoscu", A, &[]).await.0);
    let store = &group.house.platform.store;
    let off = store.write(|tx| Box::pin(async move { yiti_directory::device::set_disabled(tx, "CT-A", true).await }));
    off.await.unwrap_or_else(|error: yiti_store::Error| panic!("{error:?}"));
    let (ok, text) = group.dcmtk("echoscu", A, &[]).await;
    assert!(!ok && text.contains("Calling AE Title Not Recognized"), "{text}");
    let row = store.read().await.unwrap().one(sql!("select * from device where ae_title = 'CT-A'"), args![]).await;
    assert_eq!(row.unwrap().get::<String>("seen_from").unwrap(), "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_with_the_accession_number_meet_their_order_and_start_the_clocks() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let (patient, case, order) = group.request("王小东").await;
        let number = format!("(0008,0050)={}", order.accession_number);
        let id = format!("(0010,0020)={}", patient.number);
        let (_folder, files) = copy_of("mr_wrist", &["-m", &number, "-m", &id]).await;
        let study = uid_of(&files[0], "0020,000d").await;
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let (ok, text) = group.dcmtk("storescu", A, &files).await;
        assert!(ok, "{text}");
        let study = group.completed(&study).await;
        assert_eq!((study.instance_count, study.unmatched.as_deref()), (16, None));
        assert_eq!((study.patient, study.request), (Some(patient.id), Some(order.id)));
        let row = group.row(case).await;
        assert_eq!((row.status.as_str(), row.study), ("uploaded", Some(study.id)));
        assert!(row.due.is_some_and(|due| due.warn_at.is_some()) && row.due_whole_at.is_some());
        let mut reader = group.house.platform.store.read().await.unwrap();
        let started = yiti_clock::store::all_for_subject(&mut reader, case.0).await.unwrap();
        assert_eq!(started.len(), 3, "{started:?}");
        // The order is no longer on the worklist.
        let (ok, text) = group.dcmtk("findscu", A, QUERY).await;
        assert!(ok && !text.contains("Wang^XiaoDong"), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_its_order_is_kept_and_listed_with_the_reason() {
    let (group, _store) = group().await;
    let (patient, case, order) = group.request("王小东").await;
    let number = format!("(0008,0050)={}", order.accession_number);
    let own = format!("(0010,0020)={}", patient.number);
    let series = |at: u32| {
        [format!("(0020,000d)=2.25.1{at}"), format!("(0020,000e)=2.25.2{at}"), format!("(0008,0018)=2.25.3{at}")]
    };
    for (at, changes, reason) in [
        (1, vec!["(0010,0020)=P9999999", &number], "wrong_patient"),
        (2, vec!["(0010,0010)=", &own, &number], "empty_name"),
        (3, vec!["(0008,0050)=", &own], "no_order"),
        (4, vec!["(0008,0050)=2026010199999", &own], "no_order"),
        // A name in undeclared bytes and no number: never the patient of the order, whatever the bytes seem to say.
        (5, vec!["(0010,0010)=王^小东", "(0010,0020)=", &number], "wrong_patient"),
    ] {
        let series = series(at);
        let changes: Vec<&str> = series.iter().map(String::as_str).chain(changes).flat_map(|one| ["-m", one]).collect();
        let (_folder, files) = copy_of("mr_wrist", &changes).await;
        let (ok, text) = group.dcmtk("storescu", A, &[&files[0]]).await;
        assert!(ok, "{reason}: {text}");
        let study = group.completed(&format!("2.25.1{at}")).await;
        assert_eq!(study.unmatched.as_deref(), Some(reason), "{study:?}");
    }
    assert_eq!(group.row(case).await.status, "requested");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_instance_twice_is_one_and_another_under_its_name_is_refused() {
    let (group, _store) = group().await;
    let (_folder, files) = copy_of("mr_wrist", &[]).await;
    let study = uid_of(&files[0], "0020,000d").await;
    for _ in 0..2 {
        let (ok, text) = group.dcmtk("storescu", A, &[&files[0]]).await;
        assert!(ok, "{text}");
    }
    assert_eq!(group.completed(&study).await.instance_count, 1);
    let (_other, changed) = copy_of("mr_wrist", &["-m", "(0008,1030)=ANOTHER"]).await;
    let (_, text) = group.dcmtk("storescu", A, &["-v", &changed[0]]).await;
    assert!(text.to_lowercase().contains("0x111"), "{text}");
    assert_eq!(group.study(&study).await.unwrap().instance_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_whose_sender_vanished_is_completed_by_the_sweep() {
    let (group, _store) = group().await;
    let (_folder, files) = copy_of("mr_wrist", &[]).await;
    let study = uid_of(&files[0], "0020,000d").await;
    let (_, text) = group.dcmtk("storescu", A, &["--abort", &files[0]]).await;
    let platform = &group.house.platform;
    assert!(group.study(&study).await.is_some_and(|study| study.completed_at.is_none()), "{text}");
    assert_eq!(archive::sweep(platform).await.unwrap(), 0);
    group.house.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(archive::sweep(platform).await.unwrap(), 1);
    assert!(group.study(&study).await.is_some_and(|study| study.completed_at.is_some()));
    assert_eq!(archive::sweep(platform).await.unwrap(), 0);
}
