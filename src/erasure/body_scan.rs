//! Searches the body of a delivery for an erased person. It is for deliveries that the parsers cannot read.

use std::collections::BTreeSet;

use crate::storage::pool::Connection;
use serde_json::Value;

use crate::brand::Brand;
use crate::customer::model::email_field::EmailField;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::phone::Region;
use crate::customer::model::phone_field::PhoneField;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;
use crate::sources::Delivery;
use crate::storage::StorageError;
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// The shortest text that counts as an id. A shorter one, such as a quantity, would match an id by chance.
const LEAST_ID_CHARS: usize = 8;

/// The shortest text that counts as an address.
const LEAST_CHARS: usize = 5;

/// Texts of this length or longer are neither an address nor an id.
const MOST_CHARS: usize = 320;

/// Tells for each delivery whether its body contains an address that only an erased person had, or the id of one of
/// that person's records. This is for deliveries that cannot be parsed, or that contain no change: from the others, the
/// write path drops the erased data.
///
/// # Errors
/// If Postgres fails.
pub async fn find_about_erased(
    db: &mut Connection,
    brand: &Brand,
    deliveries: &[&Delivery],
) -> Result<Vec<bool>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let hashes: Vec<BTreeSet<SuppressionHash>> = deliveries
        .iter()
        .map(|delivery| scan_body(&delivery.body, &hasher, brand.rules.identity.region))
        .collect();
    let all: BTreeSet<SuppressionHash> = hashes.iter().flatten().copied().collect();
    let found = find_erased(db, brand.id(), all).await?;
    Ok(hashes.iter().map(|hashes| hashes.iter().any(|hash| found.contains_key(hash))).collect())
}

/// The hashes of all texts in a body that the suppression list could contain.
pub(crate) fn scan_body(
    body: &[u8],
    hasher: &SuppressionHasher,
    region: Option<Region>,
) -> BTreeSet<SuppressionHash> {
    let mut texts = BTreeSet::new();
    match serde_json::from_slice(body) {
        Ok(json) => leaves(&json, &mut texts),
        Err(_) => words(&String::from_utf8_lossy(body), &mut texts),
    }
    texts.iter().flat_map(|text| hashes(text, hasher, region)).collect()
}

fn leaves(json: &Value, texts: &mut BTreeSet<String>) {
    match json {
        Value::String(text) => {
            texts.insert(text.trim().to_owned());
            words(text, texts);
        }
        Value::Number(number) => {
            texts.insert(number.to_string());
        }
        Value::Array(values) => values.iter().for_each(|value| leaves(value, texts)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            // Some senders write ids as member names.
            texts.insert(name.clone());
            leaves(value, texts);
        }),
        Value::Null | Value::Bool(_) => {}
    }
}

fn words(text: &str, texts: &mut BTreeSet<String>) {
    let is_apart = |c: char| c.is_whitespace() || c.is_control() || "\"<>()[]{},;=&|".contains(c);
    for word in text.split(is_apart) {
        let word = word.trim_matches(|c: char| ".:'!?".contains(c));
        texts.insert(word.to_owned());
        // Also the part after a colon (key:value, mailto:…), and the text without percent-encoding.
        texts.extend(word.split_once(':').map(|(_, rest)| rest.to_owned()));
        if word.contains('%') {
            texts.insert(
                percent_encoding::percent_decode_str(word).decode_utf8_lossy().into_owned(),
            );
        }
    }
}

fn hashes(text: &str, hasher: &SuppressionHasher, region: Option<Region>) -> Vec<SuppressionHash> {
    let length = text.chars().take(MOST_CHARS).count();
    if !(LEAST_CHARS..MOST_CHARS).contains(&length) {
        return Vec::new();
    }
    let mut hashes = Vec::new();
    if text.contains('@') {
        hashes.extend(
            EmailField::read(text).emails.into_iter().map(|email| hasher.exclusive(&email.into())),
        );
    }
    if text.chars().filter(|c| c.is_numeric()).count() >= 6 {
        // Also numbers with a country code but without the plus.
        let numbers = PhoneField::read(text, region)
            .numbers
            .into_iter()
            .chain(PhoneField::read_e164(text).numbers);
        hashes.extend(numbers.map(|number| hasher.exclusive(&number.phone.into())));
    }
    if length >= LEAST_ID_CHARS {
        hashes.extend(
            SourceKind::ALL
                .into_iter()
                .filter_map(|kind| RecordKey::new(kind, text))
                .map(|key| hasher.record(&key)),
        );
        hashes.extend(text.parse().ok().map(|key| hasher.record(&key)));
        let handle = text.trim_start_matches('@').to_lowercase();
        hashes.extend(
            [IdentifierKind::Facebook, IdentifierKind::Twitter]
                .map(|kind| hasher.exclusive(&Identifier { kind, value: handle.clone() })),
        );
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::email::Email;
    use crate::customer::model::phone::Phone;
    use crate::storage::suppressions::SuppressionKey;

    #[test]
    fn an_address_or_id_is_found_in_every_usual_place() {
        let hasher = SuppressionHasher::new(&SuppressionKey([7; 32]));
        let region = "NL".parse().ok();
        let email = hasher.exclusive(&Email::parse("anna@example.org").unwrap().into());
        let phone = hasher.exclusive(&Phone::parse_e164("+31612312311").unwrap().into());
        let record =
            hasher.record(&RecordKey::new(SourceKind::OmneoProfile, "1234567890").unwrap());
        for (body, expected) in [
            (r#"{"a":{"b":["Anna@Example.ORG"]}}"#, email),
            (r#"{"a":"Please mail Anna (anna@example.org)."}"#, email),
            (r#"{"a":"mailto:anna@example.org"}"#, email),
            ("not json: anna@example.org, and more", email),
            ("email=anna%40example.org&x=1", email),
            (r#"{"phone":"06 1231 2311"}"#, phone),
            (r#"{"phone":31612312311}"#, phone),
            (r#"{"profile_id":1234567890}"#, record),
            (r#"{"profiles":{"1234567890":{}}}"#, record),
            ("profile=1234567890", record),
        ] {
            assert!(scan_body(body.as_bytes(), &hasher, region).contains(&expected), "{body}");
        }
        assert!(
            scan_body(br#"{"a":"anne@example.org","n":1234567}"#, &hasher, region)
                .is_disjoint(&[email, phone, record].into())
        );
    }
}
