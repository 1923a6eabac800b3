//! A secret in the URL that a source calls, for systems that can't sign; and no proof at all.

use super::secret::{Secret, SecretLoader, SecretRef, is_one_of};
use super::webhook::{Proof, SecretIn, UnverifiedWebhook, VerificationError};

/// Whoever knows the URL may come in.
#[derive(Debug)]
pub(super) struct UrlSecret {
    secrets: Vec<Secret>,
    place: SecretIn,
}

impl UrlSecret {
    /// The secrets have to stand in a URL as they are.
    pub(super) fn new(keys: &mut SecretLoader<'_>, places: &[SecretRef], place: SecretIn) -> Self {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        let read =
            |kept: Vec<u8>| if kept.iter().all(fits) { Ok(kept) } else { Err("may only hold letters, digits, -, ., _ and ~: it is part of a URL") };
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

impl Proof for UrlSecret {
    fn check(&self, incoming: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        let given = incoming.secret.ok_or(VerificationError::Missing(self.name_of_place()))?;
        if is_one_of(&self.secrets, given) { Ok(()) } else { Err(VerificationError::Wrong(self.name_of_place())) }
    }

    fn name(&self) -> &'static str {
        "secret"
    }

    fn secret_in(&self) -> Option<SecretIn> {
        Some(self.place)
    }
}

/// Everybody may come in: the settings say so.
#[derive(Debug)]
pub(super) struct NoVerification;

impl Proof for NoVerification {
    fn check(&self, _: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "none"
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}
