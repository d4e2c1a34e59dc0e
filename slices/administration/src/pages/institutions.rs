//! The tree of institutions with their departments and people.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::State;
use serde_json::json;
use yiti_directory::institution::{self, NewInstitution};
use yiti_directory::people::{self, Department};
use yiti_directory::{DepartmentId, InstitutionId, InstitutionKind, PersonId};
use yiti_kernel::time;
use yiti_web::{
    Access, Answer, App, Form, LINE_LENGTH_MAX, Problem, Slice, Ui, Visitor, act_once, invalid, page, redirect,
};

use super::institutions_of;
use crate::error::Error;

/// The kinds a department may have; their words are `department_kind.<key>`.
const DEPARTMENT_KINDS: [&str; 26] = [
    "internal_medicine",
    "surgery",
    "obstetrics",
    "pediatrics",
    "emergency",
    "intensive_care",
    "general_practice",
    "cardiology",
    "gastroenterology",
    "endocrinology",
    "nephrology",
    "neurology",
    "oncology",
    "orthopedics",
    "ophthalmology",
    "otolaryngology",
    "rehabilitation",
    "imaging",
    "ecg",
    "laboratory",
    "quality",
    "insurance",
    "medical_records",
    "information",
    "management",
    "administration",
];

pub(super) fn add(slice: Slice) -> Slice {
    slice
        .get("/institutions", Access::Permission("directory.read"), list)
        .post("/institutions", Access::Permission("directory.write"), add_institution)
        .post("/institutions/departments", Access::Permission("directory.write"), add_department)
}

struct Leaf {
    name: String,
    kind: String,
    people: usize,
}

struct Node {
    name: String,
    kind: String,
    is_lead: bool,
    is_open: bool,
    people: usize,
    departments: Vec<Leaf>,
    below: Vec<Leaf>,
}

#[derive(Template)]
#[template(path = "institutions.html")]
struct InstitutionsPage {
    ui: Ui,
    form: Form,
    department: Form,
    nodes: Vec<Node>,
    institutions: Vec<(String, String)>,
    kinds: Vec<(String, String)>,
    department_kinds: Vec<(String, String)>,
    may_write: bool,
}

async fn shown(app: &App, visitor: &Visitor, form: Form, department: Form) -> Result<InstitutionsPage, Problem> {
    let ui = Ui::new(app, visitor, "institutions.title").await;
    let (tree, scope) = (app.platform().tree(), visitor.actor.scope);
    let mut reader = app.platform().store.read().await?;
    let departments = people::departments(&mut reader, scope).await?;
    let today = time::day(app.now());
    let mut at_place: HashMap<InstitutionId, HashSet<PersonId>> = HashMap::new();
    let mut in_department: HashMap<DepartmentId, HashSet<PersonId>> = HashMap::new();
    for (person, post) in people::staff(&mut reader, scope).await? {
        if post.is_held_on(today) {
            at_place.entry(post.institution).or_default().insert(person.id);
            if let Some(department) = post.department {
                in_department.entry(department).or_default().insert(person.id);
            }
        }
    }
    let people_at = |id: InstitutionId| at_place.get(&id).map_or(0, HashSet::len);
    let mut nodes: Vec<Node> = Vec::new();
    for node in tree.within(scope) {
        let kind = ui.word("institution_kind", node.kind.key());
        let below: Vec<Leaf> = departments
            .iter()
            .filter(|department| department.institution == node.id)
            .map(|department| Leaf {
                name: department.name.clone(),
                kind: ui.word("department_kind", &department.kind),
                people: in_department.get(&department.id).map_or(0, HashSet::len),
            })
            .collect();
        match nodes.last_mut().filter(|_| node.depth > 1) {
            Some(above) => above.below.push(Leaf { name: node.name.clone(), kind, people: people_at(node.id) }),
            None => nodes.push(Node {
                name: node.name.clone(),
                kind,
                is_lead: node.kind == InstitutionKind::LeadHospital,
                is_open: node.depth < 2 && nodes.len() < 3,
                people: people_at(node.id),
                departments: below,
                below: Vec::new(),
            }),
        }
    }
    let words = |area: &str, key: &str| (key.to_owned(), ui.word(area, key));
    Ok(InstitutionsPage {
        nodes,
        institutions: institutions_of(&tree, scope),
        kinds: InstitutionKind::ALL.iter().skip(1).map(|kind| words("institution_kind", kind.key())).collect(),
        department_kinds: DEPARTMENT_KINDS.map(|key| words("department_kind", key)).to_vec(),
        may_write: visitor.may("directory.write"),
        form,
        department,
        ui,
    })
}

async fn list(State(app): State<App>, visitor: Visitor) -> Answer {
    page(&shown(&app, &visitor, Form::blank(), Form::blank()).await?)
}

async fn add_institution(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let parent = form.needed::<InstitutionId>("parent");
    let keys = InstitutionKind::ALL.map(InstitutionKind::key);
    let kind = form.choice("kind", &keys[1..]).and_then(InstitutionKind::from_key);
    let (name, short_name) = (form.required("name", LINE_LENGTH_MAX), form.required("short_name", 20));
    let division_code = form.text("division_code", 12);
    if !division_code.chars().all(|c| c.is_ascii_digit()) {
        form.errors.add("division_code", "institutions.bad_code", &[]);
    }
    let (Some(parent), Some(kind), true) = (parent, kind, form.is_valid()) else {
        return invalid(&shown(&app, &visitor, form, Form::blank()).await?);
    };
    let is_synthetic = app.platform().tree().root().is_some_and(|root| root.is_synthetic);
    let new = NewInstitution {
        id: InstitutionId::fresh(),
        parent: Some(parent),
        name,
        short_name,
        kind,
        division_code,
        is_synthetic,
    };
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            cx.allow("directory.write", parent)?;
            institution::add(cx.tx, &new).await?;
            let detail = json!({ "name": new.name, "kind": new.kind, "parent": parent });
            cx.journal("directory.add_institution", ("institution", Some(new.id.0)), None, detail).await?;
            Ok::<_, Error>("/institutions".to_owned())
        })
    })
    .await?;
    app.platform().reload_tree().await?;
    redirect(&to)
}

async fn add_department(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let institution = form.needed::<InstitutionId>("department_institution");
    let kind = form.choice("department_kind", &DEPARTMENT_KINDS);
    let name = form.required("department_name", LINE_LENGTH_MAX);
    let (Some(institution), Some(kind), true) = (institution, kind, form.is_valid()) else {
        return invalid(&shown(&app, &visitor, Form::blank(), form).await?);
    };
    let new = Department { id: DepartmentId::fresh(), institution, name, kind: kind.to_owned() };
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            cx.allow("directory.write", institution)?;
            let added = people::add_department(cx.tx, &new).await;
            added.map_err(|e| Error::taken(e, "department_name", "institutions.department_taken"))?;
            let detail = json!({ "name": new.name, "kind": new.kind, "institution": institution });
            cx.journal("directory.add_department", ("department", Some(new.id.0)), None, detail).await?;
            Ok::<_, Error>("/institutions".to_owned())
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(error) => {
            error.beside(&mut form)?;
            invalid(&shown(&app, &visitor, Form::blank(), form).await?)
        }
    }
}
