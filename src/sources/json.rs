//! JSON as it arrives. Harmless faults are repaired before parsing, and numbers keep their digits. Other faults
//! are reported exactly, without any content.

use super::json_fault::Fault;
use super::json_text::with_large_numbers;
use super::lone_surrogates;
use super::unreadable::Unreadable;

/// The largest body that is parsed on the thread that received it. A larger one takes milliseconds, so it is parsed on
/// another thread.
pub const MAX_INLINE_JSON_BYTES: usize = 16 * 1024;

/// Parses a body. It repairs texts that were cut in the middle of an emoji, removes a byte order mark, and
/// turns numbers with more digits than a float keeps into texts.
///
/// # Errors
/// When it is not JSON.
pub fn json(body: &[u8]) -> Result<serde_json::Value, Unreadable> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let quoted = with_large_numbers(body, |number| [b"\"", number, b"\""].concat());
    let exact = quoted.as_deref().unwrap_or(body);
    let repaired =
        || lone_surrogates::replaced(exact).and_then(|body| serde_json::from_slice(&body).ok());
    serde_json::from_slice(exact)
        .or_else(|error| repaired().ok_or(error))
        .map_err(|error| Unreadable::NotJson(Fault::find(body, &error)))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn fault(body: &str) -> String {
        json(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (number, expected) in [
            ("5", "5"),
            ("-12.5", "-12.5"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
            ("89314404000123456701", "\"89314404000123456701\""),
            ("1e400", "\"1e400\""),
            ("-1E+400", "\"-1E+400\""),
            ("1e-400", "\"1e-400\""),
            ("1e21", "\"1e21\""),
            ("0.1234567890123456789", "\"0.1234567890123456789\""),
            ("12345678901234567890.5", "\"12345678901234567890.5\""),
            ("770002.0", "770002.0"),
            ("0.30000000000000004", "0.30000000000000004"),
        ] {
            let body = format!("{{\"a\": [{number}, \"{number} \\\" 1e400\"]}}");
            assert_eq!(json(body.as_bytes()).unwrap()["a"][0].to_string(), expected);
            assert_eq!(
                json(body.as_bytes()).unwrap()["a"][1],
                format!("{number} \" 1e400"),
                "texts stay as they are"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_exactly_and_without_the_content() {
        for (body, what) in [
            ("", "the body is not JSON: it is empty"),
            ("{\"points\": NaN}", "the body is not JSON: NaN at byte 11"),
            ("{\"points\": -Infinity}", "the body is not JSON: -Infinity at byte 11"),
            ("{\"name\": undefined}", "the body is not JSON: undefined at byte 9"),
            ("{\"a\": \"NaN\", \"b\": None}", "the body is not JSON: None at byte 18"),
            (
                "{\"a\": 1,}",
                "the body is not JSON: a comma before the end of a list or object at byte 8",
            ),
            ("{\"a\": 1", "the body is not JSON: it ends too early at byte 7"),
            (
                "{\"a\": 01}",
                "the body is not JSON: a number in a form that JSON does not allow at byte 7",
            ),
            ("{a: 1}", "the body is not JSON: a key without quotation marks at byte 1"),
            ("{\"a\": \"x\ty\"}", "the body is not JSON: a control character in a text at byte 8"),
            ("{\"a\": \"\\x\"}", "the body is not JSON: an unknown escape sequence at byte 8"),
            (
                "{\"a\": 1} {}",
                "the body is not JSON: extra text after the end of the JSON at byte 9",
            ),
            ("{\"a\" 1}", "the body is not JSON: a key without a colon at byte 5"),
            ("<!DOCTYPE html><html>anna@example.org", "the body is not JSON: it is an HTML page"),
            ("<?xml version=\"1.0\"?>", "the body is not JSON: it is XML"),
            (
                "email=anna%40example.org",
                "the body is not JSON: no value where one is expected at byte 0",
            ),
        ] {
            assert_eq!(fault(body), what, "{body}");
        }
        assert_eq!(
            json(b"{\"a\": \"\xff\"}").unwrap_err().to_string(),
            "the body is not JSON: bytes that are not UTF-8 at byte 7"
        );
        assert!(
            fault(&"[".repeat(500)).ends_with("lists or objects nested too deeply at byte 127"),
            "{}",
            fault(&"[".repeat(500))
        );
    }

    #[test]
    fn what_is_harmless_is_put_right() {
        for body in [
            &b"\xef\xbb\xbf{\"a\":\"x\"}"[..],
            b"{\"a\":\"x\\ud83d\"}",
            b"{\"a\":\"x\",\"b\":1e999}",
        ] {
            assert!(json(body).unwrap()["a"].as_str().unwrap().starts_with('x'));
        }
    }

    proptest! {
        #[test]
        fn every_number_is_the_number_that_was_sent(whole in "-?(0|[1-9][0-9]{0,30})", fraction in "(\\.[0-9]{1,25})?", exponent in "([eE][+-]?[0-9]{1,4})?") {
            let number = format!("{whole}{fraction}{exponent}");
            let read = json(number.as_bytes()).unwrap();
            let is_kept = match &read {
                Value::String(text) => *text == number,
                Value::Number(kept) => kept.to_string().parse::<f64>().unwrap() == number.parse::<f64>().unwrap(),
                _ => false,
            };
            prop_assert!(is_kept, "{number} became {read}");
        }

        #[test]
        fn hostile_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{},:\"\\\\ a-zA-Z0-9.eE+-]{0,60}") {
            for body in [body, text.into_bytes()] {
                let as_it_is = serde_json::from_slice::<Value>(&body).is_ok();
                prop_assert!(json(&body).is_ok() || !as_it_is);
            }
        }
    }
}
