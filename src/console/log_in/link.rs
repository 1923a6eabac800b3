//! Logging in with a link that works once.

use actix_web::{HttpRequest, HttpResponse};

use super::attempts::wrong_code;
use super::page::enter;
use crate::admin::console_access::{AccessError, LINK_MINUTES, log_in as log_in_with_code};
use crate::console::members::session_value;
use crate::console::reply::Refusal;
use crate::console::state::Console;
use crate::http::form::Form;

/// Begins a session.
pub(super) async fn log_in(
    request: &HttpRequest,
    form: &Form,
    console: &Console,
) -> Result<HttpResponse, Refusal> {
    let wrong = || {
        let text = format!(
            "This link is unknown, was used before, or is older than {LINK_MINUTES} minutes. Ask for a new one."
        );
        wrong_code(console, request, text)
    };
    let (slug, code) = code_of(form);
    let Some(brand) = console.brands.get(slug) else { return Err(wrong()) };
    let (old, now) = (session_value(console, brand, request), console.clock.now());
    match log_in_with_code(&console.pool, brand, code, old.as_deref(), now).await {
        Ok(Some(token)) => Ok(enter(console, brand, &token, form)),
        Ok(None) => Err(wrong()),
        Err(AccessError::Storage(error)) => Err(error.into()),
        Err(error) => Err(Refusal::Mistake(error.to_string())),
    }
}

/// The brand and the code of a link. People paste the whole link, too.
pub(super) fn code_of(form: &Form) -> (&str, &str) {
    let (_, code) = form.value("code").rsplit_once('#').unwrap_or(("", form.value("code")));
    code.split_once('.').unwrap_or_default()
}
