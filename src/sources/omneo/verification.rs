//! Omneo signs the raw body, if its tenant has a secret: `X-Omneo-Hmac-SHA256` is the lower-case hex of
//! HMAC-SHA256. Its PHP package and app starter verify it in this way. The signature includes neither a time
//! stamp nor an id.

use serde::{Deserialize, Serialize};

use crate::sources::header_signature::HeaderSignature;
use crate::sources::secret::{SecretLoader, SecretRef};
use crate::sources::signature::{Encoding, Hash, Method};
use crate::sources::url_secret::{NoVerification, UrlSecret};
use crate::sources::webhook::{SecretIn, Verification};

const HEADER: &str = "x-omneo-hmac-sha256";

/// Verification of Omneo's webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoWebhookSettings {
    /// The kind of verification.
    pub verification: OmneoVerification,
    /// Where the secrets are stored.
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
            OmneoVerification::Signature => Some(Box::new(HeaderSignature {
                secrets: keys.secrets("signature", &self.secrets, Ok),
                header: HEADER.to_owned(),
                name_in_errors: HEADER,
                prefix: String::new(),
                method: Method::Hmac(Hash::Sha256),
                encoding: Encoding::Hex,
            })),
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
