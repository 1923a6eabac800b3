//! An oracle for identity resolution: it follows the design without the product's code, is small and slow, and works on
//! the whole brand at once.

mod clusters;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::model::field_versions::FieldVersions;
use hookpoint::customer::model::identifier::{
    Identifier, IdentifierKind, Identifiers, identifiers_of,
};
use hookpoint::customer::model::name::FoldedName;
use hookpoint::customer::model::record::{Change, Record, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use jiff::{SignedDuration, Timestamp};

use self::clusters::evidence_of;
use crate::identity_cases::brand_state::{are_of_more_than, phones_said_at};
use crate::ingest::populations::forbidden::agree_in_full;
use crate::ingest::populations::generator::Decided;

/// All reports so far.
pub struct Oracle {
    pub rules: IdentityRules,
    pub decisions: Vec<Decided>,
    pub records: BTreeMap<RecordKey, FieldVersions>,
    pub merges: BTreeMap<(RecordKey, RecordKey), Timestamp>,
    live: BTreeMap<RecordKey, Live>,
}

/// The values of an existing record.
struct Live {
    name: FoldedName,
    identifiers: Identifiers,
    said_at: BTreeMap<Identifier, Timestamp>,
}

/// An existing record.
pub struct Person {
    pub key: RecordKey,
    pub name: FoldedName,
    /// Whether the source merged it into another record. Then it neither links nor defines identity.
    pub is_loser: bool,
    /// Whether anybody could have written it, and nobody confirmed it.
    pub is_unconfirmed: bool,
    /// Its identifiers.
    pub found_by: BTreeSet<Identifier>,
    /// Its identifiers that link.
    pub links: BTreeSet<Identifier>,
    /// The time at which the source last reported each phone number.
    pub said_at: BTreeMap<Identifier, Timestamp>,
    /// Whether e-mail and phone may link in its component.
    pub may_link: (bool, bool),
    /// Its component, and its component without phones.
    pub components: (usize, usize),
    /// The records that it refers to, whether the reference counts or not.
    pub refers_to: Vec<RecordKey>,
    /// The ids of unique kinds that it represents. Ids that a decision joined count as one.
    pub unique_ids: BTreeMap<SourceKind, BTreeSet<RecordKey>>,
}

/// The brand at one moment.
pub struct OracleSnapshot {
    pub people: Vec<Person>,
    /// Every key in a merge, with the key that represents it.
    pub ends: BTreeMap<RecordKey, RecordKey>,
    pub shared: BTreeSet<Identifier>,
    /// Existing records that decisions say are the same, and pairs that decisions say are different.
    pub same: Vec<BTreeSet<usize>>,
    pub apart: BTreeSet<(usize, usize)>,
    /// Evidence that could join people: by its kind, for each piece, the people who have it.
    pub evidence: BTreeMap<EvidenceKind, Vec<EvidenceItem>>,
    /// Numbers that somebody else has taken over from a person.
    pub moved: BTreeSet<(usize, Identifier)>,
    pub customers: BTreeSet<BTreeSet<RecordKey>>,
    /// The evidence that joined people.
    pub links: Vec<OracleLink>,
    pub difficult: DifficultSituations,
}

/// A piece of evidence: the address, if it is one; otherwise the key of a record; and its holders.
#[derive(Clone)]
pub struct EvidenceItem {
    pub value: Option<Identifier>,
    pub key: String,
    pub holders: BTreeSet<usize>,
}

/// A piece of evidence that joined people, with the people who have it.
#[derive(Clone)]
pub struct OracleLink {
    pub kind: EvidenceKind,
    pub value: String,
    pub people: BTreeSet<usize>,
}

impl OracleLink {
    fn new(kind: EvidenceKind, item: &EvidenceItem, people: BTreeSet<usize>) -> Self {
        let address = item.value.as_ref().map(|address| address.value.clone());
        Self { kind, value: address.unwrap_or_else(|| item.key.clone()), people }
    }
}

/// The difficult situations in a view, so that a test can count them.
#[derive(Default, PartialEq)]
pub struct DifficultSituations {
    /// Values with the records that stayed out, because they agreed with two that disagree.
    pub in_between: BTreeSet<(Option<Identifier>, RecordKey)>,
    /// Numbers with the records that lost them to somebody else.
    pub moved: BTreeSet<(Identifier, RecordKey)>,
    /// Unconfirmed records that joined a customer of trusted records, and those that fit several.
    pub placed: BTreeSet<RecordKey>,
    pub torn: BTreeSet<RecordKey>,
    /// Records that refer to an id of a unique kind that no record has.
    pub dangling: BTreeSet<RecordKey>,
    /// Records that refer to the same id in several kinds.
    pub ambiguous: BTreeSet<RecordKey>,
}

/// Kinds of evidence that two records are one person, the strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceKind {
    Decided,
    Merged,
    Referred,
    Mailed,
    Phoned,
}

