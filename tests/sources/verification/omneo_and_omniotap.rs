//! Signatures over the body in one header: Omneo's, and OmnioTap's as set.

use hookpoint::customer::model::source::Source;
use hookpoint::sources::webhook::{Verification, VerificationError};

use super::{NEW, OLD, OTHER, base64, check, hex, hmac_sha256, secrets, verification};

const BODY: &[u8] = b"{\"id\":\"1\"}";
const OMNEO: &str = "x-omneo-hmac-sha256";

fn verifier(source: Source, more: &str, keys: &[&str]) -> Box<dyn Verification> {
    verification(source, &format!("verification = \"signature\"\n{}{more}", secrets(keys)))
}

#[test]
fn while_a_secret_is_changed_both_are_valid() {
    for (source, header) in [(Source::Omneo, OMNEO), (Source::OmnioTap, "x-omniotap-signature")] {
        let by = |verifier: &dyn Verification, key: &str| {
            check(verifier, &[(header, &hex(&hmac_sha256(key.as_bytes(), BODY)))], BODY)
        };
        for keys in [[OLD, NEW], [NEW, OLD]] {
            let verifier = verifier(source, "", &keys);
            assert_eq!((by(&*verifier, OLD), by(&*verifier, NEW)), (Ok(()), Ok(())));
            assert_eq!(by(&*verifier, OTHER), Err(VerificationError::Wrong("signature")));
        }
        assert_eq!(
            by(&*verifier(source, "", &[NEW]), OLD),
            Err(VerificationError::Wrong("signature"))
        );
    }
}

#[test]
fn a_missing_header_is_refused() {
    let signature = hex(&hmac_sha256(NEW.as_bytes(), BODY));
    assert_eq!(
        check(&*verifier(Source::Omneo, "", &[NEW]), &[("x-omneo-event", "profile.updated")], BODY),
        Err(VerificationError::Missing(OMNEO))
    );
    let verifier = verifier(Source::OmnioTap, "signature_header = \"X-Signature\"", &[NEW]);
    assert_eq!(
        check(&*verifier, &[("x-omniotap-signature", &signature)], BODY),
        Err(VerificationError::Missing("signature header"))
    );
    assert_eq!(check(&*verifier, &[("x-signature", &signature)], BODY), Ok(()));
}

#[test]
fn hex_has_either_case_and_nothing_else() {
    let verifier = verifier(Source::Omneo, "", &[NEW]);
    let bytes = hmac_sha256(NEW.as_bytes(), BODY);
    let right = hex(&bytes);
    assert_eq!(check(&*verifier, &[(OMNEO, &right.to_uppercase())], BODY), Ok(()));
    let cut = &right[..62];
    for wrong in [cut, &format!("{right}00"), &format!("{right}{right}")] {
        assert_eq!(
            check(&*verifier, &[(OMNEO, wrong)], BODY),
            Err(VerificationError::Wrong("signature")),
            "{wrong}"
        );
    }
    // A header in two lines is one list.
    for list in [format!("{right}, {right}"), format!("{cut}, {right}"), format!(" {right}")] {
        assert_eq!(check(&*verifier, &[(OMNEO, &list)], BODY), Ok(()), "{list}");
    }
    for odd in
        [&right[..63], &format!("0x{right}"), &base64(&bytes), "", ",", "é", "\u{ff10}\u{ff10}"]
    {
        assert_eq!(
            check(&*verifier, &[(OMNEO, odd)], BODY),
            Err(VerificationError::Malformed(OMNEO)),
            "{odd}"
        );
    }
}

#[test]
fn base64_is_of_the_standard_alphabet_with_padding_or_without() {
    let verifier =
        verifier(Source::OmnioTap, "encoding = \"base64\"\nsignature_header = \"h\"", &[NEW]);
    // A body whose signature contains letters in which the alphabets differ.
    let body = (0_u32..)
        .map(|n| n.to_string())
        .find(|body| base64(&hmac_sha256(NEW.as_bytes(), body.as_bytes())).contains('+'))
        .unwrap();
    let right = base64(&hmac_sha256(NEW.as_bytes(), body.as_bytes()));
    let given = |signature: &str| check(&*verifier, &[("h", signature)], body.as_bytes());
    assert_eq!(given(&right), Ok(()));
    assert_eq!(given(right.trim_end_matches('=')), Ok(()));
    for odd in [
        right.replace('+', "-"),
        format!("{right}="),
        format!("={right}"),
        right.replace('=', "=\n"),
        String::new(),
    ] {
        assert_eq!(given(&odd), Err(VerificationError::Malformed("signature header")), "{odd}");
    }
}

#[test]
fn what_stands_in_front_of_a_signature_has_to_stand_there() {
    let verifier = verifier(
        Source::OmnioTap,
        "signature_prefix = \"sha256=\"\nsignature_header = \"h\"",
        &[NEW],
    );
    let right = hex(&hmac_sha256(NEW.as_bytes(), BODY));
    assert_eq!(check(&*verifier, &[("h", &format!("sha256={right}"))], BODY), Ok(()));
    for odd in [
        right.clone(),
        format!("SHA256={right}"),
        format!("sha256=sha256={right}"),
        "sha256".to_owned(),
    ] {
        assert_eq!(
            check(&*verifier, &[("h", &odd)], BODY),
            Err(VerificationError::Malformed("signature header")),
            "{odd}"
        );
    }
}
