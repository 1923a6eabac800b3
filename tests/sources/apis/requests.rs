//! Requests, as the vendors document them.

use super::*;

/// A request as it is sent.
fn sent(source: Source, settings: &SourceSettings, ask: &ApiRequest) -> String {
    let request = settings.api(source).request(ask).unwrap();
    let target = match &request.target {
        Target::Below(path) => path.clone(),
        Target::Given(url) => format!("given: {url}"),
    };
    let once = if request.is_repeatable { "" } else { ", once" };
    request
        .body
        .map_or_else(|| format!("GET {target}"), |body| format!("POST {target} {body}{once}"))
}

fn sent_all(source: Source, asks: &[ApiRequest]) -> Vec<String> {
    asks.iter().map(|ask| sent(source, &settings(), ask)).collect()
}

fn address(kind: IdentifierKind, value: &str) -> LookupTarget {
    LookupTarget::Address(Identifier { kind, value: value.to_owned() })
}

#[test]
fn streams_begin_with_their_first_page_and_go_on_as_the_vendors_document() {
    let mut all = String::new();
    for source in Source::ALL {
        let settings = settings();
        let api = settings.api(source);
        for stream in api.streams() {
            let since = api.first(stream.name, Some("2026-08-20T22:15:00Z".parse().unwrap()));
            for ask in [api.first(stream.name, None), since].into_iter().flatten() {
                writeln!(all, "{source} {}: {}", stream.name, sent(source, &settings, &ask))
                    .unwrap();
            }
            assert!(
                api.first(stream.name, None).is_some()
                    == matches!(stream.traversal, Traversal::List(_)),
                "{source} {}",
                stream.name
            );
        }
        assert!(api.first("unheard of", None).is_none(), "{source}");
    }
    insta::assert_snapshot!("streams", all);
}

#[test]
fn a_second_page_is_asked_for_by_its_number_or_url() {
    let settings = settings();
    let page = |ask: ApiRequest| sent(ask.source(), &settings, &ask);
    assert_eq!(
        page(OmnioTapRequest::List { entity: Entity::Contact, page: 2 }.into()),
        "GET /contacts?page=2&limit=50"
    );
    assert_eq!(
        page(OmniLabRequest::Bookings { external_id: "C 1".to_owned(), page: 2 }.into()),
        "GET /v1/interactions:fetchContactBookings?external_id=C%201&page_size=50&page_number=2"
    );
    let (profile, page_2) = ("p".to_owned(), OmneoPage::Number(2));
    assert_eq!(
        page(OmneoRequest::Part { part: OmneoPart::Rewards, profile, page: page_2 }.into()),
        "GET /profiles/p/rewards?page%5Bsize%5D=100&page%5Bnumber%5D=2"
    );
    let (events, url) =
        (OmneoEvents::Rewards, OmneoPage::Url("https://x.example/?page=2".to_owned()));
    assert_eq!(
        page(OmneoRequest::Events { events, page: url }.into()),
        "GET given: https://x.example/?page=2"
    );
    let stored = json!({"omniotap": {"list": {"entity": "contact", "page": "x&y"}}});
    assert!(ApiRequest::of_json(&stored).is_none());
}

#[test]
fn a_request_to_another_source_is_not_made_and_its_answer_is_not_read() {
    let settings = settings();
    for source in Source::ALL {
        for other in Source::ALL.into_iter().filter(|other| *other != source) {
            for (name, recording) in recordings(other) {
                assert_eq!(recording.ask.source(), other, "{name}");
                assert!(settings.api(source).request(&recording.ask).is_none(), "{name}");
                let parsed = settings.api(source).read(&recording.ask, &recording.reply());
                assert_eq!(parsed, Err(Unreadable::Missing("known request")), "{name}");
            }
        }
    }
}

