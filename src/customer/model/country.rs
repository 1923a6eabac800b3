//! Countries as sources write them: codes of two and three letters, numbers, calling codes, names.

use std::collections::HashMap;
use std::sync::LazyLock;

use keshvar::CountryIterator;
use phonenumber::metadata::DATABASE;

use super::phone::Region;
use super::text;

/// Country codes that are not in ISO 3166, but are in use: `UK`, and Greece's code in the European Union.
const OTHER_CODES: [(&str, &str); 2] = [("uk", "GB"), ("el", "GR")];

/// Words that are optional in a country's name.
const AROUND: [&str; 7] = ["the", "of", "and", "de", "het", "la", "les"];

/// The region that a text names. `None` if the text is ambiguous, or names no region with telephones.
#[must_use]
pub fn region(raw: &str) -> Option<Region> {
    let text = text::visible(raw).to_lowercase();
    // A language and a country (BCP 47): `nl-BE`, `nl_BE`.
    let code = match text.rsplit_once(['-', '_']) {
        Some((language, country)) if (2..=3).contains(&language.len()) && country.len() == 2 => {
            country
        }
        _ => text.as_str(),
    };
    let digits = code.trim_start_matches('+').trim_start_matches("00");
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return by_number(code, digits);
    }
    // Names are compared without diacritics. A short text with diacritics is not a code.
    let key = if code.is_ascii() || code.chars().count() > CODE_CHARS {
        key(code)
    } else {
        code.to_owned()
    };
    let found = COUNTRIES
        .get(&key)
        .map(String::as_str)
        .or_else(|| OTHER_CODES.iter().find(|(known, _)| *known == code).map(|(_, code)| *code));
    found?.parse().ok()
}

/// The longest code, in characters.
const CODE_CHARS: usize = 3;

/// The country of a calling code, or of a three-digit ISO number. `None` if the number is both, of different countries.
fn by_number(raw: &str, digits: &str) -> Option<Region> {
    let calling =
        || DATABASE.by_code(&digits.parse::<u16>().ok()?)?.first()?.id().parse::<Region>().ok();
    let is_said_to_call = raw.starts_with('+') || raw.starts_with("00");
    let calling = if is_said_to_call || !raw.starts_with('0') { calling() } else { None };
    let iso = if raw.len() == 3 && !is_said_to_call {
        COUNTRIES.get(raw).and_then(|code| code.parse::<Region>().ok())
    } else {
        None
    };
    match (calling, iso) {
        (Some(calling), Some(iso)) if calling != iso => None,
        (calling, iso) => calling.or(iso),
    }
}

/// Maps every code, number and name to the two-letter code. A name of two countries is left out.
static COUNTRIES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let mut all: HashMap<String, Option<String>> = HashMap::new();
    for country in CountryIterator::new() {
        let code = format!("{:?}", country.alpha2()).to_uppercase();
        let codes = [
            code.to_lowercase(),
            format!("{:?}", country.alpha3()).to_lowercase(),
            country.number().to_owned(),
        ];
        let names = [country.iso_short_name(), country.iso_long_name()]
            .into_iter()
            .chain(country.unofficial_name_list().iter().copied());
        for name in codes.into_iter().chain(names.map(key)) {
            all.entry(name)
                .and_modify(|known| *known = known.take().filter(|known| *known == code))
                .or_insert_with(|| Some(code.clone()));
        }
    }
    all.into_iter().filter_map(|(name, code)| Some((name, code?))).collect()
});

/// A name without diacritics, punctuation and optional words.
fn key(name: &str) -> String {
    let words = crate::customer::model::folding::fold_words(name);
    let telling: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !AROUND.contains(word)).collect();
    if telling.is_empty() { words.join(" ") } else { telling.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_in_every_usual_spelling() {
        for (code, spellings) in [
            (
                "BE",
                &[
                    "BE", "be", "BEL", "bel", "Belgium", "BELGIË", "Belgie", "Belgique", "Belgien",
                    "32", "+32", "0032", "056", "nl-BE", "nl_BE", " be ",
                ][..],
            ),
            (
                "NL",
                &[
                    "NL",
                    "NLD",
                    "Netherlands",
                    "The Netherlands",
                    "Nederland",
                    "Niederlande",
                    "Pays-Bas",
                    "31",
                    "528",
                    "Kingdom of the Netherlands",
                ],
            ),
            ("GB", &["GB", "UK", "uk", "GBR", "United Kingdom", "Great Britain", "England", "44"]),
            ("GR", &["GR", "EL", "GRC", "Greece", "30"]),
            ("DE", &["DE", "DEU", "Germany", "Deutschland", "Duitsland", "Allemagne", "49", "276"]),
            (
                "US",
                &[
                    "US",
                    "USA",
                    "United States",
                    "United States of America",
                    "Verenigde Staten",
                    "1",
                    "+1",
                ],
            ),
            ("AU", &["AU", "AUS", "Australia", "61"]),
        ] {
            for spelling in spellings {
                assert_eq!(region(spelling), code.parse().ok(), "{spelling}");
            }
        }
        for nothing in [
            "", "Narnia", "ZZ", "XYZ", "999", "380", "-", "null", "0", "12345", "Europe", "ÑL",
            "true", "NL/BE", "NL, BE",
        ] {
            assert_eq!(region(nothing), None, "{nothing}");
        }
    }
}
