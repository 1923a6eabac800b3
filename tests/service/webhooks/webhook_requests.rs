//! Webhooks as sources send and sign them.

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use hookpoint::customer::model::source::Source;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Response, TestApp, now, post, secret_of};

/// The content of a webhook.
#[derive(Clone)]
pub struct UnsignedWebhook {
    pub source: Source,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The HTTP request of a webhook.
#[derive(Clone)]
pub struct WebhookRequest {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The `n`-th webhook of a source about a person.
pub fn unsigned_webhook(source: Source, n: u32) -> UnsignedWebhook {
    let at = now().to_string();
    let body = match source {
        Source::OmnioTap => {
            json!({"event_id": format!("event-{n}"), "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact",
            "action": "updated", "occurred_at": at, "data": {"id": format!("c-{n}"), "firstName": "Anna", "email": format!("c-{n}@example.org")}})
        }
        Source::Omneo => {
            json!({"id": format!("p-{n}"), "first_name": "Anna", "email": format!("p-{n}@example.org")})
        }
        Source::OmniLab => {
            json!({"type": "feedback.submitted.v1", "timestamp": at, "data": {"external_id": format!("x-{n}"), "rating": 5}})
        }
        Source::Syncaroo => {
            json!({"connectionId": 555, "webhookType": "data", "locationId": "11980", "metaData": {"attributeType": "bookings",
            "resourceType": "hot-desk", "resourceId": "78430", "syncarooId": format!("61c18cf515e22a061cf5{n:04}*1796896800000*1796900400000")}})
        }
    };
    UnsignedWebhook::new(source, n, body.to_string())
}

impl UnsignedWebhook {
    pub fn new(source: Source, n: u32, body: impl Into<Vec<u8>>) -> Self {
        let header = match source {
            Source::Omneo => Some(("x-omneo-event", "profile.updated".to_owned())),
            Source::OmniLab => Some(("webhook-id", format!("msg_{n}"))),
            Source::OmnioTap | Source::Syncaroo => None,
        };
        let headers = header.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Self { source, headers, body: body.into() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a signature.
    pub fn bare(self) -> WebhookRequest {
        WebhookRequest {
            target: format!("/webhooks/demo/{}", self.source),
            headers: self.headers,
            body: self.body,
        }
    }

    pub fn signed(self) -> WebhookRequest {
        let secret = secret_of(self.source);
        self.signed_with(&secret, now())
    }

    pub fn signed_with(self, secret: &str, at: Timestamp) -> WebhookRequest {
        let source = self.source;
        let mut sent = self.bare();
        let by_hmac = |parts: &[&[u8]]| hmac_sha256(secret, parts);
        match source {
            Source::OmnioTap => sent.with("x-omniotap-signature", &hex(&by_hmac(&[&sent.body]))),
            Source::Omneo => sent.with("x-omneo-hmac-sha256", &hex(&by_hmac(&[&sent.body]))),
            Source::OmniLab => {
                let id = sent.header("webhook-id").unwrap_or_default().to_owned();
                let signature =
                    by_hmac(&[format!("{id}.{}.", at.as_second()).as_bytes(), &sent.body]);
                let signature = base64::engine::general_purpose::STANDARD.encode(signature);
                sent.with("webhook-timestamp", &at.as_second().to_string())
                    .with("webhook-signature", &format!("v1,{signature}"))
            }
            // The hash is a member of the object that it covers, so only objects have one.
            Source::Syncaroo => {
                let hash = hex(&by_hmac(&[&sent.body]));
                if let Some(open) = sent.body.strip_suffix(b"}").filter(|open| open.len() > 1) {
                    sent.body = [open, format!(",\"hash\":\"{hash}\"}}").as_bytes()].concat();
                }
                sent
            }
        }
    }
}

impl WebhookRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut sent = self.without(name);
        sent.headers.push((name.to_owned(), value.to_owned()));
        sent
    }

    pub fn without(&self, name: &str) -> Self {
        let mut sent = self.clone();
        sent.headers.retain(|(known, _)| known != name);
        sent
    }

    pub fn at(&self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self.clone() }
    }

    pub fn saying(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    pub async fn to(&self, app: &TestApp) -> Response {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        post(app.application.address, &self.target, &headers, &self.body).await
    }
}

/// The headers, or members of the body, that a source's verification requires.
pub fn signed_names(source: Source) -> &'static [&'static str] {
    match source {
        Source::OmnioTap => &["x-omniotap-signature"],
        Source::Omneo => &["x-omneo-hmac-sha256"],
        Source::OmniLab => &["webhook-id", "webhook-timestamp", "webhook-signature"],
        Source::Syncaroo => &["hash"],
    }
}

/// A request in which one of these is changed or missing.
pub fn tampered(
    source: Source,
    sent: &WebhookRequest,
    name: &str,
    value: Option<&str>,
) -> WebhookRequest {
    if source != Source::Syncaroo {
        return value.map_or_else(|| sent.without(name), |value| sent.with(name, value));
    }
    let mut body: Value = serde_json::from_slice(&sent.body).unwrap();
    body.as_object_mut().unwrap().remove(name);
    value.into_iter().for_each(|value| body[name] = Value::from(value));
    sent.saying(body.to_string())
}

fn hmac_sha256(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
