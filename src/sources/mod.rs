//! The systems that a brand can connect. Each has its own folder with the vendor's words.
//!
//! To add a system: a variant of [`Source`] and its kinds of record in `customer/model/source.rs` (the compiler
//! then lists the rest), a folder here, its recorded bodies in `fixtures/webhooks/<system>`, its settings.

mod address_match;
pub mod api;
pub mod booking;
pub mod extract;
mod json;
mod listing;
mod lone_surrogates;
pub mod omneo;
pub mod omnilab;
pub mod omniotap;
mod path;
mod said_at;
pub mod secret;
pub mod signature;
pub mod syncaroo;
pub mod time;
mod url_secret;
pub mod webhook;
pub mod weight;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::api::ApiSettings;
pub use self::json::{Fault, json};
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;

/// The headers and raw body of a webhook or a reply.
#[derive(Clone)]
pub struct Delivery {
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
    /// When it was first received. It is the time of data without a time of its own.
    pub received_at: Timestamp,
}

impl Delivery {
    fn json(&self) -> Result<serde_json::Value, Unreadable> {
        json(&self.body)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A parsed delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedWebhook {
    /// Changes to apply.
    Changes(Vec<Change>),
    /// Nothing about a customer. The text is the reason. The delivery is stored all the same.
    Ignored(&'static str),
}

/// Why a delivery cannot be parsed. The text never contains its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(Fault),
    /// A header or field that is required is missing.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It belongs to another account of the source.
    #[error("it belongs to another {0}")]
    Foreign(&'static str),
    /// A deletion needs more proof than an unsigned header, which anybody could change.
    #[error("only an unsigned header reports the deletion (see the setting trust_deletion_header)")]
    Unconfirmed,
}

/// Parses the webhooks of a source. The trait has no defaults: each source implements everything.
pub trait WebhookParser {
    /// Parses a webhook.
    ///
    /// # Errors
    /// When the delivery cannot be parsed. An unknown event is [`ParsedWebhook::Ignored`].
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable>;

    /// Parses a reply of the system's API about one thing.
    ///
    /// # Errors
    /// When it cannot be parsed.
    fn parse_reply(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable>;

    /// The webhook headers, in lower case, that the parser needs. Only these are stored.
    fn required_headers(&self) -> &'static [&'static str];

    /// The inbox metadata of a webhook. Every body has some, also one that cannot be parsed.
    fn label(&self, delivery: &Delivery) -> webhook::DeliveryMeta;
}

/// The settings of a brand's sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// OmnioTap.
    pub omniotap: omniotap::OmnioTapSettings,
    /// Omneo.
    pub omneo: omneo::OmneoSettings,
    /// OmniLab.
    pub omnilab: omnilab::OmniLabSettings,
    /// Syncaroo.
    pub syncaroo: syncaroo::SyncarooSettings,
}

impl SourceSettings {
    /// The webhook parser of a source.
    #[must_use]
    pub fn reader(&self, source: Source) -> &dyn WebhookParser {
        match source {
            Source::OmnioTap => &self.omniotap,
            Source::Omneo => &self.omneo,
            Source::OmniLab => &self.omnilab,
            Source::Syncaroo => &self.syncaroo,
        }
    }

    /// The verification of a source's webhooks; `None` if the settings have none, or have a mistake.
    pub fn proof(
        &self,
        source: Source,
        keys: &mut secret::SecretLoader<'_>,
    ) -> Option<Box<dyn webhook::Verification>> {
        match source {
            Source::OmnioTap => self.omniotap.webhook.proof(keys),
            Source::Omneo => self.omneo.webhook.proof(keys),
            Source::OmniLab => self.omnilab.webhook.proof(keys),
            Source::Syncaroo => self.syncaroo.webhook.proof(keys),
        }
    }

    /// The API of a source.
    #[must_use]
    pub fn api(&self, source: Source) -> &dyn api::ApiConnector {
        match source {
            Source::OmnioTap => &self.omniotap,
            Source::Omneo => &self.omneo,
            Source::OmniLab => &self.omnilab,
            Source::Syncaroo => &self.syncaroo,
        }
    }

    /// The API account of a source; `None` if there is none, or its settings have a mistake.
    pub fn account(
        &self,
        source: Source,
        keys: &mut secret::SecretLoader<'_>,
    ) -> Option<api::AccountRules> {
        match source {
            Source::OmnioTap => self.omniotap.api.account(keys),
            Source::Omneo => self.omneo.api.account(keys),
            Source::OmniLab => self.omnilab.api.account(keys),
            Source::Syncaroo => self.syncaroo.api.account(keys),
        }
    }

    /// The URL template of an event's page; empty for none.
    #[must_use]
    pub fn event_url(&self, source: Source) -> &str {
        match source {
            Source::OmnioTap => &self.omniotap.event_url,
            Source::Omneo => &self.omneo.event_url,
            Source::OmniLab => &self.omnilab.event_url,
            Source::Syncaroo => &self.syncaroo.event_url,
        }
    }
}
