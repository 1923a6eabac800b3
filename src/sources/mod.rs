//! The systems that a brand connects, each with its own words in its own folder.
//!
//! To add a system: a variant of [`Source`] and its kinds of record in `customer/kind.rs` (the compiler then lists what
//! is missing), a folder here with its wire format, its recorded bodies in `fixtures/webhooks/<system>`, its settings.

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

/// What arrived from a source: a webhook's headers and raw body.
#[derive(Clone)]
pub struct Delivery {
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// When it was first received: the time stamp of what carries none.
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

/// What a delivery says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// These changes.
    Changes(Vec<Change>),
    /// Nothing about a customer; the delivery is kept all the same.
    Ignored(&'static str),
}

/// A delivery that can't be read. The text never repeats what the delivery holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body isn't JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(Fault),
    /// A header or field that says what the delivery is about is not there.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It belongs to another account of the source.
    #[error("it belongs to another {0}")]
    Foreign(&'static str),
    /// What removes something must be proved by more than a header that anybody could have changed.
    #[error("only a header that nobody signed says that it is gone (see trust_deletion_header)")]
    Unconfirmed,
}

/// A connected system's way to read what it sends. It has no defaults: each system answers for itself.
pub trait Reader {
    /// Reads a webhook.
    ///
    /// # Errors
    /// When the delivery can't be understood at all; what is merely unknown is [`Reading::Ignored`].
    fn read_webhook(&self, delivery: &Delivery) -> Result<Reading, Unreadable>;

    /// Reads an answer of the system's API to a question about one thing.
    ///
    /// # Errors
    /// When it can't be understood at all.
    fn read_answer(&self, delivery: &Delivery) -> Result<Reading, Unreadable>;

    /// The headers of a webhook, in lower case, that reading it needs: they are kept, all others are forgotten.
    fn required_headers(&self) -> &'static [&'static str];

    /// What the inbox needs to know of a webhook. Every body has a label, also one that can't be read.
    fn label(&self, delivery: &Delivery) -> webhook::DeliveryMeta;
}

/// How a brand's sources are to be read.
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
    /// The reader of a source.
    #[must_use]
    pub fn reader(&self, source: Source) -> &dyn Reader {
        match source {
            Source::OmnioTap => &self.omniotap,
            Source::Omneo => &self.omneo,
            Source::OmniLab => &self.omnilab,
            Source::Syncaroo => &self.syncaroo,
        }
    }

    /// What proves that a source's webhooks are its own; `None` where the settings don't say, or are wrong.
    pub fn proof(&self, source: Source, keys: &mut secret::SecretLoader<'_>) -> Option<Box<dyn webhook::Proof>> {
        match source {
            Source::OmnioTap => self.omniotap.webhook.proof(keys),
            Source::Omneo => self.omneo.webhook.proof(keys),
            Source::OmniLab => self.omnilab.webhook.proof(keys),
            Source::Syncaroo => self.syncaroo.webhook.proof(keys),
        }
    }

    /// The API of a source.
    #[must_use]
    pub fn api(&self, source: Source) -> &dyn api::Api {
        match source {
            Source::OmnioTap => &self.omniotap,
            Source::Omneo => &self.omneo,
            Source::OmniLab => &self.omnilab,
            Source::Syncaroo => &self.syncaroo,
        }
    }

    /// The account whose API a source may be asked by; `None` where there is none, or its settings are wrong.
    pub fn account(&self, source: Source, keys: &mut secret::SecretLoader<'_>) -> Option<api::AccountRules> {
        match source {
            Source::OmnioTap => self.omniotap.api.account(keys),
            Source::Omneo => self.omneo.api.account(keys),
            Source::OmniLab => self.omnilab.api.account(keys),
            Source::Syncaroo => self.syncaroo.api.account(keys),
        }
    }

    /// The template of the page that shows an event of a source; empty for none.
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
