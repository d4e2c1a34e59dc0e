//! Pictures that identifiers have mixed up, and a match that was wrong: a person puts them right and can take it back.

use axum::http::StatusCode;
use yiti_diagnostics::remote_read::Refused;
use yiti_diagnostics::{Error, actions, store};
use yiti_record::imaging::{self, Arrived, SeriesId, Study};
use yiti_record::order::{self, Priority, Status};
use yiti_record::patient::Sex;
use yiti_record::sorting::{self, SortId};
use yiti_record::{StudyId, order::Order};
use yiti_store::{Digest, args, sql, testing};

use crate::branch::{Picture, Site, words};
use crate::clinic::{Clinic, MIGRATIONS};

const KEYS: [&str; 6] = [
    "0198f2c4b1d27c3e9d5f1a2b3c4d5e61",
    "0198f2c4b1d27c3e9d5f1a2b3c4d5e62",
    "0198f2c4b1d27c3e9d5f1a2b3c4d5e63",
    "0198f2c4b1d27c3e9d5f1a2b3c4d5e64",
    "0198f2c4b1d27c3e9d5f1a2b3c4d5e65",
    "0198f2c4b1d27c3e9d5f1a2b3c4d5e66",
];

const FIRST: Picture<'static> = Picture {
    uid: "1.2.9",
    number: "20260318-07",
    name: "HAN^XIULAN",
    accession: "",
    sex: Sex::Female,
    birth_on: None,
    modality: "CT",
};
const SECOND: Picture<'static> = Picture { number: "20260318-08", name: "WU^GUOQIANG", sex: Sex::Male, ..FIRST };

/// Instances of a picture in so many series, two each; `from` tells those of two studies apart.
fn series(site: &Site, picture: Picture<'_>, count: u32, from: u32) -> Vec<Arrived> {
    let one = picture.arrived(site.house.platform.now());
    let instance = |series: u32, number: u32| {
        let sop_uid = format!("{}.{series}.{}", picture.uid, from + number);
        Arrived {
            series_uid: format!("{}.{series}", picture.uid),
            series_number: Some(i64::from(series)),
            series_description: format!("series {series}"),
            digest: Digest::of(sop_uid.as_bytes()),
            sop_uid,
            ..one.clone()
        }
    };
    (1..=count).flat_map(|series| (1..=2).map(move |number| (series, number))).map(|(s, n)| instance(s, n)).collect()
}

async fn study(site: &Site, id: StudyId) -> Study {
    imaging::get(&mut site.house.platform.store.read().await.unwrap(), id).await.unwrap()
}

async fn series_of(site: &Site, id: StudyId) -> Vec<(SeriesId, u32)> {
    let mut reader = site.house.platform.store.read().await.unwrap();
    let all = imaging::series(&mut reader, id).await.unwrap();
    all.into_iter().map(|series| (series.id, series.instance_count)).collect()
}

async fn last_step(site: &Site, id: StudyId) -> SortId {
    let mut reader = site.house.platform.store.read().await.unwrap();
    sorting::steps(&mut reader, id).await.unwrap().first().unwrap().id
}