impl EvidenceKind {
    pub const ALL: [Self; 5] =
        [Self::Decided, Self::Merged, Self::Referred, Self::Mailed, Self::Phoned];
}

/// Disjoint sets of people, by the number of each person's set.
#[derive(Clone)]
pub struct DisjointSets(pub Vec<usize>);

impl DisjointSets {
    pub fn singles(n: usize) -> Self {
        Self((0..n).collect())
    }

    pub fn join(&mut self, members: &BTreeSet<usize>) {
        let Some(into) = members.first().map(|first| self.0[*first]) else { return };
        for member in members {
            let old = self.0[*member];
            if old != into {
                self.0.iter_mut().filter(|set| **set == old).for_each(|set| *set = into);
            }
        }
    }

    pub fn sets(&self) -> BTreeMap<usize, BTreeSet<usize>> {
        let mut sets: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (member, set) in self.0.iter().enumerate() {
            sets.entry(*set).or_default().insert(member);
        }
        sets
    }
}

/// People who are joined so far.
type Cluster = BTreeSet<usize>;

impl Oracle {
    pub fn new(rules: IdentityRules, decisions: Vec<Decided>) -> Self {
        Self {
            rules,
            decisions,
            records: BTreeMap::new(),
            merges: BTreeMap::new(),
            live: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, change: &Change) {
        match change {
            Change::Record { key, update } => {
                let mut said = FieldVersions::from(update.clone());
                if let Some(known) = self.records.get(key) {
                    said.join(known.clone());
                }
                self.set(Record { key: key.clone(), versions: said });
            }
            Change::Merge(merge) if merge.loser != merge.winner => {
                let latest = self
                    .merges
                    .entry((merge.loser.clone(), merge.winner.clone()))
                    .or_insert(merge.at);
                *latest = merge.at.max(*latest);
            }
            Change::Merge(_) | Change::Event { .. } => {}
        }
    }

    /// Everything that was reported about a record.
    pub fn set(&mut self, record: Record) {
        self.live.remove(&record.key);
        if record.versions.is_live() {
            let identifiers = identifiers_of(&record, self.rules.region);
            let said_at = phones_said_at(&record, &self.rules);
            let live = Live { name: record.name().folded(), identifiers, said_at };
            self.live.insert(record.key.clone(), live);
        }
        self.records.insert(record.key, record.versions);
    }

    /// One winner for each loser. Chains are followed, and a cycle ends at the winner of its latest merge.
    pub(super) fn ends(&self) -> BTreeMap<RecordKey, RecordKey> {
        let mut next: BTreeMap<&RecordKey, (Timestamp, &RecordKey)> = BTreeMap::new();
        for ((loser, winner), at) in &self.merges {
            let known = next.entry(loser).or_insert((*at, winner));
            *known = (*known).max((*at, winner));
        }
        let keys: BTreeSet<&RecordKey> =
            self.merges.keys().flat_map(|(loser, winner)| [loser, winner]).collect();
        let end = |start: &RecordKey| {
            let mut path = vec![start];
            while let Some((_, winner)) = next.get(path[path.len() - 1]) {
                if let Some(begin) = path.iter().position(|key| key == winner) {
                    return path[begin..]
                        .iter()
                        .filter_map(|key| next.get(*key))
                        .max()
                        .unwrap()
                        .1
                        .clone();
                }
                path.push(winner);
            }
            path[path.len() - 1].clone()
        };
        keys.into_iter().map(|key| (key.clone(), end(key))).collect()
    }

    pub fn snapshot(&self) -> OracleSnapshot {
        let ends = self.ends();
        let mut difficult = DifficultSituations::default();
        let mut people = self.people(&ends, &mut difficult);
        let shared = self.shared(&people);
        for person in &mut people {
            person.links.retain(|value| !shared.contains(value));
        }
        let (same, apart) = self.decided(&people, &ends);
        let (evidence, moved, customers) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut snapshot = OracleSnapshot {
            people,
            ends,
            shared,
            same,
            apart,
            evidence,
            moved,
            customers,
            links: Vec::new(),
            difficult,
        };
        snapshot.evidence = EvidenceKind::ALL
            .into_iter()
            .map(|evidence_kind| (evidence_kind, evidence_of(&snapshot, evidence_kind)))
            .collect();
        let customers = self.customers(&mut snapshot);
        let keys = |customer: Cluster| {
            customer.into_iter().map(|n| snapshot.people[n].key.clone()).collect()
        };
        snapshot.customers = customers.into_iter().map(keys).collect();
        let moved = snapshot
            .moved
            .iter()
            .map(|(n, number)| (number.clone(), snapshot.people[*n].key.clone()));
        snapshot.difficult.moved = moved.collect();
        snapshot
    }
}
