//! Acknowledged webhooks are applied exactly once in effect, with any failure, delay and order.

mod batches;
mod duplicates;
mod failures;
mod history;
mod replay;

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::deliveries::act_on_all;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::SourceKind;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::inbox::processor::DeliveryProcessor;
use hookpoint::settings::file::InboxSettings;
use hookpoint::storage::deliveries::{DeliveryFilter, ListedRow, list_deliveries};
use hookpoint::storage::delivery_queue::delete_old_deliveries;
use hookpoint::storage::seen_deliveries::DeliveryAct;
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::{Options, Response, TestApp, TestSettings, now, post, suppression_file_of};

/// An application that receives webhooks. The test applies them.
async fn receiver() -> TestApp {
    receiver_with(TestSettings::demo()).await
}

async fn receiver_with(settings: TestSettings) -> TestApp {
    let settings = settings.without_inbox_workers();
    TestApp::start_with(Options { skips_verification: true, settings, ..Options::default() }).await
}

fn worker(app: &TestApp) -> DeliveryProcessor {
    let settings = InboxSettings { max_attempts: 3, ..InboxSettings::default() };
    DeliveryProcessor::new(app.pool().clone(), app.brand.clone(), &settings, app.clock.clone())
}

async fn send(app: &TestApp, source: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    post(
        app.application.address,
        &format!("/webhooks/demo/{source}"),
        headers,
        body.to_string().as_bytes(),
    )
    .await
}

async fn accepted(app: &TestApp, source: &str, headers: &[(&str, &str)], body: &Value) {
    let response = send(app, source, headers, body).await;
    assert_eq!((response.status, response.body.as_str()), (202, ""), "{}", response.head);
}

/// A contact of the CRM; `second` is the time of its last change.
pub fn contact(event_id: &str, id: &str, first_name: &str, second: i64) -> Value {
    let at = jiff::Timestamp::from_second(1_750_000_000 + second).unwrap().to_string();
    json!({"event_id": event_id, "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact", "action": "updated",
        "occurred_at": at, "data": {"id": id, "firstName": first_name, "lastName": "Bakker", "email": format!("{id}@example.org"), "updatedAt": at}})
}

/// Replays or discards all deliveries that match.
pub async fn act(app: &TestApp, act: DeliveryAct, which: &DeliveryFilter) -> u64 {
    let by = Attribution { by: "test", reason: "", via: Via::Command };
    act_on_all(app.pool(), &app.brand, (act, which), by, app.clock.now()).await.unwrap()
}

pub async fn replay_all(app: &TestApp) -> u64 {
    act(app, DeliveryAct::Replay, &DeliveryFilter::default()).await
}

pub async fn work_off(app: &TestApp) {
    while worker(app).step().await.unwrap() > 0 {}
}

pub async fn deliveries(app: &TestApp) -> Vec<ListedRow> {
    let mut rows = list_deliveries(app.pool(), app.brand.id(), &DeliveryFilter::default(), 1_000)
        .await
        .unwrap();
    rows.reverse();
    rows
}

pub async fn states(app: &TestApp) -> Vec<(String, String)> {
    deliveries(app).await.into_iter().map(|row| (row.state, row.note)).collect()
}

async fn name(app: &TestApp, id: &str) -> String {
    let found = app.by_email(&format!("{id}@example.org")).await;
    found
        .first()
        .map(|customer| customer["customerFirstname"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_delivery_is_applied_soon_after_it_is_acknowledged() {
    let app = TestApp::start_with(Options { skips_verification: true, ..Options::default() }).await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    app.until("key=xyzzy&channelAddressType=email&address=c-1%40example.org", |response| {
        response.body.contains("\"Anna\"")
    })
    .await;
    app.stop().await;
}

/// Makes the writing of records with a text in their state fail.
pub async fn poison(app: &TestApp, text: &str, error: &str) {
    let trigger = format!(
        "create or replace function poison() returns trigger language plpgsql as $$ begin
            if new.state::text like '%{text}%' then raise exception using errcode = '{error}', message = 'poisoned by ' || new.state::text; end if; return new;
        end $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(trigger)).execute(app.pool()).await.unwrap();
    sqlx::raw_sql("create or replace trigger poison before insert or update on records for each row execute function poison()")
        .execute(app.pool())
        .await
        .unwrap();
}
