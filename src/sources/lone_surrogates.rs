//! Repairs lone surrogates: JavaScript counts an emoji as two characters. A text cut between them ends in an
//! escape that has no meaning.

/// Position and value of an escape.
type Escape = (usize, u16);

const LENGTH: usize = "\\ud800".len();

/// The JSON with `\ufffd` for every lone surrogate; `None` if there is none.
pub(super) fn replaced(json: &[u8]) -> Option<Vec<u8>> {
    let escapes = escapes(json);
    let is_pair = |first: &Escape, second: &Escape| {
        (0xd800..0xdc00).contains(&first.1)
            && (0xdc00..0xe000).contains(&second.1)
            && first.0.saturating_add(LENGTH) == second.0
    };
    let mut halves = Vec::new();
    let mut rest = escapes.as_slice();
    while let Some((first, others)) = rest.split_first() {
        rest = match others.split_first() {
            Some((second, others)) if is_pair(first, second) => others,
            _ => {
                halves.extend((0xd800..0xe000).contains(&first.1).then_some(first.0));
                others
            }
        };
    }
    let mut repaired = json.to_vec();
    for at in &halves {
        repaired.splice(*at..at.saturating_add(LENGTH), *b"\\ufffd");
    }
    (!halves.is_empty()).then_some(repaired)
}

/// The `\uXXXX` escapes of a JSON text, in order.
fn escapes(json: &[u8]) -> Vec<Escape> {
    let mut escapes = Vec::new();
    let mut at = 0_usize;
    while let Some(byte) = json.get(at) {
        let digits =
            || std::str::from_utf8(json.get(at.saturating_add(2)..at.saturating_add(LENGTH))?).ok();
        match (byte, json.get(at.saturating_add(1))) {
            (b'\\', Some(b'u')) => {
                escapes.extend(
                    digits()
                        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
                        .map(|number| (at, number)),
                );
                at = at.saturating_add(2);
            }
            // An escaped backslash or quotation mark does not start another escape.
            (b'\\', Some(_)) => at = at.saturating_add(2),
            _ => at = at.saturating_add(1),
        }
    }
    escapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_left_alone() {
        for (json, expected) in [
            (r#"{"a":"x\ud83d"}"#, Some(r#"{"a":"x\ufffd"}"#)),
            (r#"{"a":"\ude00x"}"#, Some(r#"{"a":"\ufffdx"}"#)),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00"}"#)),
            (r#"{"a":"\ud83d\ude00"}"#, None),
            (r#"{"a":"\\ud83d"}"#, None),
            (r#"{"a":"\u00"}"#, None),
            ("\\", None),
        ] {
            assert_eq!(replaced(json.as_bytes()).as_deref(), expected.map(str::as_bytes), "{json}");
        }
    }
}
