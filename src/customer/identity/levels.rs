//! Resolves one component, level by level, in the order of [`Level`]: decisions of people; merges by the source;
//! references; e-mail and social accounts; phone. On each level all values are evaluated together, against the clusters
//! at the start of the level:
//!
//! 1. A phone number no longer belongs to holders whose reports are much older than those of others.
//! 2. If some holders of a value contradict each other, it joins only groups in which nobody does.
//! 3. The clusters that values connect are grouped.
//! 4. A group that contains a forbidden pair is not formed.
//!
//! What is not used goes to review.

use std::collections::BTreeMap;

use super::agreeing_groups::agreeing_groups;
use super::cluster::{Cluster, positions_by_member};
use super::conflict::Conflict;
use super::evidence::{Held, Level};
use super::findings::{Findings, Link, OpenQuestion, ResolvedCluster};
use super::forbidden_pairs::{ForbiddenPairs, On};
use super::moved_numbers::left_behind;
use super::people::People;
use super::union_find::UnionFind;

/// Resolves one component with the evidence up to a level, as far as the rules use it.
pub(crate) fn resolve_component<'a>(
    people: &People<'a>,
    component: &[usize],
    last: Level,
    findings: &mut Findings<'a>,
) {
    let mut clusters: Vec<Cluster<'a>> =
        component.iter().filter_map(|n| people.cluster(*n)).collect();
    let is_used = |level: &Level| *level <= last && people.facts.rules.links_by(*level);
    for level in Level::ALL.into_iter().filter(is_used) {
        if clusters.len() > 1 {
            clusters = apply_level(people, level, component, clusters, findings);
        }
    }
    let resolved = clusters.into_iter().map(|cluster| ResolvedCluster { cluster, last });
    findings.clusters.extend(resolved);
}

fn apply_level<'a>(
    people: &People<'a>,
    level: Level,
    component: &[usize],
    before: Vec<Cluster<'a>>,
    findings: &mut Findings<'a>,
) -> Vec<Cluster<'a>> {
    let mut common = people.holders(level, component);
    common.retain(|_, members| members.len() > 1);
    if common.is_empty() {
        return before;
    }
    let stage = Stage { people, level, before };
    let kept = stage.kept(common, findings);
    let mut partition = UnionFind::new(stage.before.len());
    kept.iter().for_each(|kept| partition.join_all(&kept.clusters));
    let groups = partition.groups(&(0..stage.before.len()).collect::<Vec<_>>());
    let refused = stage.refused(&groups);
    stage.report(&groups, &refused, kept, findings);
    stage.join(&groups, &refused)
}

/// One level of a component.
struct Stage<'p, 'a> {
    people: &'p People<'a>,
    level: Level,
    /// The clusters at the start of the level.
    before: Vec<Cluster<'a>>,
}

/// Evidence that is used: the members that have it, and the clusters that it connects.
struct Kept<'h> {
    evidence: Held<'h>,
    members: Vec<usize>,
    clusters: Vec<usize>,
}

/// The clusters that hold a value, each with the members that have it.
type Holding = BTreeMap<usize, Vec<usize>>;

