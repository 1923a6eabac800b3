//! Verification by a signature of the raw body in a header.

use super::secret::Secret;
use super::signature::{Encoding, Method, is_signed};
use super::webhook::{SecretIn, UnverifiedWebhook, Verification, VerificationError};

/// Accepts every webhook whose header has a signature of the raw body.
#[derive(Debug)]
pub(super) struct HeaderSignature {
    pub(super) secrets: Vec<Secret>,
    /// The header, in lower case.
    pub(super) header: String,
    /// How errors name the header.
    pub(super) name_in_errors: &'static str,
    /// The text before the signature.
    pub(super) prefix: String,
    pub(super) method: Method,
    pub(super) encoding: Encoding,
}

impl Verification for HeaderSignature {
    fn check(&self, webhook: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let given = webhook
            .headers
            .get(&self.header)
            .ok_or(VerificationError::Missing(self.name_in_errors))?;
        let given = self
            .encoding
            .decode_list(given, &self.prefix)
            .ok_or(VerificationError::Malformed(self.name_in_errors))?;
        if is_signed(self.method, &self.secrets, &[webhook.body], &given) {
            Ok(())
        } else {
            Err(VerificationError::Wrong("signature"))
        }
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
