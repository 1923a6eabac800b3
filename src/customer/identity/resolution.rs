//! Identity resolution: one pure function from the facts of some records to customers.
//!
//! Levels, in order: decisions of people; merges by the source; references; e-mail and social accounts; phone. On each
//! level all values are evaluated together, against the clusters at the start of the level:
//!
//! 1. A phone number no longer belongs to holders whose reports are much older than those of others ([`Moved`]).
//! 2. If some holders of a value contradict each other, it joins only groups in which nobody does.
//! 3. The clusters that values connect are grouped.
//! 4. A group that contains a forbidden pair is not formed.
//!
//! The result never depends on a guess, a tie-break or the order of arrival. Joined records are reported as a [`Link`],
//! unused evidence as a [`ReviewCandidate`]. The levels are in [`Level`], the reasons not to join in [`Conflict`].
//!
//! Records that anybody may have written (`IdentityRules::self_asserted`) do not affect how others are resolved: all
//! other records are resolved without them, and then each of them is placed (`unconfirmed_records.rs`).
//!
//! The exact rules:
//!
//! - Source merges are a level of their own before references, so that a doubtful reference cannot undo a fact.
//! - A reference to an unknown record is not an id, so it keeps nobody apart.
//! - Names are compared cluster by cluster. A short form (initials, the beginning of a given name) does not count next
//!   to a fuller name of the same cluster. If both clusters have given names, names without one do not count; on the
//!   phone the same holds for family names. Otherwise one incomplete name would let two strangers agree.
//! - Forms of one first name (Bob and Robert) are one person on a mailbox and on a mobile phone, if the family names do
//!   not differ. On a fixed line they may be a father and his son.
//! - Two people on one phone with different mailboxes may be joined if a mailbox consists of the whole name of the
//!   other, or both mailboxes have the same letters, which are more than one part of a name. If the first names only
//!   look alike, the mailbox must contain the first name itself. The first case also joins the same first name with
//!   different family names: the person married. On one mailbox, a first name in one record and a family name in
//!   another are one name if the mailbox contains both.
//! - A decision stays valid after its records are gone: then the record that they were merged into, or that a decision
//!   says is the same, represents them.
//! - A component is all records that are connected by references, merges, decisions of either sort and values, also
//!   through records that are gone. Its size is the number of its existing records. Above the rules' cap it uses no
//!   phone links. Parts of it that are still above the cap use no e-mail links either. The result for a component is
//!   the same, whether it is resolved alone or with others.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, undecided_pairs};
use super::contradiction::{Among, Conflict, On};
pub use super::evidence::{Decision, Member, RecordFacts};
use super::evidence::{Evidence, Held, Level, PersonFacts, people};
use super::moved::{Moved, left_behind};
use super::unconfirmed_records;
use super::union_find::UnionFind;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// Evidence that joined records to one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The strength of the evidence.
    pub level: Level,
    /// What the records have in common.
    pub evidence: Evidence,
    /// The records that have it, as indices of the members.
    pub members: Vec<usize>,
}

/// Unused evidence with the reason: a question that only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewCandidate {
    /// The strength of the evidence.
    pub level: Level,
    /// What the records have in common. For a group that was not formed: the first of several.
    pub evidence: Evidence,
    /// The conflict that keeps them apart.
    pub grounds: Conflict,
    /// The customers concerned, as positions in [`Resolution::clusters`]; two or more.
    pub clusters: Vec<usize>,
}

/// The resolved customers, with the reasons.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The customers: indices of the members, each in ascending order.
    pub clusters: Vec<Vec<usize>>,
    /// Self-asserted records that nobody confirmed, as indices of the members.
    pub unconfirmed: BTreeSet<usize>,
    /// The evidence that joined them.
    pub links: Vec<Link>,
    /// The open questions, without those that a decision or other evidence answered.
    pub doubts: Vec<ReviewCandidate>,
    /// Phone numbers that have a new owner.
    pub moved: Vec<Moved>,
    /// The number of components above the cap, in which some evidence could not link.
    pub oversized: usize,
}