#[test]
fn somebody_unknown_is_asked_about_where_that_can_be_asked() {
    let find = |source: Source, target: &LookupTarget| {
        sent_all(source, &settings().api(source).find(target, &[]))
    };
    let (email, phone) = (
        address(IdentifierKind::Email, "lotte+x@example.org"),
        address(IdentifierKind::Phone, "+31620304050"),
    );
    assert_eq!(
        find(Source::OmnioTap, &email),
        [
            "GET /contacts?page=1&limit=50&search=lotte%2Bx%40example.org",
            "GET /customers?page=1&limit=50&search=lotte%2Bx%40example.org"
        ]
    );
    assert_eq!(
        find(Source::Omneo, &email),
        [
            "GET /profiles?filter%5Bemail%5D=lotte%2Bx%40example.org&page%5Bsize%5D=100&page%5Bnumber%5D=1"
        ]
    );
    assert_eq!(
        find(Source::Omneo, &phone),
        [
            "GET /profiles?filter%5Bmobile_phone%5D=%2B31620304050&page%5Bsize%5D=100&page%5Bnumber%5D=1"
        ]
    );
    assert_eq!(
        find(Source::Omneo, &LookupTarget::Id("EC-1".to_owned())),
        ["GET /identities/search-profile/EC-1"]
    );
    let own = find(Source::Omneo, &LookupTarget::Id(PROFILE.to_owned()));
    assert_eq!(
        own,
        [format!("GET /identities/search-profile/{PROFILE}"), format!("GET /profiles/{PROFILE}")]
    );
    for target in [&email, &phone, &LookupTarget::Id("1".to_owned())] {
        assert!(
            find(Source::OmniLab, target).is_empty() && find(Source::Syncaroo, target).is_empty()
        );
    }
    assert!(find(Source::OmnioTap, &LookupTarget::Id("1".to_owned())).is_empty());
    for source in Source::ALL {
        assert!(find(source, &address(IdentifierKind::Twitter, "bird_223")).is_empty(), "{source}");
    }
}

#[test]
fn somebody_known_is_asked_about_by_what_is_known() {
    let find = |source: Source, target: &LookupTarget, known: &Record| {
        sent_all(source, &settings().api(source).find(target, std::slice::from_ref(known)))
    };
    let (id, email) =
        (LookupTarget::Id("1".to_owned()), address(IdentifierKind::Email, "lotte@example.org"));
    let contact = record(
        SourceKind::OmnioTapContact,
        "c",
        &[("email.main", "Lotte@Example.org"), ("phone.main", "+31620304050")],
    );
    assert!(
        find(Source::OmnioTap, &id, &contact)
            .iter()
            .all(|url| url.ends_with("&search=lotte%40example.org"))
    );
    let profile = record(SourceKind::OmneoProfile, PROFILE, &[("email.main", "Lotte@Example.org")]);
    assert_eq!(find(Source::Omneo, &email, &profile), [format!("GET /profiles/{PROFILE}")]);
    assert_eq!(find(Source::Omneo, &id, &profile), [format!("GET /profiles/{PROFILE}")]);
    // The address may have got another holder.
    let other = record(SourceKind::OmneoProfile, PROFILE, &[("email.main", "other@example.org")]);
    assert_eq!(find(Source::Omneo, &email, &other).len(), 2);
    let participant = record(SourceKind::OmniLabParticipant, "CONTACT-123", &[]);
    assert_eq!(
        find(Source::OmniLab, &email, &participant),
        [
            "GET /v1/interactions:fetchContactBookings?external_id=CONTACT-123&page_size=50&page_number=1"
        ]
    );
    assert!(find(Source::OmniLab, &email, &profile).is_empty());
    let mut settings = settings();
    settings.omnilab.external_id_kind = ExternalIdKinds::One("omneo.profile".to_owned());
    assert_eq!(settings.api(Source::OmniLab).find(&email, &[profile]).len(), 1);
}

#[test]
fn whether_a_record_still_exists_is_asked_with_the_most_specific_request() {
    let confirm = |source: Source, record: &Record| {
        settings().api(source).confirm(record).map(|ask| sent(source, &settings(), &ask))
    };
    let contact = |fields: &[(&str, &str)]| {
        confirm(Source::OmnioTap, &record(SourceKind::OmnioTapContact, "c", fields))
    };
    let (name, phone, email) = (
        ("name.last", "de Graaf"),
        ("phone.main", "+31 6 20304050"),
        ("email.main", "Lotte@example.org"),
    );
    assert_eq!(
        contact(&[name, phone, email]).unwrap(),
        "GET /contacts?page=1&limit=50&search=Lotte%40example.org"
    );
    assert_eq!(
        contact(&[name, phone]).unwrap(),
        "GET /contacts?page=1&limit=50&search=%2B31%206%2020304050"
    );
    assert_eq!(contact(&[name]).unwrap(), "GET /contacts?page=1&limit=50&search=de%20Graaf");
    assert_eq!(contact(&[]), None);
    assert_eq!(
        confirm(Source::Omneo, &record(SourceKind::OmneoProfile, PROFILE, &[])).unwrap(),
        format!("GET /profiles/{PROFILE}")
    );
    assert_eq!(confirm(Source::OmniLab, &record(SourceKind::OmniLabParticipant, "c", &[])), None);
    assert_eq!(confirm(Source::Syncaroo, &record(SourceKind::SyncarooMember, "m", &[])), None);
}

