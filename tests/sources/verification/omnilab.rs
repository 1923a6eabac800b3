//! Standard Webhooks, with the parts that OmniLab's documentation leaves open.

use hookpoint::customer::model::source::Source;
use hookpoint::sources::webhook::{Verification, VerificationError};

use super::{NEW, OLD, OTHER, base64, check, hmac_sha256, now, secrets, verification};

const BODY: &[u8] = b"{\"type\":\"cta.clicked.v1\"}";

fn verifier(more: &str, keys: &[&str]) -> Box<dyn Verification> {
    verification(
        Source::OmniLab,
        &format!("verification = \"signature\"\nkey_encoding = \"raw\"\n{}{more}", secrets(keys)),
    )
}

fn signed(key: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    format!(
        "v1,{}",
        base64(&hmac_sha256(
            key.as_bytes(),
            &[format!("{id}.{timestamp}.").as_bytes(), body].concat()
        ))
    )
}

fn sent(
    verification: &dyn Verification,
    timestamp: &str,
    signature: &str,
    body: &[u8],
) -> Result<(), VerificationError> {
    check(
        verification,
        &[
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ],
        body,
    )
}

fn at(seconds: i64) -> String {
    (now().as_second() + seconds).to_string()
}

#[test]
fn time_stamps_count_within_the_tolerance_both_ways() {
    for (more, tolerance) in [("", 300), ("tolerance_seconds = 5", 5)] {
        let verifier = verifier(more, &[NEW]);
        for (seconds, outcome) in [
            (0, Ok(())),
            (-tolerance, Ok(())),
            (tolerance, Ok(())),
            (-tolerance - 1, Err(VerificationError::Untimely)),
            (tolerance + 1, Err(VerificationError::Untimely)),
            (-31_536_000, Err(VerificationError::Untimely)),
        ] {
            let timestamp = at(seconds);
            assert_eq!(
                sent(&*verifier, &timestamp, &signed(NEW, "msg_1", &timestamp, BODY), BODY),
                outcome,
                "{seconds}"
            );
        }
    }
}

#[test]
fn time_stamps_that_are_none_are_refused() {
    let verifier = verifier("", &[NEW]);
    let (lowest, highest) = (i64::MIN.to_string(), i64::MAX.to_string());
    for (timestamp, outcome) in [
        (lowest.as_str(), VerificationError::Untimely),
        (&highest, VerificationError::Untimely),
        ("0", VerificationError::Untimely),
        ("-1", VerificationError::Untimely),
        ("1793610000000", VerificationError::Untimely),
        ("9223372036854775808", VerificationError::Malformed("webhook-timestamp")),
        ("1793610000.0", VerificationError::Malformed("webhook-timestamp")),
        (" 1793610000", VerificationError::Malformed("webhook-timestamp")),
        ("2026-11-02T09:00:00Z", VerificationError::Malformed("webhook-timestamp")),
        ("\u{661}", VerificationError::Malformed("webhook-timestamp")),
        ("", VerificationError::Missing("webhook-timestamp")),
    ] {
        assert_eq!(
            sent(&*verifier, timestamp, &signed(NEW, "msg_1", timestamp, BODY), BODY),
            Err(outcome),
            "{timestamp}"
        );
    }
}

#[test]
fn a_missing_header_is_refused() {
    let (verifier, timestamp) = (verifier("", &[NEW]), at(0));
    let signature = signed(NEW, "msg_1", &timestamp, BODY);
    let all = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
    ];
    assert_eq!(check(&*verifier, &all, BODY), Ok(()));
    for missing in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let some: Vec<_> = all.into_iter().filter(|(name, _)| *name != missing).collect();
        assert_eq!(check(&*verifier, &some, BODY), Err(VerificationError::Missing(missing)));
    }
}

#[test]
fn while_a_secret_is_changed_both_are_valid() {
    let timestamp = at(0);
    let by = |key| signed(key, "msg_1", &timestamp, BODY);
    for keys in [[OLD, NEW], [NEW, OLD]] {
        let verifier = verifier("", &keys);
        assert_eq!(sent(&*verifier, &timestamp, &by(OLD), BODY), Ok(()));
        assert_eq!(sent(&*verifier, &timestamp, &by(NEW), BODY), Ok(()));
        assert_eq!(
            sent(&*verifier, &timestamp, &by(OTHER), BODY),
            Err(VerificationError::Wrong("signature"))
        );
    }
    assert_eq!(
        sent(&*verifier("", &[NEW]), &timestamp, &by(OLD), BODY),
        Err(VerificationError::Wrong("signature"))
    );
}

