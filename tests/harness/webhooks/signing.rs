//! Signs webhooks as their sources do, and writes them as requests.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hookpoint::customer::model::source::Source;
use sha2::Sha256;

use super::Webhook;

const OMNIOTAP: &str = "harness-omniotap-secret";
const OMNEO: &str = "harness-omneo-secret";
const OMNILAB: &str = "harness-omnilab-secret-of-32-bytes";
const SYNCAROO: &str = "harness-syncaroo-secret-0123456789abcdef";

/// The environment variables with the secrets.
pub fn secrets() -> Vec<(String, String)> {
    let omnilab = format!("whsec_{}", STANDARD.encode(OMNILAB));
    [
        ("HARNESS_OMNIOTAP", OMNIOTAP.to_owned()),
        ("HARNESS_OMNEO", OMNEO.to_owned()),
        ("HARNESS_OMNILAB", omnilab),
        ("HARNESS_SYNCAROO", SYNCAROO.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The settings of a brand with these secrets.
pub fn settings(brand: &str) -> String {
    let signed = |source: &str, variable: &str| {
        format!(
            "[brands.{brand}.sources.{source}.webhook]\nverification = \"signature\"\nsecrets = [{{ env = \"{variable}\" }}]\n"
        )
    };
    let secret = format!(
        "[brands.{brand}.sources.syncaroo.webhook]\nverification = \"secret\"\nsecrets = [{{ env = \"HARNESS_SYNCAROO\" }}]\n"
    );
    signed("omniotap", "HARNESS_OMNIOTAP")
        + &signed("omneo", "HARNESS_OMNEO")
        + &signed("omnilab", "HARNESS_OMNILAB")
        + &secret
}

fn sign(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a webhook as a request, signed with the current time.
pub fn write(brand: &str, webhook: &Webhook, request: &mut Vec<u8>) {
    let Webhook { source, header, body } = webhook;
    let mut headers =
        header.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let mut path = format!("/webhooks/{brand}/{source}");
    match source {
        Source::OmnioTap => {
            headers += &format!("X-OmnioTap-Signature: {}\r\n", hex(&sign(OMNIOTAP, &[body])));
        }
        Source::Omneo => {
            headers += &format!("X-Omneo-Hmac-SHA256: {}\r\n", hex(&sign(OMNEO, &[body])));
        }
        Source::OmniLab => {
            let id = header.as_ref().map(|(_, id)| id.as_bytes()).unwrap_or_default();
            let at = jiff::Timestamp::now().as_second().to_string();
            let signature = STANDARD.encode(sign(OMNILAB, &[id, b".", at.as_bytes(), b".", body]));
            headers += &format!("webhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n");
        }
        Source::Syncaroo => path = format!("{path}/{SYNCAROO}"),
    }
    let length = body.len();
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    request.extend_from_slice(body);
}
