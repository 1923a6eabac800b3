//! Compares our phone keys with those of an oracle, `rlibphonenumber`, for a committed corpus, for mutations of it and
//! for hostile text.
//!
//! The corpus comes from the oracle: `HOOKPOINT_WRITE_CORPUS=1 cargo test --test phone` writes it again after an update
//! of the oracle or of the numbering plans. Then review the changes in the list of rejected spellings like code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::string_slice
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

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
/// The number of changes of every spelling in the corpus.
const MUTATIONS: usize = 4;
const OTHER_REGIONS: [&str; 4] = ["NL", "US", "RU", "IT"];

const TYPES: [Type; 11] = [
    Type::FixedLine,
    Type::Mobile,
    Type::TollFree,
    Type::PremiumRate,
    Type::SharedCost,
    Type::VoIP,
    Type::PersonalNumber,
    Type::Pager,
    Type::UAN,
    Type::VoiceMail,
    Type::FixedLineOrMobile,
];

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

/// Random numbers that are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// Up to three mutations: a digit changed, inserted, removed or doubled, or a prefix or country code inserted anywhere.
fn mutated(line: &Line, rng: &mut Dice) -> String {
    const PREFIXES: [&str; 10] = ["0", "00", "1", "8", "9", "011", "06", "+", "15", "90"];
    let code = &line.e164[1..=1 + rng.roll(3)];
    let mut text: Vec<char> = line.spelling.chars().collect();
    for _ in 0..=rng.roll(3) {
        let places: Vec<usize> = (0..text.len()).filter(|&i| text[i].is_ascii_digit()).collect();
        let Some(&place) = places.get(rng.roll(places.len().max(1))) else { break };
        let digit = char::from(b'0' + rng.roll(10) as u8);
        match rng.roll(8) {
            0 | 1 => text[place] = digit,
            2 => text.insert(place, digit),
            3 => drop(text.remove(place)),
            4 => text.insert(place, text[place]),
            5 => drop(text.splice(0..0, code.chars())),
            6 => drop(text.splice(place..place, PREFIXES[rng.roll(PREFIXES.len())].chars())),
            _ => drop(text.splice(0..0, PREFIXES[rng.roll(PREFIXES.len())].chars())),
        }
    }
    text.into_iter().collect()
}

/// Text in E.164 must be its own key, whatever the oracle returns.
fn is_its_own_key(spelling: &str) -> bool {
    let spelling: String = spelling.nfkc().collect();
    let spelling = spelling.trim();
    is_e164_shaped(spelling.strip_prefix("tel:").unwrap_or(spelling))
}

/// The reason if our key for a spelling is another number than the oracle's.
fn disagreement(spelling: &str, region: &str) -> Result<bool, String> {
    let (Some(key_of_ours), Some(number)) = (ours(spelling, region), oracle(spelling, region))
    else {
        return Ok(false);
    };
    if !is_valid(&number) || is_its_own_key(spelling) {
        return Ok(false);
    }
    let theirs = key(&number);
    if key_of_ours == theirs {
        Ok(true)
    } else {
        Err(format!("{region} {spelling:?}: {key_of_ours}, not {theirs}"))
    }
}

#[test]
fn a_mutated_spelling_is_never_another_number_than_the_oracles() {
    let corpus = corpus();
    let mut rng = Dice(20_240_229);
    let (mut agreed, mut wrong) = (0, Vec::new());
    // Region by region: the plans' expressions are compiled into a cache for a few regions only.
    for line in &corpus {
        for _ in 0..MUTATIONS {
            let spelling = mutated(line, &mut rng);
            match disagreement(&spelling, &line.region) {
                Ok(both) => agreed += usize::from(both),
                Err(what) => wrong.push(what),
            }
        }
    }
    println!("{agreed} agreed");
    assert!(wrong.is_empty(), "{} wrong, {agreed} agreed:\n{}", wrong.len(), wrong.join("\n"));
    assert!(agreed > 1000, "only {agreed} were accepted by both");
}

