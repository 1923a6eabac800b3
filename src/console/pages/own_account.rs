//! The own account: how the person came in, and their password.

use serde::Serialize;

use crate::admin::console_access::CameBy;
use crate::admin::console_accounts::log_in::{PasswordError, change_password as change};
use crate::admin::console_accounts::password_rules::{MAX_CHARACTERS, MIN_CHARACTERS};
use crate::console::log_in::{password_refusal, same_twice};
use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;

#[derive(Serialize)]
struct OwnAccountPage {
    /// How the person came in, in words.
    came_by: &'static str,
    has_password: bool,
    min_characters: usize,
    max_characters: usize,
}

/// The own account.
pub(super) fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let page = OwnAccountPage {
        came_by: match visit.member.came_by {
            CameBy::Link => "You came in with a link that worked once. You have no password here.",
            CameBy::Password => "You came in with the password of your account.",
            CameBy::Provider => {
                "You came in with the login provider of your company. Your password is kept there, not here."
            }
        },
        has_password: visit.member.account_id.is_some(),
        min_characters: MIN_CHARACTERS,
        max_characters: MAX_CHARACTERS,
    };
    visit.page("own_account.html", ("/account", "Your account"), &page)
}

/// Changes the own password. The other sessions of the person end.
pub(super) async fn change_password(visit: &Visit) -> Result<Reply, Refusal> {
    if visit.member.account_id.is_none() {
        return Err(Refusal::Mistake("You have no password here.".to_owned()));
    }
    let given = (visit.form.typed("old"), same_twice(&visit.form)?);
    let (who, passwords) = ((visit.brand.as_ref(), &visit.member), &visit.console.passwords);
    let changed = change(visit.pool(), passwords, who, given, visit.now()).await;
    changed.map_err(|error| match error {
        PasswordError::Wrong => Refusal::Mistake(
            "The old password is wrong. If you forgot it, ask an admin to invite you again."
                .to_owned(),
        ),
        error => password_refusal(error),
    })?;
    Ok(visit.redirect(&visit.path("/account"), "password-changed"))
}
