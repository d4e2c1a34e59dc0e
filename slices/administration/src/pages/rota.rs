//! The duty rota of a department, a week at a time, with leave beside it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use askama::Template;
use axum::extract::{Path, State};
use serde_json::json;
use yiti_directory::duty::{self, Duty, Leave};
use yiti_directory::people;
use yiti_directory::{DepartmentId, PersonId};
use yiti_kernel::civil::Time;
use yiti_kernel::{Date, SignedDuration, Timestamp, Uuid, time};
use yiti_web::{
    Access, Answer, App, Asked, Form, Problem, Slice, Ui, Visitor, act_once, invalid, page, query, redirect,
};

use crate::error::Error;

const KINDS: [&str; 3] = ["day", "night", "second_line"];
const REASONS: [&str; 4] = ["annual", "sick", "training", "dispatch"];

pub(super) fn add(slice: Slice) -> Slice {
    slice
        .get("/rota", Access::Permission("duty.read"), week)
        .post("/rota/duty", Access::Permission("duty.write"), add_duty)
        .post("/rota/duty/{id}/remove", Access::Permission("duty.write"), remove_duty)
        .post("/rota/leave", Access::Permission("duty.write"), add_leave)
}

struct Shift {
    id: String,
    words: String,
    /// `night`, `leave`, `gap` or empty.
    class: &'static str,
    is_duty: bool,
}

struct Day {
    words: String,
    is_today: bool,
}

struct Line {
    name: String,
    days: Vec<Vec<Shift>>,
}

#[derive(Template)]
#[template(path = "rota.html")]
struct RotaPage {
    ui: Ui,
    form: Form,
    leave: Form,
    department: String,
    week: String,
    before: String,
    after: String,
    span: String,
    departments: Vec<(String, String)>,
    people: Vec<(String, String)>,
    kinds: Vec<(String, String)>,
    reasons: Vec<(String, String)>,
    days: Vec<Day>,
    lines: Vec<Line>,
    clashes: Vec<String>,
    may_write: bool,
}

fn monday(day: Date) -> Date {
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(SignedDuration::from_hours(24 * back)).unwrap_or(day)
}

fn plus_days(day: Date, days: i64) -> Date {
    day.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(day)
}

fn address(department: &str, week: Date) -> String {
    format!("/rota{}", query(&[("department", department), ("week", &week.to_string())]))
}

/// Hours of a shift or leave on one day: `08–18`; all day leaves them out.
fn hours(from: Timestamp, until: Timestamp, day: Date) -> String {
    let (start, end) = (time::day_start(day), time::day_start(plus_days(day, 1)));
    if from <= start && until >= end {
        return String::new();
    }
    let text = |at: Timestamp| time::civil(at).strftime("%H:%M").to_string();
    let until = if until == end { "24:00".to_owned() } else { text(until) };
    format!("{}\u{2013}{until} ", text(from))
}

