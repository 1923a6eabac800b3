//! Phone numbers in any spelling: a region (or other text for none), a tab, the spelling. Lines of `fixtures/phone`
//! have this format.

use hookpoint::customer::model::phone::{Phone, Region};

const TEXTS: [&str; 3] = [
    "not in E.164 form",
    "not a possible number of a known country code",
    "ambiguous: several phone numbers are possible, or none",
];

pub fn check(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    let mut columns = line.split('\t');
    let (first, second) = (columns.next().unwrap_or_default(), columns.next());
    let spelling = second.unwrap_or(first);
    let region: Option<Region> = first.parse().ok();
    let strict = Phone::parse_e164(spelling);
    match &strict {
        Ok(phone) => {
            assert_eq!(phone.as_str(), spelling, "E.164 keeps its digits");
            is_canonical(phone);
        }
        Err(error) => assert!(TEXTS.contains(&error.to_string().as_str())),
    }
    let found = Phone::normalise(spelling, region);
    match &found {
        Ok(phone) => {
            is_canonical(phone);
            digits_stay(spelling, phone);
        }
        Err(error) => assert!(TEXTS.contains(&error.to_string().as_str())),
    }
    if strict.is_ok() {
        assert!(found == strict, "the tolerant parser returns another number for E.164");
    }
    if spelling.trim_start().starts_with('+') {
        assert!(
            Phone::normalise(spelling, None).ok() == found.clone().ok(),
            "a region matters although there is a country code"
        );
    }
    if spelling.len() < 60 {
        assert!(
            Phone::normalise(&format!(" {spelling}\u{a0}"), region).ok() == found.ok(),
            "space around it matters"
        );
    }
}

fn is_canonical(phone: &Phone) {
    let text = phone.as_str();
    let digits = text.strip_prefix('+').expect("a plus");
    assert!(
        (6..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    );
    assert!(Phone::parse_e164(text).as_ref() == Ok(phone), "not its own key");
    for region in [None, "NL".parse().ok(), "US".parse().ok(), "IT".parse().ok()] {
        assert!(Phone::normalise(text, region).as_ref() == Ok(phone), "not its own key");
    }
    assert_eq!(format!("{phone:?}"), "Phone([redacted])");
}

/// Except for an added country code, the digits of a number are those of the text, up to the last one.
fn digits_stay(spelling: &str, phone: &Phone) {
    use unicode_normalization::UnicodeNormalization;
    let there: String = spelling.nfkc().filter(char::is_ascii_digit).collect();
    assert!(
        (2..=4).any(|code| there.ends_with(&phone.as_str()[code..])),
        "digits that the text does not have"
    );
}

/// The share of the corpus that is used as seeds. The corpus's own test reads all of it.
const ONE_IN: usize = 40;

pub fn seeds() -> Vec<Vec<u8>> {
    let files = ["corpus.tsv", "refused.tsv"].map(|file| {
        std::fs::read_to_string(super::fixtures().join("phone").join(file)).expect(file)
    });
    let lines = files.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#'));
    lines
        .step_by(ONE_IN)
        .map(|line| line.rsplit_once('\t').expect("columns").0.as_bytes().to_vec())
        .collect()
}
