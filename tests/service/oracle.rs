//! An oracle for identity resolution: it follows the design without the product's code, is small and slow, and works on
//! the whole brand at once.

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

use crate::forbidden::agree_in_full;
use crate::generator::Decided;
use crate::identity_cases::world::{are_of_more_than, phones_said_at};

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
pub struct View {
    pub people: Vec<Person>,
    /// Every key in a merge, with the key that represents it.
    pub ends: BTreeMap<RecordKey, RecordKey>,
    pub shared: BTreeSet<Identifier>,
    /// Existing records that decisions say are the same, and pairs that decisions say are different.
    pub same: Vec<BTreeSet<usize>>,
    pub apart: BTreeSet<(usize, usize)>,
    /// Evidence that could join people: by its kind, for each piece, the people who have it.
    pub ties: BTreeMap<Tie, Vec<Piece>>,
    /// Numbers that somebody else has taken over from a person.
    pub moved: BTreeSet<(usize, Identifier)>,
    pub customers: BTreeSet<BTreeSet<RecordKey>>,
    pub hard: Hard,
}

/// A piece of evidence: the address, if it is one, and its holders.
#[derive(Clone)]
pub struct Piece {
    pub value: Option<Identifier>,
    pub holders: BTreeSet<usize>,
}

/// The difficult situations in a view, so that a test can count them.
#[derive(Default, PartialEq)]
pub struct Hard {
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
pub enum Tie {
    Decided,
    Merged,
    Referred,
    Mailed,
    Phoned,
}

impl Tie {
    pub const ALL: [Self; 5] =
        [Self::Decided, Self::Merged, Self::Referred, Self::Mailed, Self::Phoned];
}

/// Disjoint sets of people, by the number of each person's set.
#[derive(Clone)]
pub struct Sets(pub Vec<usize>);

impl Sets {
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

