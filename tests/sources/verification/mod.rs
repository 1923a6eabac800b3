//! Webhook verification: which webhooks are accepted and which are rejected.

mod changed_bits;
mod diagnosis;
mod foreign_signatures;
mod omneo_and_omniotap;
mod omnilab;
mod samples;
mod secrets;
mod syncaroo;

use std::collections::BTreeMap;

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use hookpoint::customer::model::source::Source;
use hookpoint::sources::SourceSettings;
use hookpoint::sources::secret::{SecretLoader, SecretRef};
use hookpoint::sources::webhook::{UnverifiedWebhook, Verification, VerificationError};
use jiff::Timestamp;
use sha2::Sha256;

const OLD: &str = "the-secret-of-before-0";
const NEW: &str = "the-secret-from-now-on";
const OTHER: &str = "somebody-elses-secret-";

/// The verifier and the mistakes for these settings of a source's `webhook` table. The name of an environment variable
/// is the secret itself.
fn settled(
    source: Source,
    webhook: &str,
) -> (Option<Box<dyn Verification>>, Vec<(String, String)>) {
    let settings: SourceSettings =
        toml::from_str(&format!("[{}.webhook]\n{webhook}", source.as_str())).unwrap();
    let fetch = |place: &SecretRef| match place {
        SecretRef::Env(name) => Ok(name.clone().into_bytes()),
        SecretRef::File(_) => Err("names no file".to_owned()),
    };
    let mut keys = SecretLoader::new(&fetch);
    let verification = settings.verification(source, &mut keys);
    let mistakes = keys.into_mistakes().concat().into_iter();
    (verification, mistakes.map(|mistake| (mistake.key, mistake.what)).collect())
}

/// The verifier of settings without mistakes.
fn verification(source: Source, webhook: &str) -> Box<dyn Verification> {
    let (verification, mistakes) = settled(source, webhook);
    assert_eq!(mistakes, []);
    verification.unwrap()
}

/// A line of settings that names these secrets.
fn secrets(all: &[&str]) -> String {
    let list: Vec<String> = all.iter().map(|secret| format!("{{ env = \"{secret}\" }}")).collect();
    format!("secrets = [{}]\n", list.join(", "))
}

fn now() -> Timestamp {
    "2026-11-02T09:00:00Z".parse().unwrap()
}

type Headers<'a> = &'a [(&'a str, &'a str)];

fn check(
    verification: &dyn Verification,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<(), VerificationError> {
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    verification.check(&UnverifiedWebhook {
        headers: &headers,
        secret: None,
        body,
        received_at: now(),
    })
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
