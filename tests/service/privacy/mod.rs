//! The canary test: no log line and no metric contains personal data, whatever fails.

mod child;
mod debug;
pub mod forms;
mod levels;
mod panics;
mod postgres;
mod traces;
mod unfiltered;
mod webhooks;

use std::net::SocketAddr;

use hookpoint::agent_page::settings::AgentPageMode;
use hookpoint::brand::Brand;
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::recorded_deliveries;
use hookpoint::demo::recorded_deliveries::Recorded;
use hookpoint::http::route::ROUTES;
use hookpoint::settings::file::SettingsFile;
use hookpoint::storage::database::Place;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{Options, TestApp, TestSettings, encode, logs, send};
use forms::LeakSearch;

const SECRET_KEY: &str = "hkp_CanaryKey7f3a9";
const EMAIL: &str = "canary.person@canary-mail.example.org";
const PHONE: &str = "+31655500017";
const NAME: &str = "Canariana";
const ID: &str = "canary-record-4711";
const COMPANY: &str = "Cañón \"Kanarie\" & ??>>zoon";
const SUBJECT: &str = "Vogelkooi kapot";
const NUMBER: &str = "KN-2026-0815x";

/// Values that must not appear anywhere, and the rest of an address of which half was masked.
const CANARIES: [&str; 11] = [
    SECRET_KEY,
    EMAIL,
    PHONE,
    NAME,
    ID,
    COMPANY,
    SUBJECT,
    NUMBER,
    "canary.person",
    "canary-mail",
    "655500017",
];

/// The tests leak this themselves. If the search does not find it, the search does not work.
const LEAKED: &str = "leaked-on-purpose@example.org";

fn canaries() -> LeakSearch {
    LeakSearch::new(&CANARIES)
}

fn is_found_where_leaked(text: &str) {
    assert!(LeakSearch::new(&[LEAKED]).find(text).is_some(), "the intended leak is not found");
}

/// The sources' data about the person.
fn changes(brand: &Brand) -> Vec<Change> {
    let delivery = |entity: &str, data: Value| {
        let body = json!({
            "event_id": "e", "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": entity, "action": "created",
            "occurred_at": "2026-01-01T00:00:00Z", "data": data,
        });
        let recorded =
            json!({"headers": {}, "received_at": "2026-01-01T00:00:00Z", "body": body}).to_string();
        (Source::OmnioTap, Recorded::parse(&recorded).unwrap())
    };
    let person = json!({"id": ID, "firstName": NAME, "lastName": NAME, "email": EMAIL, "phone": PHONE, "company": COMPANY});
    let ticket = json!({"id": format!("{ID}-t"), "contactId": ID, "number": NUMBER, "subject": SUBJECT, "status": "open"});
    recorded_deliveries::changes(
        &[delivery("contact", person), delivery("ticket", ticket)],
        &brand.rules.sources,
    )
    .unwrap()
}

/// Lookups of the person, valid and invalid.
fn queries(suffix: &str) -> Vec<String> {
    let key = encode(SECRET_KEY);
    let (email, phone) = (encode(EMAIL), encode(PHONE));
    vec![
        format!("key={key}&channelAddressType=email&address={email}{suffix}"),
        format!("key={key}&channelAddressType=phoneNumber&address={phone}{suffix}"),
        format!("key={key}&primaryID={ID}{suffix}"),
        format!("key={key}&primaryID={NUMBER}{suffix}"),
        format!("key={key}&channelAddressType=email&address={EMAIL}&address={EMAIL}"),
        format!("key={key}&channelAddressType={email}&address={phone}"),
        format!("key={key}&channelAddressType=phoneNumber&address={email}"),
        format!("key={key}&channelAddressType=email&address={phone}{NAME}"),
        format!("key={key}&key={key}&primaryID={ID}"),
        format!("key={key}{NAME}&primaryID={ID}"),
        format!("key={key}&primaryID={ID}%00{NAME}&{}", "x".repeat(5_000)),
    ]
}

const HEADERS: [(&str, &str); 4] =
    [("X-Forwarded-For", PHONE), ("User-Agent", EMAIL), ("Referer", EMAIL), ("X-Request-Id", NAME)];

