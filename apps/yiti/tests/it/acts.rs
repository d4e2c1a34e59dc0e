//! What a page does not offer, the act refuses.
//!
//! For every route that changes something, every place it can be about in every state it can be in, and every role at the
//! lead hospital, at a branch, at the branch beside it and at the village post below it: the forms of all pages that the
//! person can open are what is offered. Everything else is tried all the same, with the body of a form that someone else
//! was offered, and must be refused and leave no act in the journal. Who is offered what is a reviewed snapshot. At the
//! end one of those who were offered a form sends it, so that the bodies are known to be good ones.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use futures::StreamExt as _;
use yiti::site;
use yiti_directory::people::{Person, Post, Title, add_person, add_post};
use yiti_directory::{InstitutionId, PersonId, PostId};
use yiti_kernel::{Clock as _, Lang, SystemClock, Uuid, civil};
use yiti_store::{args, sql};
use yiti_web::Access;

use crate::pages::{World, world_of};

/// Routes whose bodies are no forms; tests of their own try them.
const NO_FORMS: [&str; 2] = ["/dicom-web/studies", "/dicom-web/studies/{study}"];
/// Forms that are offered to someone and that this test does not bring to success, since they ask for more than it can
/// type (a file, a score sheet, a code); tests of their slices send them. To be made shorter.
const NEVER_SENT: &[&str] = &[
    "/devices/switch",
    "/drg/clearing/{id}/freeze",
    "/drg/import",
    "/drg/regroup",
    "/drg/settlement/{id}/discard",
    "/drg/stays/new",
    "/drg/stays/{id}/edit",
    "/institutions",
    "/people",
    "/people/{id}/posts",
    "/readings/{case}/release",
    "/readings/{case}/repeat",
    "/readings/{case}/return",
    "/requests/new",
    "/studies/{case}/grade",
    "/studies/{case}/match",
    "/studies/{case}/sort",
];

/// Acts on what is one's own that find nothing to do where no form is shown, and say so by going back to the page.
const ON_NOTHING: [&str; 1] = ["/messages/read"];

/// Someone who tries.
struct Someone {
    /// `radiologist@branch`; what is special about them behind it.
    label: String,
    permissions: BTreeSet<String>,
    token: String,
}

