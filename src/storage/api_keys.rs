//! API keys. Only their hashes are stored.

use super::pool::Pool;
use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;

/// The channel on which every replica learns that it must load again what it knows of access: the keys, and which links to the
/// agent page work.
pub const KEYS_CHANNEL: &str = "hookpoint_keys";

/// A stored API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The brand that it gives access to.
    pub brand_id: i32,
    /// Its public id, for listing and revoking.
    pub key_id: Uuid,
    /// The name that an admin gave it.
    pub label: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to within half a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was last rejected, because it is revoked or expired; to within half a minute.
    pub last_rejected_at: Option<Timestamp>,
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can be used.
    Valid,
    /// A person revoked it.
    Revoked,
    /// Its time is over.
    Expired,
}

impl KeyState {
    /// The name in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl KeyRow {
    /// Whether the key can be used at a time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.is_revoked() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            KeyState::Expired
        } else {
            KeyState::Valid
        }
    }

    /// Whether it was revoked. It is never valid again.
    #[must_use]
    pub const fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }
}

type Time = jiff_sqlx::Timestamp;
type Columns =
    (i32, Uuid, String, Vec<u8>, Time, Option<Time>, Option<Time>, Option<Time>, Option<Time>);

impl TryFrom<Columns> for KeyRow {
    type Error = StorageError;

    fn try_from(columns: Columns) -> Result<Self, StorageError> {
        let (brand_id, key_id, label, hash, created_at, expires_at, revoked_at, used, rejected) =
            columns;
        Ok(Self {
            brand_id,
            key_id,
            label,
            hash: hash.try_into().map_err(|_| StorageError::Corrupt("api_keys"))?,
            created_at: created_at.to_jiff(),
            expires_at: expires_at.map(Time::to_jiff),
            revoked_at: revoked_at.map(Time::to_jiff),
            last_used_at: used.map(Time::to_jiff),
            last_rejected_at: rejected.map(Time::to_jiff),
        })
    }
}

const COLUMNS: &str = "select brand_id, key_id, label, hash, created_at, expires_at, revoked_at, last_used_at, last_rejected_at from api_keys order by brand_id, created_at, key_id";

/// Every key of every brand, revoked ones included.
///
/// # Errors
/// When Postgres fails.
pub async fn list_keys(pool: &Pool) -> Result<Vec<KeyRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(COLUMNS).fetch_all(pool).await?;
    rows.into_iter().map(KeyRow::try_from).collect()
}

/// Every key of a brand, revoked ones included, the oldest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_keys_of(pool: &Pool, brand_id: i32) -> Result<Vec<KeyRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select brand_id, key_id, label, hash, created_at, expires_at, revoked_at, last_used_at, last_rejected_at from api_keys
        where brand_id = $1 order by created_at, key_id",
    )
    .bind(brand_id)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(KeyRow::try_from).collect()
}

/// Stores a new key and notifies every replica; `false` if the brand already has a key with this id.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_key(pool: &Pool, key: &KeyRow) -> Result<bool, StorageError> {
    let inserted = sqlx::query(
        "with notified as (select pg_notify($7, ''))
        insert into api_keys (brand_id, key_id, label, hash, created_at, expires_at)
        select $1, $2, $3, $4, $5, $6 from notified
        on conflict (brand_id, key_id) do nothing",
    )
    .bind(key.brand_id)
    .bind(key.key_id)
    .bind(&key.label)
    .bind(key.hash.as_slice())
    .bind(Time::from(key.created_at))
    .bind(key.expires_at.map(Time::from))
    .bind(KEYS_CHANNEL)
    .execute(pool)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Revokes a key and notifies every replica; `false` if no such live key exists.
///
/// # Errors
/// When Postgres fails.
pub async fn revoke_key(
    pool: &Pool,
    brand_id: i32,
    key_id: Uuid,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let revoked = sqlx::query(
        "with notified as (select pg_notify($4, ''))
        update api_keys set revoked_at = $3 from notified
        where brand_id = $1 and key_id = $2 and revoked_at is null",
    );
    let done = revoked
        .bind(brand_id)
        .bind(key_id)
        .bind(Time::from(now))
        .bind(KEYS_CHANNEL)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// When a key was last used and rejected, as far as that is not saved yet.
pub struct KeyUse {
    /// The brand of the key.
    pub brand_id: i32,
    /// The public id of the key.
    pub key_id: Uuid,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// When it was last rejected.
    pub rejected_at: Option<Timestamp>,
}

/// Saves when keys were last used and rejected.
///
/// # Errors
/// When Postgres fails.
pub async fn update_last_uses(pool: &Pool, uses: &[KeyUse]) -> Result<(), StorageError> {
    let each = |at: fn(&KeyUse) -> Option<Timestamp>| -> Vec<Option<Time>> {
        uses.iter().map(|one| at(one).map(Time::from)).collect()
    };
    sqlx::query(
        "update api_keys set
            last_used_at = greatest(api_keys.last_used_at, latest.used_at),
            last_rejected_at = greatest(api_keys.last_rejected_at, latest.rejected_at)
        from unnest($1::integer[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) as latest (brand_id, key_id, used_at, rejected_at)
        where api_keys.brand_id = latest.brand_id and api_keys.key_id = latest.key_id",
    )
    .bind(uses.iter().map(|one| one.brand_id).collect::<Vec<_>>())
    .bind(uses.iter().map(|one| one.key_id).collect::<Vec<_>>())
    .bind(each(|one| one.used_at))
    .bind(each(|one| one.rejected_at))
    .execute(pool)
    .await?;
    Ok(())
}