/// Resolves whole components.
#[must_use]
pub fn resolve(facts: &RecordFacts<'_>) -> Resolution {
    let resolver = Resolver { facts, people: people(facts) };
    let (unconfirmed, trusted): (Vec<usize>, Vec<usize>) = (0..facts.members.len())
        .partition(|n| resolver.person(*n).is_some_and(|person| person.is_unconfirmed));
    let mut found = Found::default();
    resolver.resolve_all(&trusted, &mut found);
    if !unconfirmed.is_empty() {
        let left = unconfirmed_records::place(&resolver, &unconfirmed, &trusted, &mut found);
        resolver.resolve_all(&left, &mut found);
    }
    found.unconfirmed.extend(unconfirmed);
    found.into_resolution()
}

/// The result so far. Review candidates still name a cluster by one of its members.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    /// The clusters, each with the weakest level that its component may use.
    pub clusters: Vec<(Cluster<'a>, Level)>,
    pub links: Vec<Link>,
    pub doubts: Vec<(Level, Evidence, Conflict, Vec<usize>)>,
    pub moved: Vec<Moved>,
    unconfirmed: BTreeSet<usize>,
    oversized: usize,
}

impl Found<'_> {
    /// Drops review candidates that are settled: other evidence joined the customers, or decisions say that all of them
    /// differ.
    fn into_resolution(self) -> Resolution {
        let mut all: Vec<Cluster<'_>> =
            self.clusters.into_iter().map(|(cluster, _)| cluster).collect();
        all.sort_by(|a, b| a.members.cmp(&b.members));
        let positions: BTreeMap<usize, usize> = all
            .iter()
            .zip(0..)
            .flat_map(|(cluster, n)| cluster.members.iter().map(move |member| (*member, n)))
            .collect();
        let mut doubts = Vec::new();
        for (level, evidence, grounds, concerned) in self.doubts {
            let clusters: BTreeSet<usize> =
                concerned.iter().filter_map(|member| positions.get(member).copied()).collect();
            let still: Vec<&Cluster<'_>> = clusters.iter().filter_map(|n| all.get(*n)).collect();
            if undecided_pairs(&still) > 0 {
                doubts.push(ReviewCandidate {
                    level,
                    evidence,
                    grounds,
                    clusters: clusters.into_iter().collect(),
                });
            }
        }
        let clusters = all.into_iter().map(|cluster| cluster.members).collect();
        Resolution {
            clusters,
            unconfirmed: self.unconfirmed,
            links: self.links,
            doubts,
            moved: self.moved,
            oversized: self.oversized,
        }
    }
}