/// The four places, and how they are called here.
struct Places(Vec<(&'static str, InstitutionId)>);

async fn places(world: &World) -> Places {
    let id = |row: &yiti_store::Row| InstitutionId(row.get::<Uuid>("id").unwrap());
    let mut reader = world.platform.store.read().await.unwrap();
    let lead = reader.one(sql!("select id from institution where kind = 'lead_hospital'"), args![]).await.unwrap();
    let branch = world.sign_in("tech").institution;
    let sibling =
        sql!("select id from institution where kind = 'township_center' and id <> $1 order by tree_low limit 1");
    let sibling = reader.one(sibling, args![branch.0]).await.unwrap();
    let child = sql!("select id from institution where parent_id = $1 order by tree_low limit 1");
    let child = reader.one(child, args![branch.0]).await.unwrap();
    Places(vec![("lead", id(&lead)), ("branch", branch), ("sibling", id(&sibling)), ("child", id(&child))])
}

/// Every role at every place; those whose title counts, with a low one as well; and the doctor who asked for the
/// examinations, in a second post as radiologist.
async fn everyone(world: &World, places: &Places) -> Vec<Someone> {
    let mut new = Vec::new();
    for role in world.platform.roles.iter() {
        for (place, institution) in &places.0 {
            new.push((format!("{}@{place}", role.id), role.id.clone(), *institution, Title::Chief));
            if role.permissions.contains("diagnostics.approve") {
                let label = format!("{}@{place} of low title", role.id);
                new.push((label, role.id.clone(), *institution, Title::Resident));
            }
        }
    }
    let lead = places.0[0].1;
    let department = world.department(lead, "imaging").await;
    let mut all = Vec::new();
    for (number, (label, role, institution, title)) in new.into_iter().enumerate() {
        let person = Person {
            id: PersonId::fresh(),
            name: label.clone(),
            employee_number: format!("T{number:04}"),
            title,
            phone: String::new(),
            is_synthetic: true,
        };
        let department = department.filter(|_| institution == lead && role == "department_head");
        let post = Post {
            id: PostId::fresh(),
            person: person.id,
            role: role.clone(),
            institution,
            department,
            from_on: civil::date(2024, 1, 1),
            until_on: None,
        };
        all.push((label, role, person.id, post.clone()));
        let added = world.platform.store.write(move |tx| {
            Box::pin(async move {
                add_person(tx, &person).await?;
                add_post(tx, &post).await
            })
        });
        added.await.unwrap();
    }
    let mut held = Vec::new();
    let asked = world.sign_in("doctor").person;
    let post = Post {
        id: PostId::fresh(),
        person: asked,
        role: "radiologist".into(),
        institution: lead,
        department: None,
        from_on: civil::date(2024, 1, 1),
        until_on: None,
    };
    all.push(("radiologist@lead who asked for it".into(), "radiologist".into(), asked, post.clone()));
    world.platform.store.write(move |tx| Box::pin(async move { add_post(tx, &post).await })).await.unwrap();
    // Whoever holds or wrote one of the readings that are tried.
    for (state, case) in world.things("/readings/{case}").await {
        let sql = sql!(
            "select p.id, p.person_id, p.role from remote_read r join post p on p.person_id = coalesce(r.author_id,
             r.reader_id) where r.id = $1 and r.status in ('drafting', 'returned', 'drafted') order by p.id limit 1"
        );
        let case = Uuid::try_parse(&case).unwrap();
        if let Some(row) = world.platform.store.read().await.unwrap().row(sql, args![case]).await.unwrap() {
            let (post, person): (PostId, PersonId) = (row.id("id").unwrap(), row.id("person_id").unwrap());
            let role: String = row.get("role").unwrap();
            held.push((format!("{role}@lead who has the one that is {state}"), role, person, post));
        }
    }
    let posts = all.into_iter().map(|(label, role, person, post)| (label, role, person, post.id));
    let mut someone = Vec::new();
    for (label, role, person, post) in posts.chain(held) {
        let permissions = world.platform.roles.get(&role).unwrap().permissions.iter().cloned().collect();
        someone.push(Someone { label, permissions, token: world.session(person, post, Lang::En).await });
    }
    someone
}

/// A form as a page holds it: where it goes, and what it would send.
#[derive(Debug, Clone)]
struct Offer {
    to: String,
    fields: Vec<(String, String)>,
    /// name: the values that a choice offers
    choices: BTreeMap<String, BTreeSet<String>>,
}

fn unescaped(text: &str) -> String {
    let parts = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#38;", "&"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&amp;", "&"),
    ];
    parts.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// An address with its identifiers without hyphens, as this test writes them.
fn plain(address: &str) -> String {
    let part = |part: &str| match Uuid::try_parse(part) {
        Ok(id) => id.simple().to_string(),
        Err(_) => part.to_owned(),
    };
    address.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The attributes of a tag's text.
fn attributes(tag: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = tag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest).trim_matches(['/', ' ', '\n']);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = (rest[..end].to_owned(), rest[end..].trim_start());
        match after.strip_prefix("=\"").and_then(|value| value.split_once('"')) {
            Some((value, more)) => {
                found.insert(name, unescaped(value));
                rest = more.trim_start();
            }
            None => {
                found.insert(name, String::new());
                rest = after.trim_start_matches('=').trim_start();
            }
        }
    }
    found
}

/// What this test types into an empty field.
fn typed(name: &str, kind: &str) -> String {
    let today = yiti_kernel::time::day(SystemClock.now());
    match (name, kind) {
        ("budget", _) => "1000000".into(),
        ("year", _) => (today.year() - 1).to_string(),
        ("month", _) => "2026-01".into(),
        ("ae_title", _) => "CT-TRIED".into(),
        ("employee_number", _) => "T-NEW".into(),
        ("due_on", _) => today.saturating_add(yiti_kernel::SignedDuration::from_hours(240)).to_string(),
        ("day" | "from_on" | "until_on" | "leave_from" | "leave_until" | "birth_on", _) | (_, "date") => {
            today.to_string()
        }
        (_, "number") => "1".into(),
        _ => "tried".into(),
    }
}

