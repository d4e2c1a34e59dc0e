//! Local accounts: signing in, locking out, changing the password.
//!
//! INVARIANT: whether a login exists cannot be told from the answer, nor from the time it takes.

use serde::Deserialize;
use yiti_kernel::{SignedDuration, Timestamp};
use yiti_store::{Error, Reader, Row, Store, Tx, args, sql};

use crate::people::PersonId;
use crate::secrets;

/// The limits of accounts and sessions, a definition (`definitions/security.toml`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Where the limits come from.
    pub provenance: yiti_kernel::definition::Provenance,
    /// Wrong passwords in a row before the account is locked.
    pub failed_count_max: u32,
    /// How long it is locked the first time; each further wrong password doubles it.
    pub locked_minutes: u32,
    /// Characters a password must have.
    pub password_length_min: usize,
    /// A session ends after so many minutes without a click.
    pub session_idle_minutes: u32,
    /// A session ends after so many minutes in any case.
    pub session_minutes_max: u32,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Login or password are wrong, or the account is disabled.
    #[error("login or password are wrong")]
    Wrong,
    /// Too many wrong passwords.
    #[error("the account is locked until {until}")]
    Locked {
        /// When it opens again.
        until: Timestamp,
    },
    /// The person holds no post today.
    #[error("the person holds no post today")]
    NoPost,
    /// The new password is too short.
    #[error("a password has at least {length_min} characters")]
    TooShort {
        /// Characters it must have.
        length_min: usize,
    },
    /// No secret could be made.
    #[error(transparent)]
    Secret(#[from] secrets::NoSecret),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Opens an account, or replaces its login and password.
///
/// # Errors
/// [`Error::Conflict`] when the login is taken.
pub async fn set_account(
    tx: &mut Tx,
    person: PersonId,
    login: &str,
    password_hash: &str,
    must_change: bool,
) -> Result<(), Error> {
    tx.execute(
        sql!(
            "insert into account (person_id, login, password_hash, failed_count, locked_until, is_disabled, must_change)
             values ($1, $2, $3, 0, null, 0, $4)
             on conflict (person_id) do update set login = excluded.login, password_hash = excluded.password_hash,
                 failed_count = 0, locked_until = null, must_change = excluded.must_change"
        ),
        args![person.0, login, password_hash, must_change],
    )
    .await?;
    Ok(())
}

/// The hash of a password; slow on purpose, so it runs beside the server's tasks.
///
/// # Errors
/// [`Refused::TooShort`] when it has fewer than `length_min` characters.
pub async fn hash(password: &str, length_min: usize) -> Result<String, Refused> {
    if password.chars().count() < length_min {
        return Err(Refused::TooShort { length_min });
    }
    let password = password.to_owned();
    let hash = tokio::task::spawn_blocking(move || secrets::hash_password(&password)).await;
    Ok(hash.map_err(|_| Error::Panicked)??)
}

/// How long an account stays locked after its `failed_count`-th wrong password in a row; `None` when it stays open.
#[must_use]
pub fn lock_duration(failed_count: u32, limits: &Limits) -> Option<SignedDuration> {
    let over = failed_count.checked_sub(limits.failed_count_max)?;
    let minutes = i64::from(limits.locked_minutes) << over.min(8);
    Some(SignedDuration::from_mins(minutes))
}

/// Checks login and password.
///
/// # Errors
/// [`Refused::Wrong`] or [`Refused::Locked`]; each wrong password is counted before the answer is given.
pub async fn check(
    store: &Store,
    login: &str,
    password: &str,
    now: Timestamp,
    limits: &Limits,
) -> Result<PersonId, Refused> {
    let row = {
        let mut reader = store.read().await?;
        reader.row(sql!("select * from account where login = $1"), args![login]).await?
    };
    let Some(row) = row else {
        // As much work as for a login that exists.
        drop(hash("no such login, but the same work", 0).await);
        return Err(Refused::Wrong);
    };
    let person: PersonId = row.id("person_id")?;
    let locked_until: Option<Timestamp> = row.get("locked_until")?;
    let (stored, given) = (row.get::<String>("password_hash")?, password.to_owned());
    let fits = tokio::task::spawn_blocking(move || secrets::password_fits(&given, &stored));
    let fits = fits.await.map_err(|_| Error::Panicked)?;
    if let Some(until) = locked_until.filter(|until| *until > now) {
        return Err(Refused::Locked { until });
    }
    if row.get::<bool>("is_disabled")? {
        return Err(Refused::Wrong);
    }
    let limits = limits.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                if fits {
                    tx.execute(
                        sql!("update account set failed_count = 0, locked_until = null where person_id = $1"),
                        args![person.0],
                    )
                    .await?;
                    return Ok(Ok(person));
                }
                let row =
                    tx.one(sql!("select failed_count from account where person_id = $1"), args![person.0]).await?;
                let failed_count = row.get::<u32>("failed_count")?.saturating_add(1);
                let until = lock_duration(failed_count, &limits).map(|by| now + by);
                tx.execute(
                    sql!("update account set failed_count = $2, locked_until = $3 where person_id = $1"),
                    args![person.0, failed_count, until],
                )
                .await?;
                Ok::<_, Error>(Err(until.map_or(Refused::Wrong, |until| Refused::Locked { until })))
            })
        })
        .await?
}

