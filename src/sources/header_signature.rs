//! Verification by a signature of the raw body in a header.

use jiff::Timestamp;

use super::diagnosis::body_forms::body_forms;
use super::diagnosis::comparison::{Comparison, methods};
use super::diagnosis::form::SignatureForm;
use super::diagnosis::reason::Reason;
use super::secret::Secret;
use super::signature::{Encoding, Method, is_signed};
use super::webhook::{
    OutgoingWebhook, SecretIn, UnverifiedWebhook, Verification, VerificationError,
};

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

impl HeaderSignature {
    fn form(&self) -> SignatureForm<'_> {
        SignatureForm {
            place: &self.header,
            prefix: &self.prefix,
            encoding: self.encoding,
            method: self.method,
        }
    }
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

    fn form_reason(&self, webhook: &UnverifiedWebhook<'_>, _: VerificationError) -> Option<Reason> {
        match webhook.headers.get(&self.header) {
            Some(given) => self.form().reason(given),
            None => Some(Reason::header_missing(&self.header)),
        }
    }

    fn comparison(&self, webhook: &UnverifiedWebhook<'_>) -> Option<Comparison> {
        Some(Comparison {
            given: self.form().read(webhook.headers.get(&self.header)?),
            methods: methods(self.method, &Method::KEYED),
            texts: body_forms(webhook.body),
        })
    }

    fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    fn sign(&self, mut webhook: OutgoingWebhook, _: Timestamp) -> Option<OutgoingWebhook> {
        let digest = self.method.digest(self.secrets.first()?.key(), &[&webhook.body])?;
        let signature = format!("{}{}", self.prefix, self.encoding.encode(&digest));
        webhook.headers.insert(self.header.clone(), signature);
        Some(webhook)
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
