//! The systems that a brand can connect. Each has its own folder with the vendor's words.
//!
//! "Add a source" in `src/README.md` has the steps to add a system.

mod address_match;
pub mod api;
pub mod booking;
mod delivery;
pub mod diagnosis;
mod digest;
pub mod example_webhooks;
pub mod extract;
mod header_signature;
mod json;
mod json_fault;
mod json_text;
mod listing;
mod lone_surrogates;
pub mod mentioned;
pub mod omneo;
pub mod omnilab;
pub mod omniotap;
mod path;
pub(crate) mod safe_url;
mod said_at;
pub mod sample;
pub mod secret;
mod secret_place;
mod serialization;
mod setting_problem;
pub mod setup;
pub mod signature;
pub mod syncaroo;
mod template_names;
pub mod time;
mod time_formats;
mod unreadable;
mod url_secret;
pub mod value;
pub mod webhook;
pub mod weight;

use serde::{Deserialize, Serialize};

use self::api::ApiSettings;
pub use self::delivery::Delivery;
pub use self::json::{MAX_INLINE_JSON_BYTES, json};
pub use self::json_fault::Fault;
pub use self::setting_problem::SettingProblem;
pub use self::template_names::TemplateNames;
pub use self::unreadable::Unreadable;
pub use self::webhook::{ParsedWebhook, WebhookParser};
use crate::customer::model::source::Source;

/// How the webhooks of a source are connected.
#[must_use]
pub const fn webhook_setup(source: Source) -> &'static setup::WebhookSetup {
    match source {
        Source::OmnioTap => &omniotap::SETUP,
        Source::Omneo => &omneo::SETUP,
        Source::OmniLab => &omnilab::SETUP,
        Source::Syncaroo => &syncaroo::SETUP,
    }
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
    pub fn parser(&self, source: Source) -> &dyn WebhookParser {
        match source {
            Source::OmnioTap => &self.omniotap,
            Source::Omneo => &self.omneo,
            Source::OmniLab => &self.omnilab,
            Source::Syncaroo => &self.syncaroo,
        }
    }

    /// The sample webhooks of a source.
    #[must_use]
    pub fn samples(&self, source: Source) -> &dyn sample::SampleWebhooks {
        match source {
            Source::OmnioTap => &self.omniotap,
            Source::Omneo => &self.omneo,
            Source::OmniLab => &self.omnilab,
            Source::Syncaroo => &self.syncaroo,
        }
    }

    /// The verification of a source's webhooks; `None` if the settings have none, or have a mistake.
    pub fn verification(
        &self,
        source: Source,
        keys: &mut secret::SecretLoader<'_>,
    ) -> Option<Box<dyn webhook::Verification>> {
        match source {
            Source::OmnioTap => self.omniotap.webhook.verification(keys),
            Source::Omneo => self.omneo.webhook.verification(keys),
            Source::OmniLab => self.omnilab.webhook.verification(keys),
            Source::Syncaroo => self.syncaroo.webhook.verification(keys),
        }
    }

    /// Where the secrets of a source's webhooks are stored, and that of its API.
    #[must_use]
    pub fn secret_places(&self, source: Source) -> [&[secret::SecretRef]; 2] {
        match source {
            Source::OmnioTap => [&self.omniotap.webhook.secrets, &self.omniotap.api.key],
            Source::Omneo => [&self.omneo.webhook.secrets, &self.omneo.api.token],
            Source::OmniLab => [&self.omnilab.webhook.secrets, &self.omnilab.api.client_secret],
            Source::Syncaroo => [&self.syncaroo.webhook.secrets, &self.syncaroo.api.client_secret],
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