/// The forms of a page that change something.
fn offers(html: &str) -> Vec<Offer> {
    let mut found: Vec<(Option<String>, Offer)> = Vec::new();
    let (mut open, mut select, mut textarea) = (None::<usize>, None::<(Option<usize>, String, bool)>, None::<usize>);
    let mut elsewhere: Vec<(usize, String)> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        if let Some(at) = textarea.take()
            && let Some((_, offer)) = found.get_mut(at)
            && let Some(last) = offer.fields.last_mut()
            && !text.trim().is_empty()
        {
            last.1 = unescaped(text);
        }
        let Some(end) = rest[start..].find('>') else { break };
        let tag = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        let kind = tag.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
        let has = attributes(tag);
        let of = |name: &str| has.get(name).cloned().unwrap_or_default();
        let owner = |found: &[(Option<String>, Offer)], open: Option<usize>| match has.get("form") {
            Some(id) => found.iter().position(|(own, _)| own.as_deref() == Some(id)),
            None => open,
        };
        if kind == "button"
            && let (Some(to), Some(at)) = (has.get("formaction"), owner(&found, open))
        {
            elsewhere.push((at, plain(to)));
        }
        match kind {
            "form" => {
                open = (of("method") == "post").then_some(found.len());
                if open.is_some() {
                    found.push((
                        has.get("id").cloned(),
                        Offer { to: plain(&of("action")), fields: vec![], choices: BTreeMap::new() },
                    ));
                }
            }
            "/form" => open = None,
            "input" | "textarea" | "button" if !of("name").is_empty() && !has.contains_key("disabled") => {
                let Some(at) = owner(&found, open) else { continue };
                let (name, offer) = (of("name"), &mut found[at].1);
                let (sort, value) = (of("type"), of("value"));
                let is_chosen = matches!(sort.as_str(), "radio" | "checkbox");
                if is_chosen || kind == "button" {
                    offer.choices.entry(name.clone()).or_default().insert(value.clone());
                }
                let is_known = offer.fields.iter().any(|(known, _)| *known == name);
                match (kind, sort.as_str()) {
                    ("button", _) => {}
                    (_, "radio") if is_known && !has.contains_key("checked") => {}
                    (_, "radio") => {
                        offer.fields.retain(|(known, _)| *known != name);
                        offer.fields.push((name, value));
                    }
                    (_, "checkbox") if has.contains_key("checked") || has.contains_key("required") => {
                        offer.fields.push((name, if value.is_empty() { "on".into() } else { value }));
                    }
                    (_, "checkbox" | "file") => {}
                    _ if value.is_empty() && sort != "hidden" => offer.fields.push((name.clone(), typed(&name, &sort))),
                    _ => offer.fields.push((name, value)),
                }
                textarea = (kind == "textarea").then_some(at);
            }
            "select" => {
                let at = owner(&found, open);
                select = Some((at, of("name"), false));
            }
            "option" => {
                if let Some((Some(at), name, is_set)) = &mut select {
                    let offer = &mut found[*at].1;
                    let value = of("value");
                    offer.choices.entry(name.clone()).or_default().insert(value.clone());
                    let is_first = !*is_set && !value.is_empty();
                    if is_first || has.contains_key("selected") && !value.is_empty() {
                        offer.fields.retain(|(known, _)| known != name);
                        offer.fields.push((name.clone(), value));
                        *is_set = true;
                    }
                }
            }
            "/select" => select = None,
            _ => {}
        }
    }
    let mut all: Vec<Offer> = found.into_iter().map(|(_, offer)| offer).collect();
    let others: Vec<Offer> = elsewhere.into_iter().map(|(at, to)| Offer { to, ..all[at].clone() }).collect();
    all.extend(others);
    all
}