#[tokio::test]
async fn two_patients_under_one_study_uid_are_listed_together_and_a_person_moves_and_undoes() {
    let site = Site::open().await;
    let branch = site.house.branch;
    let mut technician = site.browser("luo", "branch_technician", branch).await;
    let mut stranger = site.browser("wu", "branch_technician", site.house.other).await;
    let first = site.send_all(branch, series(&site, FIRST, 2, 0)).await;
    let second = site.send_all(branch, series(&site, SECOND, 2, 10)).await;
    let list = technician.get("/unmatched").await.body;
    for text in ["HAN XIULAN", "WU GUOQIANG", "20260318-07", words("sorting.conflict.second_patient")] {
        assert!(list.contains(text), "{text}");
    }
    let (path, sort) = (format!("/studies/{second}/sort"), format!("/studies/{second}"));
    for stranger_tries in [stranger.get(&path).await, stranger.post(&path, &[("act_key", KEYS[0])]).await] {
        assert!(!stranger_tries.body.contains("HAN"), "{}", stranger_tries.body);
        assert_eq!(stranger_tries.status, StatusCode::NOT_FOUND);
    }
    let page = technician.get(&path).await.body;
    for text in ["HAN XIULAN", "20260318-07", "WU GUOQIANG", "20260318-08", words("sorting.conflict_text")] {
        assert!(page.contains(text), "{text}");
    }
    // Nothing chosen: nothing happens, and the page says what is missing.
    let empty = technician.post(&path, &[("act_key", KEYS[0])]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.body.contains(words("sorting.fault.series")) && empty.body.contains(words("sorting.fault.to")));
    // The second was the first under a wrong name: one series goes there.
    let (moved, target) = (series_of(&site, second).await[0].0.to_string(), first.to_string());
    let form = [("act_key", KEYS[1]), ("series", moved.as_str()), ("to", target.as_str())];
    let done = technician.post(&path, &form).await;
    assert_eq!(done.to(), format!("/studies/{first}/sort"), "{}", done.body);
    assert_eq!(technician.post(&path, &form).await.to(), done.to(), "twice is once");
    assert_eq!((study(&site, first).await.instance_count, study(&site, second).await.instance_count), (6, 2));
    assert_eq!((study(&site, first).await.series_count, study(&site, second).await.series_count), (2, 1));
    // It was not: back again.
    let step = last_step(&site, first).await.to_string();
    assert!(technician.get(done.to()).await.body.contains(&step));
    let undone = technician.post(&format!("/studies/{first}/undo"), &[("act_key", KEYS[2]), ("step", &step)]).await;
    assert_eq!(undone.to(), path, "{}", undone.body);
    assert_eq!((study(&site, first).await.instance_count, study(&site, second).await.instance_count), (4, 4));
    // They are two: the conflict leaves the list, the study without an order stays; and back.
    let apart = technician.post(&format!("{sort}/apart"), &[("act_key", KEYS[3])]).await;
    assert_eq!(apart.to(), path, "{}", apart.body);
    assert!(!technician.get("/unmatched").await.body.contains(words("sorting.conflict.second_patient")));
    let again = technician.post(&format!("{sort}/apart"), &[("act_key", KEYS[4])]).await;
    assert!(again.body.contains(words("diagnostics.error.no_conflict")), "{}", again.body);
    // More of the second patient does not raise it again.
    site.send_all(branch, series(&site, SECOND, 2, 20)).await;
    assert_eq!(study(&site, second).await.conflict, None);
    let step = last_step(&site, second).await.to_string();
    technician.post(&format!("{sort}/undo"), &[("act_key", KEYS[5]), ("step", &step)]).await;
    assert_eq!(study(&site, second).await.conflict_with, Some(first));
    let mut reader = site.house.platform.store.read().await.unwrap();
    let journaled = sql!(
        "select (select count(*) from journal where action = 'imaging.sort') as steps,
             (select count(*) from journal where action = 'imaging.sort_undo') as undone,
             (select count(*) from journal where action = 'imaging.conflict') as conflicts"
    );
    let row = reader.one(journaled, args![]).await.unwrap();
    let count = |name| row.get::<i64>(name).unwrap();
    assert_eq!((count("steps"), count("undone"), count("conflicts")), (2, 2, 1));
}

