//! What an admin does with accounts: invite, list, change a role, remove.

use jiff::{SignedDuration, Timestamp};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::admin::audit::{Action, Attribution};
use crate::admin::console_access::{AccessError, AccessSecret, hash, is_name};
use crate::admin::role::Role;
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::console_accounts::{
    ConsoleAccountRow, InvitationRow, PasswordRow, delete_account, delete_sessions_of_account,
    find_account, get_account, insert_account, list_accounts, renew_invitation, update_role,
};
use crate::storage::pool::Pool;

/// How long an invitation works.
pub const INVITATION_DAYS: i64 = 3;

/// An account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is one of this name.
    #[error("there is an account of this name already")]
    Exists,
    /// There is none.
    #[error("there is no such account")]
    Unknown,
    /// The name is not allowed, there are no random bits, or Postgres failed.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<StorageError> for AccountError {
    fn from(error: StorageError) -> Self {
        Self::Access(error.into())
    }
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        StorageError::from(error).into()
    }
}

/// A name in the form in which names are compared.
pub(super) fn name_key(name: &str) -> String {
    name.trim().nfkc().flat_map(char::to_lowercase).collect()
}

fn invitation(code: &AccessSecret, now: Timestamp) -> InvitationRow {
    let works_for = SignedDuration::from_hours(INVITATION_DAYS.saturating_mul(24));
    let expires_at = now.saturating_add(works_for).unwrap_or(now);
    InvitationRow { code_hash: hash(code.reveal()), expires_at }
}

/// The accounts of a brand, by name.
///
/// # Errors
/// If Postgres fails.
pub async fn accounts(pool: &Pool, brand: &Brand) -> Result<Vec<ConsoleAccountRow>, StorageError> {
    list_accounts(pool, brand.id()).await
}

/// The id of the account of a name.
///
/// # Errors
/// If there is none, or if Postgres fails.
pub async fn account_of_name(pool: &Pool, brand: &Brand, name: &str) -> Result<Uuid, AccountError> {
    let found = find_account(pool, brand.id(), &name_key(name)).await?;
    found.map(|account| account.account_id).ok_or(AccountError::Unknown)
}

/// Invites a person. Returns the code of the invitation.
///
/// # Errors
/// If the name is not allowed or has an account, if there are no random bits, or if Postgres fails.
pub async fn invite(
    pool: &Pool,
    brand: &Brand,
    (role, name): (Role, &str),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<AccessSecret, AccountError> {
    if !is_name(name) {
        return Err(AccessError::Person.into());
    }
    let code = AccessSecret::generate()?;
    let account = PasswordRow {
        account_id: Uuid::now_v7(),
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        password_hash: None,
    };
    let (key, open) = (name_key(name), invitation(&code, now));
    let mut transaction = pool.begin().await?;
    let new = (&account, key.as_str());
    if !insert_account(&mut transaction, brand.id(), new, &open, now).await? {
        transaction.rollback().await?;
        return Err(AccountError::Exists);
    }
    let action = Action::new("invite to console", account.account_id.to_string());
    let outcome = format!("invited {name}, role {role}");
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await?;
    Ok(code)
}

/// Invites the person of an account again: the old password and the sessions end. Returns the name and the new code.
///
/// # Errors
/// If there is no such account, if there are no random bits, or if Postgres fails.
pub async fn invite_again(
    pool: &Pool,
    brand: &Brand,
    account_id: Uuid,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<(String, AccessSecret), AccountError> {
    let account = existing(pool, brand, account_id).await?;
    let code = AccessSecret::generate()?;
    let mut transaction = pool.begin().await?;
    let open = invitation(&code, now);
    if !renew_invitation(&mut transaction, brand.id(), account_id, &open).await? {
        return Err(AccountError::Unknown);
    }
    delete_sessions_of_account(&mut transaction, brand.id(), account_id, None).await?;
    let action = Action::new("invite to console again", account_id.to_string());
    let outcome = format!("invited {} again; the old password does not work", account.name);
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await?;
    Ok((account.name, code))
}

/// Changes the role of an account, also for its sessions. Returns whether it had another one.
///
/// # Errors
/// If there is no such account, or if Postgres fails.
pub async fn set_role(
    pool: &Pool,
    brand: &Brand,
    (account_id, role): (Uuid, Role),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<bool, AccountError> {
    let account = existing(pool, brand, account_id).await?;
    let mut transaction = pool.begin().await?;
    if !update_role(&mut transaction, brand.id(), account_id, role.as_str()).await? {
        return Ok(false);
    }
    let action = Action::new("set console role", account_id.to_string());
    let outcome = format!("{}: role {role}", account.name);
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Removes an account. Its sessions end. Returns the name.
///
/// # Errors
/// If there is no such account, or if Postgres fails.
pub async fn remove(
    pool: &Pool,
    brand: &Brand,
    account_id: Uuid,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<String, AccountError> {
    let account = existing(pool, brand, account_id).await?;
    let mut transaction = pool.begin().await?;
    if !delete_account(&mut transaction, brand.id(), account_id).await? {
        return Err(AccountError::Unknown);
    }
    let action = Action::new("remove console account", account_id.to_string());
    let outcome = format!("removed {}", account.name);
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await?;
    Ok(account.name)
}

async fn existing(
    pool: &Pool,
    brand: &Brand,
    account_id: Uuid,
) -> Result<PasswordRow, AccountError> {
    get_account(pool, brand.id(), account_id).await?.ok_or(AccountError::Unknown)
}
