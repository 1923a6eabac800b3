//! The ways in: a link that works once, the password of an account, and the login provider.

mod attempts;
mod invitation;
mod link;
mod page;
mod password;
mod provider;

use std::time::Instant;

use actix_web::http::header::{HeaderValue, REFERRER_POLICY};
use actix_web::web::{Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

pub(super) use self::invitation::same_twice;
pub(super) use self::password::refusal as password_refusal;
use super::cross_site::is_own_form;
use super::refusals::refuse;
use super::reply::Refusal;
use super::state::Console;
use super::urls::CALLBACK;
use crate::http::form::Form;

/// Registers the ways in.
pub(super) fn log_in_routes(config: &mut ServiceConfig, base: &str) {
    let at = |path: &str| Resource::new(format!("{base}{path}"));
    config.service(at("/login").get(page::show).post(with_link));
    config.service(at("/login/password").post(with_password));
    config.service(at("/invitation").get(invitation::show).post(with_invitation));
    // By a link, not by a form: browsers apply the policy of forms to where they are redirected, too.
    config.service(at("/oidc/start").get(to_provider));
    config.service(at(CALLBACK).get(from_provider));
}

async fn with_link(request: HttpRequest, body: Bytes, console: Data<Console>) -> HttpResponse {
    let begun = Instant::now();
    let answer = match own_form(&request, &body, &console) {
        Ok(form) => {
            let entered = Box::pin(link::log_in(&request, &form, &console)).await;
            entered.or_else(|refusal| page::show_again(&console, &form, refusal))
        }
        Err(refusal) => Err(refusal),
    };
    respond("LogInWithLink", begun, &console, answer)
}

async fn with_password(request: HttpRequest, body: Bytes, console: Data<Console>) -> HttpResponse {
    let begun = Instant::now();
    let answer = match own_form(&request, &body, &console) {
        Ok(form) => {
            let entered = Box::pin(password::log_in(&request, &form, &console)).await;
            entered.or_else(|refusal| page::show_again(&console, &form, refusal))
        }
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

async fn to_provider(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let begun = Instant::now();
    let answer = Box::pin(provider::begin(&request, &console)).await;
    respond("GoToLoginProvider", begun, &console, answer)
}

async fn from_provider(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let begun = Instant::now();
    let answer = Box::pin(provider::end(&request, &console)).await;
    let mut response = respond("ComeFromLoginProvider", begun, &console, answer);
    // The URL of this page has the code: what the page loads must not name it.
    let policy = HeaderValue::from_static("strict-origin");
    response.headers_mut().insert(REFERRER_POLICY, policy);
    response
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