#[tokio::test]
async fn what_was_mixed_before_is_split_and_the_part_finds_its_order() {
    let site = Site::open().await;
    let branch = site.house.branch;
    let mut technician = site.browser("luo", "branch_technician", branch).await;
    let mixed = site.send_all(branch, series(&site, FIRST, 3, 0)).await;
    let path = format!("/studies/{mixed}/sort");
    let all: Vec<String> = series_of(&site, mixed).await.iter().map(|(id, _)| id.to_string()).collect();
    let mut form = vec![("act_key", KEYS[0]), ("to", "own")];
    form.extend(all.iter().map(|id| ("series", id.as_str())));
    let whole = technician.post(&path, &form).await;
    assert!(whole.body.contains(words("diagnostics.error.nothing_stays")), "{}", whole.body);
    let done = technician.post(&path, &[("act_key", KEYS[1]), ("to", "own"), ("series", &all[2])]).await;
    let part: StudyId = done.to().trim_start_matches("/studies/").trim_end_matches("/match").parse().unwrap();
    let (rest, split) = (study(&site, mixed).await, study(&site, part).await);
    assert_eq!((rest.instance_count, split.instance_count, split.series_count), (4, 2, 1));
    assert_eq!((split.unmatched.as_deref(), split.study_uid.as_str()), (Some("split"), "1.2.9"));
    assert_ne!(split.address, rest.address);
    assert!(technician.get(done.to()).await.body.contains(words("unmatched.reason.split")));
    // What still comes of the series follows it; what comes of the others stays.
    site.send_all(branch, series(&site, FIRST, 3, 10)).await;
    assert_eq!((study(&site, mixed).await.instance_count, study(&site, part).await.instance_count), (8, 4));
    // A step on which another builds is not undone before that.
    let first = last_step(&site, part).await.to_string();
    let (moved, target) = (series_of(&site, mixed).await[0].0.to_string(), part.to_string());
    technician.post(&path, &[("act_key", KEYS[2]), ("to", &target), ("series", &moved)]).await;
    assert_eq!(study(&site, part).await.instance_count, 8);
    let early = technician.post(&format!("/studies/{part}/undo"), &[("act_key", KEYS[3]), ("step", &first)]).await;
    assert!(early.body.contains(words("diagnostics.error.not_last")), "{}", early.body);
    for (key, step) in [(KEYS[4], last_step(&site, part).await), (KEYS[5], first.parse().unwrap())] {
        let step = step.to_string();
        let undone = technician.post(&format!("/studies/{part}/undo"), &[("act_key", key), ("step", &step)]).await;
        assert_eq!(undone.to(), path, "{}", undone.body);
    }
    assert_eq!(study(&site, part).await.instance_count, 2, "what came after the split is not part of it");
    assert_eq!(study(&site, mixed).await.instance_count, 10);
}

#[tokio::test]
async fn pictures_do_not_move_to_where_they_have_nothing_to_do_with() {
    let site = Site::open().await;
    let branch = site.house.branch;
    let one = site.send_all(branch, series(&site, FIRST, 2, 0)).await;
    let unrelated = site.send_all(branch, series(&site, Picture { uid: "1.2.10", ..FIRST }, 1, 0)).await;
    let elsewhere = site.send_all(site.house.other, series(&site, SECOND, 1, 0)).await;
    let same = site.send_all(branch, {
        // Other content under the very identifiers.
        let mut all = series(&site, SECOND, 2, 0);
        all.iter_mut().for_each(|one| one.digest = Digest::of(format!("other {}", one.sop_uid).as_bytes()));
        all
    });
    let same = same.await;
    let mut technician = site.browser("luo", "branch_technician", branch).await;
    let chosen = series_of(&site, one).await[0].0.to_string();
    for (key, to, fault) in
        [(KEYS[0], unrelated, "unrelated"), (KEYS[1], elsewhere, "forbidden"), (KEYS[2], same, "same_instances")]
    {
        let to = to.to_string();
        let form = [("act_key", key), ("series", chosen.as_str()), ("to", to.as_str())];
        let refused = technician.post(&format!("/studies/{one}/sort"), &form).await;
        let is_told = refused.body.contains(words(&format!("diagnostics.error.{fault}")));
        assert!(is_told || refused.status == StatusCode::NOT_FOUND, "{fault}: {}", refused.body);
        assert_eq!(study(&site, one).await.instance_count, 4);
    }
}

