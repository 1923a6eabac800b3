//! The signature of OmniLab's webhooks: its form, its check, and what to compare if it is wrong.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sources::diagnosis::attempt::Attempt;
use crate::sources::diagnosis::body_forms::body_forms;
use crate::sources::diagnosis::comparison::{Comparison, methods};
use crate::sources::diagnosis::form::{decode, reason_of};
use crate::sources::diagnosis::reason::Reason;
use crate::sources::secret::{Secret, is_one_of};
use crate::sources::signature::{Encoding, Hash, Method, is_signed};
use crate::sources::webhook::{
    OutgoingWebhook, SecretIn, UnverifiedWebhook, Verification, VerificationError,
};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// The name of the additional header in errors.
const AUTHORIZATION: &str = "authorization";

const METHOD: Method = Method::Hmac(Hash::Sha256);

/// The version of the signatures.
const VERSION: &str = "v1";

/// One day. A larger difference is an error of a clock.
pub(super) const MAX_TOLERANCE_SECONDS: u64 = 24 * 3_600;

/// The signed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningInput {
    /// `{id}.{timestamp}.{body}`.
    Standard,
    /// The body alone. Then nothing proves the time stamp.
    Body,
}

impl SigningInput {
    const ALL: [Self; 2] = [Self::Standard, Self::Body];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Body => "body",
        }
    }

    /// The signed text before the body.
    fn head(self, id: &str, timestamp: &str) -> String {
        match self {
            Self::Standard => format!("{id}.{timestamp}."),
            Self::Body => String::new(),
        }
    }
}

/// Accepts every webhook with the headers and a signature of Standard Webhooks.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) secrets: Vec<Secret>,
    pub(super) tolerance_seconds: u64,
    pub(super) signing_input: SigningInput,
    pub(super) authorization: Vec<Secret>,
    pub(super) authorization_header: String,
}

impl Verification for Signature {
    fn check(&self, webhook: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let header = |name: &'static str| {
            webhook
                .headers
                .get(name)
                .filter(|value| !value.is_empty())
                .ok_or(VerificationError::Missing(name))
        };
        let (id, timestamp, signatures) = (header(ID)?, header(TIMESTAMP)?, header(SIGNATURE)?);
        let seconds: i64 =
            timestamp.parse().map_err(|_| VerificationError::Malformed(TIMESTAMP))?;
        if seconds.abs_diff(webhook.received_at.as_second()) > self.tolerance_seconds {
            return Err(VerificationError::Untimely);
        }
        // If the id contains a dot, its end could be mistaken for the beginning of the body.
        if self.signing_input == SigningInput::Standard && id.contains('.') {
            return Err(VerificationError::Malformed(ID));
        }
        let head = self.signing_input.head(id, timestamp);
        let signatures = signatures_in(signatures);
        if signatures.is_empty() {
            return Err(VerificationError::Malformed(SIGNATURE));
        }
        if !is_signed(METHOD, &self.secrets, &[head.as_bytes(), webhook.body], &signatures) {
            return Err(VerificationError::Wrong("signature"));
        }
        self.check_authorization(webhook)
    }

    fn form_reason(
        &self,
        webhook: &UnverifiedWebhook<'_>,
        error: VerificationError,
    ) -> Option<Reason> {
        match error {
            VerificationError::Missing(AUTHORIZATION) => {
                Some(Reason::header_missing(&self.authorization_header))
            }
            VerificationError::Wrong(AUTHORIZATION) => {
                Some(Reason::AuthorizationWrong { header: self.authorization_header.clone() })
            }
            VerificationError::Missing(header) => Some(Reason::header_missing(header)),
            VerificationError::Malformed(ID) => Some(Reason::IdWithDot),
            VerificationError::Malformed(TIMESTAMP) | VerificationError::Untimely => {
                self.timestamp_reason(webhook)
            }
            _ => signature_reason(webhook.headers.get(SIGNATURE)?),
        }
    }

    fn comparison(&self, webhook: &UnverifiedWebhook<'_>) -> Option<Comparison> {
        let header = |name| webhook.headers.get(name);
        let given = signatures_of_any_form(header(SIGNATURE)?);
        let (id, timestamp) = (header(ID), header(TIMESTAMP));
        let texts = SigningInput::ALL.into_iter().flat_map(|input| {
            let head = id.zip(timestamp).map(|(id, timestamp)| input.head(id, timestamp));
            let (setting, used) = ("signing_input", input.as_str());
            let reason =
                (input != self.signing_input).then_some(Reason::OtherText { setting, used });
            let with_head = move |body: Attempt<Vec<u8>>| Attempt {
                value: [head.clone().unwrap_or_default().as_bytes(), &body.value].concat(),
                reasons: reason.iter().cloned().chain(body.reasons).collect(),
            };
            body_forms(webhook.body).into_iter().map(with_head)
        });
        Some(Comparison { given, methods: methods(METHOD, &Method::KEYED), texts: texts.collect() })
    }

    fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Also sets the time stamp and, if it is missing, the id.
    fn sign(&self, mut webhook: OutgoingWebhook, now: Timestamp) -> Option<OutgoingWebhook> {
        let timestamp = now.as_second().to_string();
        let id = webhook.headers.entry(ID.to_owned()).or_insert_with(|| format!("msg_{timestamp}"));
        let head = self.signing_input.head(id, &timestamp);
        let key = self.secrets.first()?.key();
        let digest = METHOD.digest(key, &[head.as_bytes(), &webhook.body])?;
        let signature = format!("{VERSION},{}", Encoding::Base64.encode(&digest));
        webhook.headers.insert(TIMESTAMP.to_owned(), timestamp);
        webhook.headers.insert(SIGNATURE.to_owned(), signature);
        if let Some(value) = self.authorization.first() {
            let value = String::from_utf8(value.key().to_vec()).ok()?;
            webhook.headers.insert(self.authorization_header.clone(), value);
        }
        Some(webhook)
    }

    fn name(&self) -> &'static str {
        "signature"
    }

    fn is_verified(&self) -> bool {
        true
    }

    fn parses_body(&self) -> bool {
        false
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}

