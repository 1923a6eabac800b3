//! E-mail addresses.

use hookpoint::customer::model::email::Email;
use unicode_normalization::UnicodeNormalization;

pub fn check(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else { return };
    let found = Email::parse(raw);
    match &found {
        Ok(email) => {
            let text = email.as_str();
            assert!(
                text.len() <= 254
                    && email.local_part().len() <= 64
                    && text.matches('@').count() >= 1
            );
            assert!(!text.chars().any(char::is_control) && text.trim() == text);
            assert!(
                text.rsplit_once('@')
                    .is_some_and(|(_, domain)| domain.is_ascii() && domain.contains('.'))
            );
            assert!(
                Email::parse(text).as_ref() == Ok(email),
                "the canonical form has another canonical form"
            );
            assert!(
                Email::parse(&format!("\u{2003}{text} ")).as_ref() == Ok(email),
                "space around it matters"
            );
            assert_eq!(format!("{email:?}"), "Email([redacted])");
        }
        Err(error) => assert_eq!(error.to_string(), "not an e-mail address"),
    }
    for (other, what) in [
        (raw.to_ascii_uppercase(), "upper case"),
        (raw.nfc().collect(), "composing"),
        (raw.nfd().collect(), "decomposing"),
    ] {
        // A spelling that gets longer may exceed the limit.
        if other.len() <= 1_000 && raw.len() <= 1_000 {
            assert!(
                Email::parse(&other).ok() == found.clone().ok(),
                "{what} makes another address of it"
            );
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "Thomas@Example.ORG",
        "jo\u{308}rg@BÜCHER.example",
        "用户@例子.公司",
        "a@example。org",
        "o'brien+tag@sub.example.co.uk",
        "\"a b\"@example.org",
        "Name <a@example.org>",
        "a@[127.0.0.1]",
        "İstanbul@straße.example",
        "a@xn--bcher-kva.example",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).to_vec()
}
