//! Links to the console, and the sessions of people in it. Only hashes of their secrets are stored.

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::pool::{Connection, Pool};

type Time = jiff_sqlx::Timestamp;

/// SHA-256 of a secret.
pub type SecretHash = [u8; 32];

/// A link that works once.
pub struct LinkRow {
    /// Hash of the code in the link.
    pub code_hash: SecretHash,
    /// What its person may do.
    pub role: String,
    /// The person that it is for.
    pub person: String,
    /// When it stops to work.
    pub expires_at: Timestamp,
}

/// A session of a person.
pub struct SessionRow {
    /// Its public id.
    pub session_id: Uuid,
    /// What its person may do.
    pub role: String,
    /// The person.
    pub person: String,
    /// How they came in: link, password or provider.
    pub came_by: String,
    /// Their account. `None` for a link and for the login provider.
    pub account_id: Option<Uuid>,
    /// When the person came in.
    pub created_at: Timestamp,
    /// When the person last opened a page, to within a minute.
    pub last_used_at: Timestamp,
}

/// Stores a link, and removes those whose time is over.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_link(
    db: &mut Connection,
    brand_id: i32,
    link: &LinkRow,
    now: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query("delete from console_links where brand_id = $1 and expires_at <= $2")
        .bind(brand_id)
        .bind(Time::from(now))
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "insert into console_links (brand_id, code_hash, role, person, expires_at)
        values ($1, $2, $3, $4, $5)",
    )
    .bind(brand_id)
    .bind(link.code_hash.as_slice())
    .bind(&link.role)
    .bind(&link.person)
    .bind(Time::from(link.expires_at))
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a link: it does not work a second time. Returns its role and its person.
///
/// # Errors
/// When Postgres fails.
pub async fn take_link(
    db: &mut Connection,
    brand_id: i32,
    code_hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<(String, String)>, StorageError> {
    let taken = sqlx::query_as(
        "delete from console_links where brand_id = $1 and code_hash = $2 and expires_at > $3
        returning role, person",
    );
    let taken = taken.bind(brand_id).bind(code_hash.as_slice()).bind(Time::from(now));
    Ok(taken.fetch_optional(db).await?)
}

/// Stores a session.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_session(
    db: &mut Connection,
    brand_id: i32,
    session: &SessionRow,
    token_hash: &SecretHash,
) -> Result<(), StorageError> {
    sqlx::query(
        "insert into console_sessions
            (brand_id, session_id, token_hash, role, person, came_by, account_id, created_at, last_used_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(brand_id)
    .bind(session.session_id)
    .bind(token_hash.as_slice())
    .bind(&session.role)
    .bind(&session.person)
    .bind(&session.came_by)
    .bind(session.account_id)
    .bind(Time::from(session.created_at))
    .bind(Time::from(session.last_used_at))
    .execute(db)
    .await?;
    Ok(())
}

/// The times before which sessions are over.
#[derive(Clone, Copy)]
pub struct SessionEnds {
    /// Those that began before this time.
    pub began_before: Timestamp,
    /// Those that were last used before this time.
    pub used_before: Timestamp,
}

type Columns = (Uuid, String, String, String, Option<Uuid>, Time, Time);

fn session(columns: Columns) -> SessionRow {
    let (session_id, role, person, came_by, account_id, created_at, last_used_at) = columns;
    let (created_at, last_used_at) = (created_at.to_jiff(), last_used_at.to_jiff());
    SessionRow { session_id, role, person, came_by, account_id, created_at, last_used_at }
}

/// The session with a cookie, if it goes on. If it is of an account, its role is that of the account now.
///
/// # Errors
/// When Postgres fails.
pub async fn find_session(
    pool: &Pool,
    brand_id: i32,
    token_hash: &SecretHash,
    ends: SessionEnds,
) -> Result<Option<SessionRow>, StorageError> {
    let found: Option<Columns> = sqlx::query_as(
        "select session_id, coalesce(account.role, session.role), person, came_by, session.account_id,
            session.created_at, last_used_at
        from console_sessions session
        left join console_accounts account using (brand_id, account_id)
        where brand_id = $1 and token_hash = $2 and session.created_at >= $3 and last_used_at >= $4",
    )
    .bind(brand_id)
    .bind(token_hash.as_slice())
    .bind(Time::from(ends.began_before))
    .bind(Time::from(ends.used_before))
    .fetch_optional(pool)
    .await?;
    Ok(found.map(session))
}

/// Stores that a session is used.
///
/// # Errors
/// When Postgres fails.
pub async fn touch_session(
    pool: &Pool,
    brand_id: i32,
    session_id: Uuid,
    now: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query(
        "update console_sessions set last_used_at = $3 where brand_id = $1 and session_id = $2",
    )
    .bind(brand_id)
    .bind(session_id)
    .bind(Time::from(now))
    .execute(pool)
    .await?;
    Ok(())
}

/// The sessions that go on, the newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_sessions(
    pool: &Pool,
    brand_id: i32,
    ends: SessionEnds,
) -> Result<Vec<SessionRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select session_id, coalesce(account.role, session.role), person, came_by, session.account_id,
            session.created_at, last_used_at
        from console_sessions session
        left join console_accounts account using (brand_id, account_id)
        where brand_id = $1 and session.created_at >= $2 and last_used_at >= $3
        order by session.created_at desc, session_id",
    )
    .bind(brand_id)
    .bind(Time::from(ends.began_before))
    .bind(Time::from(ends.used_before))
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(session).collect())
}

/// Ends a session. Returns its person if there was one.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_session(
    db: &mut Connection,
    brand_id: i32,
    session_id: Uuid,
) -> Result<Option<String>, StorageError> {
    let deleted: Option<(String,)> = sqlx::query_as(
        "delete from console_sessions where brand_id = $1 and session_id = $2 returning person",
    )
    .bind(brand_id)
    .bind(session_id)
    .fetch_optional(db)
    .await?;
    Ok(deleted.map(|(person,)| person))
}

/// Ends the session with a cookie. Returns its id and its person if there was one.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_session_of_token(
    db: &mut Connection,
    brand_id: i32,
    token_hash: &SecretHash,
) -> Result<Option<(Uuid, String)>, StorageError> {
    let deleted = sqlx::query_as(
        "delete from console_sessions where brand_id = $1 and token_hash = $2 returning session_id, person",
    );
    Ok(deleted.bind(brand_id).bind(token_hash.as_slice()).fetch_optional(db).await?)
}

/// Removes sessions that are over.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_ended_sessions(
    db: &mut Connection,
    brand_id: i32,
    ends: SessionEnds,
) -> Result<(), StorageError> {
    sqlx::query(
        "delete from console_sessions where brand_id = $1 and (created_at < $2 or last_used_at < $3)",
    )
    .bind(brand_id)
    .bind(Time::from(ends.began_before))
    .bind(Time::from(ends.used_before))
    .execute(db)
    .await?;
    Ok(())
}