impl Signature {
    fn timestamp_reason(&self, webhook: &UnverifiedWebhook<'_>) -> Option<Reason> {
        let received_at = webhook.received_at.as_second();
        let difference = |seconds: i64| seconds.saturating_sub(received_at);
        let Ok(seconds) = webhook.headers.get(TIMESTAMP)?.parse::<i64>() else {
            return Some(Reason::TimestampMalformed { is_milliseconds: false });
        };
        let tolerance_seconds = self.tolerance_seconds;
        // A day is more than any tolerance.
        if difference(seconds / 1_000).unsigned_abs() <= MAX_TOLERANCE_SECONDS {
            return Some(Reason::TimestampMalformed { is_milliseconds: true });
        }
        Some(Reason::Untimely { late_by_seconds: difference(seconds), tolerance_seconds })
    }

    fn check_authorization(
        &self,
        webhook: &UnverifiedWebhook<'_>,
    ) -> Result<(), VerificationError> {
        if self.authorization.is_empty() {
            return Ok(());
        }
        let given = webhook
            .headers
            .get(&self.authorization_header)
            .ok_or(VerificationError::Missing(AUTHORIZATION))?;
        if is_one_of(&self.authorization, given) {
            Ok(())
        } else {
            Err(VerificationError::Wrong(AUTHORIZATION))
        }
    }
}

/// The signatures of the known version in a list (`v1a` is another scheme), decoded. Entries are separated by
/// blanks. If the header came in several lines, they were joined by commas (RFC 9110, section 5.3).
fn signatures_in(list: &str) -> Vec<Vec<u8>> {
    let known = entries(list).into_iter().filter(|(version, _)| *version == VERSION);
    known.filter_map(|(_, signature)| Encoding::Base64.decode(signature)).collect()
}

/// The entries of a list: the version of each, and the signature.
fn entries(list: &str) -> Vec<(&str, &str)> {
    let mut words = list.split([' ', ',']).filter(|word| !word.is_empty());
    let mut entries = Vec::new();
    while let Some(version) = words.next() {
        let is_version = version.len() <= 4
            && version
                .strip_prefix('v')
                .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        if is_version && let Some(signature) = words.next() {
            entries.push((version, signature));
        }
    }
    entries
}

/// The signatures of a list in any encoding, with a version or without.
fn signatures_of_any_form(list: &str) -> Vec<Attempt<Vec<u8>>> {
    let of_version = entries(list)
        .into_iter()
        .filter(|(version, _)| *version == VERSION)
        .filter_map(|(_, signature)| decode(signature, Encoding::Base64));
    let known: Vec<_> = of_version.collect();
    if !known.is_empty() {
        return known;
    }
    // "v1=..." and a signature alone.
    let words = list.split([' ', ',']).filter(|word| !word.is_empty());
    words
        .filter_map(|word| decode(word.strip_prefix("v1=").unwrap_or(word), Encoding::Base64))
        .map(|mut signature| {
            signature.reasons.insert(0, Reason::VersionMissing { version: VERSION });
            signature
        })
        .collect()
}

/// What is wrong with the form of a list. `None` if the form is right.
fn signature_reason(list: &str) -> Option<Reason> {
    reason_of(&signatures_of_any_form(list), SIGNATURE, METHOD)
}
