//! Resolves all customers of a brand in memory, from the set of changes, with the same pure function that the write
//! path uses for one component at a time. It measures accuracy, and checks the write path independently of the
//! database.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map};

use super::resolution::{Decision, Member, RecordFacts, Resolution, resolve};
use super::rules::IdentityRules;
use super::shared_values::Holders;
use super::source_merges::Aliases;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Change, Record, RecordKey, SourceMerge};

/// All existing records of a brand, and the customers that they form.
#[derive(Debug)]
pub struct InMemoryIdentity {
    /// Existing records, in the order of their keys.
    pub members: Vec<Member>,
    /// The merges by the sources.
    pub aliases: Aliases,
    /// The customers, as indices of the members.
    pub resolution: Resolution,
}

impl InMemoryIdentity {
    /// Joins the changes in any order and resolves all customers. Events do not affect identity.
    #[must_use]
    pub fn take(
        changes: impl IntoIterator<Item = Change>,
        decisions: &[Decision],
        rules: &IdentityRules,
    ) -> Self {
        let (records, merges) = joined(changes);
        let aliases = Aliases::new(&merges);
        let mut members: Vec<Member> = records
            .into_iter()
            .map(|(key, versions)| Record { key, versions })
            .filter(|record| record.versions.is_live())
            .map(|record| Member::new(&record, rules, |_| true))
            .collect();
        let shared: HashSet<Identifier> =
            shared_values(&members, &aliases, rules).into_iter().cloned().collect();
        for member in &mut members {
            member.linking.retain(|identifier| !shared.contains(identifier));
        }
        let resolution =
            resolve(&RecordFacts { members: &members, aliases: &aliases, decisions, rules });
        Self { members, aliases, resolution }
    }

    /// The customers, each as the set of its records.
    pub fn customers(&self) -> impl Iterator<Item = BTreeSet<&RecordKey>> {
        let key = |index: &usize| self.members.get(*index).map(|member| &member.key);
        self.resolution.clusters.iter().map(move |cluster| cluster.iter().filter_map(key).collect())
    }
}

fn joined(
    changes: impl IntoIterator<Item = Change>,
) -> (BTreeMap<RecordKey, FieldVersions>, Vec<SourceMerge>) {
    let mut records: BTreeMap<RecordKey, FieldVersions> = BTreeMap::new();
    let mut merges = Vec::new();
    for change in changes {
        match change {
            Change::Record { key, update } => match records.entry(key) {
                btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(FieldVersions::from(update));
                }
                btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().join(FieldVersions::from(update));
                }
            },
            Change::Merge(merge) => merges.push(merge),
            Change::Event { .. } => {}
        }
    }
    (records, merges)
}