impl<'a> Stage<'_, 'a> {
    /// The evidence that joins clusters, each with the clusters that it joins. The other evidence becomes a question.
    fn kept<'h>(
        &self,
        common: BTreeMap<Held<'h>, Vec<usize>>,
        findings: &mut Findings<'a>,
    ) -> Vec<Kept<'h>> {
        let owner = positions_by_member(self.before.iter());
        let mut kept = Vec::new();
        for (evidence, members) in common {
            let mut holding = Holding::new();
            for member in members {
                let cluster = owner.get(&member).copied().unwrap_or_default();
                holding.entry(cluster).or_default().push(member);
            }
            if holding.len() < 2 {
                continue;
            }
            if self.level == Level::Phone {
                let moved = left_behind(self.people.facts, evidence, &self.before, &mut holding);
                findings.moved.extend(moved);
            }
            for clusters in self.joined_by(evidence, &holding, findings) {
                let members =
                    clusters.iter().filter_map(|n| holding.get(n)).flatten().copied().collect();
                kept.push(Kept { evidence, members, clusters });
            }
        }
        kept
    }

    /// The groups of clusters that a value joins: all of its holders, or those that agree if some contradict each
    /// other.
    fn joined_by(
        &self,
        evidence: Held<'_>,
        holding: &Holding,
        findings: &mut Findings<'a>,
    ) -> Vec<Vec<usize>> {
        let holders: Vec<usize> = holding.keys().copied().collect();
        let clusters = self.clusters(&holders);
        let pairs = self.forbidden_pairs(&clusters, Some(evidence));
        let Some(conflict) = pairs.conflict() else { return vec![holders] };
        findings.questions.push(self.question(evidence, conflict, &clusters));
        let group = |positions: Vec<usize>| {
            positions.into_iter().filter_map(|n| holders.get(n).copied()).collect()
        };
        agreeing_groups(&pairs).into_iter().map(group).collect()
    }

    /// The groups that contain a forbidden pair, by their positions.
    fn refused(&self, groups: &[Vec<usize>]) -> BTreeMap<usize, Conflict> {
        let mut refused = BTreeMap::new();
        for (n, group) in groups.iter().enumerate().filter(|(_, group)| group.len() > 2) {
            let conflict = self.forbidden_pairs(&self.clusters(group), None).conflict();
            refused.extend(conflict.map(|conflict| (n, conflict)));
        }
        refused
    }

    /// Reports the evidence of refused groups as questions, the evidence of the other groups as links.
    fn report(
        &self,
        groups: &[Vec<usize>],
        refused: &BTreeMap<usize, Conflict>,
        kept: Vec<Kept<'_>>,
        findings: &mut Findings<'a>,
    ) {
        let mut group_of = vec![0; self.before.len()];
        for (n, group) in groups.iter().enumerate() {
            for cluster in group {
                group_of.get_mut(*cluster).into_iter().for_each(|slot| *slot = n);
            }
        }
        let mut unreported = refused.clone();
        for Kept { evidence, members, clusters } in kept {
            let first = clusters.first().and_then(|cluster| group_of.get(*cluster));
            let group = first.copied().unwrap_or_default();
            if let Some((conflict, concerned)) = unreported.remove(&group).zip(groups.get(group)) {
                let concerned = self.clusters(concerned);
                findings.questions.push(self.question(evidence, conflict, &concerned));
            } else if !refused.contains_key(&group) && clusters.len() > 1 {
                let evidence = evidence.to_evidence();
                findings.links.push(Link { level: self.level, evidence, members });
            }
        }
    }

    /// Joins the clusters of each group that is not refused.
    fn join(self, groups: &[Vec<usize>], refused: &BTreeMap<usize, Conflict>) -> Vec<Cluster<'a>> {
        let mut before: Vec<Option<Cluster<'a>>> = self.before.into_iter().map(Some).collect();
        let mut after = Vec::with_capacity(groups.len());
        for (n, group) in groups.iter().enumerate() {
            let mut clusters =
                group.iter().filter_map(|cluster| before.get_mut(*cluster).and_then(Option::take));
            if refused.contains_key(&n) {
                after.extend(clusters);
            } else {
                after.extend(clusters.next().map(|first| clusters.fold(first, Cluster::join)));
            }
        }
        after
    }

    fn clusters(&self, positions: &[usize]) -> Vec<&Cluster<'a>> {
        positions.iter().filter_map(|n| self.before.get(*n)).collect()
    }

    fn forbidden_pairs<'c>(
        &self,
        clusters: &'c [&'c Cluster<'a>],
        value: Option<Held<'_>>,
    ) -> ForbiddenPairs<'c, 'a> {
        ForbiddenPairs::among(clusters, On { level: self.level, value }, self.people.facts.rules)
    }

    fn question(
        &self,
        evidence: Held<'_>,
        conflict: Conflict,
        clusters: &[&Cluster<'a>],
    ) -> OpenQuestion {
        OpenQuestion {
            level: self.level,
            evidence: evidence.to_evidence(),
            conflict,
            members: clusters.iter().filter_map(|c| c.members.first().copied()).collect(),
        }
    }
}