#[tokio::test]
async fn a_long_list_of_studies_without_an_order_has_pages_and_loses_none() {
    let site = Site::open().await;
    let branch = site.house.branch;
    for n in 0..120 {
        let (uid, name) = (format!("1.2.{n}"), format!("LOST^{n:03}"));
        site.send(branch, Picture { uid: &uid, name: &name, ..FIRST }).await;
    }
    let mut technician = site.browser("luo", "branch_technician", branch).await;
    let mut seen = std::collections::BTreeSet::new();
    for page in 1..=3 {
        let body = technician.get(&format!("/unmatched?page={page}")).await.body;
        let shown: Vec<u32> = (0..120).filter(|n| body.contains(&format!("LOST {n:03}"))).collect();
        assert_eq!(shown.len(), if page < 3 { 50 } else { 20 });
        assert!(body.contains("120"), "the list says how many there are");
        seen.extend(shown);
    }
    assert_eq!(seen.len(), 120);
}

async fn order_of(clinic: &Clinic, order: &Order) -> Order {
    order::get(&mut clinic.house.platform.store.read().await.unwrap(), order.id).await.unwrap()
}

#[tokio::test]
async fn a_wrong_match_is_undone_until_a_reader_has_taken_it() {
    testing::on_both(MIGRATIONS, |store| async move {
        let clinic = Clinic::open(store).await;
        let (case, order) = clinic.requested("张三", "ct_chest_plain", Priority::Routine).await;
        let study = clinic.arrive(&order).await;
        clinic.grade(case).await;
        let undo = async |study| {
            clinic
                .act(&clinic.technician, move |cx| Box::pin(async move { actions::unmatch_study(cx, study).await }))
                .await
        };
        clinic.take(&clinic.reader, case).await.unwrap();
        assert!(matches!(undo(study).await, Err(Error::Refused(Refused::NotNow { .. }))));
        clinic.act(&clinic.reader, move |cx| Box::pin(async move { actions::release(cx, case).await })).await.unwrap();
        undo(study).await.unwrap();
        assert_eq!(clinic.status(case).await, "requested");
        assert_eq!(order_of(&clinic, &order).await.status, Status::Active);
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let scope = clinic.house.platform.tree().whole();
        let row = store::get(&mut reader, scope, case).await.unwrap();
        assert_eq!((row.study, row.arrived_at, row.due, row.grade), (None, None, None, None));
        let freed = imaging::get(&mut reader, study).await.unwrap();
        assert_eq!((freed.request, freed.patient, freed.unmatched.as_deref()), (None, None, Some("undone")));
        let clocks = yiti_clock::store::open_for_subjects(&mut reader, &[case.0]).await.unwrap();
        assert!(clocks.is_empty(), "{clocks:?}");
        let tasks = sql!("select count(*) as n from task where closed_at is null");
        assert_eq!(reader.one(tasks, args![]).await.unwrap().get::<i64>("n").unwrap(), 0);
        let journaled = sql!("select count(*) as n from journal where action = 'imaging.unmatch'");
        assert_eq!(reader.one(journaled, args![]).await.unwrap().get::<i64>("n").unwrap(), 1);
        drop(reader);
        // Nothing to undo twice, and what comes late does not meet the order again by itself.
        assert!(matches!(undo(study).await, Err(Error::Store(yiti_store::Error::NotFound))));
        clinic
            .act(&clinic.technician, move |cx| Box::pin(async move { actions::study_complete(cx, study).await }))
            .await
            .unwrap();
        assert_eq!(clinic.status(case).await, "requested");
        // The right order gets it, with clocks of its own.
        let (other, right) = clinic.requested("李四", "ct_chest_plain", Priority::Routine).await;
        let matched = clinic.act(&clinic.technician, move |cx| {
            Box::pin(async move { actions::match_study(cx, study, right.id).await })
        });
        assert_eq!(matched.await.unwrap(), other);
        // And the first its own pictures.
        let again = clinic.arrive(&order).await;
        assert_eq!(clinic.status(case).await, "uploaded");
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let row = store::get(&mut reader, scope, case).await.unwrap();
        assert!(row.study == Some(again) && row.due.is_some() && row.grade.is_none(), "{row:?}");
        assert!(clinic.house.platform.store.verify_journal().await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn splitting_moving_and_undoing_are_alike_on_both_databases() {
    testing::on_both(MIGRATIONS, |store| async move {
        let clinic = Clinic::open(store).await;
        let (case, order) = clinic.requested("张三", "ct_chest_plain", Priority::Routine).await;
        let study = clinic.arrive(&order).await;
        let branch = clinic.house.branch;
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let first = imaging::series(&mut reader, study).await.unwrap().remove(0);
        let kept = imaging::get(&mut reader, study).await.unwrap();
        drop(reader);
        let second = Arrived {
            study_uid: kept.study_uid.clone(),
            series_uid: "2.25.900".into(),
            sop_uid: "2.25.901".into(),
            patient_number: kept.seen_patient_number.clone(),
            patient_name: kept.seen_patient_name.clone(),
            sex: kept.seen_sex,
            birth_on: kept.seen_birth_on,
            modality: "SR".into(),
            digest: Digest::of(b"second series"),
            ..clinic.instance()
        };
        let added = clinic.act(&clinic.technician, move |cx| {
            Box::pin(async move { Ok(imaging::receive(cx, branch, &second).await.unwrap().study) })
        });
        assert_eq!(added.await.unwrap(), study);
        // All pictures of an order do not leave it; one series may.
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let ids: Vec<SeriesId> =
            imaging::series(&mut reader, study).await.unwrap().into_iter().map(|series| series.id).collect();
        drop(reader);
        let all = ids.clone();
        let split = clinic
            .act(&clinic.technician, move |cx| Box::pin(async move { actions::split_study(cx, study, &all).await }));
        assert!(matches!(split.await, Err(Error::Sort(sorting::Refused::NothingStays))));
        let one = vec![*ids.iter().find(|id| **id != first.id).unwrap()];
        let part = clinic
            .act(&clinic.technician, move |cx| Box::pin(async move { actions::split_study(cx, study, &one).await }))
            .await
            .unwrap();
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let (rest, new) =
            (imaging::get(&mut reader, study).await.unwrap(), imaging::get(&mut reader, part).await.unwrap());
        assert_eq!((rest.instance_count, rest.modalities.as_str()), (1, "CT"));
        assert_eq!((new.instance_count, new.modalities.as_str(), new.request), (1, "SR", None));
        drop(reader);
        let last = vec![first.id];
        let gone = clinic.act(&clinic.technician, move |cx| {
            Box::pin(async move { actions::move_series(cx, study, &last, part).await })
        });
        assert!(matches!(gone.await, Err(Error::Sort(sorting::Refused::HasOrder))));
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let step = sorting::steps(&mut reader, part).await.unwrap().remove(0);
        drop(reader);
        let undone = clinic
            .act(&clinic.technician, move |cx| Box::pin(async move { actions::undo_sort(cx, study, step.id).await }));
        assert_eq!(undone.await.unwrap(), study);
        let mut reader = clinic.house.platform.store.read().await.unwrap();
        let rest = imaging::get(&mut reader, study).await.unwrap();
        assert_eq!((rest.instance_count, rest.modalities.as_str(), rest.request), (2, "CT\\SR", Some(order.id)));
        assert_eq!(imaging::get(&mut reader, part).await.unwrap().instance_count, 0);
        let unmatched = imaging::unmatched(&mut reader, clinic.house.platform.tree().whole(), 10, 0).await.unwrap();
        assert!(unmatched.is_empty(), "an emptied study waits for nothing: {unmatched:?}");
        drop(reader);
        assert_eq!(clinic.status(case).await, "uploaded");
    })
    .await;
}