    pub fn hear(&mut self, change: &Change) {
        match change {
            Change::Record { key, update } => {
                let said = FieldVersions::from(update.clone());
                self.records
                    .entry(key.clone())
                    .and_modify(|known| known.join(said.clone()))
                    .or_insert(said);
                let record = Record { key: key.clone(), versions: self.records[key].clone() };
                self.live.remove(key);
                if record.versions.is_live() {
                    let identifiers = identifiers_of(&record, self.rules.region);
                    let said_at = phones_said_at(&record, &self.rules);
                    self.live.insert(
                        key.clone(),
                        Live { name: record.name().folded(), identifiers, said_at },
                    );
                }
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

    /// One winner for each loser. Chains are followed, and a cycle ends at the winner of its latest merge.
    fn ends(&self) -> BTreeMap<RecordKey, RecordKey> {
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

    pub fn view(&self) -> View {
        let ends = self.ends();
        let mut hard = Hard::default();
        let mut people = self.people(&ends, &mut hard);
        let shared = self.shared(&people);
        for person in &mut people {
            person.links.retain(|value| !shared.contains(value));
        }
        let (same, apart) = self.decided(&people, &ends);
        let (ties, moved, customers) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut view = View { people, ends, shared, same, apart, ties, moved, customers, hard };
        view.ties = Tie::ALL.into_iter().map(|tie| (tie, ties_of(&view, tie))).collect();
        let customers = self.customers(&mut view);
        let keys =
            |customer: Cluster| customer.into_iter().map(|n| view.people[n].key.clone()).collect();
        view.customers = customers.into_iter().map(keys).collect();
        let moved =
            view.moved.iter().map(|(n, number)| (number.clone(), view.people[*n].key.clone()));
        view.hard.moved = moved.collect();
        view
    }

    fn people(&self, ends: &BTreeMap<RecordKey, RecordKey>, hard: &mut Hard) -> Vec<Person> {
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
                hard.ambiguous.insert(key.clone());
            }
            let mut unique_ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
            let stands_for = std::iter::once(key.clone())
                .chain(links.iter().filter_map(Identifier::referred_record));
            for id in stands_for.filter(|id| self.rules.one_record_per_person.contains(&id.kind)) {
                if !is_known(&id) && id != *key {
                    hard.dangling.insert(key.clone());
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
    fn unconfirmed(&self, end: &dyn Fn(&RecordKey) -> RecordKey) -> BTreeSet<RecordKey> {
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
    fn decided_classes(
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
    fn decided(
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
    fn decided_among(
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
    fn shared(&self, people: &[Person]) -> BTreeSet<Identifier> {
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

    /// Resolves trusted records first, as if no others existed. Then each group of unconfirmed records joins the one
    /// trusted cluster that it fits. The groups that fit none or several are resolved among themselves.
    fn customers(&self, view: &mut View) -> Vec<Cluster> {
        let of_sort = |is_unconfirmed: bool| {
            (0..view.people.len())
                .filter(|n| view.people[*n].is_unconfirmed == is_unconfirmed)
                .collect::<Cluster>()
        };
        let (trusted, unconfirmed) = (of_sort(false), of_sort(true));
        let mut customers = self.clusters(view, &trusted);
        let clusters = customers.clone();
        let (mut others, mut placed) = (Cluster::new(), Vec::new());
        for party in self.level(view, Tie::Merged, &singles(&unconfirmed)) {
            match self.place(view, &clusters, &party) {
                Some(cluster) => placed.push((cluster, party)),
                None => others.extend(party),
            }
        }
        for (cluster, party) in &placed {
            let beside = |(place, other): &&(usize, Cluster)| {
                place == cluster
                    && other.iter().any(|b| party.iter().any(|a| view.apart.contains(&(*a, *b))))
            };
            if placed.iter().any(|other| beside(&other)) {
                others.extend(party);
            } else {
                view.hard.placed.extend(party.iter().map(|n| view.people[*n].key.clone()));
                customers[*cluster].extend(party);
            }
        }
        customers.extend(self.clusters(view, &others));
        customers
    }

    /// The one trusted cluster that fits a group of unconfirmed records, by the strongest evidence.
    fn place(&self, view: &mut View, clusters: &[Cluster], party: &Cluster) -> Option<usize> {
        for tie in [Tie::Merged, Tie::Referred, Tie::Mailed, Tie::Phoned] {
            let mut fitting: BTreeSet<usize> = BTreeSet::new();
            for piece in view.ties[&tie].iter().filter(|piece| !piece.holders.is_disjoint(party)) {
                let (holders, value) = (self.usable(view, tie, piece), piece.value.as_ref());
                let is_allowed = |cluster: &Cluster| {
                    if tie == Tie::Phoned
                        && value.is_some_and(|value| {
                            self.was_said_long_before(view, value, party, cluster)
                        })
                    {
                        return false;
                    }
                    let all = cluster | party;
                    !self.forbidden(view, tie, value.map(|value| (value, &all)), party, cluster)
                };
                let fits =
                    |cluster: &Cluster| !cluster.is_disjoint(&holders) && is_allowed(cluster);
                fitting.extend((0..clusters.len()).filter(|n| fits(&clusters[*n])));
            }
            if fitting.len() > 1 {
                view.hard.torn.extend(party.iter().map(|n| view.people[*n].key.clone()));
            }
            if fitting.len() == 1 {
                return fitting.first().copied();
            }
        }
        None
    }

    /// Resolves some people on all levels.
    fn clusters(&self, view: &mut View, among: &Cluster) -> Vec<Cluster> {
        self.find_components(view, among);
        Tie::ALL.into_iter().fold(singles(among), |clusters, tie| self.level(view, tie, &clusters))
    }

    /// The components of some people, also connected through records that are gone and through decisions that they
    /// differ; and whether each is small enough for phones and e-mails to link.
    fn find_components(&self, view: &mut View, among: &Cluster) {
        let mut keys: Vec<RecordKey> =
            view.people.iter().map(|person| person.key.clone()).collect();
        let mut hanging: Vec<[RecordKey; 2]> =
            self.merges.keys().map(|(loser, winner)| [loser.clone(), winner.clone()]).collect();
        hanging.extend(
            self.decisions.iter().map(|decision| [decision.left.clone(), decision.right.clone()]),
        );
        for person in among.iter().map(|n| &view.people[*n]) {
            hanging.extend(person.refers_to.iter().map(|key| [person.key.clone(), key.clone()]));
        }
        let mut number: BTreeMap<RecordKey, usize> = keys.iter().cloned().zip(0..).collect();
        for key in hanging.iter().flatten() {
            if !number.contains_key(key) {
                number.insert(key.clone(), keys.len());
                keys.push(key.clone());
            }
        }
        let mut without_phones = Sets::singles(keys.len());
        hanging
            .iter()
            .for_each(|pair| without_phones.join(&pair.iter().map(|key| number[key]).collect()));
        let join_holders = |sets: &mut Sets, tie| {
            view.ties[&tie].iter().for_each(|piece: &Piece| sets.join(&(&piece.holders & among)));
        };
        join_holders(&mut without_phones, Tie::Mailed);
        let mut whole = without_phones.clone();
        join_holders(&mut whole, Tie::Phoned);
        let fits = |sets: &Sets, n: usize| {
            among.iter().filter(|other| sets.0[**other] == sets.0[n]).count()
                <= self.rules.component_cap
        };
        for n in among {
            let person = &mut view.people[*n];
            person.may_link = (fits(&without_phones, *n), fits(&whole, *n));
            person.components = (whole.0[*n], without_phones.0[*n]);
        }
    }

    /// The holders of a piece of evidence whom it may link.
    fn usable(&self, view: &View, tie: Tie, piece: &Piece) -> BTreeSet<usize> {
        let has_moved =
            |n: &usize| piece.value.clone().is_some_and(|value| view.moved.contains(&(*n, value)));
        let may_link = |n: &usize| match tie {
            Tie::Decided | Tie::Merged | Tie::Referred => true,
            Tie::Mailed => self.rules.link_by_email && view.people[*n].may_link.0,
            Tie::Phoned => self.rules.link_by_phone && view.people[*n].may_link.1 && !has_moved(n),
        };
        piece.holders.iter().copied().filter(may_link).collect()
    }

    /// Applies the evidence of one level to some clusters, all values at once.
    fn level(&self, view: &mut View, tie: Tie, before: &[Cluster]) -> Vec<Cluster> {
        let mut joined = Sets::singles(before.len());
        let owner: BTreeMap<usize, usize> = before
            .iter()
            .enumerate()
            .flat_map(|(n, cluster)| cluster.iter().map(move |member| (*member, n)))
            .collect();
        let holding = |holders: &BTreeSet<usize>| {
            holders
                .iter()
                .filter_map(|member| owner.get(member).copied())
                .collect::<BTreeSet<usize>>()
        };
        for piece in
            view.ties[&tie].clone().into_iter().filter(|piece| holding(&piece.holders).len() > 1)
        {
            if tie == Tie::Phoned {
                self.find_moved(view, &piece, before);
            }
            let holding = holding(&self.usable(view, tie, &piece));
            let all: Cluster = holding.iter().flat_map(|n| before[*n].clone()).collect();
            let on = piece.value.as_ref().map(|value| (value, &all));
            let are_allowed =
                |a: usize, b: usize| !self.forbidden(view, tie, on, &before[a], &before[b]);
            let in_full = |a: usize, b: usize| {
                are_allowed(a, b) && agree_in_full(view, tie, on, &before[a], &before[b])
            };
            let (groups, in_between) = agreeing(&holding, &are_allowed, &in_full);
            groups.iter().for_each(|group| joined.join(group));
            let outside = in_between
                .iter()
                .flat_map(|n| &before[*n])
                .map(|n| (piece.value.clone(), view.people[*n].key.clone()));
            view.hard.in_between.extend(outside.collect::<Vec<_>>());
        }
        // A group that several values connect is not formed if two members must not be joined.
        let is_allowed = |group: &BTreeSet<usize>| {
            pairs(group).all(|(a, b)| !self.forbidden(view, tie, None, &before[a], &before[b]))
        };
        let after = joined.sets().into_values().flat_map(|group| {
            let clusters = group.iter().map(|n| before[*n].clone());
            if is_allowed(&group) { vec![clusters.flatten().collect()] } else { clusters.collect() }
        });
        after.collect()
    }

    /// Whether a form contained a number years before another record did.
    fn was_said_long_before(
        &self,
        view: &View,
        number: &Identifier,
        party: &Cluster,
        cluster: &Cluster,
    ) -> bool {
        let years = SignedDuration::from_hours(
            24 * 365 * i64::from(self.rules.phone_reassigned_after_years),
        );
        let holders = |of: &Cluster| {
            of.iter()
                .map(|n| &view.people[*n])
                .filter(|person| person.links.contains(number))
                .collect::<Vec<_>>()
        };
        let newest = |of: &Cluster| {
            holders(of).into_iter().filter_map(|person| person.said_at.get(number)).max().copied()
        };
        let is_later = newest(party)
            .zip(newest(cluster))
            .is_some_and(|(one, two)| two.duration_since(one) >= years);
        self.rules.phone_reassigned_after_years > 0
            && is_later
            && !Self::may_share_for_years(view, party, cluster)
    }

    /// Finds the people who lost a number, because a person with another name reported it years later.
    fn find_moved(&self, view: &mut View, piece: &Piece, clusters: &[Cluster]) {
        let Some(number) =
            piece.value.clone().filter(|_| self.rules.phone_reassigned_after_years > 0)
        else {
            return;
        };
        let holders = self.usable(view, Tie::Phoned, piece);
        let years = SignedDuration::from_hours(
            24 * 365 * i64::from(self.rules.phone_reassigned_after_years),
        );
        let holding: Vec<Cluster> = clusters
            .iter()
            .map(|cluster| cluster & &holders)
            .filter(|held| !held.is_empty())
            .collect();
        let newest = |held: &Cluster| {
            held.iter().filter_map(|n| view.people[*n].said_at.get(&number)).max().copied()
        };
        let whole =
            |held: &Cluster| clusters.iter().find(|cluster| held.is_subset(cluster)).unwrap();
        let is_later = |one: &Cluster, two: &Cluster| {
            newest(one).zip(newest(two)).is_some_and(|(one, two)| two.duration_since(one) >= years)
        };
        let lost = holding.iter().filter(|one| {
            holding.iter().any(|two| {
                is_later(one, two) && !Self::may_share_for_years(view, whole(one), whole(two))
            })
        });
        let lost: Vec<(usize, Identifier)> = lost.flatten().map(|n| (*n, number.clone())).collect();
        view.moved.extend(lost);
    }
}

fn singles(people: &Cluster) -> Vec<Cluster> {
    people.iter().map(|n| Cluster::from([*n])).collect()
}

fn pairs(among: &BTreeSet<usize>) -> impl Iterator<Item = (usize, usize)> {
    among.iter().flat_map(|a| among.range(a + 1..).map(|b| (*a, *b)))
}

/// The groups in which all clusters agree with all, and the clusters that agree with two that disagree. Of these, a
/// cluster that agrees in full with only one of the two belongs to that one.
fn agreeing(
    all: &BTreeSet<usize>,
    are_allowed: &dyn Fn(usize, usize) -> bool,
    in_full: &dyn Fn(usize, usize) -> bool,
) -> (Vec<BTreeSet<usize>>, BTreeSet<usize>) {
    let first: BTreeSet<(usize, usize)> = pairs(all)
        .filter(|(a, b)| are_allowed(*a, *b))
        .flat_map(|(a, b)| [(a, b), (b, a)])
        .collect();
    let is_anothers = |(n, m): (usize, usize)| {
        let others = first
            .iter()
            .filter(|(a, _)| *a == n)
            .map(|(_, other)| *other)
            .filter(|other| *other != m);
        !in_full(n, m)
            && others.into_iter().any(|other| in_full(n, other) && !first.contains(&(other, m)))
    };
    let lines: BTreeSet<(usize, usize)> = first
        .iter()
        .copied()
        .filter(|(a, b)| !is_anothers((*a, *b)) && !is_anothers((*b, *a)))
        .collect();
    let neighbours = |n: usize| {
        lines.iter().filter(|(a, _)| *a == n).map(|(_, b)| *b).collect::<BTreeSet<usize>>()
    };
    let in_between: BTreeSet<usize> = all
        .iter()
        .copied()
        .filter(|n| pairs(&neighbours(*n)).any(|pair| !lines.contains(&pair)))
        .collect();
    let rest: BTreeSet<usize> = all - &in_between;
    let mut groups: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
    for n in &rest {
        let mut group = &neighbours(*n) & &rest;
        group.insert(*n);
        groups.insert(group);
    }
    (groups.into_iter().collect(), in_between)
}

fn ties_of(view: &View, tie: Tie) -> Vec<Piece> {
    let end = |key: &RecordKey| view.ends.get(key).unwrap_or(key).to_string();
    let mut pieces: BTreeMap<(String, Option<Identifier>), BTreeSet<usize>> = BTreeMap::new();
    for (n, person) in view.people.iter().enumerate() {
        let referred =
            person.links.iter().filter_map(Identifier::referred_record).map(|key| end(&key));
        let addresses = |phone: bool| {
            let values = person.links.iter().filter(move |value| {
                value.kind.is_address() && (value.kind == IdentifierKind::Phone) == phone
            });
            values.map(|value| (String::new(), Some(value.clone()))).collect()
        };
        let classes = view
            .same
            .iter()
            .enumerate()
            .filter(|(_, priority)| priority.contains(&n))
            .map(|(priority, _)| priority.to_string());
        let evidence: Vec<(String, Option<Identifier>)> = match tie {
            Tie::Decided => classes.map(|priority| (priority, None)).collect(),
            Tie::Merged => vec![(end(&person.key), None)],
            Tie::Referred => referred.chain([end(&person.key)]).map(|key| (key, None)).collect(),
            Tie::Mailed => addresses(false),
            Tie::Phoned => addresses(true),
        };
        for piece in evidence {
            pieces.entry(piece).or_default().insert(n);
        }
    }
    let pieces = pieces.into_iter().map(|((_, value), holders)| Piece { value, holders });
    pieces.filter(|piece| piece.holders.len() > 1).collect()
}
