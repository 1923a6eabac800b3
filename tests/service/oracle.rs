//! Who is who, as the design says it and without the product's resolution: small, slow and over the whole brand at once.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::identifier::{Identifier, IdentifierKind, identifiers_of};
use hookpoint::customer::kind::SourceKind;
use hookpoint::customer::name::FoldedName;
use hookpoint::customer::record::{Change, Record, RecordKey};
use hookpoint::customer::rules::IdentityRules;
use hookpoint::customer::versions::Versions;
use jiff::Timestamp;

use crate::generator::Decided;

/// Everything that was said so far.
pub struct Oracle {
    pub rules: IdentityRules,
    pub decisions: Vec<Decided>,
    pub records: BTreeMap<RecordKey, Versions>,
    pub merges: BTreeMap<(RecordKey, RecordKey), Timestamp>,
    found_by: BTreeMap<RecordKey, (FoldedName, BTreeSet<Identifier>)>,
}

/// A live record.
pub struct Person {
    pub key: RecordKey,
    pub name: FoldedName,
    /// Whether the source merged it away: then it neither links nor says who it is.
    pub is_loser: bool,
    /// What it is found by.
    pub found_by: BTreeSet<Identifier>,
    /// What of it links.
    pub links: BTreeSet<Identifier>,
    /// Whether e-mail and phone may link in its component.
    pub may_link: (bool, bool),
    /// Its component, and its component without phones.
    pub components: (usize, usize),
    /// The ids of unique kinds that it stands for; those that a person decided to be one are one.
    pub unique_ids: BTreeMap<SourceKind, BTreeSet<RecordKey>>,
}

/// The brand at a moment.
pub struct View {
    pub people: Vec<Person>,
    /// Every key that a merge names, with the one that stands for it.
    pub ends: BTreeMap<RecordKey, RecordKey>,
    pub shared: BTreeSet<Identifier>,
    /// Live records that people decided to be the same, and pairs of them that are not.
    pub same: Vec<BTreeSet<usize>>,
    pub apart: BTreeSet<(usize, usize)>,
    /// What could make some people one: by its sort, for each piece of evidence, whom it is about.
    pub ties: BTreeMap<Tie, Vec<BTreeSet<usize>>>,
    pub customers: BTreeSet<BTreeSet<RecordKey>>,
}

/// What makes two records one, the strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    Decided,
    Merged,
    Referred,
    Mailed,
    Phoned,
}

impl Tie {
    pub const ALL: [Self; 5] = [Self::Decided, Self::Merged, Self::Referred, Self::Mailed, Self::Phoned];
}

/// Disjoint sets of people, by the number of the set that each is in.
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

impl Oracle {
    pub fn new(rules: IdentityRules, decisions: Vec<Decided>) -> Self {
        Self { rules, decisions, records: BTreeMap::new(), merges: BTreeMap::new(), found_by: BTreeMap::new() }
    }

    pub fn hear(&mut self, change: &Change) {
        match change {
            Change::Record { key, update } => {
                let said = Versions::from(update.clone());
                self.records.entry(key.clone()).and_modify(|known| known.join(said.clone())).or_insert(said);
                let record = Record { key: key.clone(), versions: self.records[key].clone() };
                self.found_by.remove(key);
                if record.versions.is_live() {
                    self.found_by.insert(key.clone(), (record.name().folded(), identifiers_of(&record, self.rules.region).values));
                }
            }
            Change::Merge(merge) if merge.loser != merge.winner => {
                let latest = self.merges.entry((merge.loser.clone(), merge.winner.clone())).or_insert(merge.at);
                *latest = merge.at.max(*latest);
            }
            Change::Merge(_) | Change::Event { .. } => {}
        }
    }

    /// One winner for each loser; chains are followed, and a cycle ends at the winner of its latest merge.
    fn ends(&self) -> BTreeMap<RecordKey, RecordKey> {
        let mut next: BTreeMap<&RecordKey, (Timestamp, &RecordKey)> = BTreeMap::new();
        for ((loser, winner), at) in &self.merges {
            let known = next.entry(loser).or_insert((*at, winner));
            *known = (*known).max((*at, winner));
        }
        let keys: BTreeSet<&RecordKey> = self.merges.keys().flat_map(|(loser, winner)| [loser, winner]).collect();
        let end = |start: &RecordKey| {
            let mut path = vec![start];
            while let Some((_, winner)) = next.get(path[path.len() - 1]) {
                if let Some(begin) = path.iter().position(|key| key == winner) {
                    return path[begin..].iter().filter_map(|key| next.get(*key)).max().unwrap().1.clone();
                }
                path.push(winner);
            }
            path[path.len() - 1].clone()
        };
        keys.into_iter().map(|key| (key.clone(), end(key))).collect()
    }

