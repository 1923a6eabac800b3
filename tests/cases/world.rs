//! What is known of a brand after some changes, in memory, and who the pure function makes of it.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::aliases::Aliases;
use hookpoint::customer::identifier::{Identifier, identifiers_of};
use hookpoint::customer::kind::SourceKind;
use hookpoint::customer::record::{Change, Record, SourceMerge};
use hookpoint::customer::resolution::{Decision, Facts, Member, resolve};
use hookpoint::customer::rules::IdentityRules;

use super::{Case, Customers, live_records, name};

pub struct World {
    brand: String,
    records: Vec<Record>,
    aliases: Aliases,
    decisions: Vec<Decision>,
    rules: IdentityRules,
}

impl World {
    pub fn new(case: &Case, brand: &str, rules: &IdentityRules, changes: &[(String, Change)]) -> Self {
        let merges = changes.iter().filter(|(of, _)| of == brand).filter_map(|(_, change)| match change {
            Change::Merge(merge) => Some(merge.clone()),
            Change::Record { .. } | Change::Event { .. } => None,
        });
        Self {
            brand: brand.to_owned(),
            records: live_records(changes, brand),
            aliases: Aliases::new(&merges.collect::<Vec<SourceMerge>>()),
            decisions: case.decisions(false).filter(|(of, _)| of == brand).map(|(_, decision)| decision).collect(),
            rules: rules.clone(),
        }
    }

    fn may_link(&self, identifier: &Identifier) -> bool {
        !self.rules.blocklist.blocks(identifier)
    }

    /// Held by more records of one unique kind, or, for other kinds, under more different names than the rules say.
    pub fn shared(&self) -> BTreeSet<Identifier> {
        let mut records: BTreeMap<(Identifier, SourceKind), usize> = BTreeMap::new();
        let mut names: BTreeMap<Identifier, BTreeSet<String>> = BTreeMap::new();
        for record in self.records.iter().filter(|record| !self.aliases.is_loser(&record.key)) {
            let identifiers = identifiers_of(record, self.rules.region);
            let linking = identifiers.values.iter().filter(|value| value.kind.is_address() && identifiers.may_link(value) && self.may_link(value));
            for value in linking.cloned() {
                let name = record.name().folded().key();
                if self.rules.unique.contains(&record.key.kind) {
                    *records.entry((value, record.key.kind)).or_default() += 1;
                } else if !name.is_empty() {
                    names.entry(value).or_default().insert(name);
                }
            }
        }
        let by_records = records.into_iter().filter(|(_, holders)| *holders > self.rules.shared_above).map(|((value, _), _)| value);
        let by_names = names.into_iter().filter(|(_, names)| names.len() > self.rules.shared_above).map(|(value, _)| value);
        by_records.chain(by_names).collect()
    }

    pub fn members(&self) -> Vec<Member> {
        let shared = self.shared();
        let member = |record: &Record| {
            let found = identifiers_of(record, self.rules.region);
            let linking = found.values.iter().filter(|value| found.may_link(value) && self.may_link(value) && !shared.contains(value));
            let (linking, identifiers) = (linking.cloned().collect(), found.values.clone());
            Member { key: record.key.clone(), name: record.name().folded(), identifiers, linking }
        };
        self.records.iter().map(member).collect()
    }

    pub fn customers(&self) -> Customers {
        self.customers_of(&self.members())
    }

    pub fn customers_of(&self, members: &[Member]) -> Customers {
        let resolution = resolve(&Facts { members, aliases: &self.aliases, decisions: &self.decisions, rules: &self.rules });
        resolution.clusters.iter().map(|cluster| cluster.iter().map(|index| name(&self.brand, &members[*index].key)).collect()).collect()
    }
}
