//! Bodies: their shapes, and what is not JSON.

use super::*;

pub(super) fn is_no_json(read: &Result<ParsedWebhook, Unreadable>) -> bool {
    matches!(read, Err(Unreadable::NotJson(_)))
}

#[test]
fn a_body_that_is_no_json_is_unreadable() {
    for source in Source::ALL {
        let (headers, _) = good(source);
        for body in ["", "{", "not json", "{\"id\": 1,}", "{} {}", "{\"id\": 01}", "NaN"] {
            assert!(is_no_json(&parsed(source, &delivery(&headers, body))), "{source} {body}");
        }
        assert!(is_no_json(&parsed(source, &delivery(&headers, [b'"', 0xff, b'"']))), "{source}");
    }
}

#[test]
fn a_body_of_another_shape_is_unreadable_or_ignored() {
    for source in Source::ALL {
        let (headers, _) = good(source);
        for body in [
            "null",
            "true",
            "1",
            "\"text\"",
            "[]",
            "[{}]",
            "{}",
            "{\"data\": {}}",
            "{\"metaData\": []}",
        ] {
            assert!(
                matches!(
                    parsed(source, &delivery(&headers, body)),
                    Err(Unreadable::Missing(_)) | Ok(ParsedWebhook::Ignored(_))
                ),
                "{source} {body}"
            );
        }
    }
}

#[test]
fn a_header_that_says_what_it_is_about_must_be_there() {
    let (mut headers, body) = good(Source::Omneo);
    headers.remove("x-omneo-event");
    let error = read(Source::Omneo, &SourceSettings::default(), &headers, &body).unwrap_err();
    assert!(error.to_string().contains("x-omneo-event"), "{error}");
}

#[test]
fn a_deeply_nested_body_is_unreadable_and_does_not_overflow() {
    for source in Source::ALL {
        let (headers, _) = good(source);
        for (open, close) in [("[", "]"), ("{\"data\":", "}")] {
            let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            assert!(is_no_json(&parsed(source, &delivery(&headers, deep))), "{source}");
        }
    }
}

#[test]
fn what_a_delivery_holds_is_in_no_debug_text() {
    for source in Source::ALL {
        for (name, text) in recordings(source) {
            let fixture: Fixture = serde_json::from_str(&text).unwrap();
            let settings = SourceSettings::default();
            let reading = format!("{:?}", Recorded::parse(&text).unwrap().read(source, &settings));
            let mut body = fixture.body;
            each_text(&mut body, "", &mut |pointer, text| {
                // Times and kinds identify nobody.
                let harmless = text.len() < 4
                    || text.starts_with("20")
                    || reading.contains(&format!(".{text}:"));
                assert!(
                    harmless || !reading.contains(text.as_str()),
                    "{name}: {pointer} is in {reading}"
                );
            });
        }
    }
}

#[test]
fn a_transport_prefix_changes_nothing() {
    let (headers, mut body) = good(Source::OmniLab);
    let settings = SourceSettings::default();
    let plain = in_lines(read(Source::OmniLab, &settings, &headers, &body));
    for prefix in ["internal.", "com.omnilab/", "events:prod."] {
        body["type"] = json!(format!("{prefix}booking.created.v1"));
        assert_eq!(in_lines(read(Source::OmniLab, &settings, &headers, &body)), plain, "{prefix}");
    }
}

#[test]
fn pointers_may_point_anywhere_or_nowhere() {
    let mut settings = SourceSettings::default();
    settings.omnilab.pointers.external_id = "/data/external_id".to_owned();
    for pointer in ["", "/", "//", "/data", "/data/~0~1", "/data/999999999999999999999"] {
        settings.omnilab.pointers.email = pointer.to_owned();
        settings.omnilab.pointers.name = pointer.to_owned();
        settings.syncaroo.pointers.starts_at = pointer.to_owned();
        settings.syncaroo.pointers.member = pointer.to_owned();
        let (headers, body) = good(Source::OmniLab);
        let said = in_lines(read(Source::OmniLab, &settings, &headers, &body));
        assert!(!said.lines().any(|line| line.trim().starts_with("email.main = \"")), "{pointer}");
        let changes = booking_changes(&settings, &booking()["body"]);
        assert!(
            !in_lines(Ok(ParsedWebhook::Changes(changes))).contains("record syncaroo.member"),
            "{pointer}"
        );
    }
}
