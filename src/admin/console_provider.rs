//! Getting into the console with the login provider: a log-in that begins and ends once, and its sessions.

use jiff::{SignedDuration, Timestamp};

use super::console_access::{
    AccessError, AccessSecret, CameBy, Entrant, MAX_NAME_CHARACTERS, begin_session, hash,
    short_name,
};
use super::role::Role;
use crate::brand::Brand;
use crate::customer::model::text;
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::provider_log_ins::{insert_log_in, take_log_in};

/// How long a person may take at the login provider.
pub const LOG_IN_MINUTES: i64 = 10;

/// Begins a log-in. Returns the value of its cookie.
///
/// # Errors
/// If there are no random bits, or if Postgres fails.
pub async fn begin_provider_log_in(
    pool: &Pool,
    now: Timestamp,
) -> Result<AccessSecret, AccessError> {
    let cookie = AccessSecret::generate()?;
    let lasts = SignedDuration::from_mins(LOG_IN_MINUTES);
    let expires_at = now.saturating_add(lasts).unwrap_or(now);
    insert_log_in(pool, &hash(cookie.reveal()), expires_at, now).await?;
    Ok(cookie)
}

/// Ends a log-in. Returns whether it was open: it ends once, and only in time.
///
/// # Errors
/// If Postgres fails.
pub async fn end_provider_log_in(
    pool: &Pool,
    cookie: &str,
    now: Timestamp,
) -> Result<bool, StorageError> {
    take_log_in(pool, &hash(cookie), now).await
}

/// What a person may do in a brand.
pub struct ProvidedRole<'a> {
    /// The brand.
    pub brand: &'a Brand,
    /// What they may do.
    pub role: Role,
    /// The cookie that the browser had before.
    pub replaces: Option<String>,
}

/// Begins a session in each brand, or in none. Returns the values of their cookies, in the same order.
///
/// # Errors
/// If there are no random bits, or if Postgres fails.
pub async fn enter_from_provider(
    pool: &Pool,
    (name, subject): (&str, &str),
    roles: &[ProvidedRole<'_>],
    now: Timestamp,
) -> Result<Vec<AccessSecret>, AccessError> {
    // Two people may have one name, and people can change theirs. So each name has what tells them apart, without the id
    // that the provider has for them.
    let person = format!("person {}", short_name(subject));
    let room = MAX_NAME_CHARACTERS.saturating_sub(person.len().saturating_add(3));
    let shown: String = text::clean(name).chars().take(room).collect();
    let shown = if shown.is_empty() { person.clone() } else { format!("{shown} ({person})") };
    let mut transaction = pool.begin().await.map_err(StorageError::from)?;
    let mut tokens = Vec::new();
    for ProvidedRole { brand, role, replaces } in roles {
        let entrant = Entrant {
            role: role.as_str().to_owned(),
            person: shown.clone(),
            came_by: CameBy::Provider,
            account_id: None,
            with: format!("the login provider, {person}"),
            replaces: replaces.as_deref(),
        };
        tokens.push(begin_session(&mut transaction, brand, entrant, now).await?);
    }
    transaction.commit().await.map_err(StorageError::from)?;
    Ok(tokens)
}
