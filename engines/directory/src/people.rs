//! Departments, people and their posts.

use serde::{Deserialize, Serialize};
use yiti_kernel::{Date, id_type};
use yiti_store::{Error, Reader, Row, Tx, args, sql};

use crate::institution::{DepartmentId, InstitutionId, Scope};

id_type!(
    /// Names a person who works in the group.
    PersonId
);
id_type!(
    /// Names a post: a role held at a node for a term.
    PostId
);

/// The professional title of a doctor, technician or nurse, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Title {
    /// No professional title.
    None,
    /// Junior.
    Resident,
    /// Intermediate.
    Attending,
    /// Deputy senior.
    AssociateChief,
    /// Senior.
    Chief,
}

impl Title {
    /// As stored and as key in `locales/`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Resident => "resident",
            Self::Attending => "attending",
            Self::AssociateChief => "associate_chief",
            Self::Chief => "chief",
        }
    }

    /// The title of a key; anything unknown has no title's rights.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        [Self::Resident, Self::Attending, Self::AssociateChief, Self::Chief]
            .into_iter()
            .find(|title| title.key() == key)
            .unwrap_or(Self::None)
    }
}

/// Someone who works in the group.
#[derive(Debug, Clone)]
pub struct Person {
    /// Identifier.
    pub id: PersonId,
    /// Name.
    pub name: String,
    /// The number the group knows them by.
    pub employee_number: String,
    /// Professional title.
    pub title: Title,
    /// Telephone.
    pub phone: String,
    /// Made up for demonstration.
    pub is_synthetic: bool,
}

/// A role held at a node for a term; `until_on` is the last day.
#[derive(Debug, Clone)]
pub struct Post {
    /// Identifier.
    pub id: PostId,
    /// Who holds it.
    pub person: PersonId,
    /// The role's key.
    pub role: String,
    /// Where it is held.
    pub institution: InstitutionId,
    /// The department, when it is held in one.
    pub department: Option<DepartmentId>,
    /// First day.
    pub from_on: Date,
    /// Last day; `None` while no end is set.
    pub until_on: Option<Date>,
}

impl Post {
    /// True when the term covers `day`.
    #[must_use]
    pub fn is_held_on(&self, day: Date) -> bool {
        self.from_on <= day && self.until_on.is_none_or(|until| day <= until)
    }
}

/// A department.
#[derive(Debug, Clone)]
pub struct Department {
    /// Identifier.
    pub id: DepartmentId,
    /// Where it belongs.
    pub institution: InstitutionId,
    /// Its name.
    pub name: String,
    /// Its kind: `imaging`, `internal_medicine`, ...
    pub kind: String,
}

/// Adds a department.
///
/// # Errors
/// [`Error::Conflict`] when the institution has one of that name.
pub async fn add_department(tx: &mut Tx, department: &Department) -> Result<(), Error> {
    tx.execute(
        sql!("insert into department (id, institution_id, name, kind) values ($1, $2, $3, $4)"),
        args![department.id.0, department.institution.0, &department.name, &department.kind],
    )
    .await?;
    Ok(())
}

/// The departments of all institutions in `scope`, in tree order.
///
/// # Errors
/// Whatever the store says.
pub async fn departments(reader: &mut Reader, scope: Scope) -> Result<Vec<Department>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select d.* from department d join institution i on i.id = d.institution_id
                 where i.tree_low between $1 and $2 order by i.tree_low, d.name"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    rows.iter().map(department_of_row).collect()
}

/// Adds a person.
///
/// # Errors
/// [`Error::Conflict`] when the employee number is taken.
pub async fn add_person(tx: &mut Tx, person: &Person) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into person (id, name, employee_number, title, phone, is_synthetic) values ($1, $2, $3, $4, $5, $6)"
        ),
        args![
            person.id.0,
            &person.name,
            &person.employee_number,
            person.title.key(),
            &person.phone,
            person.is_synthetic,
        ],
    )
    .await?;
    Ok(())
}

/// Gives a person a post.
///
/// # Errors
/// [`Error::Database`] when person or node are unknown.
pub async fn add_post(tx: &mut Tx, post: &Post) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into post (id, person_id, role, institution_id, department_id, from_on, until_on)
             values ($1, $2, $3, $4, $5, $6, $7)"
        ),
        args![
            post.id.0,
            post.person.0,
            &post.role,
            post.institution.0,
            post.department.map(|d| d.0),
            post.from_on,
            post.until_on,
        ],
    )
    .await?;
    Ok(())
}

/// Ends a post with `until_on` as its last day.
///
/// # Errors
/// [`Error::Stale`] when there is no such post, or when it had ended before `today`.
pub async fn end_post(tx: &mut Tx, post: PostId, until_on: Date, today: Date) -> Result<(), Error> {
    tx.execute_one(
        sql!("update post set until_on = $2 where id = $1 and coalesce(until_on, '9999-12-31') >= $3"),
        args![post.0, until_on, today],
    )
    .await
}

/// The person of an identifier.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn person(reader: &mut Reader, id: PersonId) -> Result<Person, Error> {
    person_of_row(&reader.one(sql!("select * from person where id = $1"), args![id.0]).await?)
}

fn person_of_row(row: &Row) -> Result<Person, Error> {
    Ok(Person {
        id: row.id("id")?,
        name: row.get("name")?,
        employee_number: row.get("employee_number")?,
        title: Title::from_key(&row.get::<String>("title")?),
        phone: row.get("phone")?,
        is_synthetic: row.get("is_synthetic")?,
    })
}

fn post_of_row(row: &Row) -> Result<Post, Error> {
    Ok(Post {
        id: row.id("post_id")?,
        person: row.id("person_id")?,
        role: row.get("role")?,
        institution: row.id("institution_id")?,
        department: row.optional_id("department_id")?,
        from_on: row.get("from_on")?,
        until_on: row.get("until_on")?,
    })
}

/// The post of an identifier.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn post(reader: &mut Reader, id: PostId) -> Result<Post, Error> {
    post_of_row(&reader.one(sql!("select *, id as post_id from post where id = $1"), args![id.0]).await?)
}

/// The department of an identifier.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn department(reader: &mut Reader, id: DepartmentId) -> Result<Department, Error> {
    department_of_row(&reader.one(sql!("select * from department where id = $1"), args![id.0]).await?)
}

fn department_of_row(row: &Row) -> Result<Department, Error> {
    Ok(Department {
        id: row.id("id")?,
        institution: row.id("institution_id")?,
        name: row.get("name")?,
        kind: row.get("kind")?,
    })
}

/// All posts of a person, past ones too, the newest term first.
///
/// # Errors
/// Whatever the store says.
pub async fn posts_of(reader: &mut Reader, person: PersonId) -> Result<Vec<Post>, Error> {
    let rows = reader
        .rows(sql!("select *, id as post_id from post where person_id = $1 order by from_on desc, id"), args![person.0])
        .await?;
    rows.iter().map(post_of_row).collect()
}

/// People with their posts at institutions inside `scope`, in tree order.
///
/// # Errors
/// Whatever the store says.
pub async fn staff(reader: &mut Reader, scope: Scope) -> Result<Vec<(Person, Post)>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select p.*, t.id as post_id, t.person_id, t.role, t.institution_id, t.department_id, t.from_on, t.until_on
                 from post t join person p on p.id = t.person_id join institution i on i.id = t.institution_id
                 where i.tree_low between $1 and $2 order by i.tree_low, t.role, p.employee_number, t.from_on"
            ),
            args![scope.low, scope.high],
        )
        .await?;
    rows.iter().map(|row| Ok((person_of_row(row)?, post_of_row(row)?))).collect()
}
