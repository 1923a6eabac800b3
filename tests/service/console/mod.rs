//! The console, as people in a browser use it: with a cookie, over HTTP.

mod access;
mod accounts;
mod addresses;
mod brand;
pub mod browser;
mod client;
mod customers;
mod delivery_jobs;
mod inbox;
mod lists;
pub mod odd_content;
mod oidc;
mod overview;
mod reviews;
mod sources;

use std::net::SocketAddr;

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::console_access::create_link;
use hookpoint::admin::role::Role;

use hookpoint::brand::Brand;

pub use self::client::{Page, Person};
use crate::settings::TestSettings;
use crate::support::*;

/// An application with a console, and the demo's people.
pub async fn app_with_console() -> TestApp {
    let app = TestApp::start_with(settings_with_console()).await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    app
}

/// An application with a console, and nobody in it.
pub async fn empty_app_with_console() -> TestApp {
    TestApp::start_with(settings_with_console()).await
}

pub fn settings_with_console() -> TestSettings {
    TestSettings::demo().with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen))
}

/// The address of the console.
pub fn console_of(app: &TestApp) -> SocketAddr {
    let urls = app.application.console.as_ref().unwrap();
    urls.origin().strip_prefix("http://").unwrap().parse().unwrap()
}

/// The code of a new link.
pub async fn link(app: &TestApp, brand: &Brand, role: Role) -> String {
    link_for(app, brand, role, "Femke").await
}

/// The code of a new link for a person.
pub async fn link_for(app: &TestApp, brand: &Brand, role: Role, person: &str) -> String {
    let attribution = Attribution { by: "test", reason: "test", via: Via::Command };
    let who = (role, person);
    let code = create_link(app.pool(), brand, who, attribution, app.clock.now()).await.unwrap();
    format!("{}.{}", brand.rules.slug, code.reveal())
}

/// Opens a page with a cookie.
pub async fn open(app: &TestApp, path: &str, cookie: &str) -> Response {
    request(app, "GET", path, &[("Cookie", cookie)], "").await
}

/// Sends a form from a page of the console.
pub async fn submit(app: &TestApp, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Response {
    request(
        app,
        "POST",
        path,
        &[("Cookie", cookie), ("Sec-Fetch-Site", "same-origin")],
        &form(fields),
    )
    .await
}

pub fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// Sends a request to the console.
pub async fn request(
    app: &TestApp,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let (address, length) = (console_of(app), body.len().to_string());
    let mut headers = headers.to_vec();
    headers.push(("Content-Length", &length));
    let request = head(address, method, path, &headers) + body;
    exchange_undocumented(address, request.into_bytes()).await
}
