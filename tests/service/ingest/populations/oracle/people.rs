//! The existing records of a brand, and what decisions say about them.

use super::*;

impl Oracle {
    pub(super) fn people(
        &self,
        ends: &BTreeMap<RecordKey, RecordKey>,
        difficult: &mut DifficultSituations,
    ) -> Vec<Person> {
        let end = |key: &RecordKey| ends.get(key).unwrap_or(key).clone();
        let classes = self.decided_classes(&end);
        let unconfirmed = self.unconfirmed(&end);
        let mut people = Vec::new();
        for (key, live) in &self.live {
            let (is_loser, is_unconfirmed) = (end(key) != *key, unconfirmed.contains(key));
            // Trusted records are resolved as if no unconfirmed ones existed: only unconfirmed records know an
            // unconfirmed record's key.
            let is_known = |id: &RecordKey| {
                ends.contains_key(id)
                    || (self.live.contains_key(id) && (is_unconfirmed || !unconfirmed.contains(id)))
            };
            let mut links: BTreeSet<Identifier> = live.identifiers.values.clone();
            links.retain(|value| {
                !is_loser && live.identifiers.may_link(value) && !self.rules.blocklist.blocks(value)
            });
            let referred: Vec<RecordKey> =
                links.iter().filter_map(Identifier::referred_record).collect();
            let bearers = |id: &RecordKey| {
                referred.iter().filter(|other| other.id == id.id && is_known(other)).count()
            };
            let is_ambiguous = |id: &RecordKey| bearers(id) > 1;
            // If exactly one of several kinds has an id, the reference means that kind.
            let is_meant = |id: &RecordKey| bearers(id) == 0 || (bearers(id) == 1 && is_known(id));
            links.retain(|value| value.referred_record().is_none_or(|id| is_meant(&id)));
            if referred.iter().any(is_ambiguous) {
                difficult.ambiguous.insert(key.clone());
            }
            let mut unique_ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
            let stands_for = std::iter::once(key.clone())
                .chain(links.iter().filter_map(Identifier::referred_record));
            for id in stands_for.filter(|id| self.rules.one_record_per_person.contains(&id.kind)) {
                if !is_known(&id) && id != *key {
                    difficult.dangling.insert(key.clone());
                    continue;
                }
                let id_now = end(&id);
                unique_ids
                    .entry(id.kind)
                    .or_default()
                    .insert(classes.get(&id_now).cloned().unwrap_or(id_now));
            }
            people.push(Person {
                key: key.clone(),
                name: live.name.clone(),
                is_loser,
                is_unconfirmed,
                found_by: live.identifiers.values.clone(),
                links,
                said_at: live.said_at.clone(),
                may_link: (true, true),
                components: (0, 0),
                unique_ids,
                refers_to: referred,
            });
        }
        people
    }

    /// Existing records that anybody could have written. A decision that two records are the same person confirms both.
    /// If a record is gone, it confirms the record that it was merged into.
    pub(super) fn unconfirmed(&self, end: &dyn Fn(&RecordKey) -> RecordKey) -> BTreeSet<RecordKey> {
        let named = self
            .decisions
            .iter()
            .filter(|decision| decision.same)
            .flat_map(|decision| [&decision.left, &decision.right]);
        let confirmed: BTreeSet<RecordKey> = named
            .map(|key| if self.live.contains_key(key) { key.clone() } else { end(key) })
            .collect();
        self.live
            .keys()
            .filter(|key| self.rules.self_asserted.contains(&key.kind) && !confirmed.contains(*key))
            .cloned()
            .collect()
    }

    /// Ids that decisions joined, each with the least of them.
    pub(super) fn decided_classes(
        &self,
        end: &dyn Fn(&RecordKey) -> RecordKey,
    ) -> BTreeMap<RecordKey, RecordKey> {
        let mut classes: BTreeMap<RecordKey, RecordKey> = BTreeMap::new();
        for decision in self.decisions.iter().filter(|decision| decision.same) {
            let priority =
                |key: &RecordKey| classes.get(&end(key)).cloned().unwrap_or_else(|| end(key));
            let (one, two) = (priority(&decision.left), priority(&decision.right));
            let (least, other) = if one < two { (one, two) } else { (two, one) };
            classes
                .values_mut()
                .filter(|priority| **priority == other)
                .for_each(|priority| *priority = least.clone());
            classes.insert(other, least);
        }
        classes
    }

