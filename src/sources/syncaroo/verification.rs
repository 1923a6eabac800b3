//! Syncaroo's `hash` is "an encrypted hash of the whole webhook object (excluding `hash`)". The algorithm, the
//! exact text and the key are not documented, so all of them are settings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sources::MAX_INLINE_JSON_BYTES;
use crate::sources::diagnosis::attempt::Attempt;
use crate::sources::diagnosis::comparison::{Comparison, methods};
use crate::sources::diagnosis::form::SignatureForm;
use crate::sources::diagnosis::reason::Reason;
use crate::sources::secret::{Secret, SecretLoader, SecretRef};
use crate::sources::serialization::{Object, Serialization};
use crate::sources::signature::{Encoding, Hash, Method, is_signed};
use crate::sources::url_secret::{NoVerification, UrlSecret};
use crate::sources::webhook::{
    OutgoingWebhook, SecretIn, UnverifiedWebhook, Verification, VerificationError,
};

/// Verification of Syncaroo's webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncarooWebhookSettings {
    /// The kind of verification.
    pub verification: SyncarooVerification,
    /// Where the secrets are stored.
    pub secrets: Vec<SecretRef>,
    /// Where the webhook has its secret.
    pub secret_in: SecretIn,
    /// The algorithm of the hash.
    pub algorithm: SyncarooAlgorithm,
    /// The position of the key in a plain hash.
    pub key_position: KeyPosition,
    /// The encoding of the hash.
    pub encoding: Encoding,
    /// The serialization of the hashed object.
    pub serialization: Serialization,
}

/// The kind of verification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncarooVerification {
    /// Not set: webhooks are not accepted.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// By its hash.
    Hash,
    /// By a secret in the URL.
    Secret,
    /// Not at all.
    None,
}

/// The algorithm of a hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncarooAlgorithm {
    /// HMAC-SHA256.
    #[default]
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
    /// Plain SHA-256.
    #[serde(rename = "sha256")]
    Sha256,
    /// Plain SHA-512.
    #[serde(rename = "sha512")]
    Sha512,
    /// Plain SHA-1.
    #[serde(rename = "sha1")]
    Sha1,
    /// Plain MD5.
    #[serde(rename = "md5")]
    Md5,
}

/// The position of the key in a plain hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPosition {
    /// Before the text. Somebody without the key can extend such a hash, but the extended text is no longer a
    /// JSON object.
    Before,
    /// After the text.
    #[default]
    After,
}

impl SyncarooWebhookSettings {
    pub(crate) fn verification(
        &self,
        keys: &mut SecretLoader<'_>,
    ) -> Option<Box<dyn Verification>> {
        match self.verification {
            SyncarooVerification::Unset => {
                keys.unused("", "secrets", &self.secrets);
                None
            }
            SyncarooVerification::Hash => Some(Box::new(Hashed {
                secrets: keys.secrets("hash", &self.secrets, Ok),
                method: self.method(),
                encoding: self.encoding,
                serialization: self.serialization,
            })),
            SyncarooVerification::Secret => {
                Some(Box::new(UrlSecret::new(keys, &self.secrets, self.secret_in)))
            }
            SyncarooVerification::None => {
                keys.unused("none", "secrets", &self.secrets);
                Some(Box::new(NoVerification))
            }
        }
    }

    fn method(&self) -> Method {
        let plain = if self.key_position == KeyPosition::Before {
            Method::KeyBefore
        } else {
            Method::KeyAfter
        };
        match self.algorithm {
            SyncarooAlgorithm::HmacSha256 => Method::Hmac(Hash::Sha256),
            SyncarooAlgorithm::HmacSha512 => Method::Hmac(Hash::Sha512),
            SyncarooAlgorithm::HmacSha1 => Method::Hmac(Hash::Sha1),
            SyncarooAlgorithm::HmacMd5 => Method::Hmac(Hash::Md5),
            SyncarooAlgorithm::Sha256 => plain(Hash::Sha256),
            SyncarooAlgorithm::Sha512 => plain(Hash::Sha512),
            SyncarooAlgorithm::Sha1 => plain(Hash::Sha1),
            SyncarooAlgorithm::Md5 => plain(Hash::Md5),
        }
    }
}

#[derive(Debug)]
struct Hashed {
    secrets: Vec<Secret>,
    method: Method,
    encoding: Encoding,
    serialization: Serialization,
}

/// The member of the body with the hash.
const HASH: &str = "hash";

/// The text of the member `hash`, and the object without it, which is hashed. `None` if the body is no JSON object.
fn split(body: &[u8]) -> Option<(Option<String>, Object<'_>)> {
    let mut object = Object::parse(body)?;
    Some((object.remove_text(HASH), object))
}

impl Hashed {
    const fn form(&self) -> SignatureForm<'static> {
        SignatureForm { place: HASH, prefix: "", encoding: self.encoding, method: self.method }
    }
}

impl Verification for Hashed {
    fn check(&self, webhook: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let (hash, object) = split(webhook.body).ok_or(VerificationError::Malformed("body"))?;
        let given = self
            .encoding
            .decode(&hash.ok_or(VerificationError::Missing(HASH))?)
            .ok_or(VerificationError::Malformed(HASH))?;
        let text = object.text(self.serialization);
        if is_signed(self.method, &self.secrets, &[text.as_bytes()], &[given]) {
            Ok(())
        } else {
            Err(VerificationError::Wrong(HASH))
        }
    }

    fn form_reason(
        &self,
        webhook: &UnverifiedWebhook<'_>,
        error: VerificationError,
    ) -> Option<Reason> {
        match error {
            VerificationError::Malformed("body") => Some(Reason::BodyNotAnObject),
            VerificationError::Missing(HASH) => Some(Reason::MemberMissing { member: HASH }),
            // A large body would be parsed a second time.
            _ if webhook.body.len() > MAX_INLINE_JSON_BYTES => None,
            _ => self.form().reason(&split(webhook.body)?.0?),
        }
    }

    fn comparison(&self, webhook: &UnverifiedWebhook<'_>) -> Option<Comparison> {
        let (hash, object) = split(webhook.body)?;
        let text = |style: Serialization| object.text(style).into_bytes();
        let other = |style: &Serialization| *style != self.serialization;
        let others = Serialization::ALL.into_iter().filter(other).map(|style| {
            let (setting, used) = ("serialization", style.as_str());
            Attempt::other(text(style), Reason::OtherText { setting, used })
        });
        Some(Comparison {
            given: self.form().read(&hash?),
            methods: methods(self.method, &Method::ALL),
            texts: std::iter::once(Attempt::exact(text(self.serialization)))
                .chain(others)
                .collect(),
        })
    }

    fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The body becomes the compact text of its object, with the hash as its last member.
    fn sign(&self, mut webhook: OutgoingWebhook, _: Timestamp) -> Option<OutgoingWebhook> {
        let (_, object) = split(&webhook.body)?;
        let text = object.text(self.serialization);
        let digest = self.method.digest(self.secrets.first()?.key(), &[text.as_bytes()])?;
        let hash = self.encoding.encode(&digest);
        let compact = object.text(Serialization::Compact);
        let members = compact.strip_suffix('}')?;
        let comma = if object.is_empty() { "" } else { "," };
        webhook.body = format!("{members}{comma}\"{HASH}\":\"{hash}\"}}").into_bytes();
        Some(webhook)
    }

    fn name(&self) -> &'static str {
        "hash"
    }

    fn is_verified(&self) -> bool {
        true
    }

    fn parses_body(&self) -> bool {
        true
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}
