//! Accounts of people in the console. Of passwords and codes, only hashes are stored.

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::console_access::SecretHash;
use super::pool::{Connection, Pool};

type Time = jiff_sqlx::Timestamp;

/// An account, as lists show it.
pub struct ConsoleAccountRow {
    /// Its id.
    pub account_id: Uuid,
    /// The person.
    pub name: String,
    /// What they may do.
    pub role: String,
    /// Whether they have set a password.
    pub has_password: bool,
    /// Until when the open invitation works.
    pub invited_until: Option<Timestamp>,
    /// When they last logged in.
    pub last_log_in_at: Option<Timestamp>,
}

/// An account whose password is checked.
pub struct PasswordRow {
    /// Its id.
    pub account_id: Uuid,
    /// The person.
    pub name: String,
    /// What they may do.
    pub role: String,
    /// The hash of the password, if they have set one.
    pub password_hash: Option<String>,
}

/// An open invitation.
pub struct InvitationRow {
    /// Hash of the code.
    pub code_hash: SecretHash,
    /// When it stops to work.
    pub expires_at: Timestamp,
}

/// Stores an account with its invitation. Returns whether it is new: a name can have only one.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_account(
    db: &mut Connection,
    brand_id: i32,
    (account, name_key): (&PasswordRow, &str),
    invitation: &InvitationRow,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let inserted = sqlx::query(
        "insert into console_accounts
            (brand_id, account_id, name, name_key, role, invitation_hash, invitation_expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (brand_id, name_key) do nothing",
    )
    .bind(brand_id)
    .bind(account.account_id)
    .bind(&account.name)
    .bind(name_key)
    .bind(&account.role)
    .bind(invitation.code_hash.as_slice())
    .bind(Time::from(invitation.expires_at))
    .bind(Time::from(now))
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

type Columns = (Uuid, String, String, bool, Option<Time>, Option<Time>);

/// All accounts of a brand, by name.
///
/// # Errors
/// When Postgres fails.
pub async fn list_accounts(
    pool: &Pool,
    brand_id: i32,
) -> Result<Vec<ConsoleAccountRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select account_id, name, role, password_hash is not null, invitation_expires_at, last_log_in_at
        from console_accounts where brand_id = $1 order by name_key",
    )
    .bind(brand_id)
    .fetch_all(pool)
    .await?;
    let row = |(account_id, name, role, has_password, until, last): Columns| ConsoleAccountRow {
        account_id,
        name,
        role,
        has_password,
        invited_until: until.map(Time::to_jiff),
        last_log_in_at: last.map(Time::to_jiff),
    };
    Ok(rows.into_iter().map(row).collect())
}

type PasswordColumns = (Uuid, String, String, Option<String>);

fn password_row((account_id, name, role, password_hash): PasswordColumns) -> PasswordRow {
    PasswordRow { account_id, name, role, password_hash }
}

/// The account of a name.
///
/// # Errors
/// When Postgres fails.
pub async fn find_account(
    pool: &Pool,
    brand_id: i32,
    name_key: &str,
) -> Result<Option<PasswordRow>, StorageError> {
    let found: Option<PasswordColumns> = sqlx::query_as(
        "select account_id, name, role, password_hash from console_accounts
        where brand_id = $1 and name_key = $2",
    )
    .bind(brand_id)
    .bind(name_key)
    .fetch_optional(pool)
    .await?;
    Ok(found.map(password_row))
}

/// The account with an id.
///
/// # Errors
/// When Postgres fails.
pub async fn get_account(
    pool: &Pool,
    brand_id: i32,
    account_id: Uuid,
) -> Result<Option<PasswordRow>, StorageError> {
    let found: Option<PasswordColumns> = sqlx::query_as(
        "select account_id, name, role, password_hash from console_accounts
        where brand_id = $1 and account_id = $2",
    )
    .bind(brand_id)
    .bind(account_id)
    .fetch_optional(pool)
    .await?;
    Ok(found.map(password_row))
}

