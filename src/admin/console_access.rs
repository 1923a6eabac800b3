//! Who gets into the console: links that work once, and the sessions that they begin.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::audit::{Action, Attribution, Via};
use super::role::Role;
use crate::brand::Brand;
use crate::customer::model::text;
use crate::storage::StorageError;
use crate::storage::console_access::{
    LinkRow, SecretHash, SessionEnds, SessionRow, delete_ended_sessions, delete_session,
    find_session, insert_link, insert_session, list_sessions, take_link, touch_session,
};
use crate::storage::pool::Pool;

/// How long a link works.
pub const LINK_MINUTES: i64 = 15;

/// How long a session lasts at most.
pub const SESSION_HOURS: i64 = 12;

/// After this time without a page, a session is over.
pub const IDLE_MINUTES: i64 = 30;

/// How exact the last use of a session is.
const LAST_USE_PRECISION: SignedDuration = SignedDuration::from_mins(1);

/// Access was not given.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The name is too long, or has control characters.
    #[error("the person's name must have 1 to 100 characters, and no control characters")]
    Person,
    /// The system provides no random bits.
    #[error("the operating system returned no random numbers")]
    Random,
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A secret of 256 random bits, which is shown once: the code of a link, or the value of a cookie.
pub struct AccessSecret(String);

impl AccessSecret {
    fn generate() -> Result<Self, AccessError> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits).map_err(|_| AccessError::Random)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// The secret as text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The name of a link in the audit log: the beginning of its code's hash.
fn link_name(code: &str) -> String {
    let name: String = hash(code).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("link {name}")
}

fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// A person in the console.
#[derive(Debug, Clone)]
pub struct Member {
    /// The public id of the session.
    pub session_id: Uuid,
    /// What the person may do.
    pub role: Role,
    /// The person, as the audit log names them.
    pub person: String,
}

/// Creates a link for a person. Returns its code.
///
/// # Errors
/// If the name is not allowed, if there are no random bits, or if Postgres fails.
pub async fn create_link(
    pool: &Pool,
    brand: &Brand,
    (role, person): (Role, &str),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<AccessSecret, AccessError> {
    if text::clean(person) != person || !(1..=100).contains(&person.chars().count()) {
        return Err(AccessError::Person);
    }
    let code = AccessSecret::generate()?;
    let link = LinkRow {
        code_hash: hash(code.reveal()),
        role: role.as_str().to_owned(),
        person: person.to_owned(),
        expires_at: now.saturating_add(SignedDuration::from_mins(LINK_MINUTES)).unwrap_or(now),
    };
    let mut transaction = pool.begin().await.map_err(StorageError::from)?;
    insert_link(&mut transaction, brand.id(), &link, now).await?;
    let action = Action::new("create console link", link_name(code.reveal()));
    let outcome = format!("created, for {person}, role {role}");
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await.map_err(StorageError::from)?;
    Ok(code)
}

/// Begins a session with the code of a link. `None` if the code is unknown, used or too old.
///
/// # Errors
/// If there are no random bits, or if Postgres fails.
pub async fn log_in(
    pool: &Pool,
    brand: &Brand,
    code: &str,
    now: Timestamp,
) -> Result<Option<AccessSecret>, AccessError> {
    let token = AccessSecret::generate()?;
    let mut transaction = pool.begin().await.map_err(StorageError::from)?;
    let taken = take_link(&mut transaction, brand.id(), &hash(code), now).await?;
    let Some((role, person)) = taken else { return Ok(None) };
    let session =
        SessionRow { session_id: Uuid::now_v7(), role, person, created_at: now, last_used_at: now };
    delete_ended_sessions(&mut transaction, brand.id(), ends(now)).await?;
    insert_session(&mut transaction, brand.id(), &session, &hash(token.reveal())).await?;
    let action = Action::new("log in", session.session_id.to_string());
    let attribution = Attribution { by: &session.person, reason: "", via: Via::Console };
    let outcome = format!("role {}, with {}", session.role, link_name(code));
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await.map_err(StorageError::from)?;
    Ok(Some(token))
}

/// The person with a cookie, if their session goes on. Its last use is stored if the person is at work.
///
/// # Errors
/// If Postgres fails.
pub async fn find_member(
    pool: &Pool,
    brand: &Brand,
    token: &str,
    is_at_work: bool,
    now: Timestamp,
) -> Result<Option<Member>, StorageError> {
    let found = find_session(pool, brand.id(), &hash(token), ends(now)).await?;
    let Some(session) = found else { return Ok(None) };
    if is_at_work && now.duration_since(session.last_used_at) >= LAST_USE_PRECISION {
        touch_session(pool, brand.id(), session.session_id, now).await?;
    }
    let SessionRow { session_id, person, .. } = session;
    Ok(session.role.parse().ok().map(|role| Member { session_id, role, person }))
}

/// The sessions that go on, the newest first.
///
/// # Errors
/// If Postgres fails.
pub async fn sessions(
    pool: &Pool,
    brand: &Brand,
    now: Timestamp,
) -> Result<Vec<SessionRow>, StorageError> {
    list_sessions(pool, brand.id(), ends(now)).await
}

/// Ends a session. Returns whether there was one.
///
/// # Errors
/// If Postgres fails.
pub async fn end_session(
    pool: &Pool,
    brand: &Brand,
    session_id: Uuid,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let mut transaction = pool.begin().await?;
    let ended = delete_session(&mut transaction, brand.id(), session_id).await?;
    if ended.is_some() {
        let action = Action::new("end console session", session_id.to_string());
        action.done_in(&mut transaction, brand.id(), (attribution, now), "ended").await?;
    }
    transaction.commit().await?;
    Ok(ended.is_some())
}

fn ends(now: Timestamp) -> SessionEnds {
    let before = |minutes| now.saturating_sub(SignedDuration::from_mins(minutes)).unwrap_or(now);
    SessionEnds {
        began_before: before(SESSION_HOURS.saturating_mul(60)),
        used_before: before(IDLE_MINUTES),
    }
}
