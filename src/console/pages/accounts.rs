//! What an admin does with accounts on the page People.

use super::people::{MadeLink, access_refusal, page, role};
use crate::admin::console_access::AccessSecret;
use crate::admin::console_accounts::manage::{
    self, AccountError, INVITATION_DAYS, invite_again as renew,
};
use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;

/// Invites a person to an account, and shows the link once.
pub(super) async fn invite(visit: &Visit) -> Result<Reply, Refusal> {
    let (role, name) = (role(visit)?, visit.form.value("person"));
    let (attribution, now) = (visit.attribution(), visit.now());
    let code = manage::invite(visit.pool(), &visit.brand, (role, name), attribution, now).await;
    let code = code.map_err(refusal)?;
    page(visit, Some(made(visit, name, &code))).await
}

/// Invites a person again, and shows the link once.
pub(super) async fn invite_again(visit: &Visit) -> Result<Reply, Refusal> {
    let (attribution, now) = (visit.attribution(), visit.now());
    let renewed = renew(visit.pool(), &visit.brand, visit.uuid()?, attribution, now).await;
    let (name, code) = renewed.map_err(refusal)?;
    page(visit, Some(made(visit, &name, &code))).await
}

fn made(visit: &Visit, name: &str, code: &AccessSecret) -> MadeLink {
    MadeLink {
        person: name.to_owned(),
        link: visit.console.urls.invitation(&visit.brand.rules.slug, code.reveal()),
        works_for: format!("{INVITATION_DAYS} days"),
    }
}

/// Changes a role.
pub(super) async fn set_role(visit: &Visit) -> Result<Reply, Refusal> {
    let (attribution, now) = (visit.attribution(), visit.now());
    let change = (visit.uuid()?, role(visit)?);
    let changed = manage::set_role(visit.pool(), &visit.brand, change, attribution, now).await;
    let done = if changed.map_err(refusal)? { "role-set" } else { "nothing" };
    Ok(visit.redirect(&visit.path("/people"), done))
}

/// Removes an account.
pub(super) async fn remove(visit: &Visit) -> Result<Reply, Refusal> {
    let (attribution, now) = (visit.attribution(), visit.now());
    let removed = manage::remove(visit.pool(), &visit.brand, visit.uuid()?, attribution, now).await;
    removed.map_err(refusal)?;
    Ok(visit.redirect(&visit.path("/people"), "account-removed"))
}

fn refusal(error: AccountError) -> Refusal {
    match error {
        AccountError::Unknown => Refusal::NotFound,
        AccountError::Exists => Refusal::Mistake(
            "There is an account of this name already. Choose another name, or invite that person again."
                .to_owned(),
        ),
        AccountError::Access(error) => access_refusal(error),
    }
}
