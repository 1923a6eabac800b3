//! Who is who: one pure function from everything known about some records to customers.
//!
//! Levels, in order: decisions of people; merges of the source; references; e-mail and social accounts; phone. On each
//! level all values are looked at together, against the clusters that the level starts with:
//!
//! 1. a value whose holders' clusters contain a forbidden pair is dropped;
//! 2. the clusters that the other values connect are grouped;
//! 3. a group that contains a forbidden pair is not formed.
//!
//! Nothing in it guesses or breaks a tie, so the order of arrival can't matter; what is dropped is reported as a
//! [`Doubt`]. Source merges are a level of their own before references, so that a doubtful reference can't undo a fact.

use std::collections::{BTreeMap, BTreeSet};

use super::aliases::Aliases;
use super::cluster::{Cluster, Grounds};
use super::identifier::{Identifier, IdentifierKind};
use super::kind::SourceKind;
use super::name::FoldedName;
use super::partition::Partition;
use super::record::RecordKey;
use super::rules::IdentityRules;

/// A live record, as far as identity goes.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub key: RecordKey,
    /// The name, for comparing.
    pub name: FoldedName,
    /// What it is found by.
    pub identifiers: BTreeSet<Identifier>,
    /// Those of its identifiers that may link: neither blocked nor shared.
    pub linking: BTreeSet<Identifier>,
}

/// What a person decided about two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One record.
    pub left: RecordKey,
    /// The other.
    pub right: RecordKey,
    /// Whether they are one person.
    pub same: bool,
}

/// How strong evidence is; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A person decided.
    Decision,
    /// The source merged its own records.
    SourceMerge,
    /// A record refers to another by id.
    Reference,
    /// Equal e-mail address or social account.
    Email,
    /// Equal phone number.
    Phone,
}

/// Evidence that was not used, and why: material for a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// On which level.
    pub level: Level,
    /// What kept them apart.
    pub grounds: Grounds,
    /// A record of each side, as indices of the members.
    pub between: (usize, usize),
}

/// Customers, as indices of the members, each in ascending order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Who belongs together.
    pub clusters: Vec<Vec<usize>>,
    /// What was left open.
    pub doubts: Vec<Doubt>,
}

/// Everything that resolution looks at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Live records, whole components.
    pub members: &'a [Member],
    /// The source's merges.
    pub aliases: &'a Aliases,
    /// People's decisions.
    pub decisions: &'a [Decision],
    /// The brand's rules.
    pub rules: &'a IdentityRules,
}

/// Resolves whole components.
#[must_use]
pub fn resolve(facts: &Facts<'_>) -> Resolution {
    let all: Vec<usize> = (0..facts.members.len()).collect();
    let mut resolution = Resolution::default();
    let links = [facts.rules.email_links, facts.rules.phone_links];
    for component in facts.components(&all, &|_| true) {
        if component.len() <= facts.rules.component_cap {
            facts.resolve_component(&component, links, &mut resolution);
            continue;
        }
        for smaller in facts.components(&component, &|kind| kind != IdentifierKind::Phone) {
            let email = links[0] && smaller.len() <= facts.rules.component_cap;
            facts.resolve_component(&smaller, [email, false], &mut resolution);
        }
    }
    resolution.clusters.sort();
    resolution
}