    /// The effect of decisions. Among trusted records it is the same with and without unconfirmed ones.
    pub(super) fn decided(
        &self,
        people: &[Person],
        ends: &BTreeMap<RecordKey, RecordKey>,
    ) -> (Vec<BTreeSet<usize>>, BTreeSet<(usize, usize)>) {
        let (same, mut apart) = self.decided_among(people, ends, |person| !person.is_unconfirmed);
        let (_, of_all) = self.decided_among(people, ends, |_| true);
        apart.extend(
            of_all
                .into_iter()
                .filter(|(a, b)| people[*a].is_unconfirmed || people[*b].is_unconfirmed),
        );
        (same, apart)
    }

    /// The effect of decisions among some existing records. If a named record is gone, the decision means the record
    /// that it was merged into. If that is gone as well, it means any record that a decision says is the same.
    pub(super) fn decided_among(
        &self,
        people: &[Person],
        ends: &BTreeMap<RecordKey, RecordKey>,
        counts: fn(&Person) -> bool,
    ) -> (Vec<BTreeSet<usize>>, BTreeSet<(usize, usize)>) {
        let counted = people.iter().zip(0..).filter(|(person, _)| counts(person));
        let number: BTreeMap<&RecordKey, usize> =
            counted.map(|(person, n)| (&person.key, n)).collect();
        let meant = |key: &RecordKey| {
            if number.contains_key(key) {
                key.clone()
            } else {
                ends.get(key).unwrap_or(key).clone()
            }
        };
        let mut classes: Vec<BTreeSet<RecordKey>> = Vec::new();
        for decision in self.decisions.iter().filter(|decision| decision.same) {
            let pair = BTreeSet::from([meant(&decision.left), meant(&decision.right)]);
            let (met, mut apart): (Vec<_>, Vec<_>) =
                classes.into_iter().partition(|priority| !priority.is_disjoint(&pair));
            apart.push(met.into_iter().flatten().chain(pair).collect());
            classes = apart;
        }
        let live = |keys: &BTreeSet<RecordKey>| {
            keys.iter().filter_map(|key| number.get(key).copied()).collect::<BTreeSet<usize>>()
        };
        let of = |key: &RecordKey| match number.get(&meant(key)) {
            Some(n) => BTreeSet::from([*n]),
            None => classes
                .iter()
                .find(|priority| priority.contains(&meant(key)))
                .map(live)
                .unwrap_or_default(),
        };
        let mut apart = BTreeSet::new();
        for decision in self.decisions.iter().filter(|decision| !decision.same) {
            for (a, b) in of(&decision.left)
                .into_iter()
                .flat_map(|a| of(&decision.right).into_iter().map(move |b| (a, b)))
            {
                if a != b {
                    apart.extend([(a, b), (b, a)]);
                }
            }
        }
        (classes.iter().map(live).collect(), apart)
    }

    /// Addresses of too many records of one unique kind, or under too many names elsewhere. Self-asserted records do
    /// not count, even if somebody confirmed them.
    pub(super) fn shared(&self, people: &[Person]) -> BTreeSet<Identifier> {
        let mut holders: BTreeMap<
            &Identifier,
            (BTreeMap<SourceKind, usize>, BTreeMap<String, FoldedName>),
        > = BTreeMap::new();
        for person in
            people.iter().filter(|person| !self.rules.self_asserted.contains(&person.key.kind))
        {
            for value in person.links.iter().filter(|value| value.kind.is_address()) {
                let (records, names) = holders.entry(value).or_default();
                if self.rules.one_record_per_person.contains(&person.key.kind) {
                    *records.entry(person.key.kind).or_default() += 1;
                } else if person.name.is_known() {
                    names.insert(person.name.key(), person.name.clone());
                }
            }
        }
        let above = self.rules.shared_value_threshold;
        let shared = holders.into_iter().filter(|(_, (records, names))| {
            records.values().any(|n| *n > above) || are_of_more_than(above, names)
        });
        shared.map(|(value, _)| value.clone()).collect()
    }
}
