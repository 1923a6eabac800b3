//! The ways in: a link that works once, and the password of an account.

mod attempts;
mod invitation;
mod link;
mod page;
mod password;

use std::time::Instant;

use actix_web::web::{Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

pub(super) use self::invitation::same_twice;
pub(super) use self::password::refusal as password_refusal;
use super::cross_site::is_own_form;
use super::form::Form;
use super::refusals::refuse;
use super::reply::Refusal;
use super::state::Console;

/// Registers the ways in.
pub(super) fn log_in_routes(config: &mut ServiceConfig, base: &str) {
    let at = |path: &str| Resource::new(format!("{base}{path}"));
    config.service(at("/login").get(page::show).post(with_link));
    config.service(at("/login/password").post(with_password));
    config.service(at("/invitation").get(invitation::show).post(with_invitation));
}

async fn with_link(request: HttpRequest, body: Bytes, console: Data<Console>) -> HttpResponse {
    let begun = Instant::now();
    let answer = match own_form(&request, &body, &console) {
        Ok(form) => Box::pin(link::log_in(&request, &form, &console)).await,
        Err(refusal) => Err(refusal),
    };
    respond("LogInWithLink", begun, &console, answer)
}

async fn with_password(request: HttpRequest, body: Bytes, console: Data<Console>) -> HttpResponse {
    let begun = Instant::now();
    let answer = match own_form(&request, &body, &console) {
        Ok(form) => Box::pin(password::log_in(&request, &form, &console)).await,
        Err(refusal) => Err(refusal),
    };
    respond("LogInWithPassword", begun, &console, answer)
}

async fn with_invitation(
    request: HttpRequest,
    body: Bytes,
    console: Data<Console>,
) -> HttpResponse {
    let begun = Instant::now();
    let answer = match own_form(&request, &body, &console) {
        Ok(form) => Box::pin(invitation::accept(&request, &form, &console)).await,
        Err(refusal) => Err(refusal),
    };
    respond("AcceptInvitation", begun, &console, answer)
}

/// The form, if it comes from a page of this console.
fn own_form(request: &HttpRequest, body: &Bytes, console: &Console) -> Result<Form, Refusal> {
    if !is_own_form(request.headers(), console.urls.origin()) {
        return Err(Refusal::CrossSite);
    }
    Ok(Form::parse(body))
}

/// Answers, and logs that without anything of the request.
fn respond(
    route: &'static str,
    begun: Instant,
    console: &Console,
    answer: Result<HttpResponse, Refusal>,
) -> HttpResponse {
    let response = answer.unwrap_or_else(|refusal| refuse(console, &refusal));
    let (status, duration_us) = (response.status().as_u16(), begun.elapsed().as_micros());
    tracing::info!(route, status, duration_us, "console request");
    response
}