/// True when the person's password is `password`.
///
/// # Errors
/// Whatever the store says.
pub async fn password_is(store: &Store, person: PersonId, password: &str) -> Result<bool, Error> {
    let row = store
        .read()
        .await?
        .one(sql!("select password_hash from account where person_id = $1"), args![person.0])
        .await?;
    let (stored, given) = (row.get::<String>("password_hash")?, password.to_owned());
    tokio::task::spawn_blocking(move || secrets::password_fits(&given, &stored)).await.map_err(|_| Error::Panicked)
}

/// An account as the administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose it is.
    pub person: PersonId,
    /// What they type.
    pub login: String,
    /// Locked after wrong passwords until then.
    pub locked_until: Option<Timestamp>,
    /// Closed by the administrator.
    pub is_disabled: bool,
    /// The password was given out by someone else: nothing may be done before it is changed.
    pub must_change: bool,
}

fn account_of_row(row: &Row) -> Result<Account, Error> {
    Ok(Account {
        person: row.id("person_id")?,
        login: row.get("login")?,
        locked_until: row.get("locked_until")?,
        is_disabled: row.get("is_disabled")?,
        must_change: row.get("must_change")?,
    })
}

/// Accounts in the order of their logins.
///
/// # Errors
/// Whatever the store says.
pub async fn accounts(reader: &mut Reader) -> Result<Vec<Account>, Error> {
    let rows = reader.rows(sql!("select * from account order by login"), args![]).await?;
    rows.iter().map(account_of_row).collect()
}

/// The account of a person; `None` while they have none.
///
/// # Errors
/// Whatever the store says.
pub async fn account(reader: &mut Reader, person: PersonId) -> Result<Option<Account>, Error> {
    let row = reader.row(sql!("select * from account where person_id = $1"), args![person.0]).await?;
    row.as_ref().map(account_of_row).transpose()
}

/// Groups of four characters that a one-time password has at least: 60 bits.
const ONE_TIME_GROUPS_MIN: usize = 3;

/// A password to be given out and changed at the first sign-in: groups of four characters that can be read aloud, at
/// least as long as the limits ask.
///
/// # Errors
/// [`secrets::NoSecret`] when the operating system gives no random bytes.
pub fn one_time_password(length_min: usize) -> Result<String, secrets::NoSecret> {
    let mut password = secrets::code::<4>()?;
    for _ in 1..ONE_TIME_GROUPS_MIN.max(length_min.div_ceil(5)) {
        password.push('-');
        password.push_str(&secrets::code::<4>()?);
    }
    Ok(password)
}

/// Closes an account, or opens a closed one again.
///
/// # Errors
/// [`Error::Stale`] when there is no such account, or when it is so already.
pub async fn set_disabled(tx: &mut Tx, person: PersonId, is_disabled: bool) -> Result<(), Error> {
    tx.execute_one(
        sql!("update account set is_disabled = $2 where person_id = $1 and is_disabled <> $2"),
        args![person.0, is_disabled],
    )
    .await
}

/// Opens a locked account again.
///
/// # Errors
/// [`Error::Stale`] when there is no such account, or when it is not locked.
pub async fn unlock(tx: &mut Tx, person: PersonId) -> Result<(), Error> {
    tx.execute_one(
        sql!(
            "update account set failed_count = 0, locked_until = null where person_id = $1 and locked_until is not null"
        ),
        args![person.0],
    )
    .await
}
