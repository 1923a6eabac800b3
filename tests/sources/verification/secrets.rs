//! Secrets in the URL, no verification, and that no output shows a secret.

use std::collections::BTreeMap;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::webhook::{SecretIn, UnverifiedWebhook, Verification, VerificationError};

use super::{NEW, OLD, OTHER, check, now, secrets, settled, verification};

const WITH_URL_SECRET: [Source; 3] = [Source::Omneo, Source::OmnioTap, Source::Syncaroo];

fn with(verification: &dyn Verification, secret: Option<&str>) -> Result<(), VerificationError> {
    verification.check(&UnverifiedWebhook {
        headers: &BTreeMap::new(),
        secret,
        body: b"\xff",
        received_at: now(),
    })
}

#[test]
fn a_secret_in_the_url_is_whole_and_one_of_those_that_are_valid() {
    for source in WITH_URL_SECRET {
        let verifier =
            verification(source, &format!("verification = \"secret\"\n{}", secrets(&[OLD, NEW])));
        assert_eq!((verifier.name(), verifier.secret_in()), ("secret", Some(SecretIn::Path)));
        assert_eq!((with(&*verifier, Some(OLD)), with(&*verifier, Some(NEW))), (Ok(()), Ok(())));
        assert_eq!(with(&*verifier, None), Err(VerificationError::Missing("secret in the URL")));
        for wrong in [
            "",
            OTHER,
            &OLD[1..],
            &OLD[..10],
            &format!("{OLD} "),
            &OLD.to_uppercase(),
            &format!("{OLD}{NEW}"),
            "\0é",
        ] {
            assert_eq!(
                with(&*verifier, Some(wrong)),
                Err(VerificationError::Wrong("secret in the URL")),
                "{wrong}"
            );
        }
        let verifier = verification(
            source,
            &format!("verification = \"secret\"\nsecret_in = \"query\"\n{}", secrets(&[NEW])),
        );
        assert_eq!(verifier.secret_in(), Some(SecretIn::Query));
        assert_eq!(
            with(&*verifier, Some(OLD)),
            Err(VerificationError::Wrong("secret in the URL")),
            "the old one is removed"
        );
    }
}

#[test]
fn a_secret_in_the_url_proves_nothing_where_a_signature_is_asked_for() {
    for (source, way) in [
        (Source::Omneo, "signature"),
        (Source::OmnioTap, "signature"),
        (Source::OmniLab, "signature"),
        (Source::Syncaroo, "hash"),
    ] {
        let raw = if source == Source::OmniLab { "key_encoding = \"raw\"\n" } else { "" };
        let verifier =
            verification(source, &format!("verification = \"{way}\"\n{raw}{}", secrets(&[NEW])));
        assert_eq!(verifier.secret_in(), None);
        assert!(with(&*verifier, Some(NEW)).is_err());
    }
}

#[test]
fn everybody_comes_in_only_where_the_settings_say_so() {
    for source in Source::ALL {
        let verifier = verification(source, "verification = \"none\"");
        assert_eq!(
            (verifier.name(), verifier.secret_in(), check(&*verifier, &[], b"")),
            ("none", None, Ok(()))
        );
        let (verifier, mistakes) = settled(source, "");
        assert!(verifier.is_none() && mistakes.is_empty(), "there is no default");
    }
}

#[test]
fn a_brand_without_settings_has_no_door() {
    let settings =
        hookpoint::settings::Settings::parse("[brands.demo]", std::path::Path::new("brand.toml"))
            .unwrap();
    assert!(settings.brands[0].webhook_verifiers.is_empty());
}

#[test]
fn nothing_shows_a_secret() {
    for source in Source::ALL {
        let ways = ["signature", "hash", "secret"].into_iter().filter(|way| {
            let known: &[&str] = match source {
                Source::OmniLab => &["signature"],
                Source::Syncaroo => &["hash", "secret"],
                Source::Omneo | Source::OmnioTap => &["signature", "secret"],
            };
            known.contains(way)
        });
        for way in ways {
            let raw = if source == Source::OmniLab {
                "key_encoding = \"raw\"\nauthorization = [{ env = \"Bearer abc-def-ghi\" }]\n"
            } else {
                ""
            };
            let verifier = verification(
                source,
                &format!("verification = \"{way}\"\n{raw}{}", secrets(&[NEW])),
            );
            let shown = format!("{verifier:?}");
            assert!(
                shown.contains("[redacted]") && !shown.contains(NEW) && !shown.contains("abc-def"),
                "{shown}"
            );
            for byte in [format!("{:?}", NEW.as_bytes()), format!("{:x?}", NEW.as_bytes())] {
                assert!(!shown.contains(byte.trim_matches(['[', ']'])), "{shown}");
            }
        }
    }
}

#[test]
fn a_short_secret_is_reported_without_its_value() {
    let (_, mistakes) = settled(
        Source::Omneo,
        &format!("verification = \"signature\"\n{}", secrets(&[NEW, "fifteen-bytes--"])),
    );
    assert_eq!(
        mistakes,
        [("secrets.1".to_owned(), "is too short: a secret needs at least 16 bytes".to_owned())]
    );
    // Nine bytes, in base64.
    let (_, mistakes) = settled(
        Source::OmniLab,
        &format!("verification = \"signature\"\n{}", secrets(&["whsec_bmluZWJ5dGVz"])),
    );
    assert_eq!(mistakes.len(), 1, "its bytes are counted, not its letters");
}
