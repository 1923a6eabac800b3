//! Disjoint sets of small numbers.

use std::collections::BTreeMap;

/// A union-find structure over `0..n`.
#[derive(Debug)]
pub(crate) struct UnionFind {
    parents: Vec<usize>,
}

impl UnionFind {
    pub(crate) fn new(n: usize) -> Self {
        Self { parents: (0..n).collect() }
    }

    fn root(&mut self, of: usize) -> usize {
        let mut here = of;
        while let Some(&parent) = self.parents.get(here).filter(|parent| **parent != here) {
            let grandparent = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(here) {
                *slot = grandparent;
            }
            here = grandparent;
        }
        here
    }

    pub(crate) fn join_all(&mut self, elements: &[usize]) {
        for pair in elements.windows(2) {
            if let [left, right] = *pair {
                let (left, right) = (self.root(left), self.root(right));
                if let Some(slot) = self.parents.get_mut(left.max(right)) {
                    *slot = left.min(right);
                }
            }
        }
    }

    /// The sets that contain the given elements, each in ascending order.
    pub(crate) fn groups(&mut self, among: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for element in among {
            groups.entry(self.root(*element)).or_default().push(*element);
        }
        groups.into_values().collect()
    }
}