async fn shown(app: &App, visitor: &Visitor, asked: &Form, form: Form, leave: Form) -> Result<RotaPage, Problem> {
    let (tree, scope) = (app.platform().tree(), visitor.actor.scope);
    let today = time::day(app.now());
    let week = monday(asked.value("week").parse().unwrap_or(today));
    let mut reader = app.platform().store.read().await?;
    let departments = people::departments(&mut reader, scope).await?;
    let own = || visitor.actor.department.filter(|own| departments.iter().any(|d| d.id == *own));
    let given = asked.value("department").parse::<DepartmentId>().ok();
    let department = match given {
        Some(id) if departments.iter().any(|d| d.id == id) => Some(id),
        Some(_) => return Err(Problem::NotFound),
        None => own()
            .or_else(|| departments.iter().find(|d| d.kind == "imaging").map(|d| d.id))
            .or_else(|| departments.first().map(|d| d.id)),
    };
    let (from, until) = (time::day_start(week), time::day_start(plus_days(week, 7)));
    let (mut duties, mut leaves, mut names) = (Vec::new(), Vec::new(), BTreeMap::new());
    if let Some(id) = department {
        duties = duty::rota(&mut reader, id, from, until).await?;
        leaves = duty::leaves(&mut reader, id, from, until).await?;
        for (person, post) in people::staff(&mut reader, scope).await? {
            let is_held = post.from_on < plus_days(week, 7) && post.until_on.is_none_or(|end| end >= week);
            if post.department == Some(id) && is_held {
                names.insert(person.id, person.name);
            }
        }
        for duty in &duties {
            if let Entry::Vacant(slot) = names.entry(duty.person) {
                slot.insert(people::person(&mut reader, duty.person).await?.name);
            }
        }
    }
    drop(reader);
    let ui = Ui::new(app, visitor, "rota.title").await;
    let overlaps = |duty: &Duty| {
        leaves.iter().any(|l| l.person == duty.person && l.starts_at < duty.ends_at && duty.starts_at < l.ends_at)
    };
    let name = |id: PersonId| names.get(&id).cloned().unwrap_or_default();
    let clash = |duty: &Duty| {
        let day = time::civil(duty.starts_at).strftime("%m-%d").to_string();
        let kind = ui.word("duty_kind", &duty.kind);
        ui.t_with("rota.clash", &[("name", &name(duty.person)), ("day", &day), ("kind", &kind)])
    };
    let clashes = duties.iter().filter(|duty| overlaps(duty)).map(clash).collect();
    let week_days: Vec<Date> = (0..7).map(|n| plus_days(week, n)).collect();
    let cell = |person: PersonId, day: Date| {
        let (start, end) = (time::day_start(day), time::day_start(plus_days(day, 1)));
        let mut shifts = Vec::new();
        for duty in duties.iter().filter(|d| d.person == person && d.starts_at >= start && d.starts_at < end) {
            let words = format!("{}{}", hours(duty.starts_at, duty.ends_at, day), ui.word("duty_kind", &duty.kind));
            let is_clash = overlaps(duty);
            shifts.push(Shift {
                id: duty.id.to_string(),
                words: if is_clash { format!("{words} \u{b7} {}", ui.t("rota.clash_short")) } else { words },
                class: if is_clash {
                    "gap"
                } else if duty.kind == "night" {
                    "night"
                } else {
                    ""
                },
                is_duty: true,
            });
        }
        for leave in leaves.iter().filter(|l| l.person == person && l.starts_at < end && l.ends_at > start) {
            let (from, until) = (leave.starts_at.max(start), leave.ends_at.min(end));
            let words = format!("{}{}", hours(from, until, day), ui.word("leave_reason", &leave.reason));
            shifts.push(Shift { id: String::new(), words, class: "leave", is_duty: false });
        }
        shifts
    };
    let mut people: Vec<(PersonId, String)> = names.iter().map(|(id, name)| (*id, name.clone())).collect();
    people.sort_by(|one, other| one.1.cmp(&other.1));
    let line = |(id, name): &(PersonId, String)| Line {
        name: name.clone(),
        days: week_days.iter().map(|day| cell(*id, *day)).collect(),
    };
    let day = |(n, date): (usize, &Date)| Day {
        words: format!("{} {:02}", ui.word("weekday", &(n + 1).to_string()), date.day()),
        is_today: *date == today,
    };
    let department_text = department.map(|id| id.to_string()).unwrap_or_default();
    let words = |area: &str, key: &str| (key.to_owned(), ui.word(area, key));
    Ok(RotaPage {
        lines: people.iter().map(line).collect(),
        people: people.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        days: week_days.iter().enumerate().map(day).collect(),
        departments: departments
            .iter()
            .map(|d| (d.id.to_string(), format!("{} \u{b7} {}", tree.short_name(d.institution), d.name)))
            .collect(),
        kinds: KINDS.map(|key| words("duty_kind", key)).to_vec(),
        reasons: REASONS.map(|key| words("leave_reason", key)).to_vec(),
        before: address(&department_text, plus_days(week, -7)),
        after: address(&department_text, plus_days(week, 7)),
        span: format!("{week} \u{2013} {}", plus_days(week, 6)),
        week: week.to_string(),
        department: department_text,
        may_write: visitor.may("duty.write"),
        clashes,
        form,
        leave,
        ui,
    })
}

/// What the form of a new shift begins with.
fn blank_duty() -> Form {
    Form::filled(&[("from", "08:00"), ("to", "18:00"), ("kind", "day")])
}

async fn week(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    page(&shown(&app, &visitor, &asked, blank_duty(), Form::blank()).await?)
}

