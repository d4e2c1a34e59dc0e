//! The duty rota and leave. Who is on duty is asked by assignment rules, which follow.

use yiti_kernel::{Timestamp, Uuid};
use yiti_store::{Error, Reader, Row, Tx, args, sql};

use crate::institution::DepartmentId;
use crate::people::PersonId;

/// One shift of one person.
#[derive(Debug, Clone)]
pub struct Duty {
    /// Identifier.
    pub id: Uuid,
    /// The department on whose rota it stands.
    pub department: DepartmentId,
    /// Who is on duty.
    pub person: PersonId,
    /// Kind of shift: `day`, `night`, `second_line`.
    pub kind: String,
    /// Begin.
    pub starts_at: Timestamp,
    /// End, not included.
    pub ends_at: Timestamp,
}

/// A time in which a person is away.
#[derive(Debug, Clone)]
pub struct Leave {
    /// Identifier.
    pub id: Uuid,
    /// Who is away.
    pub person: PersonId,
    /// Why: `annual`, `sick`, `training`, `dispatch`.
    pub reason: String,
    /// Begin.
    pub starts_at: Timestamp,
    /// End, not included.
    pub ends_at: Timestamp,
}

/// Puts a shift on the rota.
///
/// # Errors
/// [`Error::Conflict`] when the person has that shift already.
pub async fn add(tx: &mut Tx, duty: &Duty) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into duty (id, department_id, person_id, kind, starts_at, ends_at) values ($1, $2, $3, $4, $5, $6)"
        ),
        args![duty.id, duty.department.0, duty.person.0, &duty.kind, duty.starts_at, duty.ends_at],
    )
    .await?;
    Ok(())
}

/// The shift of an identifier.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn get(reader: &mut Reader, id: Uuid) -> Result<Duty, Error> {
    of_row(&reader.one(sql!("select * from duty where id = $1"), args![id]).await?)
}

fn of_row(row: &Row) -> Result<Duty, Error> {
    Ok(Duty {
        id: row.get("id")?,
        department: row.id("department_id")?,
        person: row.id("person_id")?,
        kind: row.get("kind")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
    })
}

/// Takes a shift off the rota.
///
/// # Errors
/// [`Error::Stale`] when it is gone already.
pub async fn remove(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    tx.execute_one(sql!("delete from duty where id = $1"), args![id]).await
}

/// Enters a leave.
///
/// # Errors
/// [`Error::Database`] when the end does not lie after the begin.
pub async fn add_leave(tx: &mut Tx, leave: &Leave) -> Result<(), Error> {
    tx.execute(
        sql!("insert into leave (id, person_id, reason, starts_at, ends_at) values ($1, $2, $3, $4, $5)"),
        args![leave.id, leave.person.0, &leave.reason, leave.starts_at, leave.ends_at],
    )
    .await?;
    Ok(())
}

/// The shifts of a department that touch the time from `from` to `until`, earliest first.
///
/// # Errors
/// Whatever the store says.
pub async fn rota(
    reader: &mut Reader,
    department: DepartmentId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Duty>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select * from duty where department_id = $1 and starts_at < $3 and ends_at > $2
                 order by starts_at, kind, person_id"
            ),
            args![department.0, from, until],
        )
        .await?;
    rows.iter().map(of_row).collect()
}

/// Leave of people who hold a post in a department, touching the time from `from` to `until`.
///
/// # Errors
/// Whatever the store says.
pub async fn leaves(
    reader: &mut Reader,
    department: DepartmentId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leave>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select * from leave where starts_at < $3 and ends_at > $2
                 and person_id in (select person_id from post where department_id = $1) order by starts_at, person_id"
            ),
            args![department.0, from, until],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Leave {
                id: row.get("id")?,
                person: row.id("person_id")?,
                reason: row.get("reason")?,
                starts_at: row.get("starts_at")?,
                ends_at: row.get("ends_at")?,
            })
        })
        .collect()
}

/// Who of a department is on duty at `at` and not away.
///
/// # Errors
/// Whatever the store says.
pub async fn on_duty(reader: &mut Reader, department: DepartmentId, at: Timestamp) -> Result<Vec<PersonId>, Error> {
    let rows = reader
        .rows(
            sql!(
                "select distinct person_id from duty d where department_id = $1 and starts_at <= $2 and ends_at > $2
                 and not exists (select 1 from leave l where l.person_id = d.person_id and l.starts_at <= $2
                     and l.ends_at > $2) order by person_id"
            ),
            args![department.0, at],
        )
        .await?;
    rows.iter().map(|row| row.id("person_id")).collect()
}
