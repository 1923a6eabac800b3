//! Explains a failed verification to a person who has the settings and the whole request. Only commands use it: its
//! time and its result depend on the secrets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::attempt::Attempt;
use super::reason::Reason;
use super::secret_forms::secret_forms;
use crate::sources::secret::Secret;
use crate::sources::webhook::{
    SECRET_HEADER, SecretIn, UnverifiedWebhook, VerificationError, WebhookVerifier,
};

/// A request, with everything that a verification may look at.
#[derive(Clone)]
pub struct ReceivedRequest {
    /// Header names in lower case, each with its values joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The secret in the path of the URL.
    pub path_secret: Option<String>,
    /// The secret in the query of the URL.
    pub query_secret: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// An endpoint of the settings.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    /// The brand.
    pub brand: &'a str,
    /// The verifier of its source.
    pub verifier: &'a WebhookVerifier,
}

/// The result of a verification, with the reasons of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the service accepts the webhook.
    pub verified: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// Whether the webhook is valid apart from these reasons. `false` if there is another one that nothing could find.
    pub complete: bool,
}

impl ReceivedRequest {
    fn secret_in(&self, place: SecretIn) -> Option<&str> {
        match place {
            SecretIn::Path => self.path_secret.as_deref(),
            SecretIn::Query => self.query_secret.as_deref(),
            SecretIn::Header => self.headers.get(SECRET_HEADER).map(String::as_str),
        }
    }

    fn check(&self, verifier: &WebhookVerifier) -> Result<(), VerificationError> {
        verifier.verification.check(&self.webhook(verifier))
    }

    fn webhook(&self, verifier: &WebhookVerifier) -> UnverifiedWebhook<'_> {
        UnverifiedWebhook {
            headers: &self.headers,
            secret: verifier.verification.secret_in().and_then(|place| self.secret_in(place)),
            body: &self.body,
            received_at: self.received_at,
        }
    }
}

