//! Answers requests to the console.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use super::assets;
use super::cross_site::is_own_form;
use super::frame::Frame;
use super::members::{brands_of_browser, member_of, removal_cookie, session_cookie};
use super::pages;
use super::render::render;
use super::reply::{Refusal, Reply, builder};
use super::route::ConsoleRoute;
use super::state::Console;
use super::visit::Visit;
use crate::admin::console_access::{AccessError, LINK_MINUTES, log_in};
use crate::http::form::{Form, MAX_FORM_BYTES};

/// Registers the pages of the console.
pub fn console_routes(config: &mut ServiceConfig, console: &Data<Console>) {
    let base = console.urls.base();
    config.app_data(console.clone());
    config.app_data(PayloadConfig::new(MAX_FORM_BYTES));
    let at = |pattern: &str| Resource::new(format!("{base}{pattern}"));
    config.service(at("/assets/{version}/{name}").get(asset));
    config.service(at("/login").get(login_page).post(log_in_with_code));
    config.service(at("/").get(first_page));
    let mut patterns: Vec<&str> = ConsoleRoute::ALL.iter().map(|route| route.pattern()).collect();
    patterns.dedup();
    for pattern in patterns {
        let mut resource = at(&format!("/{{brand}}{pattern}"));
        for route in ConsoleRoute::ALL.iter().copied().filter(|route| route.pattern() == pattern) {
            let method = if route.is_act() { Method::POST } else { Method::GET };
            let handler = move |request: HttpRequest, body: Bytes, console: Data<Console>| {
                respond(route, request, body, console)
            };
            resource = resource.route(web::method(method).to(handler));
        }
        config.service(resource);
    }
    config.default_service(web::to(|console: Data<Console>| async move {
        refuse(&console, &Refusal::NotFound)
    }));
}

async fn asset(path: web::Path<(String, String)>, console: Data<Console>) -> HttpResponse {
    assets::response(&path.1).unwrap_or_else(|| refuse(&console, &Refusal::NotFound))
}

/// Answers a request, and logs it without anything of its path.
async fn respond(
    route: ConsoleRoute,
    request: HttpRequest,
    body: Bytes,
    console: Data<Console>,
) -> HttpResponse {
    let begun = Instant::now();
    let response = match visit(route, &request, &body, &console).await {
        Ok(visit) => match Box::pin(pages::answer(route, &visit)).await {
            Ok(reply) => {
                let logs_out = route == ConsoleRoute::LogOut;
                let removed = logs_out.then(|| removal_cookie(&console, &visit.brand));
                reply.response(removed.into_iter().collect())
            }
            Err(refusal) => refuse_in(&visit, &refusal),
        },
        Err(refusal) => refuse(&console, &refusal),
    };
    let (status, duration_us) = (response.status().as_u16(), begun.elapsed().as_micros());
    tracing::info!(route = route.name(), status, duration_us, "console request");
    response
}

/// Finds out who asks, and whether they may.
async fn visit(
    route: ConsoleRoute,
    request: &HttpRequest,
    body: &Bytes,
    console: &Data<Console>,
) -> Result<Visit, Refusal> {
    if route.is_act() && !is_own_form(request.headers(), console.urls.origin()) {
        return Err(Refusal::CrossSite);
    }
    let slug = request.match_info().query("brand");
    // A stranger does not learn which brands there are.
    let brand = console.brands.get(slug).ok_or(Refusal::LoggedOut)?;
    let member = member_of(console, brand, request).await?.ok_or(Refusal::LoggedOut)?;
    if member.role < route.role() {
        return Err(Refusal::Forbidden);
    }
    let variable = request.match_info().iter().find(|(name, _)| *name != "brand");
    let brands = brands_of_browser(console, request);
    Ok(Visit {
        console: console.clone(),
        brand: Arc::clone(brand),
        member,
        other_brands: brands.iter().map(|brand| brand.rules.slug.clone()).collect(),
        id: variable.map(|(_, value)| value.to_owned()).unwrap_or_default(),
        query: Form::parse(request.query_string().as_bytes()),
        form: Form::parse(body),
    })
}

