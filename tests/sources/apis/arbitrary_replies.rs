//! Any value at any place of any recorded reply.

use super::*;

/// Every request that an API supports, about one object.
fn questions(source: Source, about: &str) -> Vec<ApiRequest> {
    let whats: BTreeSet<String> =
        recordings(source).into_iter().map(|(_, recording)| recording.ask.what).collect();
    whats.iter().map(|what| ApiRequest::about(what, about)).collect()
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
fn check(source: Source, ask: &ApiRequest, heard: &Result<ParsedReply, Unreadable>) {
    let Ok(heard) = heard else { return };
    for change in &heard.changes {
        match change {
            Change::Record { key, .. } => assert_eq!(key.kind.source(), source),
            Change::Event { key, .. } => {
                assert_eq!(key.source, source);
                assert_eq!(key.to_string().parse::<EventKey>().unwrap(), *key);
            }
            Change::Merge(merge) => assert_ne!(merge.loser, merge.winner),
        }
        if matches!(
            ask.what.as_str(),
            "contacts with" | "customers with" | "profiles with email" | "profiles with phone"
        ) {
            let Change::Record { update, .. } = change else { panic!("a search finds records") };
            let has = |(name, value): (&String, &Option<Value>)| {
                (name.starts_with("email.") || name.starts_with("phone.")) && value.is_some()
            };
            assert!(update.fields.iter().any(has), "somebody without any address");
        }
    }
    assert!(heard.next.as_ref() != Some(ask), "it would never end");
    let settings = settings();
    for ask in heard
        .next
        .iter()
        .chain(&heard.follow)
        .chain(heard.unnamed.iter().map(|unnamed| &unnamed.ask))
    {
        let is_resolved_away = matches!(ask.about.as_str(), "." | "..");
        assert!(is_resolved_away || settings.api(source).request(ask).is_some(), "{}", ask.what);
    }
}

/// The parts of a request's URL, as its receiver splits it.
fn shape(source: Source, what: &str, about: &str) -> Option<Vec<String>> {
    let Target::Below(path) =
        settings().api(source).request(&ApiRequest::about(what, about))?.target
    else {
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
        about in prop_oneof![any::<String>(), Just("lotte@example.org".to_owned()), Just("+31620304050".to_owned()), Just("a\nhttps://x.example/locations/1".to_owned())],
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
        let asks = questions(source, &about);
        let what = &question.get(&asks).what;
        let (Some(hostile), Some(plain)) = (shape(source, what, &about), shape(source, what, "plain")) else { return Ok(()) };
        let expected: Vec<String> = plain.into_iter().map(|part| if part == "plain" { about.clone() } else { part }).collect();
        prop_assert_eq!(hostile, expected);
    }
}
