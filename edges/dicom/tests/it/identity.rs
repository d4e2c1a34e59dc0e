//! Identifiers that name two patients, two studies or two institutions: everything is kept, nothing is mixed, and a
//! person is told.

use yiti_record::imaging::Study;
use yiti_store::{args, sql, testing};

use crate::house::{Browser, Group, MIGRATIONS, copy_of};

const A: (&str, &str) = ("CT-A", "YITI-A");
const B: (&str, &str) = ("CT-B", "YITI-B");
const JSON: &str = "application/dicom+json";

/// Everything that came under a Study Instance UID, the first first, once all of it is complete.
async fn under(group: &Group, uid: &str, count: usize) -> Vec<Study> {
    let scope = group.house.platform.tree().whole();
    for _ in 0..200 {
        let mut reader = group.house.platform.store.read().await.unwrap();
        let found = yiti_record::imaging::by_uid(&mut reader, scope, uid).await.unwrap();
        drop(reader);
        if found.len() == count && found.iter().all(|study| study.completed_at.is_some()) {
            return found;
        }
        assert!(found.len() <= count, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{count} studies under {uid} did not come");
}

async fn send(group: &Group, titles: (&str, &str), changes: &[&str], files: usize) {
    let changes: Vec<&str> = changes.iter().flat_map(|one| ["-m", one]).collect();
    let (_folder, all) = copy_of("mr_wrist", &changes).await;
    let chosen: Vec<&str> = all.iter().take(files).map(String::as_str).collect();
    let (ok, text) = group.dcmtk("storescu", titles, &chosen).await;
    assert!(ok, "{text}");
}

async fn found(browser: &mut Browser, path: &str) -> Vec<serde_json::Value> {
    let got = browser.get(path, JSON).await;
    assert!(got.status.is_success(), "{path}: {} {}", got.status, got.text());
    got.json().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_patient_under_a_known_study_uid_gets_a_study_of_their_own_and_a_person_is_told() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let (patient, case, order) = group.request("王小东").await;
        let number = format!("(0008,0050)={}", order.accession_number);
        let id = format!("(0010,0020)={}", patient.number);
        send(&group, A, &["(0020,000d)=2.25.77", "(0010,0010)=Wang^XiaoDong", &number, &id], 2).await;
        let matched = under(&group, "2.25.77", 1).await.remove(0);
        assert_eq!(matched.request, Some(order.id));
        // The technician forgot to change the patient's examination: everything but the patient is the same.
        send(&group, A, &["(0020,000d)=2.25.77", "(0010,0010)=Li^Si", &number, "(0010,0020)=OTHER"], 3).await;
        let both = under(&group, "2.25.77", 2).await;
        assert_eq!(both.iter().map(|study| study.instance_count).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((both[0].id, both[0].conflict.as_deref()), (matched.id, None));
        assert_eq!(both[1].seen_patient_name, "Li^Si");
        assert_eq!((both[1].conflict.as_deref(), both[1].conflict_with), (Some("second_patient"), Some(matched.id)));
        assert_eq!(both[1].unmatched.as_deref(), Some("wrong_patient"));
        assert_eq!(group.row(case).await.study, Some(matched.id));
        let notices = sql!("select count(*) as n from notice where topic = 'study_conflict'");
        let mut reader = group.house.platform.store.read().await.unwrap();
        assert_eq!(reader.one(notices, args![]).await.unwrap().get::<i64>("n").unwrap(), 1);
        drop(reader);
        // On the web each has an address of its own, and nothing of one is given under that of the other.
        let mut browser = group.signed_in("reader", "radiologist", group.house.lead).await;
        let studies = found(&mut browser, "/dicom-web/studies").await;
        let address = |name: &str| {
            let named = |study: &&serde_json::Value| study["00100010"]["Value"][0]["Alphabetic"] == name;
            studies.iter().find(named).unwrap()["0020000D"]["Value"][0].as_str().unwrap().to_owned()
        };
        let (first, second) = (address("Wang^XiaoDong"), address("Li^Si"));
        assert_eq!(first, "2.25.77");
        assert_ne!(first, second);
        for (address, name, count) in [(&first, "Wang^XiaoDong", 2), (&second, "Li^Si", 3)] {
            let series = found(&mut browser, &format!("/dicom-web/studies/{address}/series")).await;
            assert_eq!((series.len(), &series[0]["00201209"]["Value"][0]), (1, &serde_json::json!(count)));
            let metadata = found(&mut browser, &format!("/dicom-web/studies/{address}/metadata")).await;
            assert_eq!(metadata.len(), count);
            for instance in metadata {
                assert_eq!(instance["0020000D"]["Value"][0], address.as_str());
                assert_eq!(instance["00100010"]["Value"][0]["Alphabetic"], name);
            }
        }
        let asked = found(&mut browser, &format!("/dicom-web/studies?StudyInstanceUID={second}")).await;
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0]["00100010"]["Value"][0]["Alphabetic"], "Li^Si");
        // A modality of the house, which knows no addresses, is told of both.
        let (ok, text) = group
            .dcmtk(
                "findscu",
                A,
                &["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName", "-k", "StudyInstanceUID=2.25.77"],
            )
            .await;
        assert!(ok && text.contains("Wang^XiaoDong") && text.contains("Li^Si"), "{text}");
        // What follows for either patient goes to their own study; the same again changes nothing.
        send(&group, A, &["(0020,000d)=2.25.77", "(0010,0010)=Wang^XiaoDong", &number, &id], 5).await;
        send(&group, A, &["(0020,000d)=2.25.77", "(0010,0010)=Li^Si", &number, "(0010,0020)=OTHER"], 5).await;
        let both = under(&group, "2.25.77", 2).await;
        assert_eq!(both.iter().map(|study| study.instance_count).collect::<Vec<_>>(), [5, 5]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_uid_that_another_study_has_does_not_draw_pictures_into_that_study() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let one = ["(0020,000d)=2.25.1", "(0020,000e)=2.25.9", "(0010,0020)=P1", "(0010,0010)=Wang^XiaoDong"];
        let other =
            ["(0020,000d)=2.25.2", "(0020,000e)=2.25.9", "(0010,0020)=P2", "(0010,0010)=Li^Si", "(0008,0018)=2.25.33"];
        send(&group, A, &one, 2).await;
        send(&group, A, &other, 1).await;
        let (one, other) = (group.completed("2.25.1").await, group.completed("2.25.2").await);
        assert_eq!((one.instance_count, other.instance_count), (2, 1));
        assert_eq!((other.conflict.as_deref(), other.conflict_with), (Some("series_elsewhere"), Some(one.id)));
        // The same from the house next door concerns nobody here.
        let theirs = ["(0020,000d)=2.25.3", "(0020,000e)=2.25.9", "(0010,0020)=P3", "(0008,0018)=2.25.34"];
        send(&group, B, &theirs, 1).await;
        assert_eq!(group.completed("2.25.3").await.conflict, None);
        // An instance whose identifier another study has is kept in its own as well.
        let again = ["(0020,000d)=2.25.4", "(0020,000e)=2.25.10", "(0010,0020)=P4", "(0008,0018)=2.25.33"];
        send(&group, A, &again, 1).await;
        let again = group.completed("2.25.4").await;
        assert_eq!((again.instance_count, again.conflict.as_deref()), (1, Some("instance_elsewhere")));
        assert_eq!(again.conflict_with, Some(other.id));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_from_two_institutions_is_seen_by_both() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        send(&group, A, &["(0020,000d)=2.25.5"], 2).await;
        send(&group, B, &["(0020,000d)=2.25.5"], 2).await;
        let both = under(&group, "2.25.5", 2).await;
        assert_eq!(
            both.iter().map(|study| study.institution).collect::<Vec<_>>(),
            [group.house.branch, group.house.other]
        );
        assert!(both.iter().all(|study| study.instance_count == 2 && study.conflict.is_none()), "{both:?}");
        for (login, institution, titles) in [("one", group.house.branch, A), ("two", group.house.other, B)] {
            let mut browser = group.signed_in(login, "branch_technician", institution).await;
            assert_eq!(found(&mut browser, "/dicom-web/studies").await.len(), 1);
            // Each may call it by the name under which it was sent.
            assert_eq!(found(&mut browser, "/dicom-web/studies/2.25.5/metadata").await.len(), 2);
            let keys = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.5"];
            let (ok, text) = group.dcmtk("findscu", titles, &keys).await;
            assert!(ok && text.matches("Find Response").count() == 1, "{text}");
        }
        // Bytes are kept once.
        let blobs = sql!("select count(distinct digest) as n, count(*) as rows_kept from imaging_instance");
        let mut reader = group.house.platform.store.read().await.unwrap();
        let row = reader.one(blobs, args![]).await.unwrap();
        assert_eq!((row.get::<i64>("n").unwrap(), row.get::<i64>("rows_kept").unwrap()), (2, 4));
    })
    .await;
}

