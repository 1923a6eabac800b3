//! Known real-data problems of other systems: from the webhook to the agent's view.

mod deletions;
mod ids;
mod times;
mod values;

use hookpoint::admin::explain::explain;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::ingest::apply::{apply, apply_changes_of_reply};
use hookpoint::storage::webhook_stats::get_webhook_stats;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::inbox::{deliveries, work_off};
use crate::support::{TestApp, TestSettings, logs, now, secret_of, until};
use crate::webhooks::webhook_requests::UnsignedWebhook;

/// An application that receives webhooks. The test applies them.
async fn receiver() -> TestApp {
    receiver_with(TestSettings::demo()).await
}

async fn receiver_with(settings: TestSettings) -> TestApp {
    TestApp::start_with(settings.without_inbox_workers()).await
}

/// Sends a webhook, a second after the last one, and applies it.
async fn deliver(app: &TestApp, webhook: UnsignedWebhook) {
    app.clock.set(app.clock.now() + 1.second());
    let secret = secret_of(webhook.source);
    let response = webhook.signed_with(&secret, app.clock.now()).to(app).await;
    assert_eq!(response.status, 202, "{} {}", response.head, response.body);
    work_off(app).await;
}

async fn omneo(app: &TestApp, event: &str, body: Value) {
    deliver(
        app,
        UnsignedWebhook::new(Source::Omneo, 0, body.to_string()).with("x-omneo-event", event),
    )
    .await;
}

/// A webhook of the CRM. `envelope` has the fields that differ from the usual ones.
async fn omniotap(app: &TestApp, entity: &str, action: &str, envelope: Value, data: Value) {
    let mut body = json!({"tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": entity, "action": action, "data": data});
    body.as_object_mut().unwrap().extend(envelope.as_object().unwrap().clone());
    deliver(app, UnsignedWebhook::new(Source::OmnioTap, 0, body.to_string())).await;
}

/// The only customer of an address or id, looked up with this query.
async fn customer(app: &TestApp, query: &str) -> Option<Value> {
    app.wait_until_current().await;
    let mut customers = app.customers(query).await;
    assert!(customers.len() < 2, "{query}: {customers:?}");
    customers.pop()
}

fn custom_field(customer: &Value, name: &str) -> Option<String> {
    let fields = customer["customFields"].as_array().unwrap();
    fields.iter().find_map(|field| field.get(name)).and_then(Value::as_str).map(str::to_owned)
}

fn ago(days: i64) -> String {
    (now() - SignedDuration::from_hours(24 * days)).to_string()
}
