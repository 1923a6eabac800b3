//! Who is who, as cases in data, and as properties of the pure function.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;

use hookpoint::customer::aliases::Aliases;
use hookpoint::customer::email::Email;
use hookpoint::customer::identifier::Identifier;
use hookpoint::customer::name::PersonName;
use hookpoint::customer::phone::Phone;
use hookpoint::customer::record::{RecordKey, SourceMerge};
use hookpoint::customer::resolution::{Decision, Facts, Member, resolve};
use hookpoint::customer::rules::IdentityRules;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    records: Vec<CaseRecord>,
    #[serde(default)]
    merges: Vec<CaseMerge>,
    #[serde(default)]
    decisions: Vec<CaseDecision>,
    #[serde(default)]
    shared: Vec<String>,
    cap: Option<usize>,
    clusters: Vec<BTreeSet<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRecord {
    key: String,
    first: Option<String>,
    last: Option<String>,
    #[serde(default)]
    email: Vec<String>,
    #[serde(default)]
    phone: Vec<String>,
    #[serde(default)]
    refs: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct CaseMerge {
    loser: String,
    winner: String,
}

#[derive(Debug, Clone, Deserialize)]
struct CaseDecision {
    left: String,
    right: String,
    same: bool,
}

impl Case {
    fn clusters_found(&self) -> BTreeSet<BTreeSet<String>> {
        let rules = IdentityRules { component_cap: self.cap.unwrap_or(1_000), ..IdentityRules::default() };
        let members: Vec<Member> = self.records.iter().map(|record| self.member(record, &rules)).collect();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let merges: Vec<SourceMerge> =
            self.merges.iter().map(|merge| SourceMerge { loser: merge.loser.parse().unwrap(), winner: merge.winner.parse().unwrap(), at }).collect();
        let decisions: Vec<Decision> =
            self.decisions.iter().map(|d| Decision { left: d.left.parse().unwrap(), right: d.right.parse().unwrap(), same: d.same }).collect();
        let aliases = Aliases::new(&merges);
        let resolution = resolve(&Facts { members: &members, aliases: &aliases, decisions: &decisions, rules: &rules });
        resolution.clusters.iter().map(|cluster| cluster.iter().map(|index| members[*index].key.to_string()).collect()).collect()
    }

    fn member(&self, record: &CaseRecord, rules: &IdentityRules) -> Member {
        let emails = record.email.iter().map(|email| Identifier::from(Email::parse(email).unwrap()));
        let phones = record.phone.iter().map(|phone| Identifier::from(Phone::parse_e164(phone).unwrap()));
        let references = record.refs.iter().map(|key| {
            let key: RecordKey = key.parse().unwrap();
            Identifier::reference(key.kind.as_str(), &key.id).unwrap()
        });
        let identifiers: BTreeSet<Identifier> = emails.chain(phones).chain(references).collect();
        let links = |identifier: &&Identifier| !rules.blocklist.blocks(identifier) && !self.shared.contains(&identifier.value);
        Member {
            key: record.key.parse().unwrap(),
            name: PersonName { first: record.first.clone(), last: record.last.clone() }.folded(),
            linking: identifiers.iter().filter(links).cloned().collect(),
            identifiers,
        }
    }
}

fn cases() -> Vec<Case> {
    let cases: Cases = toml::from_str(include_str!("../fixtures/identity/cases.toml")).unwrap();
    cases.case
}

#[test]
fn every_case_comes_out_as_written() {
    for case in cases() {
        assert_eq!(case.clusters_found(), case.clusters.iter().cloned().collect(), "{}", case.why);
    }
}

#[test]
fn the_order_of_records_does_not_matter() {
    for mut case in cases() {
        let expected = case.clusters_found();
        for _ in 0..case.records.len() {
            case.records.rotate_left(1);
            assert_eq!(case.clusters_found(), expected, "{}", case.why);
            case.records.swap(0, 1);
            assert_eq!(case.clusters_found(), expected, "{}", case.why);
        }
    }
}

fn record() -> impl Strategy<Value = CaseRecord> {
    let kinds = prop::sample::select(vec!["omneo.profile", "omniotap.contact", "omnilab.participant"]);
    let names = |names: &[&str]| prop::option::of(prop::sample::select(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()));
    let some = |values: &[&str]| prop::sample::subsequence(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), 0..2);
    (
        kinds,
        names(&["Jan", "J.", "Eva", "Emma"]),
        names(&["Kok", "Bos"]),
        some(&["a@example.org", "b@example.org", "c@example.org"]),
        some(&["+31611111111", "+31622222222"]),
        some(&["omneo.profile:p0", "omneo.profile:p1"]),
    )
        .prop_map(|(kind, first, last, email, phone, refs)| CaseRecord { key: kind.to_owned(), first, last, email, phone, refs })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_customer_holds_two_people_whom_their_source_keeps_apart(records in prop::collection::vec(record(), 2..9)) {
        let records: Vec<CaseRecord> = records.into_iter().zip(0..).map(|(record, n)| CaseRecord { key: format!("{}:p{n}", record.key), ..record }).collect();
        let case = Case { why: String::new(), records: records.clone(), merges: vec![], decisions: vec![], shared: vec![], cap: None, clusters: vec![] };
        for cluster in case.clusters_found() {
            // Judged from the case itself: own ids and references into the unique kind. One record may contradict itself.
            let ids = |record: &CaseRecord| {
                let own = record.key.starts_with("omneo.profile:").then(|| record.key.clone());
                own.into_iter().chain(record.refs.iter().cloned()).collect::<BTreeSet<_>>()
            };
            let all: Vec<BTreeSet<String>> = records.iter().filter(|record| cluster.contains(&record.key)).map(ids).filter(|ids| !ids.is_empty()).collect();
            for left in &all {
                for right in &all {
                    prop_assert!(left == right, "{:?} {:?}", left, right);
                }
            }
        }
    }

    #[test]
    fn every_order_gives_the_same_customers(records in prop::collection::vec(record(), 2..9), turn in 0..8_usize) {
        let records: Vec<CaseRecord> = records.into_iter().zip(0..).map(|(record, n)| CaseRecord { key: format!("{}:p{n}", record.key), ..record }).collect();
        let mut case = Case { why: String::new(), records, merges: vec![], decisions: vec![], shared: vec![], cap: None, clusters: vec![] };
        let expected = case.clusters_found();
        let turn = turn % case.records.len();
        case.records.rotate_left(turn);
        case.records.reverse();
        prop_assert_eq!(case.clusters_found(), expected);
    }
}