/// Verifies a request as the service does, and explains a failure. `others` are the other endpoints of the settings.
#[must_use]
pub fn explain(
    endpoint: Endpoint<'_>,
    others: &[Endpoint<'_>],
    request: &ReceivedRequest,
) -> Explanation {
    let error = match request.check(endpoint.verifier) {
        Ok(()) => return Explanation { verified: true, reasons: Vec::new(), complete: true },
        Err(error) => error,
    };
    let verification = &endpoint.verifier.verification;
    let form = verification.form_reason(&request.webhook(endpoint.verifier), error);
    if verification.secrets().is_empty() {
        let reasons = form.into_iter().chain([Reason::NoSecret]).collect();
        return Explanation { verified: false, reasons, complete: false };
    }
    if let Some(other) = valid_at(others, request) {
        return failed(form, Some(vec![other]), Reason::SecretDiffers);
    }
    let mut secrets = secret_forms(verification.secrets());
    secrets.extend(others.iter().flat_map(secrets_of_other));
    match (verification.secret_in(), form) {
        (Some(place), form) => {
            failed(form, find_secret(request, place, &secrets), Reason::OtherSecret)
        }
        (None, Some(Reason::HeaderMissing { header, .. })) => {
            explain_missing_header(endpoint.verifier, request, header, &secrets)
        }
        (None, form) => {
            let found = find_signature(endpoint.verifier, request, &secrets);
            failed(form, found, Reason::SecretDiffers)
        }
    }
}

/// The reasons: what is wrong with the form, and what else was found. If only the secret can be wrong, it differs, as
/// `unexplained` says.
fn failed(form: Option<Reason>, found: Option<Vec<Reason>>, unexplained: Reason) -> Explanation {
    let complete = found.is_some();
    let found = found.unwrap_or_else(|| match &form {
        // Without a whole signature or secret, nothing can be said about it.
        Some(
            Reason::NotASignature { .. }
            | Reason::WrongLength { .. }
            | Reason::SecretMissing { .. }
            | Reason::BodyNotAnObject
            | Reason::MemberMissing { .. }
            | Reason::IdWithDot,
        ) => Vec::new(),
        _ => vec![unexplained],
    });
    let is_explained = |form: &Reason| {
        found.contains(form)
            || found.iter().any(|found| match form {
                Reason::WrongLength { .. } => matches!(found, Reason::OtherAlgorithm { .. }),
                Reason::SecretMissing { .. } => matches!(found, Reason::SecretElsewhere { .. }),
                _ => false,
            })
    };
    let form = form.filter(|form| !is_explained(form));
    Explanation { verified: false, reasons: form.into_iter().chain(found).collect(), complete }
}

/// Searches for the text, the algorithm and the secret of the signature.
fn find_signature(
    verifier: &WebhookVerifier,
    request: &ReceivedRequest,
    secrets: &[Attempt<Secret>],
) -> Option<Vec<Reason>> {
    verifier.verification.comparison(&request.webhook(verifier))?.find(secrets)
}

/// Searches for the value of a missing header in similar headers.
fn explain_missing_header(
    verifier: &WebhookVerifier,
    request: &ReceivedRequest,
    header: String,
    secrets: &[Attempt<Secret>],
) -> Explanation {
    let similar = similar_headers(&header, request.headers.keys());
    let found = similar.iter().find_map(|name| {
        let mut renamed = request.clone();
        renamed.headers.insert(header.clone(), request.headers.get(name)?.clone());
        find_signature(verifier, &renamed, secrets)
    });
    let complete = found.is_some();
    let missing = Reason::HeaderMissing { header, similar };
    let reasons = std::iter::once(missing).chain(found.into_iter().flatten()).collect();
    Explanation { verified: false, reasons, complete }
}

/// Searches for a secret at every place.
fn find_secret(
    request: &ReceivedRequest,
    expected: SecretIn,
    secrets: &[Attempt<Secret>],
) -> Option<Vec<Reason>> {
    let at = |place: SecretIn| {
        let given = request.secret_in(place)?;
        let is_given = |secret: &&Attempt<Secret>| secret.value.key() == given.as_bytes();
        let mut reasons = secrets.iter().find(is_given)?.reasons.clone();
        if place != expected {
            let (expected, found) = (expected.as_str(), place.as_str());
            reasons.insert(0, Reason::SecretElsewhere { expected, found });
        }
        Some(reasons)
    };
    std::iter::once(expected).chain(SecretIn::ALL).find_map(at)
}

/// The secrets of another endpoint, as they are.
fn secrets_of_other<'a>(other: &Endpoint<'a>) -> impl Iterator<Item = Attempt<Secret>> + use<'a> {
    let (brand, source) = (other.brand.to_owned(), other.verifier.source.to_string());
    other.verifier.verification.secrets().iter().map(move |secret| {
        let (brand, source) = (brand.clone(), source.clone());
        Attempt::other(secret.clone(), Reason::SecretOfOther { brand, source })
    })
}

/// The endpoint at which the request is valid.
fn valid_at(others: &[Endpoint<'_>], request: &ReceivedRequest) -> Option<Reason> {
    let is_valid = |other: &&Endpoint<'_>| {
        other.verifier.verification.is_verified() && request.check(other.verifier).is_ok()
    };
    let other = others.iter().find(is_valid)?;
    let (brand, source) = (other.brand.to_owned(), other.verifier.source.to_string());
    Some(Reason::ValidAtOther { brand, source })
}

/// Words in the names of headers with signatures and secrets.
const SIGNATURE_WORDS: [&str; 5] = ["signature", "hmac", "hash", "sha256", "digest"];

/// From this similarity on, a name is probably a misspelling of another.
const MIN_SIMILARITY: f64 = 0.9;

/// The most headers that are named.
const MAX_SIMILAR: usize = 5;

/// The headers of the request that look like a header that is missing.
fn similar_headers<'a>(missing: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let is_signature = |name: &str| SIGNATURE_WORDS.iter().any(|word| name.contains(word));
    let is_similar = |name: &&String| {
        (is_signature(name) && is_signature(missing))
            || strsim::jaro_winkler(name, missing) >= MIN_SIMILARITY
    };
    names.filter(is_similar).take(MAX_SIMILAR).cloned().collect()
}
