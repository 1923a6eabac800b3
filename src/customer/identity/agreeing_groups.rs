//! Groups of clusters that a value may join, although some of its holders contradict each other.

use std::collections::BTreeMap;

use super::forbidden_pairs::ForbiddenPairs;
use super::union_find::UnionFind;

/// The groups that may be joined although some clusters contradict each other, by their positions. If two clusters
/// contradict each other, a cluster that agrees in full with only one of them belongs to that one. A cluster that
/// agrees with both is ambiguous and stays out. The rest forms groups in which all agree with all. The order does
/// not matter: three clusters of which only the second agrees with both others form no group, because the second is
/// ambiguous.
pub(crate) fn agreeing_groups(pairs: &ForbiddenPairs<'_, '_>) -> Vec<Vec<usize>> {
    if pairs.clusters().len() < 3 {
        return Vec::new();
    }
    let alike = with_the_same_facts(pairs);
    let firsts: Vec<usize> = alike.iter().filter_map(|group| group.first().copied()).collect();
    let agreement = best_agreement(pairs, &firsts);
    let is_ambiguous = |n: &usize| {
        agreement.of(*n).any(|one| agreement.of(*n).any(|other| !agreement.has(one, other)))
    };
    let clear: Vec<usize> = (0..firsts.len()).filter(|n| !is_ambiguous(n)).collect();
    let mut partition = UnionFind::new(firsts.len());
    for (at, n) in clear.iter().enumerate() {
        let agreeing = clear.iter().skip(at.saturating_add(1)).filter(|m| agreement.has(*n, **m));
        agreeing.for_each(|m| partition.join_all(&[*n, *m]));
    }
    let whole = |group: Vec<usize>| {
        group.into_iter().filter_map(|n| alike.get(n)).flatten().copied().collect::<Vec<usize>>()
    };
    partition.groups(&clear).into_iter().map(whole).filter(|group| group.len() > 1).collect()
}

/// Which of the clusters agree. Two clusters do not, if one of them agrees in full with a third that contradicts the
/// other.
fn best_agreement(pairs: &ForbiddenPairs<'_, '_>, clusters: &[usize]) -> Relation {
    let pair = |n: usize, m: usize| clusters.get(n).copied().zip(clusters.get(m).copied());
    let agreement = Relation::new(clusters.len(), |n, m| {
        n == m || pair(n, m).is_some_and(|(a, b)| !pairs.contains(a, b))
    });
    let in_full = |n: usize, m: usize| pair(n, m).is_some_and(|(a, b)| pairs.agree_in_full(a, b));
    let has_better = |n: usize, m: usize| {
        !in_full(n, m) && agreement.of(n).any(|other| in_full(n, other) && !agreement.has(other, m))
    };
    Relation::new(clusters.len(), |n, m| {
        agreement.has(n, m) && !has_better(n, m) && !has_better(m, n)
    })
}

/// Groups the clusters with the same facts, because many clusters can hold one value.
fn with_the_same_facts(pairs: &ForbiddenPairs<'_, '_>) -> Vec<Vec<usize>> {
    let mut known: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let mut alike = Vec::new();
    for (n, cluster) in pairs.clusters().iter().enumerate() {
        if cluster.apart_from.is_empty() && !pairs.contains(n, n) {
            known
                .entry((pairs.names_of(n), &cluster.ids, &cluster.emails, &cluster.phones))
                .or_default()
                .push(n);
        } else {
            alike.push(vec![n]);
        }
    }
    alike.extend(known.into_values());
    alike
}

/// A symmetric relation: which clusters agree with which.
struct Relation(Vec<Vec<bool>>);

impl Relation {
    fn new(size: usize, agree: impl Fn(usize, usize) -> bool) -> Self {
        Self((0..size).map(|n| (0..size).map(|m| agree(n, m)).collect()).collect())
    }

    fn has(&self, one: usize, other: usize) -> bool {
        self.0.get(one).and_then(|row| row.get(other)).copied().unwrap_or_default()
    }

    fn of(&self, one: usize) -> impl Iterator<Item = usize> {
        let row = self.0.get(one).map_or(&[][..], Vec::as_slice);
        row.iter().enumerate().filter(|(_, agrees)| **agrees).map(|(n, _)| n)
    }
}
