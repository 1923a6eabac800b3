//! Creates and revokes API keys.

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::{Action, Attribution};
use crate::brand::Brand;
use crate::customer::model::text;
use crate::http::api_keys::{NewKey, hash_key};
use crate::storage::StorageError;
use crate::storage::api_keys::{KeyRow, insert_key, list_keys};
use crate::storage::invalidation::LookupHash;
use crate::storage::pool::Pool;

/// A key was not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The label is too long, or has control characters.
    #[error("label must have 1 to 100 characters, and no control characters")]
    Label,
    /// The system provides no random bits.
    #[error("the operating system returned no random numbers")]
    Random,
    /// The brand already has a key with this id.
    #[error("the key was already created")]
    AlreadyCreated,
    /// No brand has a key with this id.
    #[error("there is no key with this id")]
    Unknown,
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A key that was just created.
pub struct CreatedKey {
    /// Its id.
    pub key_id: Uuid,
    /// The key itself, to show it once.
    pub key: NewKey,
}

/// The id, the purpose and the end of a new key.
#[derive(Debug, Clone, Copy)]
pub struct KeyTerms<'a> {
    /// Its id. A brand has no second key with the same id, so a form that is sent twice creates one key.
    pub key_id: Uuid,
    /// What the key is for.
    pub label: &'a str,
    /// When it expires. `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl<'a> KeyTerms<'a> {
    /// A new id for a key with this label, which never expires.
    #[must_use]
    pub fn new(label: &'a str) -> Self {
        Self { key_id: Uuid::now_v7(), label, expires_at: None }
    }
}

/// The id of the key that a form makes: sent twice, it makes one key. Who sends the form cannot choose the id.
#[must_use]
pub fn key_id_of_form(brand: &Brand, form: Uuid) -> Uuid {
    let LookupHash(hash) = LookupHash::new(&brand.secret, "key of a form", &form.to_string());
    uuid::Builder::from_random_bytes(hash).into_uuid()
}

/// Creates a key of a brand.
///
/// # Errors
/// If the label is not allowed, if the brand already has a key with the id, if there are no random bits, or if Postgres
/// fails.
pub async fn create_key(
    pool: &Pool,
    brand: &Brand,
    terms: KeyTerms<'_>,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<CreatedKey, KeyError> {
    let key = NewKey::generate().map_err(|_| KeyError::Random)?;
    let row = key_row(brand, terms, key.reveal(), now)?;
    let action = Action::new("create key", row.key_id.to_string());
    let entry = action.begin(pool, brand.id(), attribution, now).await?;
    if !insert_key(pool, &row).await? {
        entry.end("already created").await?;
        return Err(KeyError::AlreadyCreated);
    }
    entry.end("created").await?;
    Ok(CreatedKey { key_id: row.key_id, key })
}

/// Revokes a key. Its brand does not have to be in the settings. Returns whether it was valid until now.
///
/// # Errors
/// If no key has the id, or if Postgres fails.
pub async fn revoke_key(
    pool: &Pool,
    key_id: Uuid,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<bool, KeyError> {
    let keys = list_keys(pool).await?;
    let row = keys.into_iter().find(|row| row.key_id == key_id).ok_or(KeyError::Unknown)?;
    let action = Action::new("revoke key", key_id.to_string());
    let entry = action.begin(pool, row.brand_id, attribution, now).await?;
    let is_revoked = crate::storage::api_keys::revoke_key(pool, row.brand_id, key_id, now).await?;
    entry.end(if is_revoked { "revoked" } else { "already revoked" }).await?;
    Ok(is_revoked)
}

/// The database row of a new key: its hash, not the key.
///
/// # Errors
/// If the label is not allowed.
pub fn key_row(
    brand: &Brand,
    terms: KeyTerms<'_>,
    key: &str,
    now: Timestamp,
) -> Result<KeyRow, KeyError> {
    let KeyTerms { key_id, label, expires_at } = terms;
    if text::clean(label) != label || !(1..=100).contains(&label.chars().count()) {
        return Err(KeyError::Label);
    }
    Ok(KeyRow {
        brand_id: brand.id(),
        key_id,
        label: label.to_owned(),
        hash: hash_key(key.as_bytes()),
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
        last_rejected_at: None,
    })
}
