//! A front page typed on a form: a new stay, or the next version of one.

use askama::Template;
use axum::extract::{Path, State};
use yiti_directory::InstitutionId;
use yiti_kernel::{Timestamp, time};
use yiti_record::front_page::{
    CostItem, Diagnosis, FrontPage, FrontPageId, Procedure, Status, Stored, sex_code, sex_of_code,
};
use yiti_web::{
    Access, Answer, App, Asked, Form, LINE_LENGTH_MAX, Problem, Slice, Ui, Visitor, act_once, invalid, page, redirect,
};

use super::shared;
use crate::actions::{self, Error};
use crate::codes::{Crossed, Edition, System};
use crate::field;
use crate::settings::Definitions;
use crate::store;

/// Empty rows behind the codes that are there.
const SPARE_ROWS: usize = 4;
/// Rows of codes that a form may have.
const ROWS_MAX: usize = 41;

/// Adds the routes of these pages.
pub(super) fn add(slice: Slice) -> Slice {
    let edit = Access::Permission("drg.edit");
    slice
        .get("/drg/stays/new", edit, begin)
        .post("/drg/stays/new", edit, submit_new)
        .get("/drg/stays/{id}/edit", edit, change)
        .post("/drg/stays/{id}/edit", edit, submit)
}

/// A row of the form for a diagnosis.
struct DxRow {
    number: usize,
    code: String,
    name: String,
    condition: String,
}

/// A row of the form for a procedure.
struct PxRow {
    number: usize,
    code: String,
    name: String,
    day: String,
}

#[derive(Template)]
#[template(path = "drg_edit.html")]
struct EditPage {
    ui: Ui,
    form: Form,
    /// Where the form goes.
    to: String,
    /// Where nothing is saved.
    back: String,
    is_new: bool,
    number: String,
    units: Vec<(String, String)>,
    sexes: Vec<(String, String)>,
    insurances: Vec<(String, String)>,
    payments: Vec<(String, String)>,
    dispositions: Vec<(String, String)>,
    statuses: Vec<(String, String)>,
    conditions: Vec<(String, String)>,
    dx: Vec<DxRow>,
    px: Vec<PxRow>,
    items: Vec<(String, String)>,
}

const CONDITIONS: [&str; 4] = ["1", "2", "3", "4"];

impl EditPage {
    async fn new(app: &App, visitor: &Visitor, form: Form, stay: Option<FrontPageId>, number: String) -> Self {
        let ui = Ui::new(app, visitor, if stay.is_some() { "drg.edit" } else { "drg.new" }).await;
        let definitions = app.platform().kit.get::<Definitions>();
        let codes = definitions.codes.get();
        let at = |name: &str, at: usize| form.values(name).get(at).cloned().unwrap_or_default();
        let used = |name: &str| form.values(name).iter().rposition(|code| !code.is_empty()).map_or(0, |at| at + 1);
        let rows = |name: &str| 0..(used(name) + SPARE_ROWS).min(ROWS_MAX);
        let name_of =
            |system, code: &str| codes.get(system, code).map_or_else(String::new, |code| code.name.to_owned());
        let dx = rows("dx").map(|row| {
            let code = at("dx", row);
            let condition = at("condition", row);
            DxRow { number: row + 1, name: name_of(System::Diagnosis, &code), code, condition }
        });
        let px = rows("px").map(|row| {
            let code = at("px", row);
            PxRow { number: row + 1, name: name_of(System::Procedure, &code), code, day: at("px_day", row) }
        });
        let of_list = |area: &str, keys: &[&str]| shared::options(&ui, area, keys);
        Self {
            to: stay.map_or_else(|| "/drg/stays/new".to_owned(), |id| format!("/drg/stays/{id}/edit")),
            back: stay.map_or_else(|| "/drg".to_owned(), |id| format!("/drg/stays/{id}")),
            is_new: stay.is_none(),
            number,
            units: shared::institutions(app, visitor),
            sexes: [("1", "male"), ("2", "female")]
                .map(|(code, key)| (code.to_owned(), ui.word("drg.sex", key)))
                .into(),
            insurances: of_list("drg.insurance_type", &["1", "2", "9"]),
            payments: of_list("drg.payment_kind", &["1", "2", "3", "4", "5", "6", "7", "8", "9"]),
            dispositions: of_list("drg.disposition", &["1", "2", "3", "4", "5", "9"]),
            statuses: of_list("drg.status", &["draft", "final"]),
            conditions: of_list("drg.condition", &CONDITIONS),
            dx: dx.collect(),
            px: px.collect(),
            items: CostItem::ALL
                .iter()
                .map(|item| (format!("cost_{}", item.key()), ui.word("drg.cost_item", item.key())))
                .collect(),
            form,
            ui,
        }
    }
}

