//! Omneo signs the raw body, if its tenant has a secret: `X-Omneo-Hmac-SHA256` is the lower-case hex of HMAC-SHA256. That is how
//! its own PHP package and app starter verify it; neither a time stamp nor an id is part of it.

use serde::{Deserialize, Serialize};

use crate::sources::secret::{Secret, SecretLoader, SecretRef, places};
use crate::sources::signature::{Encoding, Hash, Method, is_signed};
use crate::sources::url_secret::{NoVerification, UrlSecret};
use crate::sources::webhook::{Proof, SecretIn, UnverifiedWebhook, VerificationError};

const HEADER: &str = "x-omneo-hmac-sha256";

/// What proves that a webhook is Omneo's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoWebhookSettings {
    /// How it is proved.
    pub verification: OmneoVerification,
    /// Where the secrets are.
    #[serde(deserialize_with = "places")]
    pub secrets: Vec<SecretRef>,
    /// Where the URL holds a secret.
    pub secret_in: SecretIn,
    /// Whether a header alone may remove something.
    pub trust_deletion_header: bool,
}

/// How a webhook is proved to be Omneo's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmneoVerification {
    /// Not said: there is no door.
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
    pub(crate) fn proof(&self, keys: &mut SecretLoader<'_>) -> Option<Box<dyn Proof>> {
        match self.verification {
            OmneoVerification::Unset => {
                keys.unused("", "secrets", &self.secrets);
                None
            }
            OmneoVerification::Signature => Some(Box::new(Signature { secrets: keys.secrets("signature", &self.secrets, Ok) })),
            OmneoVerification::Secret => Some(Box::new(UrlSecret::new(keys, &self.secrets, self.secret_in))),
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

impl Proof for Signature {
    fn check(&self, incoming: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let given = incoming.headers.get(HEADER).ok_or(VerificationError::Missing(HEADER))?;
        let given = Encoding::Hex.decode_list(given, "").ok_or(VerificationError::Malformed(HEADER))?;
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
