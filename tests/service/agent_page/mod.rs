//! The agent page, as the browser of an agent uses it: from the link of a real answer, over HTTP.

mod access;
mod browser;
mod logs;
mod reports;
mod revoked;
mod shown;
mod stored;

use hookpoint::agent_page::settings::AgentPageMode;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;
use serde_json::Value;

use crate::settings::TestSettings;
use crate::support::*;

/// The custom field with the link.
const FIELD: &str = "Everything";

const EMAIL: &str = "ruben@example.org";
const LINE: &str = "+31644556677";

/// Settings with an agent page: in a custom field, and as the URL of events without one.
fn settings() -> TestSettings {
    in_mode(AgentPageMode::Link)
}

/// The demo's settings, in which no event has a URL but its own.
fn plain() -> TestSettings {
    TestSettings::demo().with(|file| {
        file.brands.values_mut().next().unwrap().sources.omneo.event_url.clear();
    })
}

fn in_mode(mode: AgentPageMode) -> TestSettings {
    plain().with(|file| {
        let brand = file.brands.values_mut().next().unwrap();
        brand.agent_page.mode = mode;
        brand.agent_page.event_links = true;
        let mut field = brand.custom_fields[0].clone();
        FIELD.clone_into(&mut field.name);
        "{{ agent_page }}".clone_into(&mut field.value);
        brand.custom_fields.push(field);
    })
}

fn update(fields: &[(&str, &str)]) -> Update {
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into()))).collect();
    Update { at, received_at: at, scope: Scope::Partial, fields }
}

fn person(record: &str, (first, last): (&str, &str), email: &str, phone: &str) -> Change {
    let fields =
        [("name.first", first), ("name.last", last), ("email.main", email), ("phone.main", phone)];
    let said: Vec<(&str, &str)> =
        fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Change::Record { key: record.parse().unwrap(), update: update(&said) }
}

const RUBEN: &str = "omneo.profile:ruben";
const SANNE: &str = "omniotap.contact:sanne";

/// A couple with one phone.
fn couple() -> Vec<Change> {
    vec![
        person(RUBEN, ("Ruben", "Smit"), EMAIL, LINE),
        person(SANNE, ("Sanne", "Jansen"), "sanne@example.org", LINE),
    ]
}

async fn app_with(settings: TestSettings, changes: Vec<Change>) -> TestApp {
    let app = TestApp::start_with(settings).await;
    app.apply(changes).await;
    app.wait_until_current().await;
    app
}

/// A replica with other settings.
async fn beside(app: &TestApp, settings: TestSettings) -> TestApp {
    let place = Some((app.place.clone(), app.database.clone()));
    TestApp::start_with(Options { place, settings, ..Options::default() }).await
}

/// The link in a customer of an answer.
fn link_in(customer: &Value) -> String {
    let fields = customer["customFields"].as_array().unwrap();
    let link = fields.iter().find_map(|field| field[FIELD].as_str());
    link.unwrap_or_else(|| panic!("no link: {customer}")).to_owned()
}

/// The link in the answer to a lookup of one customer.
async fn link_of(app: &TestApp, email: &str) -> String {
    let found = app.by_email(email).await;
    assert_eq!(found.len(), 1, "{found:?}");
    link_in(&found[0])
}

/// The token in a link.
fn token_of(link: &str) -> &str {
    link.split_once("/agent#").unwrap_or_else(|| panic!("no link: {link}")).1
}

/// The headers of a form of our own page.
const OWN: [(&str, &str); 2] =
    [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")];

async fn send_token(app: &TestApp, token: &str) -> Response {
    let body = format!("token={}", encode(token));
    post(app.application.address, "/agent", &OWN, body.as_bytes()).await
}

/// A browser that opened a link.
struct Visitor<'a> {
    app: &'a TestApp,
    path: String,
    cookie: String,
}

impl<'a> Visitor<'a> {
    async fn enter(app: &'a TestApp, link: &str) -> Self {
        let response = send_token(app, token_of(link)).await;
        assert_eq!(response.status, 303, "{}", response.body);
        let cookie = response.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { app, path: response.header("location").unwrap().to_owned(), cookie }
    }

    async fn open(&self, query: &str) -> Response {
        let path = format!("{}{query}", self.path);
        self.app.send("GET", &path, &[("Cookie", &self.cookie)]).await
    }

    async fn page(&self, query: &str) -> String {
        let response = self.open(query).await;
        assert_eq!(response.status, 200, "{}", response.body);
        html_escape::decode_html_entities(&response.body).into_owned()
    }

    /// Presses the button, and follows it.
    async fn report(&self, ticket: &str) -> String {
        let response = self.press(ticket).await;
        assert_eq!(response.status, 303, "{}", response.body);
        let path = response.header("location").unwrap().to_owned();
        let shown = self.app.send("GET", &path, &[("Cookie", &self.cookie)]).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        html_escape::decode_html_entities(&shown.body).into_owned()
    }

    async fn press(&self, ticket: &str) -> Response {
        let headers = [OWN[0], OWN[1], ("Cookie", self.cookie.as_str())];
        let body = format!("ticket={}", encode(ticket));
        post(self.app.application.address, &self.path, &headers, body.as_bytes()).await
    }
}

/// What a refused browser sees: what to do, and nobody's name.
fn assert_gone(response: &Response, why: &str) {
    assert_eq!(response.status, 410, "{why}: {}", response.body);
    assert!(response.body.contains("Open the ticket again"), "{why}: {}", response.body);
    for secret in ["Ruben", "Smit", "Sanne", "ruben", "demo", EMAIL] {
        assert!(!response.body.contains(secret), "{why}: {secret}");
    }
    assert_eq!(response.header("set-cookie"), None, "{why}");
}
