//! Shows the body of a delivery, with or without personal data.

use serde_json::Value;

use crate::counted::counted;

/// The structure of a body: the kind and length of every value, in place of the value.
#[must_use]
pub fn masked_body(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => pretty(&shape(&value)),
        Err(_) => {
            let bytes = counted(body.len(), "byte that is", "bytes that are");
            format!("‹{bytes} not JSON›")
        }
    }
}

/// The whole body, with personal data.
#[must_use]
pub fn revealed_body(body: &[u8]) -> String {
    serde_json::from_slice::<Value>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |value| pretty(&value))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn shape(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) => Value::from("‹number›"),
        Value::String(text) if text.is_empty() => value.clone(),
        Value::String(text) => Value::from(format!("‹text, {}›", text.chars().count())),
        Value::Array(items) => items.iter().map(shape).collect(),
        // The vendor chooses the member names. A name with unusual characters may be personal data.
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                (if is_name(name) { name.clone() } else { "‹name›".to_owned() }, shape(value))
            })
            .collect(),
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_says_nothing_of_anybody() {
        let body = serde_json::json!({"id": 7, "email": "anna@example.org", "tags": ["vip", null, true], "+31612345678": {"name": ""}});
        let shown = masked_body(body.to_string().as_bytes());
        for secret in ["anna", "example", "vip", "7", "316"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(
            shown.contains("\"email\": \"‹text, 16›\"") && shown.contains("\"tags\""),
            "{shown}"
        );
        assert_eq!(masked_body(b"anna@example.org"), "‹16 bytes that are not JSON›");
    }
}
