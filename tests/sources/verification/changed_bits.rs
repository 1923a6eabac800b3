//! A signature is valid for the signed bytes only: changing any bit makes it invalid.

use hookpoint::customer::model::source::Source;
use hookpoint::sources::webhook::VerificationError;
use proptest::prelude::*;
use serde_json::Value;

use super::foreign_signatures::vectors;
use super::{NEW, base64, check, hex, hmac_sha256, secrets, verification};

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// An object with its texts escaped in another way, or with its hash in another letter case, is the same object.
fn same_object(one: &[u8], other: &[u8]) -> bool {
    let read = |bytes: &[u8]| {
        let mut value: Value = serde_json::from_slice(bytes).ok()?;
        let hash = value.get_mut("hash")?;
        if hash.as_str().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            *hash = Value::from(hash.as_str()?.to_ascii_lowercase());
        }
        Some(value)
    };
    read(one).is_some() && read(one) == read(other)
}

#[test]
fn no_bit_of_what_others_signed_may_be_another() {
    let (mut refused, mut same) = (0, 0);
    for vector in vectors() {
        for bit in 0..vector.body.len() * 8 {
            let body = flipped(&vector.body, bit);
            if vector.name.starts_with("syncaroo") && same_object(&vector.body, &body) {
                same += 1;
                continue;
            }
            assert!(
                vector.check(&vector.headers, &body).is_err(),
                "{}: bit {bit} of the body",
                vector.name
            );
            refused += 1;
        }
        let signed_alone = vector.webhook.get("signing_input").is_some();
        for (name, value) in
            vector.headers.iter().filter(|(name, _)| !signed_alone || *name == "webhook-signature")
        {
            for bit in 0..value.len() * 8 {
                let Ok(other) = String::from_utf8(flipped(value.as_bytes(), bit)) else { continue };
                if is_hex(value) && is_hex(&other) && other.eq_ignore_ascii_case(value) {
                    same += 1;
                    continue;
                }
                let headers = vector
                    .headers
                    .iter()
                    .map(|(key, old)| {
                        (key.clone(), if key == name { other.clone() } else { old.clone() })
                    })
                    .collect();
                assert!(
                    vector.check(&headers, &vector.body).is_err(),
                    "{}: bit {bit} of {name}",
                    vector.name
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 15_000 && same < 300, "{refused} were refused, {same} were the same");
}

fn is_hex(text: &str) -> bool {
    text.trim_start_matches("sha1=").bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Bits are flipped in the bytes of a signature, because its letters may have another case.
fn judge(outcome: Result<(), VerificationError>, flip: bool) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        outcome,
        if flip { Err(VerificationError::Wrong("signature")) } else { Ok(()) }
    );
    Ok(())
}

proptest! {
    #[test]
    fn any_body_is_let_in_as_it_was_signed_and_in_no_other_way(
        body in prop::collection::vec(any::<u8>(), 0..300),
        bit in any::<prop::sample::Index>(),
        of_signature in any::<bool>(),
    ) {
        let omneo = verification(Source::Omneo, &format!("verification = \"signature\"\n{}", secrets(&[NEW])));
        let omnilab = verification(Source::OmniLab, &format!("verification = \"signature\"\nkey_encoding = \"raw\"\n{}", secrets(&[NEW])));
        let seconds = super::now().as_second().to_string();
        let plain = hmac_sha256(NEW.as_bytes(), &body);
        let standard = hmac_sha256(NEW.as_bytes(), &[format!("msg_1.{seconds}.").as_bytes(), &body].concat());
        for flip in [false, true] {
            let change = |bytes: &[u8]| if flip && !bytes.is_empty() { flipped(bytes, bit.index(bytes.len() * 8)) } else { bytes.to_vec() };
            let signature_changes = of_signature || body.is_empty();
            let sent = if signature_changes { body.clone() } else { change(&body) };
            let sign = |signature: &[u8]| if signature_changes { change(signature) } else { signature.to_vec() };
            judge(check(&*omneo, &[("x-omneo-hmac-sha256", &hex(&sign(&plain)))], &sent), flip)?;
            let signature = format!("v1,{}", base64(&sign(&standard)));
            let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", seconds.as_str()), ("webhook-signature", signature.as_str())];
            judge(check(&*omnilab, &headers, &sent), flip)?;
        }
    }
}
