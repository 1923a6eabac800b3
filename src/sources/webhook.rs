//! A source's webhooks: their parser, their verification, and their metadata for the inbox.
//!
//! There is no default. Without a verification in the brand's settings, a source's webhooks are not accepted.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::delivery::Delivery;
use super::diagnosis::comparison::Comparison;
use super::diagnosis::reason::Reason;
use super::digest::digest;
use super::mentioned::Mentions;
use super::secret::Secret;
use super::template_names::TemplateNames;
use super::unreadable::Unreadable;
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;

/// A parsed delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedWebhook {
    /// Changes to apply.
    Changes(Vec<Change>),
    /// Nothing about a customer. The text is the reason. The delivery is stored all the same.
    Ignored(&'static str),
}

impl ParsedWebhook {
    /// The changes; `None` if there are none. By this, a delivery about an erased person is found: one with changes by
    /// them, because it may also be about other people; one without by the text of its body.
    #[must_use]
    pub fn changes(&self) -> Option<&[Change]> {
        match self {
            Self::Changes(changes) if !changes.is_empty() => Some(changes),
            Self::Changes(_) | Self::Ignored(_) => None,
        }
    }
}

/// Parses the webhooks of a source. The trait has no defaults: each source implements everything.
pub trait WebhookParser {
    /// Parses a webhook.
    ///
    /// # Errors
    /// When the delivery cannot be parsed. An unknown event is [`ParsedWebhook::Ignored`].
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable>;

    /// Whom a webhook names, by the rules of its source, also if it cannot be applied.
    fn mentions(&self, delivery: &Delivery) -> Mentions;

    /// The webhook headers, in lower case, that the parser needs. Only these are stored.
    fn required_headers(&self) -> &'static [&'static str];

    /// The names under which templates see the values of this source, from webhooks and from its API.
    fn template_names(&self) -> TemplateNames;

    /// The inbox metadata of a webhook. Every body has some, also one that cannot be parsed.
    fn meta(&self, delivery: &Delivery) -> DeliveryMeta;
}

/// A received webhook before its verification.
pub struct UnverifiedWebhook<'a> {
    /// Header names in lower case; a repeated header's values are joined by commas (RFC 9110, section 5.3).
    pub headers: &'a BTreeMap<String, String>,
    /// The secret at the place that the verification expects ([`Verification::secret_in`]). A secret at another place
    /// does not count.
    pub secret: Option<&'a str>,
    /// The bytes as they arrived.
    pub body: &'a [u8],
    /// When it arrived.
    pub received_at: Timestamp,
}

/// Why a webhook was not accepted. The text never contains its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// A required header or secret is missing.
    #[error("the {0} is missing")]
    Missing(&'static str),
    /// A header or secret cannot be parsed.
    #[error("the {0} is malformed")]
    Malformed(&'static str),
    /// The time stamp is too old, or in the future.
    #[error("the time stamp is too far from the current time; check the clock of this machine")]
    Untimely,
    /// The signature or secret does not match: another secret, or another body.
    #[error("the {0} is wrong")]
    Wrong(&'static str),
}

/// A failed verification, for the log. The text never contains the webhook's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationFailure {
    /// The failure.
    pub error: VerificationError,
    /// What is wrong with the form of the webhook, if that is known.
    pub reason: Option<Reason>,
}

impl fmt::Display for VerificationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => reason.fmt(f),
            None => self.error.fmt(f),
        }
    }
}

/// A webhook to send, as its source would send it.
#[derive(Clone, Default)]
pub struct OutgoingWebhook {
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// The secret in the URL, with its place.
    pub url_secret: Option<(SecretIn, String)>,
}

/// A verification of webhooks.
pub trait Verification: Send + Sync + std::fmt::Debug {
    /// Checks the raw bytes (Syncaroo's hash needs them parsed first), in a time that does not depend on the result.
    ///
    /// # Errors
    /// When the verification fails.
    fn check(&self, webhook: &UnverifiedWebhook<'_>) -> Result<(), VerificationError>;

    /// What is wrong with the form of a webhook that failed with this error, as far as its form alone shows it. It needs
    /// little time, which depends on the webhook only, not on a secret.
    fn form_reason(
        &self,
        webhook: &UnverifiedWebhook<'_>,
        error: VerificationError,
    ) -> Option<Reason>;

    /// The signatures of a webhook, and everything that may have been signed, to find a mistake. `None` if it has no
    /// signature.
    fn comparison(&self, webhook: &UnverifiedWebhook<'_>) -> Option<Comparison>;

    /// The secrets of which a webhook must have one, or must be signed with one.
    fn secrets(&self) -> &[Secret];

    /// Makes a webhook that passes the check at this time. `None` without a secret.
    fn sign(&self, webhook: OutgoingWebhook, now: Timestamp) -> Option<OutgoingWebhook>;

    /// Its name in the settings: `signature`, `hash`, `secret` or `none`.
    fn name(&self) -> &'static str;

    /// Whether it checks anything: `false` if the settings turn verification off.
    fn is_verified(&self) -> bool;

    /// Whether it parses the body, which takes long for a large one.
    fn parses_body(&self) -> bool;

    /// Where the webhook has its secret; `None` if no secret is needed.
    fn secret_in(&self) -> Option<SecretIn>;
}

/// Where a webhook has its secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretIn {
    /// The last segment of the path, after the source.
    #[default]
    Path,
    /// The query parameter [`SECRET_PARAMETER`].
    Query,
    /// The header [`SECRET_HEADER`]. Proxies that log URLs do not see it.
    Header,
}

impl SecretIn {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::Path, Self::Query, Self::Header];

