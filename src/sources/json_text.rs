//! Words and numbers in the text of JSON, before it is parsed.

/// Everything outside of texts that is not punctuation, with its position: numbers and words.
pub(super) fn bare_words(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
            let length = match rest.first()? {
                b'"' => text_length(rest),
                byte if is_bare(*byte) => {
                    rest.iter().position(|byte| !is_bare(*byte)).unwrap_or(rest.len())
                }
                _ => 1,
            };
            let word = (at, rest.get(..length)?);
            at = at.saturating_add(length);
            if rest.first().copied().is_some_and(is_bare) {
                return Some(word);
            }
        }
    })
}

const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// The length of the text that begins here, including its quotation marks.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    end.map_or(json.len(), |at| at.saturating_add(2))
}

/// Replaces each number that a float would change or write differently; `None` if there is no such number.
pub(super) fn with_large_numbers(
    json: &[u8],
    replace: impl Fn(&[u8]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let large: Vec<(usize, &[u8])> = bare_words(json).filter(|(_, word)| is_large(word)).collect();
    if large.is_empty() {
        return None;
    }
    let (mut out, mut done) = (Vec::with_capacity(json.len()), 0_usize);
    for (at, word) in large {
        out.extend_from_slice(json.get(done..at).unwrap_or_default());
        out.extend(replace(word));
        done = at.saturating_add(word.len());
    }
    out.extend_from_slice(json.get(done..).unwrap_or_default());
    Some(out)
}

/// A float (IEEE 754 binary64) keeps at least this many digits.
const KEPT_DIGITS: usize = 15;

fn is_large(word: &[u8]) -> bool {
    let has_exponent = word.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let Some(text) = std::str::from_utf8(word)
        .ok()
        .filter(|text| (text.len() > KEPT_DIGITS || has_exponent) && is_number(text))
    else {
        return false;
    };
    if !text.contains(['.', 'e', 'E']) {
        return text.parse::<i64>().is_err() && text.parse::<u64>().is_err();
    }
    let Ok(float) = text.parse::<f64>() else { return false };
    let significant =
        text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    let trimmed = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    // A number with an exponent would be written differently.
    has_exponent || (significant > KEPT_DIGITS && trimmed(&float.to_string()) != trimmed(text))
}

/// Whether a text is a JSON number (RFC 8259, section 6).
pub(super) fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text
        .split_once(['e', 'E'])
        .map_or((text, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
