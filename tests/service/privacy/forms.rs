//! The encodings in which a value can leak, and the search for all of them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that a browser does not encode in a component of a URL, and in a form.
const COMPONENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'');
/// Characters that it does not encode in a whole query.
const QUERY: AsciiSet = COMPONENT.remove(b'@').remove(b'+').remove(b':').remove(b'/').remove(b',');

/// The values to search for, in all encodings.
pub struct LeakSearch(Vec<(&'static str, String)>);

impl LeakSearch {
    pub fn new(values: &[&str]) -> Self {
        Self(
            values
                .iter()
                .flat_map(|value| forms(value))
                .map(|(form, text)| (form, text.to_lowercase()))
                .collect(),
        )
    }

    /// The first of them that a text contains, in any case, with its surroundings.
    pub fn find(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        self.0.iter().find_map(|(form, value)| {
            let at = text.find(value)?;
            let whole = |at: usize| {
                (0..=at.min(text.len()))
                    .rev()
                    .find(|at| text.is_char_boundary(*at))
                    .unwrap_or_default()
            };
            Some(format!(
                "{form} `{value}` in: {}",
                &text[whole(at.saturating_sub(200))..whole(at + value.len() + 60)]
            ))
        })
    }
}

/// The encodings of a value inside a text that is encoded as a whole. The search ignores case.
fn forms(value: &str) -> Vec<(&'static str, String)> {
    let bytes = |each: fn(&u8) -> String, between: &str| {
        value.as_bytes().iter().map(each).collect::<Vec<_>>().join(between)
    };
    let quoted = |text: String| text[1..text.len() - 1].to_owned();
    let percent = |set| utf8_percent_encode(value, set).to_string();
    let mut forms = vec![
        ("plain", value.to_owned()),
        ("percent-encoded", percent(NON_ALPHANUMERIC)),
        ("percent-encoded as a component", percent(&COMPONENT)),
        ("percent-encoded as a query", percent(&QUERY)),
        (
            "percent-encoded twice",
            utf8_percent_encode(&percent(NON_ALPHANUMERIC), NON_ALPHANUMERIC).to_string(),
        ),
        ("form-encoded", percent(&COMPONENT).replace("%20", "+")),
        ("JSON", quoted(serde_json::to_string(value).unwrap())),
        ("ASCII JSON", ascii_json(value)),
        ("Debug", quoted(format!("{value:?}"))),
        ("hexadecimal", bytes(|byte| format!("{byte:02x}"), "")),
        ("escaped bytes", value.as_bytes().escape_ascii().to_string()),
        ("a list of bytes", bytes(u8::to_string, ", ")),
        ("a list of bytes as Postgres writes it", bytes(u8::to_string, " ")),
    ];
    for offset in 0..3 {
        forms.push(("base64", base64(&STANDARD_NO_PAD, offset, value)));
        forms.push(("URL-safe base64", base64(&URL_SAFE_NO_PAD, offset, value)));
    }
    forms
}

/// The base64 letters that depend on the value alone if it starts at this offset in a group of three bytes: each letter
/// has six bits.
fn base64(engine: &impl Engine, offset: usize, value: &str) -> String {
    let encoded = engine.encode([&b"xyz"[..offset], value.as_bytes()].concat());
    let (first, end) = ((offset * 8).div_ceil(6), (offset + value.len()) * 8 / 6);
    encoded[first..end].to_owned()
}

fn ascii_json(value: &str) -> String {
    let quoted = serde_json::to_string(value).unwrap();
    let escape = |c: char| {
        if c.is_ascii() {
            c.to_string()
        } else {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
    };
    quoted[1..quoted.len() - 1].chars().map(escape).collect()
}

#[test]
fn every_form_is_found_whatever_stands_around_it() {
    let encoders: [(&str, fn(&str) -> String); 17] = [
        ("as it is", str::to_owned),
        ("upper case", str::to_uppercase),
        ("lower case", str::to_lowercase),
        ("percent-encoded", |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()),
        ("percent-encoded, lower case", |text| {
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().to_lowercase()
        }),
        ("percent-encoded as a component", |text| {
            utf8_percent_encode(text, &COMPONENT).to_string()
        }),
        ("percent-encoded as a query", |text| utf8_percent_encode(text, &QUERY).to_string()),
        ("form-encoded", |text| {
            utf8_percent_encode(text, &COMPONENT).to_string().replace("%20", "+")
        }),
        ("JSON", |text| serde_json::json!({ "a": text }).to_string()),
        ("ASCII JSON", |text| format!("\"{}\"", ascii_json(text))),
        ("Debug", |text| format!("{:?}", Some(text))),
        ("Debug of bytes", |text| format!("{:?}", text.as_bytes())),
        ("hexadecimal", |text| text.bytes().map(|byte| format!("{byte:02X}")).collect()),
        ("escaped bytes", |text| text.as_bytes().escape_ascii().to_string()),
        ("base64", |text| base64::engine::general_purpose::STANDARD.encode(text)),
        ("base64 without padding", |text| STANDARD_NO_PAD.encode(text)),
        ("URL-safe base64", |text| base64::engine::general_purpose::URL_SAFE.encode(text)),
    ];
    let around = ["", "a", "é", "key=", "12345", "{\"x\": 1} "];
    let values = [
        "canary.person@canary-mail.example.org",
        "+31655500017",
        "Cañón \"Kanarie\" & ??>>zoon",
        "canary-record-4711",
    ];
    for value in values {
        let (search, others) = (
            LeakSearch::new(&[value]),
            LeakSearch::new(
                &values.into_iter().filter(|other| *other != value).collect::<Vec<_>>(),
            ),
        );
        for (before, after) in around.iter().flat_map(|before| around.map(|after| (before, after)))
        {
            for (encoder, encode) in encoders {
                let text = format!(
                    "{{\"message\":\"x\"}} {} and more",
                    encode(&format!("{before}{value}{after}"))
                );
                assert!(search.find(&text).is_some(), "{encoder} hides {value} in {text}");
                assert_eq!(others.find(&text), None, "{encoder} of {value}");
            }
        }
    }
}

#[test]
fn each_form_of_a_value_is_long_enough_to_mean_it() {
    for (form, text) in
        super::CANARIES.iter().chain(&super::webhooks::CANARIES).flat_map(|value| forms(value))
    {
        assert!(text.len() >= 8, "{form}: {text} may occur by chance");
    }
}