impl Facts<'_> {
    /// The connected parts of some members, over decisions, merges, references and those sorts of values.
    fn components(&self, among: &[usize], uses: &dyn Fn(IdentifierKind) -> bool) -> Vec<Vec<usize>> {
        let mut partition = Partition::new(self.members.len());
        for level in [Level::Decision, Level::SourceMerge, Level::Reference, Level::Email, Level::Phone] {
            for holders in self.values(level, among).values() {
                if level < Level::Email || holders.uses.iter().any(|kind| uses(*kind)) {
                    partition.join_all(&holders.members);
                }
            }
        }
        partition.groups(among)
    }

    fn resolve_component(&self, component: &[usize], [email, phone]: [bool; 2], resolution: &mut Resolution) {
        let mut clusters: Vec<Vec<usize>> = component.iter().map(|member| vec![*member]).collect();
        for level in [Level::Decision, Level::SourceMerge, Level::Reference, Level::Email, Level::Phone] {
            let used = match level {
                Level::Email => email,
                Level::Phone => phone,
                Level::Decision | Level::SourceMerge | Level::Reference => true,
            };
            if used && clusters.len() > 1 {
                clusters = self.apply_level(level, component, &clusters, &mut resolution.doubts);
            }
        }
        resolution.clusters.extend(clusters);
    }

    fn apply_level(&self, level: Level, component: &[usize], before: &[Vec<usize>], doubts: &mut Vec<Doubt>) -> Vec<Vec<usize>> {
        let clusters: Vec<Cluster> = before.iter().map(|members| Cluster::new(self, members)).collect();
        let cluster_of: BTreeMap<usize, usize> = before.iter().zip(0..).flat_map(|(members, n)| members.iter().map(move |m| (*m, n))).collect();
        let mut partition = Partition::new(clusters.len());
        for holders in self.values(level, component).into_values() {
            let holding: BTreeSet<usize> = holders.members.iter().filter_map(|member| cluster_of.get(member).copied()).collect();
            let holding: Vec<usize> = holding.into_iter().collect();
            if holding.len() < 2 {
                continue;
            }
            match self.forbidden_pair(level, &clusters, &holding) {
                Some(doubt) => doubts.push(doubt),
                None => partition.join_all(&holding),
            }
        }
        let everything: Vec<usize> = (0..clusters.len()).collect();
        let mut after = Vec::with_capacity(clusters.len());
        for group in partition.groups(&everything) {
            let members = |n: &usize| before.get(*n).cloned().unwrap_or_default();
            match self.forbidden_pair(level, &clusters, &group) {
                None => {
                    let mut joined: Vec<usize> = group.iter().flat_map(members).collect();
                    joined.sort_unstable();
                    after.push(joined);
                }
                Some(doubt) => {
                    doubts.push(doubt);
                    after.extend(group.iter().map(members));
                }
            }
        }
        after
    }

    fn forbidden_pair(&self, level: Level, clusters: &[Cluster], among: &[usize]) -> Option<Doubt> {
        let some: Vec<&Cluster> = among.iter().filter_map(|n| clusters.get(*n)).collect();
        some.iter().enumerate().find_map(|(n, left)| {
            some.iter().skip(n.saturating_add(1)).find_map(|right| {
                let grounds = left.forbids(right, level, self.rules)?;
                Some(Doubt { level, grounds, between: (left.first_member(), right.first_member()) })
            })
        })
    }

    /// The values of a level, with the members that hold each.
    fn values(&self, level: Level, among: &[usize]) -> BTreeMap<String, Holders> {
        let mut values: BTreeMap<String, Holders> = BTreeMap::new();
        let mut hold = |value: String, member: usize, kind: Option<IdentifierKind>| {
            let holders = values.entry(value).or_default();
            holders.members.push(member);
            holders.uses.extend(kind);
        };
        let members = among.iter().filter_map(|index| Some((*index, self.members.get(*index)?)));
        match level {
            Level::Decision => {
                let decided: Vec<(String, &Decision)> =
                    self.decisions.iter().filter(|d| d.same).map(|d| (format!("{} {}", d.left, d.right), d)).collect();
                for (index, member) in members {
                    for (value, _) in decided.iter().filter(|(_, d)| d.left == member.key || d.right == member.key) {
                        hold(value.clone(), index, None);
                    }
                }
            }
            Level::SourceMerge => members.for_each(|(index, member)| hold(self.aliases.canonical(&member.key).to_string(), index, None)),
            Level::Reference => {
                for (index, member) in members {
                    hold(self.aliases.canonical(&member.key).to_string(), index, None);
                    for record in self.references(member) {
                        hold(self.aliases.canonical(&record).to_string(), index, None);
                    }
                }
            }
            Level::Email | Level::Phone => {
                for (index, member) in members {
                    for identifier in self.linking(member) {
                        let is_phone = identifier.kind == IdentifierKind::Phone;
                        if identifier.kind.is_address() && is_phone == (level == Level::Phone) {
                            hold(format!("{}:{}", identifier.kind.as_str(), identifier.value), index, Some(identifier.kind));
                        }
                    }
                }
            }
        }
        values
    }

    /// What links a member; a loser's identifiers no longer do.
    pub(super) fn linking<'m>(&self, member: &'m Member) -> impl Iterator<Item = &'m Identifier> + use<'m> {
        let loser = self.aliases.is_loser(&member.key);
        member.linking.iter().filter(move |_| !loser)
    }

    /// The records of other systems that a member refers to.
    pub(super) fn references(&self, member: &Member) -> impl Iterator<Item = RecordKey> {
        self.linking(member).filter_map(Identifier::referred_record)
    }

    /// The ids of unique kinds that a member stands for: its own and those it refers to, merges followed.
    pub(super) fn unique_ids(&self, member: &Member) -> BTreeMap<SourceKind, BTreeSet<RecordKey>> {
        let mut ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
        let own = std::iter::once(member.key.clone());
        for key in own.chain(self.references(member)).filter(|key| self.rules.unique.contains(&key.kind)) {
            ids.entry(key.kind).or_default().insert(self.aliases.canonical(&key).clone());
        }
        ids
    }
}

#[derive(Debug, Default)]
struct Holders {
    members: Vec<usize>,
    uses: BTreeSet<IdentifierKind>,
}
