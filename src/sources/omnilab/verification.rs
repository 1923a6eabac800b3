//! OmniLab signs like Standard Webhooks 1.0: it sends the same headers, but does not name the specification,
//! and describes the signatures as "over the raw body". So the signed text and the encoding of the key are
//! settings.

use serde::{Deserialize, Serialize};

use crate::sources::secret::{MIN_SECRET_BYTES, Secret, SecretLoader, SecretRef, is_one_of};
use crate::sources::signature::{Encoding, Hash, Method, is_signed};
use crate::sources::url_secret::NoVerification;
use crate::sources::webhook::{SecretIn, UnverifiedWebhook, Verification, VerificationError};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Prefix of a base64 key.
const KEY_PREFIX: &[u8] = b"whsec_";

/// Verification of OmniLab's webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmniLabWebhookSettings {
    /// The kind of verification.
    pub verification: OmniLabVerification,
    /// Where the secrets are stored.
    pub secrets: Vec<SecretRef>,
    /// How far the time stamp may be from the current time, in both directions.
    pub tolerance_seconds: u64,
    /// The signed text.
    pub signing_input: SigningInput,
    /// The encoding of the key.
    pub key_encoding: KeyEncoding,
    /// Where values are stored of which another header must have one, in addition to the signature.
    pub authorization: Vec<SecretRef>,
    /// The name of that header.
    pub authorization_header: String,
}

impl Default for OmniLabWebhookSettings {
    fn default() -> Self {
        Self {
            verification: OmniLabVerification::Unset,
            secrets: Vec::new(),
            tolerance_seconds: 300,
            signing_input: SigningInput::Standard,
            key_encoding: KeyEncoding::WhsecBase64,
            authorization: Vec::new(),
            authorization_header: "authorization".to_owned(),
        }
    }
}

/// The kind of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmniLabVerification {
    /// Not set: webhooks are not accepted.
    #[serde(rename = "")]
    Unset,
    /// By its signature.
    Signature,
    /// Not at all.
    None,
}

/// The signed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningInput {
    /// `{id}.{timestamp}.{body}`.
    Standard,
    /// The body alone. Then nothing proves the time stamp.
    Body,
}

/// The encoding of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    /// In base64, usually after `whsec_`.
    WhsecBase64,
    /// The plain key.
    Raw,
}

impl KeyEncoding {
    fn read(self, kept: Vec<u8>) -> Result<Vec<u8>, &'static str> {
        if self == Self::Raw {
            return Ok(kept);
        }
        let text = std::str::from_utf8(kept.strip_prefix(KEY_PREFIX).unwrap_or(&kept)).ok();
        let wrong = "is not base64; write it as whsec_MfKQ..., or set key_encoding = \"raw\" for a plain key";
        text.and_then(|text| Encoding::Base64.decode(text)).ok_or(wrong)
    }
}

/// One day. A larger difference is an error of a clock.
const MAX_TOLERANCE_SECONDS: u64 = 24 * 3_600;

impl OmniLabWebhookSettings {
    pub(crate) fn verification(
        &self,
        keys: &mut SecretLoader<'_>,
    ) -> Option<Box<dyn Verification>> {
        let authorization_header = keys.header("authorization_header", &self.authorization_header);
        if !(1..=MAX_TOLERANCE_SECONDS).contains(&self.tolerance_seconds) {
            keys.mistake(
                "tolerance_seconds",
                &format!("must be between 1 and {MAX_TOLERANCE_SECONDS}"),
            );
        }
        match self.verification {
            OmniLabVerification::Unset => {
                keys.unused("", "secrets", &self.secrets);
                keys.unused("", "authorization", &self.authorization);
                None
            }
            OmniLabVerification::Signature => Some(Box::new(Signature {
                secrets: keys
                    .secrets("signature", &self.secrets, |kept| self.key_encoding.read(kept)),
                tolerance_seconds: self.tolerance_seconds,
                signing_input: self.signing_input,
                authorization: keys.fetch(
                    "authorization",
                    &self.authorization,
                    MIN_SECRET_BYTES,
                    Ok,
                ),
                authorization_header,
            })),
            OmniLabVerification::None => {
                keys.unused("none", "secrets", &self.secrets);
                keys.unused("none", "authorization", &self.authorization);
                Some(Box::new(NoVerification))
            }
        }
    }
}

#[derive(Debug)]
struct Signature {
    secrets: Vec<Secret>,
    tolerance_seconds: u64,
    signing_input: SigningInput,
    authorization: Vec<Secret>,
    authorization_header: String,
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
        let head = match self.signing_input {
            // If the id contains a dot, its end could be mistaken for the beginning of the body.
            SigningInput::Standard if id.contains('.') => {
                return Err(VerificationError::Malformed(ID));
            }
            SigningInput::Standard => format!("{id}.{timestamp}."),
            SigningInput::Body => String::new(),
        };
        let signatures = signatures_in(signatures);
        if signatures.is_empty() {
            return Err(VerificationError::Malformed(SIGNATURE));
        }
        if !is_signed(
            Method::Hmac(Hash::Sha256),
            &self.secrets,
            &[head.as_bytes(), webhook.body],
            &signatures,
        ) {
            return Err(VerificationError::Wrong("signature"));
        }
        self.check_authorization(webhook)
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
            .ok_or(VerificationError::Missing("authorization"))?;
        if is_one_of(&self.authorization, given) {
            Ok(())
        } else {
            Err(VerificationError::Wrong("authorization"))
        }
    }
}

/// The signatures of the known version in a list (`v1a` is another scheme), decoded. Entries are separated by
/// blanks. If the header came in several lines, they were joined by commas (RFC 9110, section 5.3).
fn signatures_in(list: &str) -> Vec<Vec<u8>> {
    let mut words = list.split([' ', ',']).filter(|word| !word.is_empty());
    let mut signatures = Vec::new();
    while let Some(version) = words.next() {
        let is_version = version.len() <= 4
            && version
                .strip_prefix('v')
                .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        if is_version && let Some(signature) = words.next() {
            signatures.extend(Encoding::Base64.decode(signature).filter(|_| version == "v1"));
        }
    }
    signatures
}