    pub fn view(&self) -> View {
        let ends = self.ends();
        let end = |key: &RecordKey| ends.get(key).unwrap_or(key).clone();
        let classes = self.decided_classes(&end);
        let mut people: Vec<Person> = Vec::new();
        for (key, (name, found_by)) in &self.found_by {
            let is_loser = end(key) != *key;
            let links: BTreeSet<Identifier> =
                if is_loser { BTreeSet::new() } else { found_by.iter().filter(|value| !self.rules.blocklist.blocks(value)).cloned().collect() };
            let mut unique_ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
            let stands_for = std::iter::once(key.clone()).chain(links.iter().filter_map(Identifier::referred_record));
            for id in stands_for.filter(|id| self.rules.unique.contains(&id.kind)) {
                let id_now = end(&id);
                unique_ids.entry(id.kind).or_default().insert(classes.get(&id_now).cloned().unwrap_or(id_now));
            }
            let (name, found_by) = (name.clone(), found_by.clone());
            people.push(Person { key: key.clone(), name, is_loser, found_by, links, may_link: (true, true), components: (0, 0), unique_ids });
        }
        let shared = self.shared(&people);
        for person in &mut people {
            person.links.retain(|value| !shared.contains(value));
        }
        let (same, apart) = self.decided(&people, &ends);
        let mut view = View { people, ends, shared, same, apart, ties: BTreeMap::new(), customers: BTreeSet::new() };
        view.ties = Tie::ALL.into_iter().map(|tie| (tie, self.ties(&view, tie))).collect();
        self.find_components(&mut view);
        view.customers = self.customers(&view);
        view
    }

    /// Ids that people decided to be one person's, each with the least of them.
    fn decided_classes(&self, end: &dyn Fn(&RecordKey) -> RecordKey) -> BTreeMap<RecordKey, RecordKey> {
        let mut classes: BTreeMap<RecordKey, RecordKey> = BTreeMap::new();
        for decision in self.decisions.iter().filter(|decision| decision.same) {
            let class = |key: &RecordKey| classes.get(&end(key)).cloned().unwrap_or_else(|| end(key));
            let (one, two) = (class(&decision.left), class(&decision.right));
            let (least, other) = if one < two { (one, two) } else { (two, one) };
            classes.values_mut().filter(|class| **class == other).for_each(|class| *class = least.clone());
            classes.insert(other, least);
        }
        classes
    }

    /// What decisions come to among live records. Where a record that one names is gone, whoever it was merged into or
    /// decided to be the same as is meant.
    fn decided(&self, people: &[Person], ends: &BTreeMap<RecordKey, RecordKey>) -> (Vec<BTreeSet<usize>>, BTreeSet<(usize, usize)>) {
        let number: BTreeMap<&RecordKey, usize> = people.iter().zip(0..).map(|(person, n)| (&person.key, n)).collect();
        let meant = |key: &RecordKey| if number.contains_key(key) { key.clone() } else { ends.get(key).unwrap_or(key).clone() };
        let mut classes: Vec<BTreeSet<RecordKey>> = Vec::new();
        for decision in self.decisions.iter().filter(|decision| decision.same) {
            let pair = BTreeSet::from([meant(&decision.left), meant(&decision.right)]);
            let (met, mut apart): (Vec<_>, Vec<_>) = classes.into_iter().partition(|class| !class.is_disjoint(&pair));
            apart.push(met.into_iter().flatten().chain(pair).collect());
            classes = apart;
        }
        let live = |keys: &BTreeSet<RecordKey>| keys.iter().filter_map(|key| number.get(key).copied()).collect::<BTreeSet<usize>>();
        let of = |key: &RecordKey| match number.get(key) {
            Some(n) => BTreeSet::from([*n]),
            None => classes.iter().find(|class| class.contains(&meant(key))).map_or_else(|| live(&BTreeSet::from([meant(key)])), live),
        };
        let mut apart = BTreeSet::new();
        for decision in self.decisions.iter().filter(|decision| !decision.same) {
            for (a, b) in of(&decision.left).into_iter().flat_map(|a| of(&decision.right).into_iter().map(move |b| (a, b))) {
                if a != b {
                    apart.extend([(a, b), (b, a)]);
                }
            }
        }
        (classes.iter().map(live).collect(), apart)
    }

    /// Addresses held by too many records of one unique kind, or under too many names elsewhere.
    fn shared(&self, people: &[Person]) -> BTreeSet<Identifier> {
        let mut holders: BTreeMap<&Identifier, (BTreeMap<SourceKind, usize>, BTreeSet<String>)> = BTreeMap::new();
        for person in people {
            for value in person.links.iter().filter(|value| value.kind.is_address()) {
                let (records, names) = holders.entry(value).or_default();
                if self.rules.unique.contains(&person.key.kind) {
                    *records.entry(person.key.kind).or_default() += 1;
                } else if person.name.is_known() {
                    names.insert(person.name.key());
                }
            }
        }
        let above = self.rules.shared_above;
        let too_many =
            |(records, names): &(BTreeMap<SourceKind, usize>, BTreeSet<String>)| names.len() > above || records.values().any(|n| *n > above);
        holders.into_iter().filter(|(_, held)| too_many(held)).map(|(value, _)| value.clone()).collect()
    }