#[test]
fn what_a_webhook_only_hints_at_is_asked() {
    let after = |source: Source, name: &str| {
        sent_all(
            source,
            &settings().api(source).after_webhook(&delivery(source, &format!("{name}.x"))),
        )
    };
    let url = "https://app.syncaroo.com/api/v1/555/locations/61116b1ad9fa63170734b694";
    assert_eq!(
        after(Source::Syncaroo, "booking"),
        [format!(
            "GET given: {url}/resources/6140afff1da7a718a6076cea/bookings/61c18cf515e22a061cf589b1*1640124000000*1640125800000"
        )]
    );
    assert_eq!(
        after(Source::Syncaroo, "resource.new"),
        [format!("GET given: {url}/resources/61116c0bab789b6cc1feec23")]
    );
    assert_eq!(after(Source::Syncaroo, "location"), [format!("GET given: {url}")]);
    assert!(after(Source::Syncaroo, "availability").is_empty());
    let identities =
        format!("GET /profiles/{PROFILE}/identities?page%5Bsize%5D=100&page%5Bnumber%5D=1");
    assert_eq!(
        after(Source::Omneo, "profile.merged"),
        [format!("GET /profiles/{PROFILE}"), identities]
    );
    assert!(
        after(Source::Omneo, "profile.updated").is_empty()
            && after(Source::OmnioTap, "contact.updated").is_empty()
    );
    assert!(after(Source::OmniLab, "booking.created.v1").is_empty());
}

#[test]
fn a_booking_is_asked_for_where_its_webhook_said() {
    let (source, settings) = (Source::Syncaroo, settings());
    let delivery = delivery(source, "booking.x");
    let Ok(ParsedWebhook::Changes(changes)) = settings.parser(source).parse_webhook(&delivery)
    else {
        panic!()
    };
    let [Change::Event { key, update }] = &changes[..] else { panic!() };
    let each = settings.api(source).each("bookings", &key.id, &FieldVersions::from(update.clone()));
    assert!(
        each.is_some() && each.as_ref() == settings.api(source).after_webhook(&delivery).first(),
        "the same question is one call"
    );
    let without_fields = Update { fields: [].into(), ..update.clone() };
    assert!(
        settings
            .api(source)
            .each("bookings", &key.id, &FieldVersions::from(without_fields))
            .is_none()
    );
    assert!(
        settings
            .api(source)
            .each("locations", &key.id, &FieldVersions::from(update.clone()))
            .is_none()
    );
}

#[test]
fn a_booking_is_cancelled_once_by_its_id() {
    let sent = sent(Source::OmniLab, &settings(), &OmniLabRequest::cancelling("bk_1/../x").into());
    assert_eq!(
        sent,
        r#"POST /v1/interactions:cancelInteractionBooking {"booking":"bk_1/../x"}, once"#
    );
}

#[test]
fn omneos_times_are_in_the_time_zone_that_the_settings_say() {
    let mut settings = settings();
    settings.omneo.time_zone = "Australia/Sydney".to_owned();
    let at: Timestamp = "2026-11-20T23:00:00Z".parse().unwrap();
    let profile = json!({"id": PROFILE, "first_name": "Bo", "profile_type": "active", "updated_at": "2026-11-21 10:00:00"});
    let headers = [("x-omneo-event".to_owned(), "profile.updated".to_owned())].into();
    let delivery =
        Delivery { headers, body: profile.to_string().into_bytes(), received_at: Timestamp::MAX };
    let Ok(ParsedWebhook::Changes(from_webhook)) =
        settings.parser(Source::Omneo).parse_webhook(&delivery)
    else {
        panic!()
    };
    let reply =
        Reply { body: json!({"data": profile}), is_missing: false, received_at: Timestamp::MAX };
    let answered = settings
        .api(Source::Omneo)
        .read(&OmneoRequest::Profile { id: PROFILE.to_owned() }.into(), &reply)
        .unwrap()
        .changes;
    for changes in [from_webhook, answered] {
        assert!(matches!(&changes[0], Change::Record { update, .. } if update.at == at));
    }
    let since = settings.api(Source::Omneo).first("profiles", Some(at)).unwrap();
    assert!(
        sent(Source::Omneo, &settings, &since).contains("=2026-11-21%2010%3A00%3A00"),
        "{}",
        sent(Source::Omneo, &settings, &since)
    );
}
