//! Any value at any place of any recorded reply.

use super::*;

/// Every request that an API supports, with one text as all its values.
fn questions(source: Source, text: &str) -> Vec<ApiRequest> {
    let id = || text.to_owned();
    let (page, first) = (1, || OmneoPage::First);
    let lists = [
        OmneoEvents::Benefits,
        OmneoEvents::Interactions,
        OmneoEvents::Rewards,
        OmneoEvents::Transactions,
    ];
    match source {
        Source::OmnioTap => {
            let entities = [
                Entity::Contact,
                Entity::Customer,
                Entity::Lead,
                Entity::Opportunity,
                Entity::Ticket,
            ];
            let list = entities.map(|entity| OmnioTapRequest::List { entity, page });
            let search = [Person::Contact, Person::Customer].into_iter().flat_map(|person| {
                [
                    OmnioTapRequest::Search { person, text: id(), page },
                    OmnioTapRequest::SearchAddress { person, address: id(), page },
                ]
            });
            list.into_iter().chain(search).map(Into::into).collect()
        }
        Source::Omneo => {
            let parts = [
                OmneoPart::Aggregations,
                OmneoPart::Attributes,
                OmneoPart::Balances,
                OmneoPart::Benefits,
                OmneoPart::Identities,
                OmneoPart::Interactions,
                OmneoPart::Rewards,
                OmneoPart::Tiers,
                OmneoPart::Transactions,
            ];
            let filters = [
                ProfileFilter::All,
                ProfileFilter::ChangedSince(id()),
                ProfileFilter::Email(id()),
                ProfileFilter::Phone(id()),
            ];
            let others = [
                OmneoRequest::Profile { id: id() },
                OmneoRequest::WholeProfile { id: id() },
                OmneoRequest::PossibleProfile { id: id() },
                OmneoRequest::ProfilesWithIdentity { identifier: id() },
            ];
            let parts = parts.map(|part| OmneoRequest::Part { part, profile: id(), page: first() });
            let profiles = filters.map(|filter| OmneoRequest::Profiles { filter, page: first() });
            let events = lists.map(|events| OmneoRequest::Events { events, page: first() });
            let all = others.into_iter().chain(parts).chain(profiles).chain(events);
            all.map(Into::into).collect()
        }
        Source::OmniLab => [OmniLabRequest::bookings_of(text), OmniLabRequest::cancelling(text)]
            .map(Into::into)
            .into(),
        Source::Syncaroo => [
            SyncarooRequest::Booking { id: id(), url: id() },
            SyncarooRequest::Booking { id: id(), url: "https://x.example/locations/1".to_owned() },
            SyncarooRequest::Place { kind: PlaceKind::Location, url: id() },
            SyncarooRequest::Place { kind: PlaceKind::Resource, url: id() },
            SyncarooRequest::Locations { page_url: None },
            SyncarooRequest::Resources { location: id(), page_url: None },
        ]
        .map(Into::into)
        .into(),
    }
}

/// Values that may confuse parsers, under field names that they read.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        "[0-9:*'#/.@ +-]{0,40}".prop_map(Value::from),
        prop_oneof![
            Just("deleted"),
            Just("2026-01-01"),
            Just("https://example.org/x"),
            Just("lotte@example.org"),
            Just("..")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        let names = [
            "id", "data", "items", "contacts", "bookings", "booking", "meta", "links", "next",
            "total", "count", "hasMore", "profile",
        ];
        let more = [
            "email",
            "phone",
            "mobile_phone",
            "handle",
            "identifier",
            "merged_from",
            "updatedAt",
            "created_at",
            "name",
            "last_page",
            "profile_id",
        ];
        let key = prop_oneof![
            prop::sample::select(names.to_vec()).prop_map(str::to_owned),
            prop::sample::select(more.to_vec()).prop_map(str::to_owned),
            any::<String>()
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a body, as JSON pointers.
fn places(value: &Value, pointer: &str, all: &mut Vec<String>) {
    all.push(pointer.to_owned());
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, item)| places(item, &format!("{pointer}/{n}"), all)),
        Value::Object(object) => object
            .iter()
            .for_each(|(key, item)| places(item, &format!("{pointer}/{}", escape(key)), all)),
        _ => {}
    }
}