/// The names in what a search has found.
fn names(found: &[serde_json::Value]) -> Vec<&str> {
    found.iter().map(|one| one["00100010"]["Value"][0]["Alphabetic"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_viewer_finds_the_earlier_examinations_of_the_person_and_not_of_another_who_has_the_number() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let ours = ["(0010,0020)=1001", "(0010,0010)=Wang^XiaoDong", "(0010,0040)=M"];
        let sent = |uid: &'static str, sop: &'static str, of: [&'static str; 3]| {
            let (uid, series, sop) =
                (format!("(0020,000d)={uid}"), format!("(0020,000e)={uid}.1"), format!("(0008,0018)={sop}"));
            let (group, all) = (&group, [vec![uid, series, sop], of.map(str::to_owned).to_vec()].concat());
            async move { send(group, A, &all.iter().map(String::as_str).collect::<Vec<_>>(), 1).await }
        };
        sent("2.25.1", "2.25.11", ours).await;
        sent("2.25.2", "2.25.12", ours).await;
        // The same house gave the number twice, and so did the hospital next door.
        sent("2.25.3", "2.25.13", ["(0010,0020)=1001", "(0010,0010)=Li^Si", "(0010,0040)=M"]).await;
        let theirs = ["(0020,000d)=2.25.4", "(0010,0020)=1001", "(0010,0010)=Wang^XiaoDong", "(0010,0040)=M"];
        send(&group, B, &theirs, 1).await;
        let mut reader = group.signed_in("reader", "radiologist", group.house.lead).await;
        assert_eq!(found(&mut reader, "/dicom-web/studies?PatientID=1001").await.len(), 4);
        for (study, expected) in [("2.25.1", 2), ("2.25.2", 2), ("2.25.3", 1), ("2.25.4", 1)] {
            let path = format!("/dicom-web/person-of/{study}/studies?PatientID=1001&limit=101");
            let found = found(&mut reader, &path).await;
            assert_eq!(found.len(), expected, "{study}: {found:?}");
            assert!(names(&found).iter().all(|name| *name == names(&found)[0]), "{study}");
        }
        // What the viewer opens is itself among them, and so are its series; those of the others are not.
        let one = found(&mut reader, "/dicom-web/person-of/2.25.1/studies?StudyInstanceUID=2.25.2").await;
        assert_eq!(one.len(), 1);
        assert_eq!(found(&mut reader, "/dicom-web/person-of/2.25.1/studies/2.25.2/series").await.len(), 1);
        assert_eq!(found(&mut reader, "/dicom-web/person-of/2.25.1/studies/2.25.4/series").await.len(), 0);
        let below = "/dicom-web/person-of/2.25.1/studies/2.25.2/series/2.25.2.1/instances";
        assert_eq!(found(&mut reader, below).await.len(), 1);
        let mut stranger = group.signed_in("stranger", "branch_doctor", group.house.other).await;
        let refused = stranger.get("/dicom-web/person-of/2.25.1/studies", JSON).await;
        assert_eq!(refused.status, axum::http::StatusCode::NOT_FOUND);
        // Once both have met their orders a person is the same in every house.
        let (patient, _, order) = group.request("王小东").await;
        let number = format!("(0008,0050)={}", order.accession_number);
        let id = format!("(0010,0020)={}", patient.number);
        for uid in ["2.25.5", "2.25.6"] {
            let (uid, sop) = (format!("(0020,000d)={uid}"), format!("(0008,0018)={uid}.1"));
            send(&group, A, &[&uid, &sop, "(0020,000e)=2.25.99", &id, &number], 1).await;
        }
        group.completed("2.25.5").await;
        group.completed("2.25.6").await;
        assert_eq!(found(&mut reader, "/dicom-web/person-of/2.25.5/studies").await.len(), 2);
    })
    .await;
}

