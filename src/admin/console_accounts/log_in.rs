//! Logging in with a password, and changing one's own.

use std::net::IpAddr;

use jiff::Timestamp;

use super::attempts::Counted;
use super::manage::name_key;
pub use super::password_error::PasswordError;
use super::password_rules::check_password;
use super::passwords::{Passwords, Verified};
use crate::admin::audit::{Action, Attribution, Via};
use crate::admin::console_access::{
    AccessError, AccessSecret, CameBy, Entrant, Member, begin_session,
};
use crate::brand::Brand;
use crate::storage::console_accounts::{
    PasswordRow, delete_sessions_of_account, find_account, get_account, replace_password,
    store_log_in,
};
use crate::storage::pool::{Connection, Pool};

/// No brand has this id.
const NO_BRAND: i32 = -1;

/// What somebody typed.
pub struct Attempt<'a> {
    /// The name of the brand, as it was typed.
    pub slug: &'a str,
    /// The brand of this name, if there is one.
    pub brand: Option<&'a Brand>,
    /// The name of the person.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The network of the browser.
    pub network: Option<IpAddr>,
    /// The cookie that the browser had before.
    pub replaces: Option<&'a str>,
}

/// Begins a session with a password. Returns the value of its cookie. The time and the answer do not tell whether there
/// is such an account.
///
/// # Errors
/// If the password is wrong, if there were too many wrong ones, or if Postgres fails.
pub async fn log_in_with_password(
    pool: &Pool,
    passwords: &Passwords,
    attempt: &Attempt<'_>,
    now: Timestamp,
) -> Result<AccessSecret, PasswordError> {
    let brand_id = attempt.brand.map_or(NO_BRAND, Brand::id);
    let counted = Counted::of_name(attempt.slug, attempt.name, attempt.network);
    counted.begin(pool, now).await?;
    let found = find_account(pool, brand_id, &name_key(attempt.name)).await?;
    let stored = found.as_ref().and_then(|account| account.password_hash.clone());
    let verified = counted.compared(pool, passwords.verify(attempt.password, stored).await).await?;
    let (Some(account), Some(brand), Verified::Right { rehashed }) =
        (found, attempt.brand, verified)
    else {
        return Err(PasswordError::Wrong);
    };
    let old = account.password_hash.as_deref().unwrap_or_default();
    let new = rehashed.as_deref().unwrap_or(old);
    let mut transaction = pool.begin().await?;
    // Since it was read, the password may have been changed, or the account removed.
    let changed = (old, new);
    if !replace_password(&mut transaction, brand.id(), account.account_id, changed).await? {
        return Err(PasswordError::Wrong);
    }
    counted.forget(&mut transaction).await?;
    let token = enter(&mut transaction, brand, account, attempt.replaces, now).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Begins a session of an account.
pub(super) async fn enter(
    db: &mut Connection,
    brand: &Brand,
    account: PasswordRow,
    replaces: Option<&str>,
    now: Timestamp,
) -> Result<AccessSecret, AccessError> {
    store_log_in(db, brand.id(), account.account_id, now).await?;
    let entrant = Entrant {
        role: account.role,
        person: account.name,
        came_by: CameBy::Password,
        account_id: Some(account.account_id),
        with: format!("account {}", account.account_id),
        replaces,
    };
    begin_session(db, brand, entrant, now).await
}

/// Changes the password of the person with a session. Their other sessions end.
///
/// # Errors
/// If the old password is wrong, if the new one is not accepted, if the person has no account, or if Postgres fails.
pub async fn change_password(
    pool: &Pool,
    passwords: &Passwords,
    (brand, member): (&Brand, &Member),
    (old, new): (&str, &str),
    now: Timestamp,
) -> Result<(), PasswordError> {
    let account_id = member.account_id.ok_or(PasswordError::Wrong)?;
    let account = get_account(pool, brand.id(), account_id).await?.ok_or(PasswordError::Wrong)?;
    check_password(new, &account.name)?;
    let counted = Counted::of_account(account_id);
    counted.begin(pool, now).await?;
    let stored = account.password_hash.clone();
    let verified = counted.compared(pool, passwords.verify(old, stored).await).await?;
    if matches!(verified, Verified::Wrong) {
        return Err(PasswordError::Wrong);
    }
    let hash = passwords.hash(new).await?;
    let changed = (account.password_hash.as_deref().unwrap_or_default(), hash.as_str());
    let mut transaction = pool.begin().await?;
    if !replace_password(&mut transaction, brand.id(), account_id, changed).await? {
        return Err(PasswordError::Wrong);
    }
    counted.forget(&mut transaction).await?;
    let kept = Some(member.session_id);
    let ended = delete_sessions_of_account(&mut transaction, brand.id(), account_id, kept).await?;
    let action = Action::new("change console password", account_id.to_string());
    let attribution = Attribution { by: &account.name, reason: "", via: Via::Console };
    let outcome = format!("changed; other sessions ended: {ended}");
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await?;
    Ok(())
}
