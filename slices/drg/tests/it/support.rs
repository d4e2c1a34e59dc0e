//! What the tests share: the shipped definitions, a hospital group with wards, people who act.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yiti_directory::people::{self, Department, Person, Post};
use yiti_directory::testing::House;
use yiti_directory::{Actor, DepartmentId, InstitutionId, Kit, PersonId, PostId, Roles, Title};
use yiti_drg::Definitions;
use yiti_kernel::definition::File;
use yiti_kernel::{Fen, civil, time};
use yiti_record::front_page::{CostItem, Diagnosis, FrontPage, Sex};
use yiti_store::{Migration, Store};

pub(crate) const MIGRATIONS: &[&[Migration]] =
    &[yiti_directory::MIGRATIONS, yiti_record::MIGRATIONS, yiti_drg::MIGRATIONS];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions")
}

pub(crate) fn file(path: &str) -> File {
    File { path: path.into(), text: std::fs::read_to_string(folder().join(path)).unwrap() }
}

pub(crate) fn definitions() -> Definitions {
    let mut files = Vec::new();
    for below in ["drg", "payment", "frontpage"] {
        for entry in std::fs::read_dir(folder().join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml" || ending == "csv") {
                files.push(file(&format!("{below}/{}", path.file_name().unwrap().to_string_lossy())));
            }
        }
    }
    let find = |path: &str| std::fs::read(folder().join(path)).ok().map(Cow::Owned);
    Definitions::load(&files, &find).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub(crate) async fn house(store: Store) -> House {
    let roles = Roles::load(&file("roles.toml")).unwrap();
    House::build(store, roles, Kit::default().with(definitions())).await
}

/// Hires a doctor of one ward.
pub(crate) async fn ward_doctor(house: &House, at: InstitutionId, ward: &str) -> Arc<Actor> {
    let (person, post, department) = (PersonId::fresh(), PostId::fresh(), DepartmentId::fresh());
    let name = ward.to_owned();
    house
        .platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let new = Department { id: department, institution: at, name: name.clone(), kind: "surgery".into() };
                people::add_department(tx, &new).await?;
                let new = Person {
                    id: person,
                    name,
                    employee_number: person.to_string(),
                    title: Title::Attending,
                    phone: String::new(),
                    is_synthetic: true,
                };
                people::add_person(tx, &new).await?;
                let from_on = civil::date(2020, 1, 1);
                let (role, department) = ("ward_doctor".to_owned(), Some(department));
                people::add_post(
                    tx,
                    &Post { id: post, person, role, institution: at, department, from_on, until_on: None },
                )
                .await
            })
        })
        .await
        .unwrap();
    let mut reader = house.platform.store.read().await.unwrap();
    Arc::new(house.platform.actor(&mut reader, person, post).await.unwrap().unwrap())
}

/// A draft of a pneumonia of an old woman, without complications.
pub(crate) fn pneumonia(number: &str, ward: &str) -> FrontPage {
    let mut page = FrontPage {
        medical_record_number: number.into(),
        admission_count: 1,
        patient_name: "Han Xiulan".into(),
        sex: Some(Sex::Female),
        birth_on: Some(civil::date(1958, 6, 3)),
        age_years: Some(67),
        insurance_type: "2".into(),
        payment_kind: "2".into(),
        admitted_at: Some(time::instant(civil::date(2026, 3, 2).at(9, 30, 0, 0))),
        admission_department: ward.into(),
        diagnoses: vec![Diagnosis { code: "J18.900".into(), ..Diagnosis::default() }],
        ..FrontPage::default()
    };
    page.costs.items.insert(CostItem::WesternDrugs, Fen(150_000));
    page.costs.items.insert(CostItem::Laboratory, Fen(250_000));
    page.costs.total = Some(Fen(400_000));
    page
}
