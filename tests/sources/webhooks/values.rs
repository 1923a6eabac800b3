//! Texts, numbers and times at and beyond their bounds.

use super::*;

#[test]
fn nul_characters_and_overrides_never_come_through() {
    for source in Source::ALL {
        let (headers, body) = good(source);
        let mut spoiled = body.clone();
        each_text(&mut spoiled, "", &mut |pointer, text| {
            // Values that are compared, and not shown, must stay unchanged.
            if !["/entity_type", "/action", "/type", "/metaData/attributeType"].contains(&pointer) {
                *text = format!("\u{0}\u{202e}{text}\u{1b}\u{7}");
            }
        });
        let plain = in_lines(read(source, &SourceSettings::default(), &headers, &body));
        let read = in_lines(read(source, &SourceSettings::default(), &headers, &spoiled));
        assert!(
            !read.contains(['\u{0}', '\u{202e}', '\u{1b}']) && !read.contains("\\u00"),
            "{source}\n{read}"
        );
        // Times that can no longer be parsed are left out. Everything else is the same.
        let names = |lines: &str| {
            lines
                .lines()
                .filter(|line| !line.contains("at = "))
                .map(|line| line.split(", 20").next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&read), names(&plain), "{source}");
    }
}

pub(super) fn each_text(
    value: &mut Value,
    pointer: &str,
    change: &mut dyn FnMut(&str, &mut String),
) {
    match value {
        Value::String(text) => change(pointer, text),
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .for_each(|(n, item)| each_text(item, &format!("{pointer}/{n}"), change)),
        Value::Object(object) => object
            .iter_mut()
            .for_each(|(key, item)| each_text(item, &format!("{pointer}/{key}"), change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_text_cut_in_an_emoji_and_a_byte_order_mark_keep_nobody_from_reading() {
    for source in Source::ALL {
        let (headers, body) = good(source);
        let text = body.to_string();
        let whole = parsed(source, &delivery(&headers, text.clone()));
        for half in [r#""\ud83d""#, r#""\ude00x""#, r#""\ud83d\ude00""#] {
            let odd = text.replacen('{', &format!("{{\"extra\":{half},"), 1);
            assert_eq!(parsed(source, &delivery(&headers, odd)), whole, "{source} {half}");
        }
        assert_eq!(
            parsed(source, &delivery(&headers, format!("\u{feff}{text}"))),
            whole,
            "{source}"
        );
    }
}

#[test]
fn numbers_beyond_all_bounds_are_read_and_what_is_no_number_is_not() {
    for source in Source::ALL {
        let (headers, body) = good(source);
        let text = body.to_string();
        for large in ["1e400", "-1e999999", "89314404000123456701"] {
            let spoiled = text.replacen('{', &format!("{{\"extra\":{large},"), 1);
            assert_eq!(
                parsed(source, &delivery(&headers, spoiled)),
                parsed(source, &delivery(&headers, text.clone())),
                "{source} {large}"
            );
        }
        for hostile in ["1e", "--1", "NaN", "-Infinity", "0x10"] {
            let spoiled = text.replacen('{', &format!("{{\"extra\":{hostile},"), 1);
            assert!(
                is_no_json(&parsed(source, &delivery(&headers, spoiled))),
                "{source} {hostile}"
            );
        }
    }
}

/// The pointer to a time.
fn time_pointer(source: Source) -> &'static str {
    match source {
        Source::OmnioTap => "/data/updatedAt",
        Source::Omneo => "/updated_at",
        Source::OmniLab => "/timestamp",
        Source::Syncaroo => "/updatedAt",
    }
}

#[test]
fn times_beyond_all_bounds_count_as_none() {
    for source in Source::ALL {
        let (headers, mut body) = good(source);
        if source == Source::Syncaroo {
            body = booking()["body"].take();
        }
        for time in [
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1e300),
            json!("+999999999-01-01"),
            json!("0000-00-00 00:00:00"),
            json!("x"),
        ] {
            *body.pointer_mut(time_pointer(source)).unwrap() = time.clone();
            let read = if source == Source::Syncaroo {
                booking_changes(&SourceSettings::default(), &body)
            } else {
                changes(parsed(source, &delivery(&headers, serde_json::to_vec(&body).unwrap())))
            };
            let is_kept_back = |at: jiff::Timestamp| {
                at == UNCLEAR_AT
                    || (at > "2020-01-01T00:00:00Z".parse().unwrap()
                        && at <= "2026-11-21T09:00:00Z".parse().unwrap())
            };
            assert!(read.iter().all(|change| is_kept_back(update(change).at)), "{source} {time}");
        }
    }
}
