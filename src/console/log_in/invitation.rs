//! Setting the password of a new account.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::attempts::{network, wrong_code};
use super::link::code_of;
use super::page::{answer, enter};
use super::password::refusal;
use crate::admin::console_accounts::invitations::{Accepted, accept_invitation};
use crate::admin::console_accounts::manage::INVITATION_DAYS;
use crate::admin::console_accounts::password_rules::{MAX_CHARACTERS, MIN_CHARACTERS};
use crate::console::frame::Frame;
use crate::console::members::session_value;
use crate::console::reply::Refusal;
use crate::console::state::Console;
use crate::http::form::Form;

#[derive(Serialize)]
struct InvitationPage {
    invitation_days: i64,
    min_characters: usize,
    max_characters: usize,
}

/// The page that takes the code of an invitation, and a password.
pub(super) async fn show(console: Data<Console>) -> HttpResponse {
    let page = InvitationPage {
        invitation_days: INVITATION_DAYS,
        min_characters: MIN_CHARACTERS,
        max_characters: MAX_CHARACTERS,
    };
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Your invitation");
    answer(&console, "invitation.html", &frame, &page)
}

/// Sets the password, and begins a session.
pub(super) async fn accept(
    request: &HttpRequest,
    form: &Form,
    console: &Console,
) -> Result<HttpResponse, Refusal> {
    let wrong = || {
        let text = format!(
            "This invitation is unknown, was used before, or is older than {INVITATION_DAYS} days. Ask for a new one."
        );
        wrong_code(console, request, text)
    };
    let (slug, code) = code_of(form);
    let Some(brand) = console.brands.get(slug) else { return Err(wrong()) };
    let password = same_twice(form)?;
    let (old, now) = (session_value(console, brand, request), console.clock.now());
    let given =
        Accepted { code, password, replaces: old.as_deref(), network: network(console, request) };
    let accepted = accept_invitation(&console.pool, &console.passwords, brand, given, now).await;
    match accepted.map_err(refusal)? {
        Some(token) => Ok(enter(console, brand, &token)),
        None => Err(wrong()),
    }
}

/// A new password, which was typed twice.
///
/// # Errors
/// If the two differ.
pub(in crate::console) fn same_twice(form: &Form) -> Result<&str, Refusal> {
    let (password, again) = (form.typed("password"), form.typed("again"));
    if password != again {
        let text = "The two passwords differ. Go back, and type the same password twice.";
        return Err(Refusal::Mistake(text.to_owned()));
    }
    Ok(password)
}
