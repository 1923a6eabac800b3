//! OmniLab signs like Standard Webhooks 1.0: it sends the same headers, but does not name the specification,
//! and describes the signatures as "over the raw body". So the signed text and the encoding of the key are
//! settings.

use serde::{Deserialize, Serialize};

use super::signature::{MAX_TOLERANCE_SECONDS, Signature, SigningInput};
use crate::sources::secret::{MIN_SECRET_BYTES, SecretLoader, SecretRef};
use crate::sources::signature::Encoding;
use crate::sources::url_secret::NoVerification;
use crate::sources::webhook::Verification;

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
