//! OmniLab signs in the manner of Standard Webhooks 1.0: it sends its headers, but doesn't name the specification, and says that
//! the signatures are "over the raw body". So what is signed, and how the key is written, are settings.

use serde::{Deserialize, Serialize};

use crate::sources::secret::{MIN_SECRET_BYTES, Secret, SecretLoader, SecretRef, is_one_of, places};
use crate::sources::signature::{Encoding, Hash, Method, is_signed};
use crate::sources::url_secret::NoVerification;
use crate::sources::webhook::{Proof, SecretIn, UnverifiedWebhook, VerificationError};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// What stands in front of a key that is written in base64.
const KEY_PREFIX: &[u8] = b"whsec_";

/// What proves that a webhook is OmniLab's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmniLabWebhookSettings {
    /// How it is proved.
    pub verification: OmniLabVerification,
    /// Where the secrets are.
    #[serde(deserialize_with = "places")]
    pub secrets: Vec<SecretRef>,
    /// How far its time stamp may be from now, both ways.
    pub tolerance_seconds: u64,
    /// What is signed.
    pub signing_input: SigningInput,
    /// How the key is written.
    pub key_encoding: KeyEncoding,
    /// Where the values are that another header must have one of, besides the signature.
    #[serde(deserialize_with = "places")]
    pub authorization: Vec<SecretRef>,
    /// That header.
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

/// How a webhook is proved to be OmniLab's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmniLabVerification {
    /// Not said: there is no door.
    #[serde(rename = "")]
    Unset,
    /// By its signature.
    Signature,
    /// Not at all.
    None,
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningInput {
    /// `{id}.{timestamp}.{body}`.
    Standard,
    /// The body alone. Nothing then proves the time stamp.
    Body,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    /// In base64, usually after `whsec_`.
    WhsecBase64,
    /// As it is.
    Raw,
}

impl KeyEncoding {
    fn read(self, kept: Vec<u8>) -> Result<Vec<u8>, &'static str> {
        if self == Self::Raw {
            return Ok(kept);
        }
        let text = std::str::from_utf8(kept.strip_prefix(KEY_PREFIX).unwrap_or(&kept)).ok();
        let wrong = "is not base64, as in whsec_MfKQ...; a key that is taken as it is needs key_encoding = \"raw\"";
        text.and_then(|text| Encoding::Base64.decode(text)).ok_or(wrong)
    }
}

/// A day: whoever needs more has a clock to set right.
const MOST_TOLERANCE_SECONDS: u64 = 24 * 3_600;

impl OmniLabWebhookSettings {
    pub(crate) fn proof(&self, keys: &mut SecretLoader<'_>) -> Option<Box<dyn Proof>> {
        let authorization_header = keys.header("authorization_header", &self.authorization_header);
        if !(1..=MOST_TOLERANCE_SECONDS).contains(&self.tolerance_seconds) {
            keys.mistake("tolerance_seconds", &format!("must be between 1 and {MOST_TOLERANCE_SECONDS}"));
        }
        match self.verification {
            OmniLabVerification::Unset => {
                keys.unused("", "secrets", &self.secrets);
                keys.unused("", "authorization", &self.authorization);
                None
            }
            OmniLabVerification::Signature => Some(Box::new(Signature {
                secrets: keys.secrets("signature", &self.secrets, |kept| self.key_encoding.read(kept)),
                tolerance_seconds: self.tolerance_seconds,
                signing_input: self.signing_input,
                authorization: keys.fetch("authorization", &self.authorization, MIN_SECRET_BYTES, Ok),
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

impl Proof for Signature {
    fn check(&self, incoming: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let header = |name: &'static str| incoming.headers.get(name).filter(|value| !value.is_empty()).ok_or(VerificationError::Missing(name));
        let (id, timestamp, signatures) = (header(ID)?, header(TIMESTAMP)?, header(SIGNATURE)?);
        let seconds: i64 = timestamp.parse().map_err(|_| VerificationError::Malformed(TIMESTAMP))?;
        if seconds.abs_diff(incoming.received_at.as_second()) > self.tolerance_seconds {
            return Err(VerificationError::Untimely);
        }
        let head = match self.signing_input {
            // With dots in it, an id could be continued by what somebody wrote into the body.
            SigningInput::Standard if id.contains('.') => return Err(VerificationError::Malformed(ID)),
            SigningInput::Standard => format!("{id}.{timestamp}."),
            SigningInput::Body => String::new(),
        };
        let signatures = signatures_in(signatures);
        if signatures.is_empty() {
            return Err(VerificationError::Malformed(SIGNATURE));
        }
        if !is_signed(Method::Hmac(Hash::Sha256), &self.secrets, &[head.as_bytes(), incoming.body], &signatures) {
            return Err(VerificationError::Wrong("signature"));
        }
        self.check_authorization(incoming)
    }

    fn name(&self) -> &'static str {
        "signature"
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}

impl Signature {
    fn check_authorization(&self, incoming: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        if self.authorization.is_empty() {
            return Ok(());
        }
        let given = incoming.headers.get(&self.authorization_header).ok_or(VerificationError::Missing("authorization"))?;
        if is_one_of(&self.authorization, given) { Ok(()) } else { Err(VerificationError::Wrong("authorization")) }
    }
}

/// The signatures of a list that are of the version that is known (`v1a` is another scheme) and can be read. Its entries are separated
/// by blanks; a list in several lines of the header was joined by commas (RFC 9110, section 5.3).
fn signatures_in(list: &str) -> Vec<Vec<u8>> {
    let mut words = list.split([' ', ',']).filter(|word| !word.is_empty());
    let mut signatures = Vec::new();
    while let Some(version) = words.next() {
        let is_version = version.len() <= 4 && version.strip_prefix('v').is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        if is_version && let Some(signature) = words.next() {
            signatures.extend(Encoding::Base64.decode(signature).filter(|_| version == "v1"));
        }
    }
    signatures
}
