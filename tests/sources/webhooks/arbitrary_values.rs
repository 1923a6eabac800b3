//! Any value at any place of any recorded webhook.

use super::*;

/// Values that may confuse parsers.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(i64::MIN)),
        Just(json!(f64::MAX)),
        any::<String>().prop_map(Value::from),
        "[0-9:*'#/.@ -]{0,40}".prop_map(Value::from),
        (0..3_000_usize).prop_map(|length| json!("\u{1f33b}".repeat(length))),
        prop_oneof![
            Just("\u{0}"),
            Just("\u{202e}"),
            Just("null"),
            Just("9999-12-31"),
            Just("a:b:c"),
            Just("2024-02-30"),
            Just("*-1*1e9")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![
            Just("id".to_owned()),
            Just("handle".to_owned()),
            Just("identifier".to_owned()),
            Just("value".to_owned()),
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

fn check(source: Source, reading: Result<ParsedWebhook, Unreadable>) {
    if let Ok(ParsedWebhook::Changes(changes)) = reading {
        parsed_changes::check(source, &changes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_in_place_of_any_other_upsets_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        recording in any::<prop::sample::Index>(),
        changed in proptest::collection::vec((any::<prop::sample::Index>(), hostile()), 1..4),
    ) {
        let recordings = recordings(source);
        let fixture: Fixture = serde_json::from_str(&recording.get(&recordings).1).unwrap();
        let mut body = fixture.body;
        for (place, value) in changed {
            let mut all = Vec::new();
            places(&body, "", &mut all);
            *body.pointer_mut(place.get::<String>(&all)).unwrap() = value;
        }
        check(source, parsed(source, &delivery(&fixture.headers, serde_json::to_vec(&body).unwrap())));
    }

    #[test]
    fn any_bytes_and_headers_upset_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        name in "[a-z.-]{0,30}|profile\\.[a-z.]{0,10}|transaction\\.deleted|identity\\.created",
        id in any::<String>(),
        body in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), hostile().prop_map(|value| value.to_string().into_bytes())],
    ) {
        let headers = [("x-omneo-event".to_owned(), name), ("webhook-id".to_owned(), id)].into();
        check(source, parsed(source, &delivery(&headers, body)));
    }
}
