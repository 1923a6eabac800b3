//! Writes the corpus and the list of rejected spellings, and checks that both are up to date.

use super::*;

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
         # in the spellings that it reads back as the same number. Made by `HOOKPOINT_WRITE_CORPUS=1 cargo test --test customer phone`.\n",
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
