//! The door that a source's webhooks come in by: what proves that they are its own, and what the inbox needs to know of them.
//!
//! There is no default. A source without a proof in the brand's settings has no door.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Delivery, Reader};
use crate::customer::model::source::Source;

/// A webhook as it came, before anybody vouched for it.
pub struct UnverifiedWebhook<'a> {
    /// Header names in lower case; a repeated header's values are joined by commas (RFC 9110, section 5.3).
    pub headers: &'a BTreeMap<String, String>,
    /// What stands where the door's proof expects a secret ([`Proof::secret_in`]); one at another place doesn't count.
    pub secret: Option<&'a str>,
    /// The bytes as they came.
    pub body: &'a [u8],
    /// When it came.
    pub received_at: Timestamp,
}

/// Why a webhook isn't believed. The text never repeats what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// What would prove it isn't there.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// What should prove it can't be read.
    #[error("the {0} is not as it should be")]
    Malformed(&'static str),
    /// It was signed too long ago, or in the future.
    #[error("its time stamp is too far from now")]
    Untimely,
    /// It proves nothing: another secret, or another body.
    #[error("the {0} is wrong")]
    Wrong(&'static str),
}

/// What proves that a webhook is the source's own.
pub trait Proof: Send + Sync + std::fmt::Debug {
    /// Looks at the raw bytes only, and takes as long for a wrong signature as for a right one.
    ///
    /// # Errors
    /// Why it isn't believed.
    fn check(&self, incoming: &UnverifiedWebhook<'_>) -> Result<(), VerificationError>;

    /// How it is proved, as the settings name it: `signature`, `hash`, `secret` or `none`.
    fn name(&self) -> &'static str;

    /// Where the webhook holds the secret; `None` if none is looked at.
    fn secret_in(&self) -> Option<SecretIn>;
}

/// Where a webhook holds a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretIn {
    /// The path's last segment, after the source.
    #[default]
    Path,
    /// The query's parameter [`SECRET_PARAMETER`].
    Query,
    /// The header [`SECRET_HEADER`]: no URL that is logged on the way holds it.
    Header,
}

/// The name of the query's parameter that holds a secret.
pub const SECRET_PARAMETER: &str = "token";

/// The name of the header that holds a secret.
pub const SECRET_HEADER: &str = "x-webhook-secret";

/// A source's door.
#[derive(Debug)]
pub struct Door {
    /// Whose.
    pub source: Source,
    /// Who may come in.
    pub proof: Box<dyn Proof>,
}

/// A webhook that was proved to be its source's own: made by [`Door::admit`] and nothing else.
pub struct VerifiedWebhook {
    /// What it holds, with the headers that reading it needs.
    pub delivery: Delivery,
    /// What the inbox needs to know.
    pub label: DeliveryMeta,
}

impl Door {
    /// Lets a webhook in that is proved.
    ///
    /// # Errors
    /// Why it isn't believed.
    pub fn verify(&self, reader: &dyn Reader, incoming: &UnverifiedWebhook<'_>) -> Result<VerifiedWebhook, VerificationError> {
        self.proof.check(incoming)?;
        let kept = reader.required_headers().iter().filter_map(|name| Some(((*name).to_owned(), incoming.headers.get(*name)?.clone())));
        let delivery = Delivery { headers: kept.collect(), body: incoming.body.to_vec(), received_at: incoming.received_at };
        let label = reader.label(&delivery);
        Ok(VerifiedWebhook { delivery, label })
    }
}

/// What the inbox needs to know of a delivery before it is read.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveryMeta {
    /// What it is about, in the vendor's words, for lists: at most [`EVENT_CHARS`] of `a-z0-9._-`; `unknown` if it doesn't say.
    pub event: String,
    /// What makes another delivery the same.
    pub sameness: DedupKey,
    /// When it is its turn.
    pub priority: Priority,
}

/// How much of an event's name is kept.
pub const EVENT_CHARS: usize = 64;

impl DeliveryMeta {
    /// A label whose event name is fit for lists.
    #[must_use]
    pub fn new(event: Option<&str>, sameness: DedupKey, priority: Priority) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let event: String = event.unwrap_or_default().chars().filter(|c| fits(*c)).take(EVENT_CHARS).collect::<String>().to_lowercase();
        Self { event: if event.is_empty() { "unknown".to_owned() } else { event }, sameness, priority }
    }
}

/// What makes another delivery the same one, to be dropped.
#[derive(Clone, PartialEq, Eq)]
pub enum DedupKey {
    /// Nothing: it says that something changed, not what, and so every one counts.
    None,
    /// The same id, ever.
    Id(String),
    /// The same content, as long as nothing else came meanwhile about any of these things (record and event keys). Without
    /// an id of the delivery, what says A, then B, then A again must end as A.
    Last {
        /// Of everything that is read.
        digest: [u8; 32],
        /// What it is about; never empty.
        about: Vec<String>,
    },
}

impl DedupKey {
    /// The same bytes, ever: of a delivery that doesn't say what it is about.
    #[must_use]
    pub fn of_content(event: &str, body: &[u8]) -> Self {
        use base64::Engine;
        Self::Id(format!("content {}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest(event, body))))
    }
}

/// SHA-256 of an event's name and a body.
#[must_use]
pub fn digest(event: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(event.as_bytes());
    hasher.update([0]);
    hasher.update(body);
    hasher.finalize().into()
}

/// When it is a delivery's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    High,
    /// In order.
    Normal,
    /// When nothing else waits.
    Low,
    /// Never: it is acknowledged and counted, not kept.
    Drop,
}