/// Every route with every query and method.
async fn drive(address: SocketAddr, suffix: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for query in queries(suffix) {
        for (_, path) in ROUTES {
            let path = path
                .replace("{code}", &format!("{NAME}-{ID}"))
                .replace("{secret:[^/]*/?}", "{secret}");
            for method in ["GET", "HEAD", "POST", NAME] {
                statuses
                    .push(send(address, method, &format!("{path}?{query}"), &HEADERS).await.status);
            }
        }
        statuses.push(send(address, "GET", &format!("/{NAME}/{EMAIL}?{query}"), &[]).await.status);
    }
    statuses
}

/// An application with the person, and a key.
async fn app_with_canaries(options: impl Into<Options>) -> TestApp {
    let app = TestApp::start_with(options).await;
    app.key(&app.brand, SECRET_KEY, None).await;
    app.until(&format!("key={SECRET_KEY}&primaryID=1"), |response| response.status != 401).await;
    let changes = changes(&app.brand);
    // Debug output often ends up in log lines.
    tracing::info!(target: "hookpoint::canary", changes = ?changes, brand = ?app.brand.id(), "debug output of changes");
    app.apply(changes).await;
    app
}

/// Runs something while Postgres hangs.
async fn while_it_hangs<T>(app: &TestApp, asking: impl Future<Output = T>) -> T {
    let Place::Server(url) = &app.place else { panic!("tests share a server") };
    let mut connection = PgConnection::connect(&url.0).await.unwrap();
    let mut blocker = connection.begin().await.unwrap();
    sqlx::query("lock table answers in access exclusive mode")
        .execute(&mut *blocker)
        .await
        .unwrap();
    let answer = asking.await;
    blocker.rollback().await.unwrap();
    answer
}

#[tokio::test]
async fn no_key_address_or_name_reaches_a_log_line_or_a_metric() {
    let limits = TestSettings::demo().with(|file| {
        (file.limits.wrong_keys_per_minute, file.limits.not_found_per_minute) = (20, 1);
        file.brands.values_mut().next().unwrap().agent_page.mode = AgentPageMode::Link;
    });
    let app = app_with_canaries(limits).await;
    let beside = |change: fn(&mut SettingsFile)| Options {
        settings: TestSettings::demo().with(change),
        place: Some((app.place.clone(), app.database.clone())),
        ..Default::default()
    };
    let mut statuses = drive(app.application.address, "").await;
    let closed = TestApp::start_without_warm_up(beside(|file| {
        file.server.allowed_networks = vec!["192.0.2.0/24".parse().unwrap()];
    }))
    .await;
    statuses.extend(drive(closed.application.address, "").await);
    closed.stop().await;
    let limited =
        TestApp::start_without_warm_up(beside(|file| file.limits.lookups_per_second = 1)).await;
    statuses.extend(drive(limited.application.address, "").await);
    limited.stop().await;
    cut(&app).await;
    statuses.extend(drive(app.application.address, "9").await);
    restore(&app).await;
    app.stop().await;
    for status in [200, 400, 401, 403, 404, 405, 410, 429, 500] {
        assert!(statuses.contains(&status), "status {status} never occurred");
    }
    tracing::trace!(target: "hookpoint::canary", LEAKED);
    metrics::counter!("hookpoint_canary_total", "leaked" => LEAKED).increment(1);
    let (seen, metrics) = (logs().text(), hookpoint::telemetry::metrics().render());
    for expected in [
        "request answered",
        "\"status\":500",
        "\"status\":405",
        "Postgres does not answer lookups",
        "debug output of changes",
    ] {
        assert!(seen.contains(expected), "nothing was captured of {expected}");
    }
    assert!(seen.lines().filter(|line| line.contains("request answered")).count() > 300);
    assert!(
        metrics.contains("hookpoint_requests_total")
            && metrics.contains("hookpoint_problems_total")
    );
    is_found_where_leaked(&seen);
    is_found_where_leaked(&metrics);
    assert_eq!(canaries().find(&seen), None, "in the log");
    assert_eq!(canaries().find(&metrics), None, "in the metrics");
}
