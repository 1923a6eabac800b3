//! The hash of an object. Syncaroo publishes only that it exists.

use std::collections::BTreeMap;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::webhook::{Priority, Verification, VerificationError};
use hookpoint::sources::{Delivery, SourceSettings};

use super::{NEW, OLD, OTHER, check, hex, hmac_sha256, now, secrets, verification};

fn verifier(more: &str, keys: &[&str]) -> Box<dyn Verification> {
    verification(Source::Syncaroo, &format!("verification = \"hash\"\n{}{more}", secrets(keys)))
}

/// The body with the hash of a text in place of `HASH`.
fn with_hash(body: &str, text: &str, key: &str) -> Vec<u8> {
    body.replace("HASH", &hex(&hmac_sha256(key.as_bytes(), text.as_bytes()))).into_bytes()
}

#[test]
fn while_a_secret_is_changed_both_are_valid() {
    let by = |verifier: &dyn Verification, key: &str| {
        check(verifier, &[], &with_hash(r#"{"a":1,"hash":"HASH"}"#, r#"{"a":1}"#, key))
    };
    for keys in [[OLD, NEW], [NEW, OLD]] {
        let verifier = verifier("", &keys);
        assert_eq!((by(&*verifier, OLD), by(&*verifier, NEW)), (Ok(()), Ok(())));
        assert_eq!(by(&*verifier, OTHER), Err(VerificationError::Wrong("hash")));
    }
    assert_eq!(by(&*verifier("", &[NEW]), OLD), Err(VerificationError::Wrong("hash")));
}

/// The body as received, and the hashed text in each serialization.
#[test]
fn the_text_is_the_object_without_its_hash() {
    for (body, compact, php, python, sorted) in [
        (r#"{"hash":"HASH"}"#, "{}", "{}", "{}", "{}"),
        (
            r#"{"b":1,"hash":"HASH","a":2}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"b": 1, "a": 2}"#,
            r#"{"a":2,"b":1}"#,
        ),
        (
            "\n{ \"b\" : [ 1 , {\"d\":null,\"c\":true} ] ,\t\"hash\" : \"HASH\" }\r\n",
            r#"{"b":[1,{"d":null,"c":true}]}"#,
            r#"{"b":[1,{"d":null,"c":true}]}"#,
            r#"{"b": [1, {"d": null, "c": true}]}"#,
            r#"{"b":[1,{"c":true,"d":null}]}"#,
        ),
        (
            r#"{"n":[1.0,1.50,-0,0e1,1E+5,123456789012345678901234567890,1e-7],"hash":"HASH"}"#,
            r#"{"n":[1.0,1.50,-0,0e1,1E+5,123456789012345678901234567890,1e-7]}"#,
            r#"{"n":[1.0,1.50,-0,0e1,1E+5,123456789012345678901234567890,1e-7]}"#,
            r#"{"n": [1.0, 1.50, -0, 0e1, 1E+5, 123456789012345678901234567890, 1e-7]}"#,
            r#"{"n":[1.0,1.50,-0,0e1,1E+5,123456789012345678901234567890,1e-7]}"#,
        ),
        (
            "{\"t\":\"\\u00e9é\\/ \\\" 1,true \\\\\",\"é\":\"\\ud83d\\ude00\u{7f}\\u001F\",\"hash\":\"HASH\"}",
            "{\"t\":\"éé/ \\\" 1,true \\\\\",\"é\":\"😀\u{7f}\\u001f\"}",
            "{\"t\":\"\\u00e9\\u00e9\\/ \\\" 1,true \\\\\",\"\\u00e9\":\"\\ud83d\\ude00\u{7f}\\u001f\"}",
            "{\"t\": \"\\u00e9\\u00e9/ \\\" 1,true \\\\\", \"\\u00e9\": \"\\ud83d\\ude00\\u007f\\u001f\"}",
            "{\"t\":\"éé/ \\\" 1,true \\\\\",\"é\":\"😀\u{7f}\\u001f\"}",
        ),
        (
            r#"{"t":["\\",1.0,"\"2.0",3.0,"\\\"",4.0],"5":"6","hash":"HASH"}"#,
            r#"{"t":["\\",1.0,"\"2.0",3.0,"\\\"",4.0],"5":"6"}"#,
            r#"{"t":["\\",1.0,"\"2.0",3.0,"\\\"",4.0],"5":"6"}"#,
            r#"{"t": ["\\", 1.0, "\"2.0", 3.0, "\\\"", 4.0], "5": "6"}"#,
            r#"{"5":"6","t":["\\",1.0,"\"2.0",3.0,"\\\"",4.0]}"#,
        ),
        (
            r#"{"inner":{"hash":"kept"},"hash":"HASH"}"#,
            r#"{"inner":{"hash":"kept"}}"#,
            r#"{"inner":{"hash":"kept"}}"#,
            r#"{"inner": {"hash": "kept"}}"#,
            r#"{"inner":{"hash":"kept"}}"#,
        ),
    ] {
        for (style, text) in
            [("compact", compact), ("php", php), ("python", python), ("sorted", sorted)]
        {
            let verifier = verifier(&format!("serialization = \"{style}\""), &[NEW]);
            assert_eq!(
                check(&*verifier, &[], &with_hash(body, text, NEW)),
                Ok(()),
                "{style}: {body}"
            );
            assert_eq!(
                check(&*verifier, &[], &with_hash(body, &format!("{text} "), NEW)),
                Err(VerificationError::Wrong("hash")),
                "{style}: {body}"
            );
        }
    }
}

#[test]
fn what_is_no_object_with_one_hash_is_refused() {
    let verifier = verifier("", &[NEW]);
    let deep = |open: &str, close: &str, depth: usize| {
        format!("{{\"a\":{}1{},\"hash\":\"HASH\"}}", open.repeat(depth), close.repeat(depth))
    };
    for (body, outcome) in [
        (String::new(), VerificationError::Malformed("body")),
        ("not JSON".to_owned(), VerificationError::Malformed("body")),
        ("[]".to_owned(), VerificationError::Malformed("body")),
        ("\"HASH\"".to_owned(), VerificationError::Malformed("body")),
        ("null".to_owned(), VerificationError::Malformed("body")),
        ("{\"hash\":\"HASH\"}{}".to_owned(), VerificationError::Malformed("body")),
        ("\u{feff}{\"hash\":\"HASH\"}".to_owned(), VerificationError::Malformed("body")),
        ("{\"hash\":\"HASH\"".to_owned(), VerificationError::Malformed("body")),
        ("{\"hash\":\"HASH\",\"hash\":\"HASH\"}".to_owned(), VerificationError::Malformed("body")),
        (
            "{\"hash\":\"HASH\",\"h\\u0061sh\":\"HASH\"}".to_owned(),
            VerificationError::Malformed("body"),
        ),
        ("{\"a\":1,\"hash\":\"HASH\",\"a\":1}".to_owned(), VerificationError::Malformed("body")),
        (
            "{\"a\":{\"b\":1,\"b\":2},\"hash\":\"HASH\"}".to_owned(),
            VerificationError::Malformed("body"),
        ),
        ("{\"a\":\"\\ud83d\",\"hash\":\"HASH\"}".to_owned(), VerificationError::Malformed("body")),
        ("{\"a\":truetrue,\"hash\":\"HASH\"}".to_owned(), VerificationError::Malformed("body")),
        (deep("[", "]", 128), VerificationError::Malformed("body")),
        (deep("[", "]", 100_000), VerificationError::Malformed("body")),
        (deep("{\"a\":", "}", 50_000), VerificationError::Malformed("body")),
        ("{".repeat(100_000), VerificationError::Malformed("body")),
        ("{}".to_owned(), VerificationError::Missing("hash")),
        ("{\"Hash\":\"HASH\"}".to_owned(), VerificationError::Missing("hash")),
        ("{\"hash\":null}".to_owned(), VerificationError::Missing("hash")),
        ("{\"hash\":5}".to_owned(), VerificationError::Missing("hash")),
        ("{\"hash\":[\"HASH\"]}".to_owned(), VerificationError::Missing("hash")),
        ("{\"hash\":\"...\"}".to_owned(), VerificationError::Malformed("hash")),
        ("{\"hash\":\" HASH\"}".to_owned(), VerificationError::Malformed("hash")),
        ("{\"hash\":\"\"}".to_owned(), VerificationError::Wrong("hash")),
    ] {
        assert_eq!(
            check(&*verifier, &[], &with_hash(&body, "{}", NEW)),
            Err(outcome),
            "{}",
            &body[..body.len().min(60)]
        );
    }
    assert_eq!(
        check(&*verifier, &[], b"{\"a\":\"\xff\",\"hash\":\"00\"}"),
        Err(VerificationError::Malformed("body"))
    );
    let shallow = deep("[", "]", 120);
    let text = shallow.replace(",\"hash\":\"HASH\"", "");
    assert_eq!(
        check(&*verifier, &[], &with_hash(&shallow, &text, NEW)),
        Ok(()),
        "as deep as anything that is read"
    );
    let large = "{\"a\":1e999,\"b\":89314404000123456701,\"hash\":\"HASH\"}";
    let text = "{\"a\":1e999,\"b\":89314404000123456701}";
    assert_eq!(
        check(&*verifier, &[], &with_hash(large, text, NEW)),
        Ok(()),
        "numbers keep their digits"
    );
}

#[test]
fn the_settings_say_what_is_processed_first_and_what_is_dropped() {
    let priority = |settings: &str, body: &str| {
        let settings: SourceSettings = toml::from_str(settings).unwrap();
        let delivery = Delivery {
            headers: BTreeMap::new(),
            body: body.as_bytes().to_vec(),
            received_at: now(),
        };
        settings.parser(Source::Syncaroo).meta(&delivery).priority
    };
    let about = |attribute: &str, resource: &str| {
        format!(r#"{{"metaData":{{"attributeType":"{attribute}","resourceType":"{resource}"}}}}"#)
    };
    assert_eq!(priority("", &about("bookings", "hot-desk")), Priority::High);
    assert_eq!(priority("", &about("resources", "hot-desk")), Priority::Normal);
    let drop_desks = r#"syncaroo.webhook_priorities = [{ attribute = "*", resource = "hot-desk", priority = "drop" }]"#;
    assert_eq!(priority(drop_desks, &about("bookings", "hot-desk")), Priority::Drop);
    assert_eq!(priority(drop_desks, &about("bookings", "office")), Priority::Normal);
    let drop_all =
        r#"syncaroo.webhook_priorities = [{ attribute = "*", resource = "*", priority = "drop" }]"#;
    assert_eq!(priority(drop_all, "not JSON"), Priority::Normal);
}