/// An instant as the browser's field takes it.
fn field_time(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| time::civil(at).strftime("%Y-%m-%dT%H:%M").to_string())
}

/// The form of a page that is there.
fn filled(stored: &Stored) -> Form {
    let page = &stored.page;
    let text = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    let mut values: Vec<(String, String)> = vec![
        ("version".into(), stored.version.to_string()),
        ("status".into(), page.status.key().into()),
        ("patient_name".into(), page.patient_name.clone()),
        ("sex".into(), page.sex.map_or_else(String::new, |sex| sex_code(sex).to_string())),
        ("birth_on".into(), page.birth_on.map_or_else(String::new, |day| day.to_string())),
        ("age_years".into(), text(page.age_years)),
        ("age_days".into(), text(page.age_days)),
        ("admission_weight_g".into(), text(page.admission_weight_g)),
        ("birth_weight_g".into(), text(page.birth_weights_g.first().copied())),
        ("insurance_type".into(), page.insurance_type.clone()),
        ("payment_kind".into(), page.payment_kind.clone()),
        ("department".into(), store::department_of(page).to_owned()),
        ("physician".into(), page.staff.attending_physician.clone()),
        ("admitted_at".into(), field_time(page.admitted_at)),
        ("discharged_at".into(), field_time(page.discharged_at)),
        ("stay_days".into(), text(page.length_of_stay_days)),
        ("disposition".into(), page.discharge_disposition.clone()),
        ("icu_hours".into(), text(page.icu_hours)),
        ("total".into(), page.costs.total.map_or_else(String::new, |fen| fen.to_string())),
        ("self_paid".into(), page.costs.self_paid.map_or_else(String::new, |fen| fen.to_string())),
    ];
    for diagnosis in &page.diagnoses {
        values.push(("dx".into(), diagnosis.code.clone()));
        values.push(("condition".into(), diagnosis.admission_condition.clone()));
    }
    for procedure in &page.procedures {
        values.push(("px".into(), procedure.code.clone()));
        let day = procedure.performed_at.map_or_else(String::new, |at| time::day(at).to_string());
        values.push(("px_day".into(), day));
    }
    for (item, amount) in &page.costs.items {
        values.push((format!("cost_{}", item.key()), amount.to_string()));
    }
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Form::filled(&values)
}

