//! Accepting an invitation: the person sets a password, and is in.

use std::net::IpAddr;

use jiff::Timestamp;

use super::attempts::Counted;
use super::log_in::{PasswordError, enter};
use super::password_rules::check_password;
use super::passwords::Passwords;
use crate::admin::audit::{Action, Attribution, Via};
use crate::admin::console_access::{AccessSecret, hash};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::console_accounts::{find_invited, take_invitation};
use crate::storage::pool::Pool;

/// Whom an open invitation is for.
pub struct Invited {
    /// The person.
    pub name: String,
    /// What they may do.
    pub role: String,
}

/// Whom a code invites. `None` if it is unknown, used or too old.
///
/// # Errors
/// If Postgres fails.
pub async fn find_invitation(
    pool: &Pool,
    brand: &Brand,
    code: &str,
    now: Timestamp,
) -> Result<Option<Invited>, StorageError> {
    let account = find_invited(pool, brand.id(), &hash(code), now).await?;
    Ok(account.map(|account| Invited { name: account.name, role: account.role }))
}

/// An invitation that somebody accepts.
pub struct Accepted<'a> {
    /// The code of the invitation.
    pub code: &'a str,
    /// The new password.
    pub password: &'a str,
    /// The cookie that the browser had before.
    pub replaces: Option<&'a str>,
    /// The network of the browser. Wrong passwords from there are forgotten.
    pub network: Option<IpAddr>,
}

/// Sets the password of an invited person, and begins a session. `None` if the code is unknown, used or too old.
///
/// # Errors
/// If the password is not accepted (the invitation then still works), or if Postgres fails.
pub async fn accept_invitation(
    pool: &Pool,
    passwords: &Passwords,
    brand: &Brand,
    Accepted { code, password, replaces, network }: Accepted<'_>,
    now: Timestamp,
) -> Result<Option<AccessSecret>, PasswordError> {
    let code = hash(code);
    let Some(account) = find_invited(pool, brand.id(), &code, now).await? else { return Ok(None) };
    check_password(password, &account.name)?;
    let password = passwords.hash(password).await?;
    let mut transaction = pool.begin().await?;
    if !take_invitation(&mut transaction, brand.id(), &code, &password, now).await? {
        return Ok(None);
    }
    let action = Action::new("set console password", account.account_id.to_string());
    let attribution = Attribution { by: &account.name, reason: "", via: Via::Console };
    action.done_in(&mut transaction, brand.id(), (attribution, now), "set").await?;
    let counted = Counted::of_name(&brand.rules.slug, &account.name, network);
    counted.forget(&mut transaction).await?;
    let token = enter(&mut transaction, brand, account, replaces, now).await?;
    transaction.commit().await?;
    Ok(Some(token))
}