    fn ties(&self, view: &View, tie: Tie) -> Vec<BTreeSet<usize>> {
        let end = |key: &RecordKey| view.ends.get(key).unwrap_or(key).to_string();
        let mut holders: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (n, person) in view.people.iter().enumerate() {
            let referred = person.links.iter().filter_map(Identifier::referred_record).map(|key| end(&key));
            let addresses = |phone: bool| person.links.iter().filter(move |v| v.kind.is_address() && (v.kind == IdentifierKind::Phone) == phone);
            let texts = |phone| addresses(phone).map(|value| format!("{} {}", value.kind.as_str(), value.value)).collect();
            let evidence: Vec<String> = match tie {
                Tie::Decided => view.same.iter().enumerate().filter(|(_, class)| class.contains(&n)).map(|(class, _)| class.to_string()).collect(),
                Tie::Merged => vec![end(&person.key)],
                Tie::Referred => referred.chain([end(&person.key)]).collect(),
                Tie::Mailed => texts(false),
                Tie::Phoned => texts(true),
            };
            for piece in evidence {
                holders.entry(piece).or_default().insert(n);
            }
        }
        holders.into_values().filter(|holders| holders.len() > 1).collect()
    }

    /// Everything that hangs together, also over records that are gone and over decisions that they are different.
    fn find_components(&self, view: &mut View) {
        let mut keys: Vec<RecordKey> = view.people.iter().map(|person| person.key.clone()).collect();
        let mut hanging: Vec<[RecordKey; 2]> = self.merges.keys().map(|(loser, winner)| [loser.clone(), winner.clone()]).collect();
        hanging.extend(self.decisions.iter().map(|decision| [decision.left.clone(), decision.right.clone()]));
        for person in &view.people {
            hanging.extend(person.links.iter().filter_map(Identifier::referred_record).map(|key| [person.key.clone(), key]));
        }
        let mut number: BTreeMap<RecordKey, usize> = keys.iter().cloned().zip(0..).collect();
        for key in hanging.iter().flatten() {
            if !number.contains_key(key) {
                number.insert(key.clone(), keys.len());
                keys.push(key.clone());
            }
        }
        let mut without_phones = Sets::singles(keys.len());
        hanging.iter().for_each(|pair| without_phones.join(&pair.iter().map(|key| number[key]).collect()));
        view.ties[&Tie::Mailed].iter().for_each(|members| without_phones.join(members));
        let mut whole = without_phones.clone();
        view.ties[&Tie::Phoned].iter().for_each(|members| whole.join(members));
        let live = view.people.len();
        let fits = |sets: &Sets| -> Vec<bool> {
            let size = |set: usize| sets.0[..live].iter().filter(|other| **other == set).count();
            sets.0[..live].iter().map(|set| size(*set) <= self.rules.component_cap).collect()
        };
        let (all_fit, rest_fits) = (fits(&whole), fits(&without_phones));
        for (n, person) in view.people.iter_mut().enumerate() {
            person.may_link = (rest_fits[n], all_fit[n]);
            person.components = (whole.0[n], without_phones.0[n]);
        }
    }

    fn customers(&self, view: &View) -> BTreeSet<BTreeSet<RecordKey>> {
        let mut now = Sets::singles(view.people.len());
        for level in Tie::ALL {
            let before = now.sets();
            let allowed = |among: &BTreeSet<usize>| {
                let clusters: Vec<&BTreeSet<usize>> = among.iter().map(|set| &before[set]).collect();
                let pairs = clusters.iter().enumerate().flat_map(|(n, a)| clusters[n + 1..].iter().map(move |b| (*a, *b)));
                pairs.into_iter().all(|(a, b)| !self.forbidden(view, level, a, b))
            };
            let mut after = now.clone();
            for holders in &view.ties[&level] {
                let (mail, phone) = view.people[*holders.first().unwrap()].may_link;
                let used = if level == Tie::Mailed { mail } else { level != Tie::Phoned || phone };
                if used && allowed(&holders.iter().map(|member| now.0[*member]).collect()) {
                    let joined: BTreeSet<usize> = holders.iter().map(|member| now.0[*member]).flat_map(|set| before[&set].clone()).collect();
                    after.join(&joined);
                }
            }
            for group in after.sets().into_values() {
                if !allowed(&group.iter().map(|member| now.0[*member]).collect()) {
                    group.iter().for_each(|member| after.0[*member] = now.0[*member]);
                }
            }
            now = after;
        }
        now.sets().into_values().map(|set| set.into_iter().map(|member| view.people[member].key.clone()).collect()).collect()
    }
}