pub(crate) struct Resolver<'a> {
    pub facts: &'a RecordFacts<'a>,
    people: Vec<PersonFacts<'a>>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn person(&self, n: usize) -> Option<&PersonFacts<'a>> {
        self.people.get(n)
    }

    pub(crate) fn cluster(&self, n: usize) -> Option<Cluster<'a>> {
        Some(Cluster::new(n, self.facts.members.get(n)?, self.people.get(n)?))
    }

    /// Resolves some members as if no others existed.
    fn resolve_all(&self, among: &[usize], found: &mut Found<'a>) {
        let cap = self.facts.rules.component_cap;
        for component in self.components(among, Level::Phone) {
            if component.len() <= cap {
                self.resolve_component(&component, Level::Phone, found);
                continue;
            }
            found.oversized = found.oversized.saturating_add(1);
            for smaller in self.components(&component, Level::Email) {
                let last = if smaller.len() <= cap { Level::Email } else { Level::Reference };
                self.resolve_component(&smaller, last, found);
            }
        }
    }

    /// The components of some members: connected by decisions of either sort, merges and references (also through
    /// records that are gone), and by addresses up to a level.
    fn components(&self, among: &[usize], last: Level) -> Vec<Vec<usize>> {
        let mut numbers: BTreeMap<&RecordKey, usize> = BTreeMap::new();
        let referred: Vec<(usize, RecordKey)> =
            among.iter().flat_map(|n| self.referred(*n).map(|key| (*n, key))).collect();
        let decisions =
            self.facts.decisions.iter().map(|decision| (&decision.left, &decision.right));
        let pairs: Vec<(&RecordKey, &RecordKey)> =
            self.facts.aliases.pairs().chain(decisions).collect();
        let named = pairs
            .iter()
            .flat_map(|(left, right)| [*left, *right])
            .chain(referred.iter().map(|(_, key)| key));
        for key in self.facts.members.iter().map(|member| &member.key).chain(named) {
            let next = numbers.len();
            numbers.entry(key).or_insert(next);
        }
        let mut partition = UnionFind::new(numbers.len());
        let mut join = |left: Option<usize>, right: Option<usize>| {
            left.zip(right)
                .into_iter()
                .for_each(|(left, right)| partition.join_all(&[left, right]));
        };
        pairs.iter().for_each(|(left, right)| {
            join(numbers.get(left).copied(), numbers.get(right).copied())
        });
        referred.iter().for_each(|(n, key)| join(Some(*n), numbers.get(key).copied()));
        for level in [Level::Email, Level::Phone].into_iter().filter(|level| *level <= last) {
            self.holders(level, among).values().for_each(|holders| partition.join_all(holders));
        }
        partition.groups(among)
    }

    /// The records that a member refers to.
    fn referred(&self, n: usize) -> impl Iterator<Item = RecordKey> {
        let links = self.people.get(n).is_some_and(|person| !person.is_loser);
        let linking = self.facts.members.get(n).filter(|_| links).map(|member| &member.linking);
        linking.into_iter().flatten().filter_map(Identifier::referred_record)
    }

    /// Whether the rules use evidence of a level.
    pub(crate) const fn uses(&self, level: Level) -> bool {
        match level {
            Level::Email => self.facts.rules.link_by_email,
            Level::Phone => self.facts.rules.link_by_phone,
            Level::Decision | Level::SourceMerge | Level::Reference => true,
        }
    }

    /// Resolves one component with the evidence up to a level, as far as the rules use it.
    fn resolve_component(&self, component: &[usize], last: Level, found: &mut Found<'a>) {
        let mut clusters: Vec<Cluster<'a>> =
            component.iter().filter_map(|n| self.cluster(*n)).collect();
        for level in Level::ALL.into_iter().filter(|level| *level <= last && self.uses(*level)) {
            if clusters.len() > 1 {
                clusters = self.apply_level(level, component, clusters, found);
            }
        }
        found.clusters.extend(clusters.into_iter().map(|cluster| (cluster, last)));
    }

    fn apply_level(
        &self,
        level: Level,
        component: &[usize],
        before: Vec<Cluster<'a>>,
        found: &mut Found<'a>,
    ) -> Vec<Cluster<'a>> {
        let mut common = self.holders(level, component);
        common.retain(|_, members| members.len() > 1);
        if common.is_empty() {
            return before;
        }
        let mut partition = UnionFind::new(before.len());
        let kept = self.kept(level, common, &before, &mut partition, found);
        let groups = partition.groups(&(0..before.len()).collect::<Vec<_>>());
        let refused = self.refused(level, &groups, &before, kept, found);
        let mut before: Vec<Option<Cluster<'a>>> = before.into_iter().map(Some).collect();
        let mut after = Vec::with_capacity(groups.len());
        for (n, group) in groups.iter().enumerate() {
            let mut clusters =
                group.iter().filter_map(|cluster| before.get_mut(*cluster).and_then(Option::take));
            if refused.contains(&n) {
                after.extend(clusters);
            } else {
                after.extend(clusters.next().map(|first| clusters.fold(first, Cluster::join)));
            }
        }
        after
    }

    /// The evidence that joins clusters, each with the clusters that it joins. The other evidence is reported as review
    /// candidates.
    fn kept<'h>(
        &self,
        level: Level,
        common: BTreeMap<Held<'h>, Vec<usize>>,
        before: &[Cluster<'a>],
        partition: &mut UnionFind,
        found: &mut Found<'a>,
    ) -> Vec<Kept<'h>> {
        let owner: BTreeMap<usize, usize> = before
            .iter()
            .zip(0..)
            .flat_map(|(cluster, n)| cluster.members.iter().map(move |m| (*m, n)))
            .collect();
        let mut kept = Vec::new();
        for (evidence, members) in common {
            let mut holding: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            members.iter().for_each(|member| {
                holding
                    .entry(owner.get(member).copied().unwrap_or_default())
                    .or_default()
                    .push(*member)
            });
            if holding.len() < 2 {
                continue;
            }
            if level == Level::Phone {
                found.moved.extend(left_behind(self.facts, evidence, before, &mut holding));
            }
            let places: Vec<usize> = holding.keys().copied().collect();
            let clusters = some(before, &places);
            let among =
                Among::new(&clusters, On { level, value: Some(evidence) }, self.facts.rules);
            let groups = match among.forbidden() {
                None => vec![(0..places.len()).collect()],
                Some(grounds) => {
                    found.doubts.push((level, evidence.to_evidence(), grounds, firsts(&clusters)));
                    among.agreeing()
                }
            };
            for group in groups {
                let clusters: Vec<usize> =
                    group.iter().filter_map(|n| places.get(*n).copied()).collect();
                partition.join_all(&clusters);
                let members =
                    clusters.iter().filter_map(|n| holding.get(n)).flatten().copied().collect();
                kept.push(Kept { evidence, members, clusters });
            }
        }
        kept
    }

    /// Returns the groups that contain a forbidden pair. Their evidence is reported as review candidates, the evidence
    /// of the other groups as links.
    fn refused(
        &self,
        level: Level,
        groups: &[Vec<usize>],
        before: &[Cluster<'a>],
        kept: Vec<Kept<'_>>,
        found: &mut Found<'a>,
    ) -> BTreeSet<usize> {
        let mut group_of = vec![0; before.len()];
        let mut refused: BTreeMap<usize, Conflict> = BTreeMap::new();
        for (n, group) in groups.iter().enumerate() {
            group.iter().for_each(|cluster| {
                group_of.get_mut(*cluster).into_iter().for_each(|slot| *slot = n)
            });
            if group.len() > 2 {
                let clusters = some(before, group);
                let among = Among::new(&clusters, On { level, value: None }, self.facts.rules);
                refused.extend(among.forbidden().map(|grounds| (n, grounds)));
            }
        }
        let mut reported: BTreeSet<usize> = BTreeSet::new();
        for Kept { evidence, members, clusters } in kept {
            let group = clusters
                .first()
                .and_then(|cluster| group_of.get(*cluster))
                .copied()
                .unwrap_or_default();
            match (refused.get(&group), groups.get(group)) {
                (None, _) if clusters.len() > 1 => {
                    found.links.push(Link { level, evidence: evidence.to_evidence(), members })
                }
                (Some(grounds), Some(concerned)) if reported.insert(group) => {
                    found.doubts.push((
                        level,
                        evidence.to_evidence(),
                        *grounds,
                        firsts(&some(before, concerned)),
                    ));
                }
                _ => {}
            }
        }
        refused.into_keys().collect()
    }

    /// The evidence of a level, with the members that have it.
    pub(crate) fn holders(&self, level: Level, among: &[usize]) -> BTreeMap<Held<'_>, Vec<usize>> {
        let mut holders: BTreeMap<Held<'_>, Vec<usize>> = BTreeMap::new();
        for n in among {
            let (Some(member), Some(person)) = (self.facts.members.get(*n), self.people.get(*n))
            else {
                continue;
            };
            person.evidence(level, &member.linking, |evidence| {
                holders.entry(evidence).or_default().push(*n)
            });
        }
        holders
    }
}

/// Evidence that is used: the members that have it, and the clusters that it connects.
struct Kept<'a> {
    evidence: Held<'a>,
    members: Vec<usize>,
    clusters: Vec<usize>,
}

fn some<'c, 'a>(clusters: &'c [Cluster<'a>], numbers: &[usize]) -> Vec<&'c Cluster<'a>> {
    numbers.iter().filter_map(|n| clusters.get(*n)).collect()
}

/// One member of each cluster.
fn firsts(clusters: &[&Cluster<'_>]) -> Vec<usize> {
    clusters.iter().filter_map(|cluster| cluster.members.first().copied()).collect()
}
