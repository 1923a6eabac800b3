//! The state of a brand after some changes, in memory, and the customers that the pure function resolves.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::identity::resolution::{Decision, Member, RecordFacts, resolve};
use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::identity::source_merges::Aliases;
use hookpoint::customer::model::identifier::{Identifier, identifiers_of};
use hookpoint::customer::model::name::FoldedName;
use hookpoint::customer::model::phone_field::PhoneField;
use hookpoint::customer::model::record::{Change, Record, SourceMerge, field};
use hookpoint::customer::model::source::SourceKind;
use jiff::Timestamp;

use super::{Case, Customers, live_records, name};

pub struct BrandState {
    brand: String,
    records: Vec<Record>,
    aliases: Aliases,
    decisions: Vec<Decision>,
    rules: IdentityRules,
}

impl BrandState {
    pub fn new(
        case: &Case,
        brand: &str,
        rules: &IdentityRules,
        changes: &[(String, Change)],
    ) -> Self {
        let merges =
            changes.iter().filter(|(of, _)| of == brand).filter_map(|(_, change)| match change {
                Change::Merge(merge) => Some(merge.clone()),
                Change::Record { .. } | Change::Event { .. } => None,
            });
        Self {
            brand: brand.to_owned(),
            records: live_records(changes, brand),
            aliases: Aliases::new(&merges.collect::<Vec<SourceMerge>>()),
            decisions: case
                .decisions(false)
                .filter(|(of, _)| of == brand)
                .map(|(_, decision)| decision)
                .collect(),
            rules: rules.clone(),
        }
    }

    fn may_link(&self, identifier: &Identifier) -> bool {
        !self.rules.blocklist.blocks(identifier)
    }

    /// The shared values: more records of one unique kind have them than the rules allow, or records of other kinds
    /// have them under more different names than the rules allow. Losers of merges and self-asserted records do not
    /// count.
    pub fn shared(&self) -> BTreeSet<Identifier> {
        let mut records: BTreeMap<(Identifier, SourceKind), usize> = BTreeMap::new();
        let mut names: BTreeMap<Identifier, BTreeMap<String, FoldedName>> = BTreeMap::new();
        let counts = |record: &&Record| {
            !self.aliases.is_loser(&record.key)
                && !self.rules.self_asserted.contains(&record.key.kind)
        };
        for record in self.records.iter().filter(counts) {
            let identifiers = identifiers_of(record, self.rules.region);
            let linking = identifiers.values.iter().filter(|value| {
                value.kind.is_address() && identifiers.may_link(value) && self.may_link(value)
            });
            for value in linking.cloned() {
                let name = record.name().folded();
                if self.rules.one_record_per_person.contains(&record.key.kind) {
                    *records.entry((value, record.key.kind)).or_default() += 1;
                } else if name.is_known() {
                    names.entry(value).or_default().insert(name.key(), name);
                }
            }
        }
        let above = self.rules.shared_value_threshold;
        let by_records = records
            .into_iter()
            .filter(|(_, holders)| *holders > above)
            .map(|((value, _), _)| value);
        let by_names = names
            .into_iter()
            .filter(|(_, names)| are_of_more_than(above, names))
            .map(|(value, _)| value);
        by_records.chain(by_names).collect()
    }

    pub fn members(&self) -> Vec<Member> {
        let shared = self.shared();
        let member = |record: &Record| {
            let found = identifiers_of(record, self.rules.region);
            let linking = found.values.iter().filter(|value| {
                found.may_link(value) && self.may_link(value) && !shared.contains(value)
            });
            let (linking, identifiers) = (linking.cloned().collect(), found.values.clone());
            let said_at = phones_said_at(record, &self.rules);
            Member {
                key: record.key.clone(),
                name: record.name().folded(),
                identifiers,
                linking,
                said_at,
            }
        };
        self.records.iter().map(member).collect()
    }

    pub fn customers(&self) -> Customers {
        self.customers_of(&self.members())
    }

    pub fn customers_of(&self, members: &[Member]) -> Customers {
        let resolution = resolve(&RecordFacts {
            members,
            aliases: &self.aliases,
            decisions: &self.decisions,
            rules: &self.rules,
        });
        resolution
            .clusters
            .iter()
            .map(|cluster| {
                cluster.iter().map(|index| name(&self.brand, &members[*index].key)).collect()
            })
            .collect()
    }
}

/// A record's phone numbers, each with the latest time at which the source reported it.
pub fn phones_said_at(record: &Record, rules: &IdentityRules) -> BTreeMap<Identifier, Timestamp> {
    let mut latest: BTreeMap<Identifier, Timestamp> = BTreeMap::new();
    for (_, value, at) in record.versions.with_prefix(field::PHONE) {
        for number in
            value.as_str().into_iter().flat_map(|raw| PhoneField::read(raw, rules.region).numbers)
        {
            let known = latest.entry(Identifier::from(number.phone)).or_insert(at);
            *known = at.max(*known);
        }
    }
    latest
}

/// Whether names, given by their keys, belong to more than a number of people. Short forms of another name do not
/// count. The rest counts once for each group of names that agree.
pub fn are_of_more_than(people: usize, names: &BTreeMap<String, FoldedName>) -> bool {
    // As far as a key contains the name.
    let known: Vec<FoldedName> = names.keys().map(|key| FoldedName::from_key(key)).collect();
    let all: Vec<&FoldedName> = known.iter().collect();
    let mut groups: Vec<Vec<&FoldedName>> = Vec::new();
    for name in all
        .iter()
        .filter(|name| !all.iter().any(|fuller| fuller != *name && is_lesser_form(name, fuller)))
    {
        let (agreeing, mut others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.iter().any(|other| name.is_spelling_of(other)));
        others.push(agreeing.into_iter().flatten().chain([*name]).collect());
        groups = others;
    }
    groups.len() > people || all.len() >= 4 * (people + 1)
}

fn is_lesser_form(name: &FoldedName, fuller: &FoldedName) -> bool {
    let parts = |name: &FoldedName| (name.has_first(), name.has_last());
    let count = |name: &FoldedName| usize::from(name.has_first()) + usize::from(name.has_last());
    let says_less =
        count(name) < count(fuller) || (parts(name) == parts(fuller) && name.is_short_for(fuller));
    says_less && name.is_spelling_of(fuller)
}