#[test]
fn one_right_signature_of_a_list_is_enough() {
    let (verifier, timestamp) = (verifier("", &[NEW]), at(0));
    let (right, wrong) =
        (signed(NEW, "msg_1", &timestamp, BODY), signed(OTHER, "msg_1", &timestamp, BODY));
    let (bare, v2, v1a) =
        (right.replace("v1,", ""), right.replace("v1,", "v2,"), right.replace("v1,", "v1a,"));
    let no_padding = right.trim_end_matches('=').to_owned();
    for list in [
        right.clone(),
        no_padding,
        format!("{right} {wrong}"),
        format!("{wrong} {right}"),
        format!("{v1a} {wrong} v1,??? {v2}  {right} v1"),
    ] {
        assert_eq!(sent(&*verifier, &timestamp, &list, BODY), Ok(()), "{list}");
    }
    assert_eq!(
        sent(&*verifier, &timestamp, &format!("{wrong} {v2} {v1a}"), BODY),
        Err(VerificationError::Wrong("signature"))
    );
    // A header in two lines is one list.
    for list in [
        format!("{wrong}, {right}"),
        format!("{right}, {wrong}"),
        format!("{wrong},{right}"),
        format!("{v1a}, {wrong} {right}"),
    ] {
        assert_eq!(sent(&*verifier, &timestamp, &list, BODY), Ok(()), "{list}");
    }
    for unreadable in
        [v2, v1a, bare, "v1".to_owned(), "v1,".to_owned(), "v1,?".to_owned(), ",".to_owned()]
    {
        if unreadable != right {
            assert_eq!(
                sent(&*verifier, &timestamp, &unreadable, BODY),
                Err(VerificationError::Malformed("webhook-signature")),
                "{unreadable}"
            );
        }
    }
}

#[test]
fn bodies_are_taken_as_bytes() {
    let (verifier, timestamp) = (verifier("", &[NEW]), at(0));
    for body in [&b""[..], b"\xff\xfe\0", b" {}\r\n", b"not JSON"] {
        assert_eq!(
            sent(&*verifier, &timestamp, &signed(NEW, "msg_1", &timestamp, body), body),
            Ok(())
        );
    }
    assert_eq!(
        sent(&*verifier, &timestamp, &signed(NEW, "msg_1", &timestamp, b"{}"), b"{} "),
        Err(VerificationError::Wrong("signature"))
    );
}

/// A person's comment looks like another timestamp, and OmniLab signs it.
#[test]
fn an_id_is_not_continued_by_the_body() {
    let (verifier, timestamp) = (verifier("", &[NEW]), at(0));
    let body = format!("{{\"comment\":\"x.{timestamp}.{{}}\"}}");
    let signature = signed(NEW, "msg_1", "1700000000", body.as_bytes());
    let (id, rest) = ("msg_1.1700000000.{\"comment\":\"x", b"{}\"}");
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    assert_eq!(check(&*verifier, &headers, rest), Err(VerificationError::Malformed("webhook-id")));
}

#[test]
fn the_body_alone_may_be_signed() {
    let verifier = verifier("signing_input = \"body\"", &[NEW]);
    let signature = format!("v1,{}", base64(&hmac_sha256(NEW.as_bytes(), BODY)));
    assert_eq!(sent(&*verifier, &at(0), &signature, BODY), Ok(()));
    assert_eq!(sent(&*verifier, &at(400), &signature, BODY), Err(VerificationError::Untimely));
    assert_eq!(
        sent(&*verifier, &at(0), &signed(NEW, "msg_1", &at(0), BODY), BODY),
        Err(VerificationError::Wrong("signature"))
    );
}

#[test]
fn a_key_in_base64_may_have_its_prefix() {
    let timestamp = at(0);
    let key = base64(OLD.as_bytes());
    for written in
        [key.clone(), format!("whsec_{key}"), format!("whsec_{}", key.trim_end_matches('='))]
    {
        let verifier = verification(
            Source::OmniLab,
            &format!("verification = \"signature\"\n{}", secrets(&[&written])),
        );
        assert_eq!(
            sent(&*verifier, &timestamp, &signed(OLD, "msg_1", &timestamp, BODY), BODY),
            Ok(()),
            "{written}"
        );
    }
}

#[test]
fn another_header_is_looked_at_besides_the_signature() {
    let values =
        "authorization = [{ env = \"Basic dXNlcjpwdw==\" }, { env = \"Bearer abc-def-ghi\" }]\n";
    let timestamp = at(0);
    for (more, header) in [
        (values.to_owned(), "authorization"),
        (format!("{values}authorization_header = \"X-Agreed\""), "x-agreed"),
    ] {
        let verifier = verifier(&more, &[NEW]);
        let by = |key: &str, value: Option<&str>| {
            let signature = signed(key, "msg_1", &timestamp, BODY);
            let mut headers = vec![
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", &timestamp),
                ("webhook-signature", &signature),
            ];
            headers.extend(value.map(|value| (header, value)));
            check(&*verifier, &headers, BODY)
        };
        assert_eq!(by(NEW, Some("Basic dXNlcjpwdw==")), Ok(()));
        assert_eq!(by(NEW, Some("Bearer abc-def-ghi")), Ok(()));
        assert_eq!(by(NEW, None), Err(VerificationError::Missing("authorization")));
        for wrong in [
            "",
            "Bearer",
            "Bearer abc-def-gh",
            "Bearer abc-def-ghi ",
            "Bearer abc-def-ghi,Bearer abc-def-ghi",
        ] {
            assert_eq!(
                by(NEW, Some(wrong)),
                Err(VerificationError::Wrong("authorization")),
                "{wrong}"
            );
        }
        assert_eq!(
            by(OTHER, Some("Bearer abc-def-ghi")),
            Err(VerificationError::Wrong("signature")),
            "it does not replace a signature"
        );
    }
}