#[test]
fn a_spelling_read_in_another_region_is_never_another_number_than_the_oracles_there() {
    let mut wrong = Vec::new();
    for line in corpus() {
        for region in OTHER_REGIONS {
            wrong.extend(disagreement(&line.spelling, region).err());
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
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

/// The usual spellings of a number, each with the name of its form.
fn spellings(number: &PhoneNumber, region: Option<OracleRegion>) -> Vec<(&'static str, String)> {
    let e164 = key(number);
    let international = ORACLE.format(number, Format::International).into_owned();
    let national = ORACLE.format(number, Format::National).into_owned();
    let mut all = vec![
        ("dotted international", international.replace(' ', ".")),
        ("rfc3966", ORACLE.format(number, Format::RFC3966).into_owned()),
        ("international", international),
        ("e164", e164.clone()),
    ];
    let Some(region) = region else { return all };
    let abroad = ORACLE.parse("+31612345678", None).unwrap();
    let abroad = if region == OracleRegion::NL {
        ORACLE.parse("+32470123456", None).unwrap()
    } else {
        abroad
    };
    if ORACLE.format_out_of_country_calling_number(&abroad, region).starts_with("00 ") {
        all.push(("00", format!("00{}", &e164[1..])));
    }
    let (code, significant) = e164.split_at(1 + number.country_code.to_string().len());
    if digits_of(&national) == format!("0{significant}") {
        all.push(("(0)", format!("{code} (0){significant}")));
    }
    all.push(("dotted national", national.replace(' ', ".")));
    all.push(("national digits", digits_of(&national)));
    all.push(("national", national));
    all
}

/// Every example number of the oracle: of every type of line in every region, and of every code without a country.
fn examples() -> Vec<(String, Option<OracleRegion>, PhoneNumber)> {
    let mut all = Vec::new();
    for region in ORACLE.get_supported_regions() {
        let numbers = TYPES
            .into_iter()
            .filter_map(|line| ORACLE.get_example_number_for_type_and_region(region, line).ok());
        all.extend(numbers.map(|number| (region.to_string(), Some(region), number)));
    }
    for code in ORACLE.get_supported_global_network_calling_codes() {
        all.push((
            WORLD.to_owned(),
            None,
            ORACLE.get_example_number_for_non_geo_entity(code).unwrap(),
        ));
    }
    all
}

fn reason(form: &str, region: &str, spelling: &str) -> String {
    let error = Phone::normalise(spelling, region.parse::<Region>().ok()).unwrap_err();
    format!("{form}: {error}")
}

#[test]
fn the_committed_corpus_and_refusals_are_what_the_oracle_and_our_code_make() {
    let mut lines = BTreeMap::new();
    for (region, id, number) in examples() {
        let e164 = key(&number);
        for (form, spelling) in spellings(&number, id) {
            if oracle(&spelling, &region).is_some_and(|read| key(&read) == e164) {
                lines.insert((region.clone(), spelling), (form, e164.clone()));
            }
        }
    }
    let mut corpus = String::from(
        "# region\tspelling\te164: the example numbers of rlibphonenumber for every type of line of every region (001: no country's),\n\
         # in the spellings that it reads back as the same number. Made by `HOOKPOINT_WRITE_CORPUS=1 cargo test --test phone`.\n",
    );
    let mut refused = String::from(
        "# region\tspelling\treason: the spellings of corpus.tsv that are refused. Made with it.\n",
    );
    for ((region, spelling), (form, e164)) in &lines {
        writeln!(corpus, "{region}\t{spelling}\t{e164}").unwrap();
        if ours(spelling, region).is_none() {
            writeln!(refused, "{region}\t{spelling}\t{}", reason(form, region, spelling)).unwrap();
        }
    }
    for (file, made) in [("corpus.tsv", corpus), ("refused.tsv", refused)] {
        let path = format!("{FIXTURES}/{file}");
        if std::env::var("HOOKPOINT_WRITE_CORPUS").is_ok() {
            std::fs::write(&path, &made).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).unwrap() == made,
            "{file} is not what is made today"
        );
    }
}
