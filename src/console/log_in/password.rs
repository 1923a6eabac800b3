//! Logging in with the password of an account.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};

use super::attempts::{count_attempt, network};
use super::page::enter;
use crate::admin::console_access::AccessError;
use crate::admin::console_accounts::log_in::{Attempt, PasswordError, log_in_with_password};
use crate::admin::console_accounts::passwords::HashError;
use crate::brand::Brand;
use crate::console::members::session_value;
use crate::console::reply::Refusal;
use crate::console::state::Console;
use crate::http::form::Form;

/// How long people wait who came when too many others logged in.
const BUSY_SECONDS: u64 = 10;

/// Begins a session.
pub(super) async fn log_in(
    request: &HttpRequest,
    form: &Form,
    console: &Console,
) -> Result<HttpResponse, Refusal> {
    count_attempt(console, request)?;
    let (slug, brand) = brand_of(form, console);
    let old = brand.and_then(|brand| session_value(console, brand, request));
    let attempt = Attempt {
        slug,
        brand,
        name: form.value("name"),
        password: form.typed("password"),
        network: network(console, request),
        replaces: old.as_deref(),
    };
    let (pool, now) = (&console.pool, console.clock.now());
    match (log_in_with_password(pool, &console.passwords, &attempt, now).await, brand) {
        (Ok(token), Some(brand)) => Ok(enter(console, brand, &token, form)),
        (Ok(_), None) => Err(Refusal::LoggedOut),
        (Err(error), _) => Err(refusal(error)),
    }
}

/// The name of the brand, and the brand if there is one of this name. With only one brand, nobody has to name it.
fn brand_of<'a>(form: &'a Form, console: &'a Console) -> (&'a str, Option<&'a Brand>) {
    let mut all = console.brands.iter();
    if let (Some((slug, brand)), None) = (all.next(), all.next()) {
        return (slug, Some(brand.as_ref()));
    }
    let slug = form.value("brand");
    (slug, console.brands.get(slug).map(Arc::as_ref))
}

/// What a person learns of a password that was not accepted.
pub(in crate::console) fn refusal(error: PasswordError) -> Refusal {
    let wrong = "The name or the password is wrong. If you forgot your password, ask an admin of your brand to invite you again.";
    match error {
        PasswordError::Wrong => {
            tracing::warn!("somebody sent a wrong password to the console");
            Refusal::Mistake(wrong.to_owned())
        }
        PasswordError::Wait(seconds) => Refusal::TooMany(seconds),
        PasswordError::Hash(HashError::Busy) => Refusal::TooMany(BUSY_SECONDS),
        PasswordError::Access(AccessError::Storage(error)) => Refusal::Storage(error),
        error => Refusal::Mistake(error.to_string()),
    }
}