/// The page that takes the code of a link.
async fn login_page(console: Data<Console>) -> HttpResponse {
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Log in");
    match render(&console.environment, "login.html", &frame, &()) {
        Ok(html) => builder(StatusCode::OK).body(html),
        Err(refusal) => refuse(&console, &refusal),
    }
}

async fn log_in_with_code(
    request: HttpRequest,
    body: Bytes,
    console: Data<Console>,
) -> HttpResponse {
    match Box::pin(logged_in(&request, &body, &console)).await {
        Ok(response) => response,
        Err(refusal) => refuse(&console, &refusal),
    }
}

async fn logged_in(
    request: &HttpRequest,
    body: &Bytes,
    console: &Data<Console>,
) -> Result<HttpResponse, Refusal> {
    if !is_own_form(request.headers(), console.urls.origin()) {
        return Err(Refusal::CrossSite);
    }
    let form = Form::parse(body);
    // People paste the whole link, too.
    let (_, code) = form.value("code").rsplit_once('#').unwrap_or(("", form.value("code")));
    let (slug, code) = code.split_once('.').unwrap_or_default();
    let Some(brand) = console.brands.get(slug) else { return Err(wrong_code(console, request)) };
    let token = match log_in(&console.pool, brand, code, console.clock.now()).await {
        Ok(Some(token)) => token,
        Ok(None) => return Err(wrong_code(console, request)),
        Err(AccessError::Storage(error)) => return Err(error.into()),
        Err(error) => return Err(Refusal::Mistake(error.to_string())),
    };
    let path = format!("{}/{slug}/?done=logged-in", console.urls.base());
    let cookie = session_cookie(console, brand, token.reveal());
    Ok(Reply::Redirect(path).response(vec![cookie]))
}

/// The refusal of a wrong code. Too many of them from one network are refused without a reason.
fn wrong_code(console: &Console, request: &HttpRequest) -> Refusal {
    let caller = request
        .peer_addr()
        .map(|peer| console.proxies.caller(peer.ip(), request.headers()).for_limits());
    tracing::warn!("somebody sent a wrong code to the console");
    match caller.map(|caller| console.attempts.take(caller)) {
        Some(Err(seconds)) => Refusal::TooMany(seconds),
        _ => Refusal::Mistake(format!(
            "This link is unknown, was used before, or is older than {LINK_MINUTES} minutes. Ask for a new one."
        )),
    }
}

/// Goes to the first brand of the person.
async fn first_page(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    for brand in brands_of_browser(&console, &request) {
        match member_of(&console, brand, &request).await {
            Ok(Some(_)) => {
                let path = format!("{}/{}/", console.urls.base(), brand.rules.slug);
                return Reply::Redirect(path).response(Vec::new());
            }
            Ok(None) => {}
            Err(error) => return refuse(&console, &error.into()),
        }
    }
    Reply::Redirect(format!("{}/login", console.urls.base())).response(Vec::new())
}

/// The page of a refusal, without a person.
fn refuse(console: &Console, refusal: &Refusal) -> HttpResponse {
    let (title, text) = refusal.texts();
    let frame = Frame::without_person(&console.urls, &console.assets_version, title);
    refusal_page(console, &frame, refusal, &text)
}

/// The page of a refusal, with the navigation.
fn refuse_in(visit: &Visit, refusal: &Refusal) -> HttpResponse {
    let (title, text) = refusal.texts();
    refusal_page(&visit.console, &Frame::new(visit, "", title), refusal, &text)
}

fn refusal_page(console: &Console, frame: &Frame, refusal: &Refusal, text: &str) -> HttpResponse {
    if let Refusal::Storage(error) = refusal {
        tracing::error!(%error, "the console could not read or write");
    }
    let html = render(&console.environment, "refusal.html", frame, &text);
    builder(refusal.status()).body(html.unwrap_or_else(|_| text.to_owned()))
}