#[test]
fn the_viewer_is_told_to_look_among_the_studies_of_the_person() {
    let config =
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/ohif/app-config.js"));
    let config = config.unwrap();
    assert!(config.contains("'/dicom-web/person-of/' + encodeURIComponent(opened)"));
    assert!(config.contains("qidoRoot: searched,"));
}

/// Sends a file as it is, in the syntax that `flag` proposes.
async fn send_as(group: &Group, flag: &str, file: &str) -> String {
    let (_, text) = group.dcmtk("storescu", A, &["-v", "-R", flag, file]).await;
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_instance_in_another_transfer_syntax_is_one_instance() {
    testing::on_both(MIGRATIONS, |store| async move {
        let group = Group::open(store).await;
        let folder = tempfile::tempdir().unwrap();
        let ct = samples::dicom::Pixels::grey(40, 48, 12);
        let set = || samples::dicom::DataSet::instance("1.2.840.10008.5.1.4.1.1.2", "CT", 8, 1);
        let mut other = ct.clone();
        other.frames[0][100] ^= 1;
        let cases = [
            ("-xe", ct.plain(set()), true),
            ("-xi", ct.plain(set()), true),
            ("-xb", ct.plain(set()), true),
            ("-xd", ct.plain(set()), true),
            ("-xr", ct.rle(set()), true),
            ("-xs", ct.lossless_jpeg(set()), true),
            // Another picture, or another patient's age in the header, is another content.
            ("-xi", other.plain(set()), false),
            ("-xr", ct.rle(set()).text((0x0010, 0x1010), "AS", "066Y"), false),
        ];
        let syntaxes = [
            ("-xe", samples::dicom::syntax::EXPLICIT),
            ("-xi", samples::dicom::syntax::IMPLICIT),
            ("-xb", samples::dicom::syntax::BIG_ENDIAN),
            ("-xd", samples::dicom::syntax::DEFLATED),
            ("-xr", samples::dicom::syntax::RLE),
            ("-xs", samples::dicom::syntax::JPEG_LOSSLESS),
        ];
        for (n, (flag, set, is_same)) in cases.iter().enumerate() {
            let syntax = syntaxes.iter().find(|(known, _)| known == flag).unwrap().1;
            let path = folder.path().join(format!("{n}.dcm"));
            std::fs::write(&path, set.file(syntax)).unwrap();
            let text = send_as(&group, flag, path.to_str().unwrap()).await;
            assert_eq!(text.contains("(Success)"), *is_same, "{n} {flag}: {text}");
            assert!(*is_same || text.to_lowercase().contains("0x111"), "{n} {flag}: {text}");
        }
        let study = group.completed("2.25.4711000008").await;
        assert_eq!((study.instance_count, study.conflict), (1, None));
    })
    .await;
}
