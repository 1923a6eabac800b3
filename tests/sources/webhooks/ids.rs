//! Ids, and references to records of other systems.

use super::*;

#[test]
fn deliveries_without_an_id_are_distinguished_by_their_content() {
    let (mut headers, mut body) = good(Source::OmniLab);
    // A booking has its own id, so it does not need one.
    body["data"].as_object_mut().unwrap().remove("booking");
    let key = |headers: &BTreeMap<String, String>, body: &Value| {
        let changes = changes(read(Source::OmniLab, &SourceSettings::default(), headers, body));
        changes
            .iter()
            .find_map(|change| {
                if let Change::Event { key, .. } = change { Some(key.to_string()) } else { None }
            })
            .unwrap()
    };
    headers.remove("webhook-id");
    let without = key(&headers, &body);
    let mut other = body.clone();
    other["data"]["interaction"] = json!("another");
    for placeholder in ["null", "undefined", "0", "00000000-0000-0000-0000-000000000000", "-", ""] {
        headers.insert("webhook-id".to_owned(), placeholder.to_owned());
        assert_eq!(key(&headers, &body), without, "{placeholder}");
        assert_ne!(key(&headers, &other), without, "{placeholder}");
    }
    headers.insert("webhook-id".to_owned(), "msg_1".to_owned());
    assert!(key(&headers, &body).ends_with(":msg_1"));
}

#[test]
fn what_another_account_sends_is_refused() {
    let mut settings = SourceSettings::default();
    settings.omniotap.tenant_id = "d290f1ee-6c54-4b01-90e6-d701748f0851".to_owned();
    settings.syncaroo.connection_id = 555;
    for (source, field, foreign) in [
        (
            Source::OmnioTap,
            "tenant_id",
            [json!("00000000-0000-4000-8000-000000000000"), json!(null), json!(5), json!("")],
        ),
        (Source::Syncaroo, "connectionId", [json!(556), json!(null), json!("5555"), json!(555.5)]),
    ] {
        let (headers, body) = good(source);
        assert!(!changes(read(source, &settings, &headers, &body)).is_empty());
        for value in foreign {
            let mut other = body.clone();
            other[field] = value;
            assert!(
                matches!(
                    read(source, &settings, &headers, &other),
                    Err(Unreadable::Foreign(_) | Unreadable::Missing(_))
                ),
                "{source} {}",
                other[field]
            );
        }
        let mut other = body.clone();
        other.as_object_mut().unwrap().remove(field);
        assert!(
            matches!(
                read(source, &settings, &headers, &other),
                Err(Unreadable::Foreign(_) | Unreadable::Missing(_))
            ),
            "{source} without {field}"
        );
    }
}

/// The pointer to the object's id.
fn id_pointer(source: Source) -> &'static str {
    match source {
        Source::OmnioTap => "/data/id",
        Source::Omneo => "/id",
        Source::OmniLab => "/data/external_id",
        Source::Syncaroo => "/metaData/syncarooId",
    }
}

#[test]
fn an_id_that_is_too_long_is_refused_and_not_cut() {
    for source in Source::ALL {
        let (headers, mut body) = good(source);
        for (length, readable) in
            [(MAX_ID_CHARS, true), (MAX_ID_CHARS + 1, false), (100_000, false)]
        {
            *body.pointer_mut(id_pointer(source)).unwrap() = json!("é".repeat(length));
            let reading = read(source, &SourceSettings::default(), &headers, &body);
            assert_eq!(reading.is_ok(), readable, "{source} {length}");
            assert!(reading.is_ok() || reading.unwrap_err().to_string().contains("usable"));
        }
    }
}

#[test]
fn an_id_of_nothing_is_no_id() {
    for source in Source::ALL {
        let (headers, mut body) = good(source);
        for nothing in [
            json!(""),
            json!("  "),
            json!("\u{0}\u{202e}"),
            json!(null),
            json!(true),
            json!([1]),
            json!({"id": 1}),
        ] {
            *body.pointer_mut(id_pointer(source)).unwrap() = nothing;
            let reading = read(source, &SourceSettings::default(), &headers, &body);
            assert!(
                matches!(reading, Err(Unreadable::Missing(_)) | Ok(ParsedWebhook::Ignored(_))),
                "{source}"
            );
        }
    }
}

#[test]
fn numbers_that_are_ids_are_their_digits() {
    let (headers, mut body) = good(Source::Omneo);
    for (id, expected) in [
        (json!(7), "7"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(-7), "-7"),
        (json!("0007"), "0007"),
        (json!(770_002.0), "770002"),
    ] {
        body["id"] = id;
        let read = in_lines(read(Source::Omneo, &SourceSettings::default(), &headers, &body));
        assert!(read.contains(&format!("event omneo.transaction:{expected},")), "{read}");
    }
}

#[test]
fn an_identity_that_is_another_systems_id_refers_to_its_record() {
    let (_, text) = recordings(Source::Omneo)
        .into_iter()
        .find(|(name, _)| name == "webhooks/identity.created.json")
        .unwrap();
    let mut settings = SourceSettings::default();
    settings.omneo.identity_kinds.insert("omnilab".to_owned(), "omnilab.participant".to_owned());
    let read = in_lines(Recorded::parse(&text).unwrap().read(Source::Omneo, &settings));
    assert!(read.contains("reference.omnilab.participant#CONTACT-123 = \"CONTACT-123\""), "{read}");
}

#[test]
fn an_external_id_that_is_another_systems_id_refers_to_its_record() {
    let (headers, body) = good(Source::OmniLab);
    let mut settings = SourceSettings::default();
    settings.omnilab.external_id_kind = ExternalIdKinds::One("omneo.profile".to_owned());
    let said = in_lines(read(Source::OmniLab, &settings, &headers, &body));
    assert!(said.contains("reference.omneo.profile = \"CONTACT-123\""), "{said}");
}

#[test]
fn an_external_id_that_may_be_of_several_systems_refers_to_a_record_of_each() {
    let (headers, body) = good(Source::OmniLab);
    let mut settings = SourceSettings::default();
    for (written, expected) in [
        ("[\"omneo.profile\", \"omniotap.contact\"]", vec!["omneo.profile", "omniotap.contact"]),
        ("[\"omneo.profile\"]", vec!["omneo.profile"]),
        ("[]", vec![]),
        ("\"omniotap.contact\"", vec!["omniotap.contact"]),
        ("\"\"", vec![]),
    ] {
        settings.omnilab = toml::from_str(&format!("external_id_kind = {written}")).unwrap();
        let said = in_lines(read(Source::OmniLab, &settings, &headers, &body));
        let references: Vec<&str> =
            said.lines().filter_map(|line| line.trim().strip_prefix("reference.")).collect();
        let expected: Vec<String> =
            expected.into_iter().map(|kind| format!("{kind} = \"CONTACT-123\"")).collect();
        assert_eq!(references, expected, "{written}");
    }
}
