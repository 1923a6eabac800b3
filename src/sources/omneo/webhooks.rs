//! Omneo's webhooks: the header `x-omneo-event` has the event's name; the event context is the root of the
//! body. Webhooks have no id, so their content identifies them.

use serde_json::Value;

use super::context::BEFORE;
use super::events::EventSpec;
use super::names::NAMES;
use super::profile;
use super::settings::OmneoSettings;
use super::shape::reports_deletion;
use crate::customer::model::record::Change;
use crate::sources::delivery::Delivery;
use crate::sources::digest::digest;
use crate::sources::mentioned::Mentions;
use crate::sources::template_names::TemplateNames;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, time_at};
use crate::sources::webhook::{DedupKey, DeliveryMeta, ParsedWebhook, Priority, WebhookParser};

impl WebhookParser for OmneoSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let name =
            delivery.header("x-omneo-event").ok_or(Unreadable::Missing("x-omneo-event header"))?;
        self.read_context(name, &delivery.json()?, delivery.received_at)
    }

    fn mentions(&self, delivery: &Delivery) -> Mentions {
        let name = delivery.header("x-omneo-event").unwrap_or_default();
        self.mentions_in(name, &delivery.json().unwrap_or_default(), delivery.received_at)
    }

    fn required_headers(&self) -> &'static [&'static str] {
        &["x-omneo-event"]
    }

    fn template_names(&self) -> TemplateNames {
        NAMES
    }

    fn meta(&self, delivery: &Delivery) -> DeliveryMeta {
        let event = delivery.header("x-omneo-event");
        let name = event.unwrap_or_default();
        // Webhooks have no id, and the same body may be sent again because the same state has returned.
        let body = delivery.json().unwrap_or_default();
        let about: Vec<String> = match self.read_context(name, &body, delivery.received_at) {
            Ok(ParsedWebhook::Changes(changes)) => changes.iter().flat_map(Change::keys).collect(),
            Ok(ParsedWebhook::Ignored(_)) if name == BEFORE => before(&body).into_iter().collect(),
            Ok(ParsedWebhook::Ignored(_)) | Err(_) => Vec::new(),
        };
        let dedup_key = if about.is_empty() {
            DedupKey::of_content(kind_of(name), &delivery.body)
        } else {
            DedupKey::LatestContent {
                digest: digest(how_it_is_read(name, &body), &delivery.body),
                about,
            }
        };
        DeliveryMeta::new(event, dedup_key, Priority::Normal)
    }
}

/// The profile in that state.
fn before(body: &Value) -> Option<String> {
    profile::key(&id_at(body, "/id")?).ok().map(|key| key.to_string())
}

/// How a body is interpreted, for deduplication. The event's name is not signed, so another name must not make
/// the same body new content. But if the body has its own time, an old one changes nothing, and another event
/// with the same body is new content.
fn how_it_is_read<'a>(name: &'a str, body: &Value) -> &'a str {
    match name {
        _ if name.ends_with(".deleted") || reports_deletion(body) => "deleted",
        "profile.merged" | "identity.created" | "tier.achieved"
            if time_at(body, "/updated_at").is_some() =>
        {
            name
        }
        _ => "said",
    }
}

/// The name under which an unsupported body is stored. All unknown names count as one, so that nobody can store
/// a body twice with an invented name.
fn kind_of(name: &str) -> &str {
    match name.split_once('.') {
        Some((thing, action)) if EventSpec::named(thing).is_some() && action != "deleted" => thing,
        Some((thing, "deleted")) if thing == "profile" || EventSpec::named(thing).is_some() => name,
        Some(("profile", "merged")) => name,
        Some((
            thing @ ("profile" | "profile-temporary" | "profile-attribute" | "balance"
            | "aggregation" | "identity" | "tier"),
            _,
        )) => thing,
        _ => "unknown",
    }
}
