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
    delete_session_of_token, find_session, insert_link, insert_session, list_sessions, take_link,
    touch_session,
};
use crate::storage::pool::{Connection, Pool};

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
    pub(super) fn generate() -> Result<Self, AccessError> {
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

/// A name for a secret or an id in the audit log: the beginning of its hash.
pub(super) fn short_name(secret: &str) -> String {
    hash(secret).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The name of a link in the audit log.
fn link_name(code: &str) -> String {
    format!("link {}", short_name(code))
}

/// SHA-256 of a secret, as it is stored.
pub(super) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// The name of a person in the audit log.
pub(super) fn is_name(person: &str) -> bool {
    text::clean(person) == person && (1..=MAX_NAME_CHARACTERS).contains(&person.chars().count())
}

/// The longest name of a person.
pub(super) const MAX_NAME_CHARACTERS: usize = 100;

/// How a person came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameBy {
    /// With a link that works once.
    Link,
    /// With the password of an account.
    Password,
    /// With the login provider.
    Provider,
}

impl CameBy {
    const ALL: [Self; 3] = [Self::Link, Self::Password, Self::Provider];

    /// The name in commands and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Password => "password",
            Self::Provider => "provider",
        }
    }
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
    /// How they came in.
    pub came_by: CameBy,
    /// Their account, if they have one here.
    pub account_id: Option<Uuid>,
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
    if !is_name(person) {
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

/// Begins a session with the code of a link. `None` if the code is unknown, used or too old. `replaces` is the cookie
/// that the browser had before.
///
/// # Errors
/// If there are no random bits, or if Postgres fails.
pub async fn log_in(
    pool: &Pool,
    brand: &Brand,
    code: &str,
    replaces: Option<&str>,
    now: Timestamp,
) -> Result<Option<AccessSecret>, AccessError> {
    let mut transaction = pool.begin().await.map_err(StorageError::from)?;
    let taken = take_link(&mut transaction, brand.id(), &hash(code), now).await?;
    let Some((role, person)) = taken else {
        transaction.rollback().await.map_err(StorageError::from)?;
        return Ok(None);
    };
    let entrant = Entrant {
        role,
        person,
        came_by: CameBy::Link,
        account_id: None,
        with: link_name(code),
        replaces,
    };
    let token = begin_session(&mut transaction, brand, entrant, now).await?;
    transaction.commit().await.map_err(StorageError::from)?;
    Ok(Some(token))
}

/// A person who may come in.
pub(super) struct Entrant<'a> {
    pub(super) role: String,
    pub(super) person: String,
    pub(super) came_by: CameBy,
    pub(super) account_id: Option<Uuid>,
    /// What they came in with, for the audit log.
    pub(super) with: String,
    /// The cookie that the browser had before. Its session ends.
    pub(super) replaces: Option<&'a str>,
}

/// Begins a session. Returns the value of its cookie.
pub(super) async fn begin_session(
    db: &mut Connection,
    brand: &Brand,
    entrant: Entrant<'_>,
    now: Timestamp,
) -> Result<AccessSecret, AccessError> {
    let token = AccessSecret::generate()?;
    let session = SessionRow {
        session_id: Uuid::now_v7(),
        role: entrant.role,
        person: entrant.person,
        came_by: entrant.came_by.as_str().to_owned(),
        account_id: entrant.account_id,
        created_at: now,
        last_used_at: now,
    };
    let attribution = Attribution { by: &session.person, reason: "", via: Via::Console };
    let replaced = match entrant.replaces {
        Some(old) => delete_session_of_token(db, brand.id(), &hash(old)).await?,
        None => None,
    };
    if let Some((replaced, person)) = replaced {
        let action = Action::new("end console session", replaced.to_string());
        let outcome =
            format!("ended: the session of {person}; somebody logged in with the same browser");
        action.done_in(db, brand.id(), (attribution, now), &outcome).await?;
    }
    delete_ended_sessions(db, brand.id(), ends(now)).await?;
    insert_session(db, brand.id(), &session, &hash(token.reveal())).await?;
    let action = Action::new("log in", session.session_id.to_string());
    let outcome = format!("role {}, with {}", session.role, entrant.with);
    action.done_in(db, brand.id(), (attribution, now), &outcome).await?;
    Ok(token)
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
    let SessionRow { session_id, person, account_id, .. } = session;
    let came_by = CameBy::ALL.into_iter().find(|came_by| came_by.as_str() == session.came_by);
    let member = session.role.parse().ok().zip(came_by);
    Ok(member.map(|(role, came_by)| Member { session_id, role, person, came_by, account_id }))
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
    if let Some(person) = &ended {
        let action = Action::new("end console session", session_id.to_string());
        let outcome = format!("ended: the session of {person}");
        action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
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
