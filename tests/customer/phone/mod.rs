//! Compares our phone keys with those of an oracle, `rlibphonenumber`, for a committed corpus, for mutations of it and
//! for hostile text.
//!
//! The corpus comes from the oracle: `HOOKPOINT_WRITE_CORPUS=1 cargo test --test customer phone` writes it again after an update
//! of the oracle or of the numbering plans. Then review the changes in the list of rejected spellings like code.

mod corpus_writer;
mod mutations;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use self::mutations::{OTHER_REGIONS, disagreement};
use hookpoint::customer::model::phone::{Phone, Region};
use proptest::prelude::*;
use rlibphonenumber::{
    PHONE_NUMBER_UTIL as ORACLE, PhoneNumber, PhoneNumberFormat as Format, PhoneNumberType as Type,
};
use unicode_normalization::UnicodeNormalization;

type OracleRegion = rlibphonenumber::Region;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/phone");

/// The region of numbers that belong to no country.
const WORLD: &str = "001";

struct Line {
    region: String,
    spelling: String,
    e164: String,
}

/// The columns of a fixture's lines; `#` starts a comment.
fn columns(file: &str) -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(format!("{FIXTURES}/{file}")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into().expect(file))
        .collect()
}

fn corpus() -> Vec<Line> {
    columns("corpus.tsv")
        .into_iter()
        .map(|[region, spelling, e164]| Line { region, spelling, e164 })
        .collect()
}

fn refused() -> BTreeSet<(String, String)> {
    columns("refused.tsv").into_iter().map(|[region, spelling, _]| (region, spelling)).collect()
}

fn ours(spelling: &str, region: &str) -> Option<String> {
    Phone::normalise(spelling, region.parse::<Region>().ok())
        .ok()
        .map(|phone| phone.as_str().to_owned())
}

fn oracle(spelling: &str, region: &str) -> Option<PhoneNumber> {
    let region = if region == WORLD { None } else { region.parse::<OracleRegion>().ok() };
    ORACLE.parse(spelling, region).ok()
}

fn key(number: &PhoneNumber) -> String {
    ORACLE.format(number, Format::E164).into_owned()
}

fn is_valid(number: &PhoneNumber) -> bool {
    ORACLE.is_valid_number(number)
}

fn is_e164_shaped(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|d| {
        (6..=15).contains(&d.len()) && !d.starts_with('0') && d.bytes().all(|b| b.is_ascii_digit())
    })
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[test]
fn every_spelling_of_the_corpus_is_the_oracles_key_or_on_the_committed_list_of_refusals() {
    let refused = refused();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for Line { region, spelling, e164 } in corpus() {
        let key = ours(&spelling, &region);
        let listed = (region, spelling);
        match (&key, refused.contains(&listed)) {
            (Some(key), false) if *key == e164 => {}
            (None, true) => {}
            (Some(key), _) if *key != e164 => {
                wrong.push(format!("ANOTHER NUMBER {listed:?}: {key}, not {e164}"));
            }
            (Some(_), _) => wrong.push(format!("listed as refused but accepted {listed:?}")),
            (None, false) => wrong.push(format!("refused but not listed {listed:?}, {e164}")),
        }
        assert!(seen.insert(listed.clone()), "twice in the corpus: {listed:?}");
    }
    let strangers: Vec<_> = refused.difference(&seen).collect();
    assert!(strangers.is_empty(), "listed as refused but not in the corpus: {strangers:?}");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), seen.len(), wrong.join("\n"));
    assert!(
        refused.len() * 10 < seen.len(),
        "more than a tenth is refused: {} of {}",
        refused.len(),
        seen.len()
    );
}

#[test]
fn the_oracle_itself_reads_every_spelling_of_the_corpus_as_the_committed_key() {
    let mut asked = 0;
    for Line { region, spelling, e164 } in corpus() {
        let answer = oracle(&spelling, &region).unwrap_or_else(|| panic!("{region} {spelling}"));
        assert_eq!(key(&answer), e164, "{region} {spelling}");
        asked += 1;
    }
    assert!(asked >= 5000, "the oracle was only asked {asked} times");
}

#[test]
fn what_is_e164_keeps_its_digits_whatever_the_region() {
    let refused: BTreeSet<String> = refused().into_iter().map(|(_, spelling)| spelling).collect();
    let numbers: BTreeSet<String> = corpus().into_iter().map(|line| line.e164).collect();
    assert!(numbers.len() > 900);
    for number in &numbers {
        let expected = (!refused.contains(number)).then(|| number.clone());
        assert_eq!(
            Phone::parse_e164(number).ok().map(|phone| phone.as_str().to_owned()),
            expected,
            "{number}"
        );
        for region in OTHER_REGIONS.into_iter().chain([WORLD]) {
            assert_eq!(ours(number, region), expected, "{number} in {region}");
        }
    }
}

#[test]
fn every_region_of_the_oracle_and_every_code_without_a_country_is_in_the_corpus() {
    let present: BTreeSet<String> = corpus().into_iter().map(|line| line.region).collect();
    for region in ORACLE.get_supported_regions() {
        assert!(present.contains(&region.to_string()), "{region}");
    }
    let world: BTreeSet<String> =
        corpus().into_iter().filter(|line| line.region == WORLD).map(|line| line.e164).collect();
    for code in ORACLE.get_supported_global_network_calling_codes() {
        assert!(world.iter().any(|e164| e164.starts_with(&format!("+{code}"))), "{code}");
    }
}

fn regions() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(vec![
        "NL", "US", "RU", "IT", "DE", "AR", "BR", "MX", "CI", "HU", "AG", "JP", "KZ", "CN", "GB",
    ]))
}

fn check_shape(text: &str, region: Option<&str>) -> Result<(), TestCaseError> {
    let results = [
        Phone::normalise(text, region.map(|r| r.parse::<Region>().unwrap())),
        Phone::parse_e164(text),
    ];
    for phone in results.into_iter().flatten() {
        prop_assert!(is_e164_shaped(phone.as_str()), "{:?} became {}", text, phone.as_str());
        prop_assert_eq!(
            Phone::parse_e164(phone.as_str()).ok(),
            Some(phone),
            "what was accepted is accepted as it is"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_unicode_never_panics(text in any::<String>(), region in regions()) {
        check_shape(&text, region)?;
    }

    #[test]
    fn a_soup_of_digits_and_punctuation_never_panics(
        text in "[-+()./;=,*# \u{a0}\u{200b}\u{ad}\u{202e}\u{301}\u{660}-\u{669}\u{ff10}-\u{ff19}\u{ff0b}\u{2212}xX0-9telphn]{0,70}",
        region in regions(),
    ) {
        check_shape(&text, region)?;
    }

    #[test]
    fn digits_with_any_prefix_never_panic_and_are_never_another_number(
        text in "(tel:|TEL:)?[+＋]?(00|011|810|0|8|1)?[1-9][-0-9 .()/]{0,18}(;ext=[0-9]{1,4}|;phone-context=[+0-9a-z.]{0,8}| ?x[0-9]{1,3})?",
        region in regions(),
    ) {
        check_shape(&text, region)?;
        if let Err(what) = disagreement(&text, region.unwrap_or(WORLD)) {
            prop_assert!(false, "{}", what);
        }
    }
}