/// The account of an open invitation.
///
/// # Errors
/// When Postgres fails.
pub async fn find_invited(
    pool: &Pool,
    brand_id: i32,
    code_hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<PasswordRow>, StorageError> {
    let found: Option<PasswordColumns> = sqlx::query_as(
        "select account_id, name, role, password_hash from console_accounts
        where brand_id = $1 and invitation_hash = $2 and invitation_expires_at > $3",
    )
    .bind(brand_id)
    .bind(code_hash.as_slice())
    .bind(Time::from(now))
    .fetch_optional(pool)
    .await?;
    Ok(found.map(password_row))
}

/// Takes an invitation, and stores the password. Returns whether it was still open.
///
/// # Errors
/// When Postgres fails.
pub async fn take_invitation(
    db: &mut Connection,
    brand_id: i32,
    code_hash: &SecretHash,
    password_hash: &str,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let taken = sqlx::query(
        "update console_accounts
        set password_hash = $3, invitation_hash = null, invitation_expires_at = null
        where brand_id = $1 and invitation_hash = $2 and invitation_expires_at > $4",
    )
    .bind(brand_id)
    .bind(code_hash.as_slice())
    .bind(password_hash)
    .bind(Time::from(now))
    .execute(db)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// Removes the password of an account, and stores a new invitation. Returns whether there is such an account.
///
/// # Errors
/// When Postgres fails.
pub async fn renew_invitation(
    db: &mut Connection,
    brand_id: i32,
    account_id: Uuid,
    invitation: &InvitationRow,
) -> Result<bool, StorageError> {
    let renewed = sqlx::query(
        "update console_accounts
        set password_hash = null, invitation_hash = $3, invitation_expires_at = $4
        where brand_id = $1 and account_id = $2",
    )
    .bind(brand_id)
    .bind(account_id)
    .bind(invitation.code_hash.as_slice())
    .bind(Time::from(invitation.expires_at))
    .execute(db)
    .await?;
    Ok(renewed.rows_affected() > 0)
}

/// Replaces the hash of a password, unless it has changed meanwhile. Returns whether it was replaced.
///
/// # Errors
/// When Postgres fails.
pub async fn replace_password(
    db: &mut Connection,
    brand_id: i32,
    account_id: Uuid,
    (old, new): (&str, &str),
) -> Result<bool, StorageError> {
    let replaced = sqlx::query(
        "update console_accounts set password_hash = $4
        where brand_id = $1 and account_id = $2 and password_hash = $3",
    )
    .bind(brand_id)
    .bind(account_id)
    .bind(old)
    .bind(new)
    .execute(db)
    .await?;
    Ok(replaced.rows_affected() > 0)
}

/// Stores that the person logged in.
///
/// # Errors
/// When Postgres fails.
pub async fn store_log_in(
    db: &mut Connection,
    brand_id: i32,
    account_id: Uuid,
    now: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query(
        "update console_accounts set last_log_in_at = $3 where brand_id = $1 and account_id = $2",
    )
    .bind(brand_id)
    .bind(account_id)
    .bind(Time::from(now))
    .execute(db)
    .await?;
    Ok(())
}

/// Changes the role of an account. Returns whether it had another one.
///
/// # Errors
/// When Postgres fails.
pub async fn update_role(
    db: &mut Connection,
    brand_id: i32,
    account_id: Uuid,
    role: &str,
) -> Result<bool, StorageError> {
    let updated = sqlx::query(
        "update console_accounts set role = $3
        where brand_id = $1 and account_id = $2 and role <> $3",
    )
    .bind(brand_id)
    .bind(account_id)
    .bind(role)
    .execute(db)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Removes an account, and with it all its sessions. Returns whether there was one.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_account(
    db: &mut Connection,
    brand_id: i32,
    account_id: Uuid,
) -> Result<bool, StorageError> {
    let deleted =
        sqlx::query("delete from console_accounts where brand_id = $1 and account_id = $2")
            .bind(brand_id)
            .bind(account_id)
            .execute(db)
            .await?;
    Ok(deleted.rows_affected() > 0)
}

/// Ends the sessions of an account, but for one. Returns how many there were.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_sessions_of_account(
    db: &mut Connection,
    brand_id: i32,
    account_id: Uuid,
    kept: Option<Uuid>,
) -> Result<u64, StorageError> {
    let deleted = sqlx::query(
        "delete from console_sessions
        where brand_id = $1 and account_id = $2 and session_id is distinct from $3",
    )
    .bind(brand_id)
    .bind(account_id)
    .bind(kept)
    .execute(db)
    .await?;
    Ok(deleted.rows_affected())
}