    /// The place, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "the path of the URL",
            Self::Query => "the query of the URL (?token=...)",
            Self::Header => "the header x-webhook-secret",
        }
    }
}

/// Name of the query parameter with a secret.
pub const SECRET_PARAMETER: &str = "token";

/// Name of the header with a secret.
pub const SECRET_HEADER: &str = "x-webhook-secret";

/// Verifies the webhooks of a source.
#[derive(Debug)]
pub struct WebhookVerifier {
    /// The source.
    pub source: Source,
    /// The kind of verification.
    pub verification: Box<dyn Verification>,
}

/// A verified webhook. Only [`WebhookVerifier::verify`] creates it.
pub struct VerifiedWebhook {
    /// Its body, with the headers that the parser needs.
    pub delivery: Delivery,
    /// Metadata for the inbox.
    pub meta: DeliveryMeta,
}

impl WebhookVerifier {
    /// Verifies a webhook.
    ///
    /// # Errors
    /// When the verification fails.
    pub fn verify(
        &self,
        parser: &dyn WebhookParser,
        webhook: &UnverifiedWebhook<'_>,
    ) -> Result<VerifiedWebhook, VerificationFailure> {
        self.verification.check(webhook).map_err(|error| VerificationFailure {
            error,
            reason: self.verification.form_reason(webhook, error),
        })?;
        let kept = parser
            .required_headers()
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), webhook.headers.get(*name)?.clone())));
        let delivery = Delivery {
            headers: kept.collect(),
            body: webhook.body.to_vec(),
            received_at: webhook.received_at,
        };
        let meta = parser.meta(&delivery);
        Ok(VerifiedWebhook { delivery, meta })
    }
}

/// Metadata of a delivery for the inbox, before it is parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveryMeta {
    /// The event, in the vendor's words, for lists: at most [`EVENT_CHARS`] of `a-z0-9._-`; `unknown` if the
    /// webhook has no name.
    pub event: String,
    /// The key for deduplication.
    pub dedup_key: DedupKey,
    /// The priority.
    pub priority: Priority,
}

/// The maximum length of an event's name.
pub const EVENT_CHARS: usize = 64;

impl DeliveryMeta {
    /// Metadata with an event name that is fit for lists.
    #[must_use]
    pub fn new(event: Option<&str>, dedup_key: DedupKey, priority: Priority) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let event: String = event
            .unwrap_or_default()
            .chars()
            .filter(|c| fits(*c))
            .take(EVENT_CHARS)
            .collect::<String>()
            .to_lowercase();
        Self {
            event: if event.is_empty() { "unknown".to_owned() } else { event },
            dedup_key,
            priority,
        }
    }
}

/// Decides when a second delivery is a duplicate, and dropped.
#[derive(Clone, PartialEq, Eq)]
pub enum DedupKey {
    /// Never: the webhook says only that something changed, not what. So every one counts.
    None,
    /// If it has the same id, at any time.
    Id(String),
    /// If it has the same content, and no other webhook about any of these keys came in between. Without ids of
    /// deliveries, the sequence A, B, A must end as A.
    LatestContent {
        /// Digest of everything that the parser uses.
        digest: [u8; 32],
        /// Keys of the records and events in it; never empty.
        about: Vec<String>,
    },
}

impl DedupKey {
    /// The same bytes, at any time: for a delivery whose subject is unknown.
    #[must_use]
    pub fn of_content(event: &str, body: &[u8]) -> Self {
        use base64::Engine;
        Self::Id(format!(
            "content {}",
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest(event, body))
        ))
    }
}

/// The priority of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    High,
    /// In order.
    Normal,
    /// When nothing else is pending.
    Low,
    /// Never: it is acknowledged and counted, but not stored.
    Drop,
}
