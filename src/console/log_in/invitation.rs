//! Setting the password of a new account: first the code of the invitation, then the password.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::attempts::{network, wrong_code};
use super::link::code_of;
use super::page::{answer, enter, mistake_of};
use super::password::refusal;
use crate::admin::console_accounts::invitations::{
    Accepted, Invited, accept_invitation, find_invitation,
};
use crate::admin::console_accounts::manage::INVITATION_DAYS;
use crate::admin::console_accounts::password_rules::{MAX_CHARACTERS, MIN_CHARACTERS};
use crate::admin::role::Role;
use crate::brand::Brand;
use crate::console::frame::Frame;
use crate::console::members::session_value;
use crate::console::reply::Refusal;
use crate::console::state::Console;
use crate::http::form::Form;

#[derive(Serialize)]
struct InvitationPage<'a> {
    invitation_days: i64,
    min_characters: usize,
    max_characters: usize,
    /// The code that was sent.
    code: &'a str,
    /// Whom it invites. `None` as long as no valid code was sent.
    invited: Option<ShownInvited<'a>>,
}

/// Whom the invitation is for.
#[derive(Serialize)]
struct ShownInvited<'a> {
    name: &'a str,
    brand: &'a str,
    role: &'a str,
    /// What the role may do.
    may: &'a str,
}

/// The page that takes the code of an invitation.
pub(super) async fn show(console: Data<Console>) -> HttpResponse {
    page(&console, "", None, None)
}

/// Shows whom the invitation is for. If a password was sent, sets it, and begins a session.
pub(super) async fn accept(
    request: &HttpRequest,
    form: &Form,
    console: &Console,
) -> Result<HttpResponse, Refusal> {
    let (slug, code) = code_of(form);
    let Some(brand) = console.brands.get(slug) else { return wrong(request, form, console) };
    let now = console.clock.now();
    let Some(invited) = find_invitation(&console.pool, brand, code, now).await? else {
        return wrong(request, form, console);
    };
    let entered = if form.values("password").is_empty() {
        Ok(Some(page(console, form.value("code"), Some((brand, &invited)), None)))
    } else {
        set_password(request, form, console, (brand, code)).await
    };
    match entered {
        Ok(Some(response)) => Ok(response),
        Ok(None) => wrong(request, form, console),
        Err(refusal) if mistake_of(&refusal).is_none() => Err(refusal),
        Err(refusal) => {
            Ok(page(console, form.value("code"), Some((brand, &invited)), Some(&refusal)))
        }
    }
}

/// Sets the password, and begins a session. `None` if the invitation was used meanwhile.
async fn set_password(
    request: &HttpRequest,
    form: &Form,
    console: &Console,
    (brand, code): (&Brand, &str),
) -> Result<Option<HttpResponse>, Refusal> {
    let password = same_twice(form)?;
    let (old, now) = (session_value(console, brand, request), console.clock.now());
    let given =
        Accepted { code, password, replaces: old.as_deref(), network: network(console, request) };
    let accepted = accept_invitation(&console.pool, &console.passwords, brand, given, now).await;
    Ok(accepted.map_err(refusal)?.map(|token| enter(console, brand, &token, form)))
}

/// The page that takes the code, with the remark that the one that was sent does not work.
fn wrong(request: &HttpRequest, form: &Form, console: &Console) -> Result<HttpResponse, Refusal> {
    let text = format!(
        "This invitation is unknown, was used before, or is older than {INVITATION_DAYS} days. Ask for a new one."
    );
    let refusal = wrong_code(console, request, text);
    Ok(page(console, form.value("code"), None, Some(&refusal)))
}

fn page(
    console: &Console,
    code: &str,
    invited: Option<(&Brand, &Invited)>,
    refusal: Option<&Refusal>,
) -> HttpResponse {
    let page = InvitationPage {
        invitation_days: INVITATION_DAYS,
        min_characters: MIN_CHARACTERS,
        max_characters: MAX_CHARACTERS,
        code,
        invited: invited.map(|(brand, invited)| ShownInvited {
            name: &invited.name,
            brand: &brand.rules.slug,
            role: &invited.role,
            may: what_may(&invited.role),
        }),
    };
    let mistake = refusal.and_then(mistake_of).unwrap_or_default();
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Your invitation");
    let status = refusal.map_or(StatusCode::OK, Refusal::status);
    answer(console, (status, "invitation.html"), &frame.with_mistake(&mistake), &page)
}

fn what_may(role: &str) -> &'static str {
    let found = Role::ALL.iter().find(|(own, _)| own.as_str() == role);
    found.map(|(_, may)| *may).unwrap_or_default()
}

/// A new password, which was typed twice.
///
/// # Errors
/// If the two differ.
pub(in crate::console) fn same_twice(form: &Form) -> Result<&str, Refusal> {
    let (password, again) = (form.typed("password"), form.typed("again"));
    if password != again {
        let text = "The two passwords differ. Type the same password twice.";
        return Err(Refusal::Mistake(text.to_owned()));
    }
    Ok(password)
}