/// The shared values among the members.
fn shared_values<'a>(
    members: &'a [Member],
    aliases: &Aliases,
    rules: &IdentityRules,
) -> HashSet<&'a Identifier> {
    let mut holders: HashMap<&Identifier, Holders> = HashMap::new();
    for member in members.iter().filter(|member| !aliases.is_loser(&member.key)) {
        let name = member.name.key();
        for identifier in member.linking.iter().filter(|identifier| identifier.kind.is_address()) {
            holders.entry(identifier).or_default().add(member.key.kind, &name, rules);
        }
    }
    holders
        .into_iter()
        .filter(|(_, holders)| holders.is_shared(rules))
        .map(|(identifier, _)| identifier)
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::customer::model::field_versions::{Scope, Update};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(key: &str, second: i64, scope: Scope, fields: &[(&str, &str)]) -> Change {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(Value::from(*value))))
            .collect();
        Change::Record {
            key: key.parse().unwrap(),
            update: Update { at: at(second), received_at: at(second), scope, fields },
        }
    }

    fn merge(loser: &str, winner: &str) -> Change {
        Change::Merge(SourceMerge {
            loser: loser.parse().unwrap(),
            winner: winner.parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
        })
    }

    fn customers(changes: Vec<Change>) -> BTreeSet<Vec<String>> {
        let in_memory = InMemoryIdentity::take(changes, &[], &IdentityRules::default());
        in_memory
            .customers()
            .map(|keys| keys.into_iter().map(ToString::to_string).collect())
            .collect()
    }

    const LINE: (&str, &str) = ("phone.main", "+31201234500");

    fn colleague(n: usize, name: &str) -> Change {
        record(&format!("omniotap.contact:{n}"), 1, Scope::Partial, &[("name.first", name), LINE])
    }

    fn of(keys: &[&[&str]]) -> BTreeSet<Vec<String>> {
        keys.iter().map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()).collect()
    }

    #[test]
    fn changes_are_joined_in_any_order_and_the_deleted_are_nobody() {
        let mut changes = vec![
            record("omneo.profile:1", 1, Scope::Partial, &[("email.main", "old@example.org")]),
            record("omneo.profile:1", 2, Scope::Partial, &[("email.main", "jan@example.org")]),
            record("omniotap.contact:a", 1, Scope::Partial, &[("email.main", "jan@example.org")]),
            record("omniotap.contact:b", 1, Scope::Partial, &[("email.main", "old@example.org")]),
            record("omniotap.contact:c", 1, Scope::Partial, &[("email.main", "jan@example.org")]),
            record("omniotap.contact:c", 3, Scope::Deletion, &[]),
        ];
        let expected = of(&[&["omneo.profile:1", "omniotap.contact:a"], &["omniotap.contact:b"]]);
        assert_eq!(customers(changes.clone()), expected);
        changes.reverse();
        assert_eq!(customers(changes), expected);
    }

    #[test]
    fn a_line_is_shared_by_more_than_four_names_and_then_links_nobody() {
        let names = ["Anna", "Bert", "Chris", "Dirk", "Dirk", "Emma"];
        let changes = |count: usize| {
            names
                .iter()
                .take(count)
                .enumerate()
                .map(|(n, name)| colleague(n, name))
                .collect::<Vec<_>>()
        };
        // Two records without a name on one line, and no other holder: they are one customer.
        let nameless = [
            record("syncaroo.member:x", 1, Scope::Partial, &[LINE]),
            record("syncaroo.member:y", 1, Scope::Partial, &[LINE]),
        ];
        assert_eq!(customers(nameless.to_vec()).len(), 1);
        let in_memory =
            |changes: Vec<Change>| InMemoryIdentity::take(changes, &[], &IdentityRules::default());
        assert!(
            in_memory(changes(5)).members.iter().all(|member| member.linking.len() == 1),
            "four names, one of them twice"
        );
        let shared = in_memory(changes(6));
        assert!(
            shared
                .members
                .iter()
                .all(|member| member.linking.is_empty() && member.identifiers.len() == 1)
        );
    }

    #[test]
    fn a_line_is_shared_by_more_than_four_records_of_a_unique_kind_but_losers_do_not_count() {
        let profiles = |count: usize| {
            (0..count)
                .map(|n| record(&format!("omneo.profile:{n}"), 1, Scope::Partial, &[LINE]))
                .collect::<Vec<_>>()
        };
        let links = |changes: Vec<Change>| {
            InMemoryIdentity::take(changes, &[], &IdentityRules::default())
                .members
                .iter()
                .any(|member| !member.linking.is_empty())
        };
        assert!(links(profiles(4)));
        assert!(!links(profiles(5)));
        let mut merged = profiles(5);
        merged.push(merge("omneo.profile:4", "omneo.profile:0"));
        assert!(links(merged));
    }

    #[test]
    fn blocked_values_link_nobody_and_merges_do() {
        let info = [("email.main", "info@example.org")];
        let mut changes = vec![
            record("omneo.profile:1", 1, Scope::Partial, &info),
            record("omneo.profile:2", 1, Scope::Partial, &info),
        ];
        assert_eq!(customers(changes.clone()).len(), 2);
        changes.push(merge("omneo.profile:2", "omneo.profile:1"));
        assert_eq!(customers(changes), of(&[&["omneo.profile:1", "omneo.profile:2"]]));
    }
}