/// Puts what was typed into `page`, whose other fields stay as they are. Faults are noted beside the fields.
fn read(form: &mut Form, definitions: &Definitions, page: &mut FrontPage) {
    page.status = if form.value("status") == Status::Final.key() { Status::Final } else { Status::Draft };
    page.patient_name = form.required("patient_name", 64);
    page.sex = sex_of_code(form.value("sex"));
    page.birth_on = form.day("birth_on").filter(|day| (1850..=2150).contains(&day.year()));
    page.insurance_type = form.text("insurance_type", 4);
    page.payment_kind = form.text("payment_kind", 4);
    let department = form.required("department", LINE_LENGTH_MAX);
    page.staff.attending_physician = form.text("physician", 64);
    page.discharge_disposition = form.text("disposition", 4);
    let mut count = |name: &str| {
        let read = field::count(form.value(name));
        if read.is_err() {
            form.errors.add(name, "drg.fault.count", &[]);
        }
        read.ok().flatten()
    };
    page.age_years = count("age_years");
    page.age_days = count("age_days");
    page.admission_weight_g = count("admission_weight_g");
    page.length_of_stay_days = count("stay_days");
    page.icu_hours = count("icu_hours");
    match (count("birth_weight_g"), page.birth_weights_g.first_mut()) {
        (Some(grams), Some(first)) => *first = grams,
        (Some(grams), None) => page.birth_weights_g.push(grams),
        (None, _) => page.birth_weights_g.clear(),
    }
    let mut instant = |name: &str| {
        let text = form.value(name).replacen('T', " ", 1);
        let text = if text.len() == 16 { format!("{text}:00") } else { text };
        let read = field::instant(&text);
        if read.is_err() {
            form.errors.add(name, "drg.fault.instant", &[]);
        }
        read.ok().flatten()
    };
    page.admitted_at = instant("admitted_at");
    page.discharged_at = instant("discharged_at");
    if page.admitted_at.is_none() && form.errors.of("admitted_at").is_none() {
        form.errors.add("admitted_at", "form.required", &[]);
    }
    if page.status == Status::Final && page.discharged_at.is_none() {
        form.errors.add("discharged_at", "drg.fault.no_discharge", &[]);
    }
    // A stay that is not over has the department where the patient lies.
    if page.status == Status::Final {
        page.discharge_department = department;
    } else {
        page.admission_department.clone_from(&department);
        page.discharge_department.clear();
    }
    read_codes(form, definitions, page);
    let mut money = |name: &str| {
        let read = field::money(form.value(name));
        if read.is_err() {
            form.errors.add(name, "drg.fault.money", &[]);
        }
        read.ok().flatten()
    };
    page.costs.total = money("total");
    page.costs.self_paid = money("self_paid");
    for item in CostItem::ALL {
        match money(&format!("cost_{}", item.key())) {
            Some(amount) => drop(page.costs.items.insert(*item, amount)),
            None => drop(page.costs.items.remove(item)),
        }
    }
}

fn read_codes(form: &mut Form, definitions: &Definitions, page: &mut FrontPage) {
    let table = definitions.codes.get();
    let typed = |form: &Form, name: &str| -> Vec<(usize, String)> {
        let codes = form.values(name).iter().take(ROWS_MAX).enumerate();
        codes.map(|(row, code)| (row, code.clone())).filter(|(_, code)| !code.is_empty()).collect()
    };
    let at = |form: &Form, name: &str, row: usize| form.values(name).get(row).cloned().unwrap_or_default();
    // What a row already says of a code beside the code itself is kept while the code stays.
    let (old_dx, old_px) = (std::mem::take(&mut page.diagnoses), std::mem::take(&mut page.procedures));
    let crossed = |system, code: &str| match table.insurance(system, Edition::Clinical, code) {
        Crossed::To(other) if table.get(system, code).is_none() => Some(other.to_owned()),
        _ => None,
    };
    for (row, code) in typed(form, "dx") {
        if code.chars().count() > 40 {
            form.errors.add("dx", "drg.fault.code", &[("row", &(row + 1).to_string())]);
            continue;
        }
        let old = old_dx.iter().find(|old| old.code == code).cloned();
        let mut diagnosis = old.unwrap_or_else(|| Diagnosis {
            name: table.get(System::Diagnosis, &code).map_or_else(String::new, |code| code.name.to_owned()),
            insurance_code: crossed(System::Diagnosis, &code),
            code,
            ..Diagnosis::default()
        });
        let condition = at(form, "condition", row);
        diagnosis.admission_condition =
            if CONDITIONS.contains(&condition.as_str()) { condition } else { String::new() };
        page.diagnoses.push(diagnosis);
    }
    for (row, code) in typed(form, "px") {
        if code.chars().count() > 40 {
            form.errors.add("px", "drg.fault.code", &[("row", &(row + 1).to_string())]);
            continue;
        }
        let day = field::day(&at(form, "px_day", row));
        if day.is_err() {
            form.errors.add("px", "drg.fault.px_day", &[("row", &(row + 1).to_string())]);
        }
        let old = old_px.iter().find(|old| old.code == code).cloned();
        let mut procedure = old.unwrap_or_else(|| Procedure {
            name: table.get(System::Procedure, &code).map_or_else(String::new, |code| code.name.to_owned()),
            insurance_code: crossed(System::Procedure, &code),
            code,
            ..Procedure::default()
        });
        let day = day.ok().flatten();
        if procedure.performed_at.map(time::day) != day {
            procedure.performed_at = day.map(time::day_start);
        }
        page.procedures.push(procedure);
    }
}

