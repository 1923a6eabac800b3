//! Two people on one phone with different ids are two customers, in whatever order their data arrives.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::Conflict;
use hookpoint::customer::identity::in_memory::InMemoryIdentity;
use hookpoint::customer::identity::resolution::{Member, RecordFacts, resolve};
use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::identity::source_merges::Aliases;
use hookpoint::customer::model::field_versions::FieldVersions;
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge};

use crate::couples::{Couple, PEOPLE};
use crate::rng::Rng;

/// Together they are 10,000 orders.
const COUPLES: u64 = 250;
const ORDERS: u64 = 40;

/// Customers, as the keys of their records.
type Customers = BTreeSet<BTreeSet<String>>;

/// The default rules, with the country of the numbers that have no country code.
fn rules() -> IdentityRules {
    IdentityRules { region: Some("NL".parse().unwrap()), ..IdentityRules::default() }
}

fn in_memory(changes: Vec<Change>) -> InMemoryIdentity {
    InMemoryIdentity::take(changes, &[], &rules())
}

fn customers(identity: &InMemoryIdentity) -> Customers {
    let texts = |keys: BTreeSet<&RecordKey>| keys.into_iter().map(ToString::to_string).collect();
    identity.customers().map(texts).collect()
}

/// The records after some changes, and the merges. Everything else follows from these.
fn joined(changes: Vec<Change>) -> (BTreeMap<RecordKey, FieldVersions>, Vec<SourceMerge>) {
    let (mut records, mut merges) = (BTreeMap::<RecordKey, FieldVersions>::new(), Vec::new());
    for change in changes {
        match change {
            Change::Record { key, update } => {
                let mut said = FieldVersions::from(update);
                records.remove(&key).into_iter().for_each(|known| said.join(known));
                records.insert(key, said);
            }
            Change::Merge(merge) => merges.push(merge),
            Change::Event { .. } => {}
        }
    }
    (records, merges)
}

/// The customers of some records in this order, with the merges in this order.
fn resolved(members: &[Member], merges: &[SourceMerge]) -> Customers {
    let (aliases, rules) = (&Aliases::new(merges), &rules());
    let resolution = resolve(&RecordFacts { members, aliases, decisions: &[], rules });
    let keys = |cluster: &Vec<usize>| cluster.iter().map(|n| members[*n].key.to_string()).collect();
    resolution.clusters.iter().map(keys).collect()
}

fn is_of(who: &str, key: &str) -> bool {
    key.contains(&format!(":{who}-"))
}

/// All records with a person's id are one customer, and the other person has none of them.
fn assert_two_people(customers: &Customers, why: &str) {
    for (who, other) in [(PEOPLE[0], PEOPLE[1]), (PEOPLE[1], PEOPLE[0])] {
        let has_own = |keys: &&BTreeSet<String>| keys.iter().any(|key| is_of(who, key));
        let found: Vec<&BTreeSet<String>> = customers.iter().filter(has_own).collect();
        assert_eq!(found.len(), 1, "{why}: the records of {who}: {found:?}");
        let is_others = found[0].iter().any(|key| is_of(other, key));
        assert!(!is_others, "{why}: one customer for both: {found:?}");
    }
}

#[test]
fn two_people_on_one_phone_with_different_ids_are_two_customers_in_ten_thousand_orders() {
    let (mut contradicted, mut with_others) = (0, 0);
    for seed in 0..COUPLES {
        let couple = Couple::new(seed);
        let identity = in_memory(couple.changes.clone());
        let expected = customers(&identity);
        assert_two_people(&expected, &format!("couple {seed}"));
        let questions = &identity.resolution.review_candidates;
        contradicted +=
            usize::from(questions.iter().any(|asked| asked.conflict == Conflict::DifferentIds));
        let is_other = |key: &String| is_of("any", key);
        let mixed = |keys: &BTreeSet<String>| keys.iter().map(is_other).collect::<BTreeSet<_>>();
        with_others += usize::from(expected.iter().any(|keys| mixed(keys).len() == 2));
        assert_eq!(customers(&in_memory(couple.in_order(0))), expected, "couple {seed}");
        let (records, _) = joined(couple.changes.clone());
        for turn in 0..ORDERS {
            let why = format!("couple {seed}, order {turn}");
            let (found, merges) = joined(couple.in_order(turn));
            // Reading the numbers is most of the work, and the same for equal records.
            assert!(found == records, "{why}: other records");
            let members = Rng(turn).shuffled(identity.members.clone());
            assert_eq!(resolved(&members, &merges), expected, "{why}");
        }
    }
    // Otherwise nothing tempted the rules.
    assert!(contradicted > 100 && with_others > 50, "{contradicted} {with_others}");
}