fn encoded(fields: &[(String, String)]) -> String {
    let escaped = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
            out
        })
    };
    let fresh = yiti_kernel::fresh().simple().to_string();
    let fields = fields.iter().map(|(name, value)| (name, if name == "act_key" { &fresh } else { value }));
    fields.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect::<Vec<_>>().join("&")
}

/// A path with one thing in its place. pattern; what state the thing is in; the path.
struct Target {
    pattern: &'static str,
    state: String,
    path: String,
}

async fn targets(world: &World, pattern: &'static str) -> Vec<Target> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return vec![Target { pattern, state: String::new(), path: pattern.to_owned() }];
    };
    let after = rest.split_once('}').unwrap().1;
    let things = world.things(pattern).await;
    things.into_iter().map(|(state, id)| Target { pattern, state, path: format!("{before}{id}{after}") }).collect()
}

/// How many acts the journal holds; what people only looked at is not counted.
async fn acts(world: &World) -> i64 {
    let mut reader = world.platform.store.read().await.unwrap();
    let count = sql!("select count(*) as n from journal where action <> 'patient.read'");
    reader.one(count, args![]).await.unwrap().get("n").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_does_not_offer_the_act_refuses() {
    let world = world_of(yiti::demo::Size { residents: 60, readings: 12, stays: 120 }).await;
    let places = places(&world).await;
    let everyone = everyone(&world, &places).await;
    let routes: Vec<_> = site::slices().iter().flat_map(|slice| slice.routes().to_vec()).collect();
    let (mut pages, mut posts) = (Vec::new(), Vec::new());
    for route in &routes {
        let is_file = [".xlsx", ".csv", "/rows", "/live"].iter().any(|end| route.path.ends_with(end));
        if route.method == "GET" && !route.path.starts_with("/dicom-web") && !is_file {
            pages.extend(targets(&world, route.path).await.into_iter().map(|target| (route.access, target)));
        }
        let is_act = matches!(route.access, Access::Permission(_)) && !NO_FORMS.contains(&route.path);
        if route.method == "POST" && is_act {
            posts.extend(targets(&world, route.path).await.into_iter().map(|target| (route.access, target)));
        }
    }

    // What each is offered.
    let may = |someone: &Someone, access: Access| match access {
        Access::Public | Access::SignedIn => true,
        Access::Permission(permission) => someone.permissions.contains(permission),
    };
    let opened = everyone.iter().map(|someone| {
        let (world, pages) = (&world, &pages);
        async move {
            let mut all: Vec<Offer> = Vec::new();
            for (access, target) in pages.iter().filter(|(access, _)| may(someone, *access)) {
                let (status, html) = world.get(&target.path, &someone.token).await;
                assert!(!status.is_server_error(), "{} {access:?} {}: {status}", someone.label, target.path);
                if status == StatusCode::OK {
                    all.extend(offers(&html));
                }
            }
            all
        }
    });
    let offered: Vec<Vec<Offer>> = futures::stream::iter(opened).buffered(4).collect().await;

    // Everything else is refused, whatever is sent.
    let (mut lines, mut faults, mut tried) = (BTreeMap::new(), Vec::new(), 0);
    let mut before = acts(&world).await;
    for (access, target) in &posts {
        let sample = offered.iter().flatten().find(|offer| offer.to == target.path);
        let like = || offered.iter().flatten().find(|offer| is_like(&offer.to, target.pattern));
        let fields = sample.or_else(like).map(|offer| offer.fields.clone()).unwrap_or_default();
        let mut who = Vec::new();
        for (someone, offers) in everyone.iter().zip(&offered) {
            let own: Vec<&Offer> = offers.iter().filter(|offer| offer.to == target.path).collect();
            let mut bodies = Vec::new();
            if own.is_empty() {
                bodies.push(fields.clone());
            } else {
                who.push(someone.label.as_str());
            }
            // A place that the form does not let them choose.
            for field in
                ["institution", "unit"].into_iter().filter(|field| fields.iter().any(|(name, _)| name == field))
            {
                for (_, institution) in &places.0 {
                    let value = institution.to_string();
                    let is_choice = own.iter().any(|offer| {
                        let named = offer.fields.iter().any(|(name, sent)| name == field && *sent == value);
                        named || offer.choices.get(field).is_some_and(|values| values.contains(&value))
                    });
                    if !is_choice {
                        let other = |(name, sent): &(String, String)| {
                            (name.clone(), if name == field { value.clone() } else { sent.clone() })
                        };
                        bodies.push(fields.iter().map(other).collect());
                    }
                }
            }
            for body in bodies {
                tried += 1;
                let (status, _) = world.post(&target.path, &someone.token, encoded(&body)).await;
                let is_refused = matches!(status.as_u16(), 400 | 403 | 404 | 409 | 422)
                    || (status == StatusCode::SEE_OTHER && ON_NOTHING.contains(&target.pattern));
                let is_meant = is_refused && (may(someone, *access) || status == StatusCode::NOT_FOUND);
                let now = acts(&world).await;
                if !is_meant || now != before {
                    faults.push(format!("{} may POST {} ({}): {status}", someone.label, target.pattern, target.state));
                    before = now;
                }
            }
        }
        let states: &mut Vec<&str> = lines.entry((target.pattern, shortened(&who))).or_default();
        states.extend((!target.state.is_empty()).then_some(target.state.as_str()));
    }
    assert!(faults.is_empty(), "{} of {tried}: {faults:#?}", faults.len());
    assert!(tried > 5_000, "only {tried} were tried");
    let told: Vec<String> = lines
        .into_iter()
        .map(|((pattern, who), states)| match states.as_slice() {
            [] => format!("{pattern}: {who}"),
            states => format!("{pattern} ({}): {who}", states.join(" | ")),
        })
        .collect();
    insta::assert_snapshot!("offered_acts", told.join("\n"));

    // The bodies are good ones: someone to whom a form is offered sends it.
    let is_offered = |pattern: &str| offered.iter().flatten().any(|offer| is_like(&offer.to, pattern));
    let mut never: BTreeSet<&str> =
        posts.iter().map(|(_, target)| target.pattern).filter(|it| is_offered(it)).collect();
    for (_, target) in &posts {
        for (someone, offers) in everyone.iter().zip(&offered) {
            if !never.contains(target.pattern) {
                break;
            }
            for offer in offers.iter().filter(|offer| offer.to == target.path) {
                let (status, _) = world.post(&target.path, &someone.token, encoded(&offer.fields)).await;
                assert!(!status.is_server_error(), "{} {}: {status}", someone.label, target.path);
                if status == StatusCode::SEE_OTHER || status == StatusCode::OK {
                    never.remove(target.pattern);
                }
            }
        }
    }
    let unknown: Vec<_> = never.iter().filter(|pattern| !NEVER_SENT.contains(pattern)).collect();
    let sent: Vec<_> = NEVER_SENT.iter().filter(|pattern| !never.contains(*pattern)).collect();
    assert!(unknown.is_empty() && sent.is_empty(), "never sent: {unknown:?}; sent after all: {sent:?}");
}

/// Whether a path is one of a pattern.
fn is_like(path: &str, pattern: &str) -> bool {
    let (one, two): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), pattern.split('/').collect());
    one.len() == two.len() && one.iter().zip(&two).all(|(a, b)| a == b || b.starts_with('{'))
}

/// Labels with the same role written once: `radiologist@lead,branch`.
fn shortened(who: &[&str]) -> String {
    let mut roles: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for label in who {
        let (role, place) = label.split_once('@').unwrap();
        let (place, more) = place.split_once(' ').unwrap_or((place, ""));
        roles.entry((role, more)).or_default().push(place);
    }
    let told = roles.into_iter().map(|((role, more), places)| {
        let more = if more.is_empty() { String::new() } else { format!(" {more}") };
        format!("{role}@{}{more}", places.join(","))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "nobody".into() } else { told.join("; ") }
}
