//! Sample webhooks of OmnioTap.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::settings::OmnioTapSettings;
use crate::sources::sample::{SampleWebhook, SampleWebhooks};

/// The recorded webhooks.
const RECORDED: [(&str, &str); 14] = [
    ("contact.created", include_str!("../../../fixtures/webhooks/omniotap/contact.created.json")),
    ("contact.deleted", include_str!("../../../fixtures/webhooks/omniotap/contact.deleted.json")),
    ("contact.updated", include_str!("../../../fixtures/webhooks/omniotap/contact.updated.json")),
    ("customer.created", include_str!("../../../fixtures/webhooks/omniotap/customer.created.json")),
    ("customer.deleted", include_str!("../../../fixtures/webhooks/omniotap/customer.deleted.json")),
    ("customer.updated", include_str!("../../../fixtures/webhooks/omniotap/customer.updated.json")),
    ("invoice.created", include_str!("../../../fixtures/webhooks/omniotap/invoice.created.json")),
    ("lead.created", include_str!("../../../fixtures/webhooks/omniotap/lead.created.json")),
    ("lead.updated", include_str!("../../../fixtures/webhooks/omniotap/lead.updated.json")),
    (
        "opportunity.created",
        include_str!("../../../fixtures/webhooks/omniotap/opportunity.created.json"),
    ),
    (
        "opportunity.updated",
        include_str!("../../../fixtures/webhooks/omniotap/opportunity.updated.json"),
    ),
    ("ticket.created", include_str!("../../../fixtures/webhooks/omniotap/ticket.created.json")),
    ("ticket.deleted", include_str!("../../../fixtures/webhooks/omniotap/ticket.deleted.json")),
    ("ticket.updated", include_str!("../../../fixtures/webhooks/omniotap/ticket.updated.json")),
];

impl SampleWebhooks for OmnioTapSettings {
    fn recorded_webhooks(&self) -> &'static [(&'static str, &'static str)] {
        &RECORDED
    }

    /// Each has an id of its own, because a second delivery with the same id is a duplicate.
    fn adapt(&self, mut webhook: SampleWebhook, _: Timestamp) -> SampleWebhook {
        if let Some(body) = webhook.body.as_object_mut() {
            body.insert("event_id".to_owned(), Value::from(Uuid::new_v4().to_string()));
            if !self.tenant_id.is_empty() {
                body.insert("tenant_id".to_owned(), Value::from(self.tenant_id.as_str()));
            }
        }
        webhook
    }
}
