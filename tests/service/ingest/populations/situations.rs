//! Counts the difficult situations of a population, so that a test knows that it was difficult.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::model::field_versions::Scope;
use hookpoint::customer::model::identifier::Identifier;
use hookpoint::customer::model::record::{Change, RecordKey};

use crate::ingest::populations::generator::Decided;
use crate::ingest::populations::oracle::{Oracle, OracleSnapshot};

/// How often a test met each difficult situation.
#[derive(Debug, Default)]
pub struct SituationCounts {
    contested_values: usize,
    became_shared: usize,
    ceased_to_be_shared: usize,
    partial_updates: usize,
    deletions_first: usize,
    source_merges: usize,
    phones_dropped: usize,
    phones_back: usize,
    emails_dropped: usize,
    emails_back: usize,
    in_between: usize,
    numbers_moved: usize,
    guests_placed: usize,
    guests_torn: usize,
    dangling_references: usize,
    ambiguous_references: usize,
}

impl SituationCounts {
    /// Situations that every population has.
    pub fn assert_enough(&self) {
        let Self {
            contested_values,
            became_shared,
            ceased_to_be_shared,
            partial_updates,
            deletions_first,
            source_merges,
            ..
        } = self;
        for n in [
            contested_values,
            became_shared,
            ceased_to_be_shared,
            partial_updates,
            deletions_first,
            source_merges,
        ] {
            assert!(*n >= 100, "{self:?}");
        }
        // Rarer: each needs several people with one value.
        for n in [
            self.in_between,
            self.numbers_moved,
            self.dangling_references,
            self.ambiguous_references,
        ] {
            assert!(n >= 10, "{self:?}");
        }
    }

    /// For components above the cap.
    pub fn assert_enough_crossings(&self) {
        for n in [self.phones_dropped, self.phones_back, self.emails_dropped, self.emails_back] {
            assert!(n >= 50, "{self:?}");
        }
    }

    /// For populations with self-asserted records.
    pub fn assert_enough_unconfirmed(&self) {
        for n in [self.guests_placed, self.guests_torn] {
            assert!(n >= 10, "{self:?}");
        }
    }

    fn observe(&mut self, before: &OracleSnapshot, after: &OracleSnapshot) {
        self.contested_values += contested(after).difference(&contested(before)).count();
        self.became_shared += after.shared.difference(&before.shared).count();
        self.ceased_to_be_shared += before.shared.difference(&after.shared).count();
        let (up, down) = (crossings(before, after), crossings(after, before));
        self.phones_dropped += up.0;
        self.emails_dropped += up.1;
        self.phones_back += down.0;
        self.emails_back += down.1;
        let (old, new) = (&before.difficult, &after.difficult);
        self.in_between += new.in_between.difference(&old.in_between).count();
        self.numbers_moved += new.moved.difference(&old.moved).count();
        self.guests_placed += new.placed.difference(&old.placed).count();
        self.guests_torn += new.torn.difference(&old.torn).count();
        self.dangling_references += new.dangling.difference(&old.dangling).count();
        self.ambiguous_references += new.ambiguous.difference(&old.ambiguous).count();
    }
}

/// Values that several customers have.
fn contested(snapshot: &OracleSnapshot) -> BTreeSet<Identifier> {
    let numbered = snapshot
        .customers
        .iter()
        .enumerate()
        .flat_map(|(n, customer)| customer.iter().map(move |key| (key, n)));
    let number: BTreeMap<&RecordKey, usize> = numbered.collect();
    let mut holders: BTreeMap<&Identifier, BTreeSet<usize>> = BTreeMap::new();
    for person in &snapshot.people {
        for value in person.found_by.iter().filter(|value| value.kind.is_address()) {
            holders.entry(value).or_default().insert(number[&person.key]);
        }
    }
    holders
        .into_iter()
        .filter(|(_, customers)| customers.len() > 1)
        .map(|(value, _)| value.clone())
        .collect()
}

/// Components above the cap in `there`, with a member that was not above it in `here`: by phones, by e-mails.
fn crossings(here: &OracleSnapshot, there: &OracleSnapshot) -> (usize, usize) {
    let was: BTreeMap<&RecordKey, (bool, bool)> =
        here.people.iter().map(|person| (&person.key, person.may_link)).collect();
    let (mut phones, mut emails) = (BTreeSet::new(), BTreeSet::new());
    for person in &there.people {
        let Some((mail, phone)) = was.get(&person.key) else { continue };
        if *phone && !person.may_link.1 {
            phones.insert(person.components.0);
        }
        if *mail && !person.may_link.0 {
            emails.insert(person.components.1);
        }
    }
    (phones.len(), emails.len())
}

/// Counts the situations of one order of arrival. The oracle decides which values are shared and which customers exist.
pub struct Observer {
    pub oracle: Oracle,
    pub snapshot: OracleSnapshot,
    only_deleted: BTreeSet<RecordKey>,
}

impl Observer {
    pub fn new(rules: &IdentityRules, decisions: &[Decided]) -> Self {
        let oracle = Oracle::new(rules.clone(), decisions.to_vec());
        let snapshot = oracle.snapshot();
        Self { oracle, snapshot, only_deleted: BTreeSet::new() }
    }

    pub fn observe(&mut self, batch: &[Change], counts: &mut SituationCounts) {
        let mut said: BTreeMap<&RecordKey, bool> = BTreeMap::new();
        for change in batch {
            match change {
                Change::Record { key, update } => {
                    counts.partial_updates += usize::from(update.scope == Scope::Partial);
                    *said.entry(key).or_default() |= update.scope != Scope::Deletion;
                }
                Change::Merge(merge) => {
                    counts.source_merges += usize::from(
                        !self
                            .oracle
                            .merges
                            .contains_key(&(merge.loser.clone(), merge.winner.clone())),
                    );
                }
                Change::Event { .. } => {}
            }
        }
        for (key, lives) in said {
            if lives {
                counts.deletions_first += usize::from(self.only_deleted.remove(key));
            } else if !self.oracle.records.contains_key(key) {
                self.only_deleted.insert(key.clone());
            }
        }
        batch.iter().for_each(|change| self.oracle.add(change));
        let snapshot = self.oracle.snapshot();
        counts.observe(&self.snapshot, &snapshot);
        self.snapshot = snapshot;
    }
}
