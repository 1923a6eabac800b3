//! Omneo signs the raw body, if its tenant has a secret: `X-Omneo-Hmac-SHA256` is the lower-case hex of
//! HMAC-SHA256. Its PHP package and app starter verify it in this way. The signature includes neither a time
//! stamp nor an id.

use serde::{Deserialize, Serialize};

use crate::sources::secret::{Secret, SecretLoader, SecretRef, places};
use crate::sources::signature::{Encoding, Hash, Method, is_signed};
use crate::sources::url_secret::{NoVerification, UrlSecret};
use crate::sources::webhook::{SecretIn, UnverifiedWebhook, Verification, VerificationError};

const HEADER: &str = "x-omneo-hmac-sha256";

/// Verification of Omneo's webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoWebhookSettings {
    /// The kind of verification.
    pub verification: OmneoVerification,
    /// Where the secrets are stored.
    #[serde(deserialize_with = "places")]
    pub secrets: Vec<SecretRef>,
    /// Where the webhook has its secret.
    pub secret_in: SecretIn,
    /// Whether an unsigned header alone may delete something.
    pub trust_deletion_header: bool,
}

/// The kind of verification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmneoVerification {
    /// Not set: webhooks are not accepted.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// By its signature.
    Signature,
    /// By a secret in the URL.
    Secret,
    /// Not at all.
    None,
}

impl OmneoWebhookSettings {
    pub(crate) fn verification(
        &self,
        keys: &mut SecretLoader<'_>,
    ) -> Option<Box<dyn Verification>> {
        match self.verification {
            OmneoVerification::Unset => {
                keys.unused("", "secrets", &self.secrets);
                None
            }
            OmneoVerification::Signature => {
                Some(Box::new(Signature { secrets: keys.secrets("signature", &self.secrets, Ok) }))
            }
            OmneoVerification::Secret => {
                Some(Box::new(UrlSecret::new(keys, &self.secrets, self.secret_in)))
            }
            OmneoVerification::None => {
                keys.unused("none", "secrets", &self.secrets);
                Some(Box::new(NoVerification))
            }
        }
    }
}

#[derive(Debug)]
struct Signature {
    secrets: Vec<Secret>,
}

impl Verification for Signature {
    fn check(&self, incoming: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let given = incoming.headers.get(HEADER).ok_or(VerificationError::Missing(HEADER))?;
        let given =
            Encoding::Hex.decode_list(given, "").ok_or(VerificationError::Malformed(HEADER))?;
        let signed = is_signed(Method::Hmac(Hash::Sha256), &self.secrets, &[incoming.body], &given);
        if signed { Ok(()) } else { Err(VerificationError::Wrong("signature")) }
    }

    fn name(&self) -> &'static str {
        "signature"
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}
