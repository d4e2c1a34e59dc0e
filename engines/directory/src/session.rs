//! Server-side sessions: an opaque token in a cookie, its hash in the store.

use yiti_kernel::{Lang, SignedDuration, Timestamp};
use yiti_store::{Error, Reader, Store, Tx, args, sql};

use crate::people::{PersonId, PostId};
use crate::secrets;
use crate::sign_in::{Limits, Refused};

/// How often the last click of a session is written down.
const SEEN_EVERY_MINUTES: i64 = 1;

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The key in the store.
    pub token_hash: Vec<u8>,
    /// Who is signed in.
    pub person: PersonId,
    /// The post in which they act.
    pub post: PostId,
    /// The language of their pages.
    pub lang: Lang,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
}

/// Opens a session and returns the token for the cookie.
///
/// # Errors
/// [`Refused::Secret`] or what the store says.
pub async fn open(
    store: &Store,
    (person, post, lang): (PersonId, PostId, Lang),
    user_agent: &str,
    now: Timestamp,
    limits: &Limits,
) -> Result<String, Refused> {
    let token = secrets::token()?;
    let hash = secrets::token_hash(&token);
    let expires_at = now + SignedDuration::from_mins(i64::from(limits.session_minutes_max));
    let user_agent: String = user_agent.chars().take(200).collect();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    sql!(
                        "insert into session (token_hash, person_id, post_id, lang, created_at, seen_at, expires_at,
                             ended_at, user_agent) values ($1, $2, $3, $4, $5, $5, $6, null, $7)"
                    ),
                    args![hash, person.0, post.0, lang.tag(), now, expires_at, user_agent],
                )
                .await?;
                Ok::<_, Error>(())
            })
        })
        .await?;
    Ok(token)
}

/// The session of a token, `None` when it never was, has ended, or slept too long.
///
/// # Errors
/// Whatever the store says.
pub async fn find(store: &Store, token: &str, now: Timestamp, limits: &Limits) -> Result<Option<Session>, Error> {
    let hash = secrets::token_hash(token);
    let row = {
        let mut reader = store.read().await?;
        reader
            .row(sql!("select * from session where token_hash = $1 and ended_at is null"), args![hash.clone()])
            .await?
    };
    let Some(row) = row else { return Ok(None) };
    let (seen_at, expires_at): (Timestamp, Timestamp) = (row.get("seen_at")?, row.get("expires_at")?);
    let idle_max = SignedDuration::from_mins(i64::from(limits.session_idle_minutes));
    if now >= expires_at || now.duration_since(seen_at) >= idle_max {
        return Ok(None);
    }
    if now.duration_since(seen_at) >= SignedDuration::from_mins(SEEN_EVERY_MINUTES) {
        let hash = hash.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(sql!("update session set seen_at = $2 where token_hash = $1"), args![hash, now]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
    }
    Ok(Some(Session {
        token_hash: hash,
        person: row.id("person_id")?,
        post: row.id("post_id")?,
        lang: Lang::from_tag(&row.get::<String>("lang")?).unwrap_or_default(),
        created_at: row.get("created_at")?,
        expires_at,
    }))
}

/// Ends a session.
///
/// # Errors
/// Whatever the store says.
pub async fn end(tx: &mut Tx, session: &Session, now: Timestamp) -> Result<(), Error> {
    tx.execute(sql!("update session set ended_at = $2 where token_hash = $1"), args![session.token_hash.clone(), now])
        .await?;
    Ok(())
}

/// Ends all sessions of a person but `keep`.
///
/// # Errors
/// Whatever the store says.
pub async fn end_others(tx: &mut Tx, person: PersonId, keep: &[u8], now: Timestamp) -> Result<(), Error> {
    tx.execute(
        sql!("update session set ended_at = $3 where person_id = $1 and token_hash <> $2 and ended_at is null"),
        args![person.0, keep, now],
    )
    .await?;
    Ok(())
}

/// Ends all sessions of a person.
///
/// # Errors
/// Whatever the store says.
pub async fn end_all(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<(), Error> {
    // No token has an empty hash.
    end_others(tx, person, &[], now).await
}

/// Changes the post in which a session acts.
///
/// # Errors
/// [`Error::Stale`] when the session is gone.
pub async fn set_post(tx: &mut Tx, session: &Session, post: PostId) -> Result<(), Error> {
    tx.execute_one(
        sql!("update session set post_id = $2 where token_hash = $1"),
        args![session.token_hash.clone(), post.0],
    )
    .await
}

/// Changes the language of a session.
///
/// # Errors
/// [`Error::Stale`] when the session is gone.
pub async fn set_lang(tx: &mut Tx, session: &Session, lang: Lang) -> Result<(), Error> {
    tx.execute_one(
        sql!("update session set lang = $2 where token_hash = $1"),
        args![session.token_hash.clone(), lang.tag()],
    )
    .await
}

/// How many sessions are open at `now`.
///
/// # Errors
/// Whatever the store says.
pub async fn open_count(reader: &mut Reader, now: Timestamp) -> Result<i64, Error> {
    reader
        .one(sql!("select count(*) as n from session where ended_at is null and expires_at > $1"), args![now])
        .await?
        .get("n")
}
