//! OmnioTap's documentation mentions no signature, so all its details are settings. The tenant is checked when
//! the delivery is parsed.

use serde::{Deserialize, Serialize};

use crate::sources::header_signature::HeaderSignature;
use crate::sources::secret::{SecretLoader, SecretRef};
use crate::sources::signature::{Encoding, Hash, Method};
use crate::sources::url_secret::{NoVerification, UrlSecret};
use crate::sources::webhook::{SecretIn, Verification};

/// Verification of OmnioTap's webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmnioTapWebhookSettings {
    /// The kind of verification.
    pub verification: OmnioTapVerification,
    /// Where the secrets are stored.
    pub secrets: Vec<SecretRef>,
    /// Where the webhook has its secret.
    pub secret_in: SecretIn,
    /// The header with the signature.
    pub signature_header: String,
    /// The text before the signature.
    pub signature_prefix: String,
    /// The algorithm of the signature.
    pub algorithm: OmnioTapAlgorithm,
    /// The encoding of the signature.
    pub encoding: Encoding,
}

impl Default for OmnioTapWebhookSettings {
    fn default() -> Self {
        Self {
            verification: OmnioTapVerification::Unset,
            secrets: Vec::new(),
            secret_in: SecretIn::Path,
            signature_header: "x-omniotap-signature".to_owned(),
            signature_prefix: String::new(),
            algorithm: OmnioTapAlgorithm::HmacSha256,
            encoding: Encoding::Hex,
        }
    }
}

/// The kind of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmnioTapVerification {
    /// Not set: webhooks are not accepted.
    #[serde(rename = "")]
    Unset,
    /// By its signature over the raw body.
    Signature,
    /// By a secret in the URL.
    Secret,
    /// Not at all.
    None,
}

/// The algorithm of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OmnioTapAlgorithm {
    /// HMAC-SHA256.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC-SHA512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
    /// HMAC-SHA1.
    #[serde(rename = "hmac-sha1")]
    HmacSha1,
    /// HMAC-MD5.
    #[serde(rename = "hmac-md5")]
    HmacMd5,
}

impl OmnioTapAlgorithm {
    const fn method(self) -> Method {
        match self {
            Self::HmacSha256 => Method::Hmac(Hash::Sha256),
            Self::HmacSha512 => Method::Hmac(Hash::Sha512),
            Self::HmacSha1 => Method::Hmac(Hash::Sha1),
            Self::HmacMd5 => Method::Hmac(Hash::Md5),
        }
    }
}

impl OmnioTapWebhookSettings {
    pub(crate) fn verification(
        &self,
        keys: &mut SecretLoader<'_>,
    ) -> Option<Box<dyn Verification>> {
        let signature_header = keys.header("signature_header", &self.signature_header);
        match self.verification {
            OmnioTapVerification::Unset => {
                keys.unused("", "secrets", &self.secrets);
                None
            }
            OmnioTapVerification::Signature => Some(Box::new(HeaderSignature {
                secrets: keys.secrets("signature", &self.secrets, Ok),
                header: signature_header,
                name_in_errors: "signature header",
                prefix: self.signature_prefix.clone(),
                method: self.algorithm.method(),
                encoding: self.encoding,
            })),
            OmnioTapVerification::Secret => {
                Some(Box::new(UrlSecret::new(keys, &self.secrets, self.secret_in)))
            }
            OmnioTapVerification::None => {
                keys.unused("none", "secrets", &self.secrets);
                Some(Box::new(NoVerification))
            }
        }
    }
}