/// Conditions that every API must fulfil, whatever it returns.
fn check(source: Source, ask: &ApiRequest, parsed: &Result<ParsedReply, Unreadable>) {
    let Ok(parsed) = parsed else { return };
    parsed_changes::check(source, &parsed.changes);
    for change in &parsed.changes {
        if is_search(ask) {
            let Change::Record { update, .. } = change else { panic!("a search finds records") };
            let has = |(name, value): (&String, &Option<Value>)| {
                (name.starts_with("email.") || name.starts_with("phone.")) && value.is_some()
            };
            assert!(update.fields.iter().any(has), "somebody without any address");
        }
    }
    assert!(parsed.next.as_ref() != Some(ask), "it would never end");
    let settings = settings();
    for ask in parsed
        .next
        .iter()
        .chain(&parsed.follow)
        .chain(parsed.missing_names.iter().map(|unnamed| &unnamed.ask))
    {
        let is_resolved_away = has_dots(&ask.to_json());
        assert!(is_resolved_away || settings.api(source).request(ask).is_some(), "{ask:?}");
    }
}

/// Whether a reply to a request contains only records with the address.
fn is_search(ask: &ApiRequest) -> bool {
    matches!(
        ask,
        ApiRequest::OmnioTap(OmnioTapRequest::SearchAddress { .. })
            | ApiRequest::Omneo(OmneoRequest::Profiles {
                filter: ProfileFilter::Email(_) | ProfileFilter::Phone(_),
                ..
            })
    )
}

/// Whether a request has an id that URL parsers resolve.
fn has_dots(stored: &Value) -> bool {
    match stored {
        Value::Object(fields) => fields.values().any(has_dots),
        Value::String(text) => matches!(text.as_str(), "." | ".."),
        _ => false,
    }
}

/// The parts of a request's URL, as its receiver splits it.
fn shape(ask: &ApiRequest) -> Option<Vec<String>> {
    let Target::Below(path) = settings().api(ask.source()).request(ask)?.target else {
        return None;
    };
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()));
    let url = url::Url::parse(&format!("https://api.example.org/base{path}")).unwrap();
    assert!(url.host_str() == Some("api.example.org") && url.fragment().is_none());
    let decoded = |segment: &str| {
        percent_encoding::percent_decode_str(segment).decode_utf8().unwrap().into_owned()
    };
    let segments: Vec<String> = url.path_segments().unwrap().map(decoded).collect();
    Some(
        segments
            .into_iter()
            .chain(
                url.query_pairs().flat_map(|(name, value)| [name.into_owned(), value.into_owned()]),
            )
            .collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_upsets_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        question in any::<prop::sample::Index>(),
        about in prop_oneof![any::<String>(), Just("lotte@example.org".to_owned()), Just("+31620304050".to_owned())],
        body in hostile(),
        is_missing in any::<bool>(),
    ) {
        let asks = questions(source, &about);
        let ask = question.get(&asks);
        let reply = Reply { body, is_missing, received_at: "2026-08-20T09:00:00Z".parse().unwrap() };
        check(source, ask, &settings().api(source).read(ask, &reply));
    }

    #[test]
    fn any_value_in_an_answer_in_place_of_any_other_upsets_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        recording in any::<prop::sample::Index>(),
        changed in proptest::collection::vec((any::<prop::sample::Index>(), hostile()), 1..4),
    ) {
        let recordings = recordings(source);
        let (_, recording) = recording.get(&recordings);
        let mut reply = recording.reply();
        for (place, value) in changed {
            let mut all = Vec::new();
            places(&reply.body, "", &mut all);
            *reply.body.pointer_mut(place.get::<String>(&all)).unwrap() = value;
        }
        check(source, &recording.ask, &settings().api(source).read(&recording.ask, &reply));
    }

    #[test]
    fn a_hostile_text_never_leaves_its_place_in_a_url(
        source in prop::sample::select(&Source::ALL[..]),
        question in any::<prop::sample::Index>(),
        about in prop_oneof![".+", "[a-z./?#&=%+:@\\\\ \\[\\]]{1,12}", Just("..".to_owned()), Just("%2e%2e".to_owned()), Just("../../oauth:token".to_owned())],
    ) {
        let (asks, plain) = (questions(source, &about), questions(source, "plain"));
        let (Some(hostile), Some(plain)) = (shape(question.get(&asks)), shape(question.get(&plain))) else { return Ok(()) };
        let expected: Vec<String> = plain.into_iter().map(|part| if part == "plain" { about.clone() } else { part }).collect();
        prop_assert_eq!(hostile, expected);
    }
}