async fn begin(State(app): State<App>, visitor: Visitor, Asked(_): Asked) -> Answer {
    let department = own_department(&app, &visitor).await?;
    let unit = visitor.actor.institution.to_string();
    let now = field_time(Some(app.now()));
    let values = [
        ("status", "draft"),
        ("unit", unit.as_str()),
        ("department", department.as_str()),
        ("admission_count", "1"),
        ("admitted_at", now.as_str()),
    ];
    let form = Form::filled(&values);
    page(&EditPage::new(&app, &visitor, form, None, String::new()).await)
}

/// The department of a person who sees no other; empty for who sees all.
async fn own_department(app: &App, visitor: &Visitor) -> Result<String, Problem> {
    let mut reader = app.platform().store.read().await?;
    let reach = actions::reach(&mut reader, &visitor.actor).await?;
    Ok(reach.department.unwrap_or_default())
}

async fn submit_new(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let definitions = app.platform().kit.get::<Definitions>();
    let institution: Option<InstitutionId> = form.needed("unit");
    let mut typed = FrontPage {
        medical_record_number: form.required("number", 40),
        admission_count: form.needed("admission_count").unwrap_or(0),
        ..FrontPage::default()
    };
    if typed.admission_count == 0 {
        form.errors.add("admission_count", "form.required", &[]);
    }
    read(&mut form, &definitions, &mut typed);
    let own = own_department(&app, &visitor).await?;
    if !visitor.may("drg.read_all") && own != store::department_of(&typed) {
        form.errors.add("department", "drg.fault.department", &[("department", &own)]);
    }
    let (true, Some(institution)) = (form.is_valid(), institution) else {
        return invalid(&EditPage::new(&app, &visitor, form, None, String::new()).await);
    };
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let id = actions::begin(cx, institution, &typed).await?;
            Ok::<_, Error>(format!("/drg/stays/{id}"))
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(Error::Known(_)) => {
            form.errors.add("number", "drg.error.known", &[]);
            invalid(&EditPage::new(&app, &visitor, form, None, String::new()).await)
        }
        Err(other) => Err(other.into()),
    }
}

async fn open(app: &App, visitor: &Visitor, id: FrontPageId) -> Result<Stored, Problem> {
    let opened = app.platform().act(&visitor.actor, move |cx| Box::pin(async move { actions::open(cx, id).await }));
    let (stored, _) = opened.await.map_err(|error: Error| Problem::from(error))?;
    Ok(stored)
}

fn number_of(stored: &Stored) -> String {
    format!("{} / {}", stored.page.medical_record_number, stored.page.admission_count)
}

async fn change(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let id: FrontPageId = shared::id(&id)?;
    let stored = open(&app, &visitor, id).await?;
    page(&EditPage::new(&app, &visitor, filled(&stored), Some(id), number_of(&stored)).await)
}

async fn submit(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, mut form: Form) -> Answer {
    let id: FrontPageId = shared::id(&id)?;
    let stored = open(&app, &visitor, id).await?;
    let definitions = app.platform().kit.get::<Definitions>();
    let version: u32 = form.value("version").parse().map_err(|_| Problem::Malformed)?;
    let mut typed = stored.page.clone();
    read(&mut form, &definitions, &mut typed);
    if stored.page.status == Status::Final && typed.status == Status::Draft {
        form.errors.add("status", "drg.error.already_final", &[]);
    }
    let own = own_department(&app, &visitor).await?;
    if !visitor.may("drg.read_all") && own != store::department_of(&typed) {
        form.errors.add("department", "drg.fault.department", &[("department", &own)]);
    }
    if !form.is_valid() {
        return invalid(&EditPage::new(&app, &visitor, form, Some(id), number_of(&stored)).await);
    }
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let id = actions::amend(cx, id, version, &typed).await?;
            Ok::<_, Error>(format!("/drg/stays/{id}"))
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(Error::Moved { version }) => {
            form.errors.add("version", "drg.error.moved", &[("version", &version.to_string())]);
            invalid(&EditPage::new(&app, &visitor, form, Some(id), number_of(&stored)).await)
        }
        Err(other) => Err(other.into()),
    }
}
