//! Verification by a secret in the URL, for systems that cannot sign; and no verification.

use jiff::Timestamp;

use super::diagnosis::comparison::Comparison;
use super::diagnosis::reason::Reason;
use super::secret::{Secret, SecretLoader, SecretRef, is_one_of};
use super::webhook::{
    OutgoingWebhook, SECRET_HEADER, SecretIn, UnverifiedWebhook, Verification, VerificationError,
};

/// Accepts every webhook with the secret.
#[derive(Debug)]
pub(super) struct UrlSecret {
    secrets: Vec<Secret>,
    place: SecretIn,
}

impl UrlSecret {
    /// The secrets must be usable in a URL without encoding.
    pub(super) fn new(keys: &mut SecretLoader<'_>, places: &[SecretRef], place: SecretIn) -> Self {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        let read = |kept: Vec<u8>| {
            if kept.iter().all(fits) {
                Ok(kept)
            } else {
                Err("may contain only letters, digits, -, ., _ and ~, because it is part of a URL")
            }
        };
        let secrets = keys.secrets("secret", places, read);
        Self { secrets, place }
    }
}

impl UrlSecret {
    const fn name_of_place(&self) -> &'static str {
        match self.place {
            SecretIn::Path | SecretIn::Query => "secret in the URL",
            SecretIn::Header => "secret in the header",
        }
    }
}

impl Verification for UrlSecret {
    fn check(&self, webhook: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let given = webhook.secret.ok_or(VerificationError::Missing(self.name_of_place()))?;
        if is_one_of(&self.secrets, given) {
            Ok(())
        } else {
            Err(VerificationError::Wrong(self.name_of_place()))
        }
    }

    fn form_reason(&self, webhook: &UnverifiedWebhook<'_>, _: VerificationError) -> Option<Reason> {
        let (expected, header) = (self.place.as_str(), SecretIn::Header);
        if webhook.secret.is_some() {
            return None;
        }
        Some(if self.place != header && webhook.headers.contains_key(SECRET_HEADER) {
            Reason::SecretElsewhere { expected, found: header.as_str() }
        } else {
            Reason::SecretMissing { expected }
        })
    }

    fn comparison(&self, _: &UnverifiedWebhook<'_>) -> Option<Comparison> {
        None
    }

    fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    fn sign(&self, mut webhook: OutgoingWebhook, _: Timestamp) -> Option<OutgoingWebhook> {
        let secret = String::from_utf8(self.secrets.first()?.key().to_vec()).ok()?;
        if self.place == SecretIn::Header {
            webhook.headers.insert(SECRET_HEADER.to_owned(), secret);
        } else {
            webhook.url_secret = Some((self.place, secret));
        }
        Some(webhook)
    }

    fn name(&self) -> &'static str {
        "secret"
    }

    fn is_verified(&self) -> bool {
        true
    }

    fn parses_body(&self) -> bool {
        false
    }

    fn secret_in(&self) -> Option<SecretIn> {
        Some(self.place)
    }
}

/// Accepts every webhook, because the settings turn verification off.
#[derive(Debug)]
pub(super) struct NoVerification;

impl Verification for NoVerification {
    fn check(&self, _: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        Ok(())
    }

    fn form_reason(&self, _: &UnverifiedWebhook<'_>, _: VerificationError) -> Option<Reason> {
        None
    }

    fn comparison(&self, _: &UnverifiedWebhook<'_>) -> Option<Comparison> {
        None
    }

    fn secrets(&self) -> &[Secret] {
        &[]
    }

    fn sign(&self, webhook: OutgoingWebhook, _: Timestamp) -> Option<OutgoingWebhook> {
        Some(webhook)
    }

    fn name(&self) -> &'static str {
        "none"
    }

    fn is_verified(&self) -> bool {
        false
    }

    fn parses_body(&self) -> bool {
        false
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}