async fn add_duty(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let department = form.value("department").parse::<DepartmentId>().map_err(|_| Problem::NotFound)?;
    let (person, day) = (form.needed::<PersonId>("person"), form.day("day"));
    if day.is_none() {
        form.errors.add("day", "form.required", &[]);
    }
    let kind = form.choice("kind", &KINDS);
    let (from, to) = (form.needed::<Time>("from"), form.needed::<Time>("to"));
    let (Some(person), Some(day), Some(kind), Some(from), Some(to), true) =
        (person, day, kind, from, to, form.is_valid())
    else {
        let asked = form.clone();
        return invalid(&shown(&app, &visitor, &asked, form, Form::blank()).await?);
    };
    // A shift that ends at or before its begin ends on the next day.
    let end_day = if to <= from { plus_days(day, 1) } else { day };
    let new = Duty {
        id: yiti_kernel::fresh(),
        department,
        person,
        kind: kind.to_owned(),
        starts_at: time::instant(day.to_datetime(from)),
        ends_at: time::instant(end_day.to_datetime(to)),
    };
    let to = address(&department.to_string(), monday(day));
    let done = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let place = people::department(cx.tx, department).await?;
            cx.allow("duty.write", place.institution)?;
            let posts = people::posts_of(cx.tx, person).await?;
            if !posts.iter().any(|post| post.department == Some(department) && post.is_held_on(day)) {
                return Err(Error::Field { field: "person", key: "rota.no_member" });
            }
            duty::add(cx.tx, &new).await.map_err(|e| Error::taken(e, "person", "rota.taken"))?;
            let detail = json!({ "person": person, "kind": new.kind, "starts_at": time::minute_text(new.starts_at) });
            cx.journal("duty.add", ("duty", Some(new.id)), None, detail).await?;
            Ok::<_, Error>(to)
        })
    });
    match done.await {
        Ok(to) => redirect(&to),
        Err(error) => {
            error.beside(&mut form)?;
            let asked = form.clone();
            invalid(&shown(&app, &visitor, &asked, form, Form::blank()).await?)
        }
    }
}

async fn remove_duty(State(app): State<App>, visitor: Visitor, Path(id): Path<Uuid>, form: Form) -> Answer {
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let duty = duty::get(cx.tx, id).await?;
            let place = people::department(cx.tx, duty.department).await?;
            cx.allow("duty.write", place.institution)?;
            duty::remove(cx.tx, id).await?;
            let detail =
                json!({ "person": duty.person, "kind": duty.kind, "starts_at": time::minute_text(duty.starts_at) });
            cx.journal("duty.remove", ("duty", Some(id)), None, detail).await?;
            Ok::<_, Error>(address(&duty.department.to_string(), monday(time::day(duty.starts_at))))
        })
    });
    redirect(&to.await?)
}

async fn add_leave(State(app): State<App>, visitor: Visitor, mut form: Form) -> Answer {
    let department = form.value("department").parse::<DepartmentId>().map_err(|_| Problem::NotFound)?;
    let person = form.needed::<PersonId>("leave_person");
    let reason = form.choice("reason", &REASONS);
    let (from, until) = (form.day("leave_from"), form.day("leave_until"));
    for (field, day) in [("leave_from", from), ("leave_until", until)] {
        if day.is_none() {
            form.errors.add(field, "form.required", &[]);
        }
    }
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        form.errors.add("leave_until", "people.until_before_from", &[]);
    }
    let (Some(person), Some(reason), Some(from), Some(until), true) = (person, reason, from, until, form.is_valid())
    else {
        let asked = form.clone();
        return invalid(&shown(&app, &visitor, &asked, blank_duty(), form).await?);
    };
    let new = Leave {
        id: yiti_kernel::fresh(),
        person,
        reason: reason.to_owned(),
        starts_at: time::day_start(from),
        ends_at: time::day_start(plus_days(until, 1)),
    };
    let to = act_once(&app, &visitor, form.act_key(), move |cx| {
        Box::pin(async move {
            let place = people::department(cx.tx, department).await?;
            cx.allow("duty.write", place.institution)?;
            let posts = people::posts_of(cx.tx, person).await?;
            if !posts.iter().any(|post| post.department == Some(department)) {
                return Err(Error::Field { field: "leave_person", key: "rota.not_here" });
            }
            duty::add_leave(cx.tx, &new).await?;
            let detail =
                json!({ "person": person, "reason": new.reason, "from": from.to_string(), "until": until.to_string() });
            cx.journal("duty.leave", ("leave", Some(new.id)), None, detail).await?;
            Ok(address(&department.to_string(), monday(from)))
        })
    });
    match to.await {
        Ok(to) => redirect(&to),
        Err(error) => {
            error.beside(&mut form)?;
            let asked = form.clone();
            invalid(&shown(&app, &visitor, &asked, blank_duty(), form).await?)
        }
    }
}
