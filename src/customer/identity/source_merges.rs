//! Merges that a source made: which record is an alias of which.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::customer::model::record::{RecordKey, SourceMerge};

/// The merges of a component. Chains of merges are followed to the final record.
#[derive(Debug, Default, Clone)]
pub struct Aliases {
    winners: BTreeMap<RecordKey, RecordKey>,
    pairs: Vec<(RecordKey, RecordKey)>,
}

impl Aliases {
    /// Builds the aliases. Each loser has one winner: that of the latest merge, and at the same time the greater key.
    /// Chains are followed to the final record. A cycle is broken so that the winner of its latest merge remains.
    #[must_use]
    pub fn new(merges: &[SourceMerge]) -> Self {
        let merges = || merges.iter().filter(|merge| merge.loser != merge.winner);
        let mut latest: BTreeMap<&RecordKey, (Timestamp, &RecordKey)> = BTreeMap::new();
        for merge in merges() {
            let fact = (merge.at, &merge.winner);
            latest
                .entry(&merge.loser)
                .and_modify(|known| *known = (*known).max(fact))
                .or_insert(fact);
        }
        let winners =
            latest.keys().map(|loser| ((*loser).clone(), end_of(loser, &latest).clone())).collect();
        let pairs = merges().map(|merge| (merge.loser.clone(), merge.winner.clone())).collect();
        Self { winners, pairs }
    }

    /// The record that stands for `key`.
    #[must_use]
    pub fn canonical<'a>(&'a self, key: &'a RecordKey) -> &'a RecordKey {
        self.winners.get(key).unwrap_or(key)
    }

    /// Whether the source merged the record into another one.
    #[must_use]
    pub fn is_loser(&self, key: &RecordKey) -> bool {
        self.winners.get(key).is_some_and(|winner| winner != key)
    }

    /// Every loser with its winner, as the source merged them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&RecordKey, &RecordKey)> {
        self.pairs.iter().map(|(loser, winner)| (loser, winner))
    }

    /// Every key that a merge names, with the record that represents it. If the same loser is later merged into another
    /// record, the earlier winner stays listed.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordKey, &RecordKey)> {
        let named: BTreeSet<&RecordKey> =
            self.pairs().flat_map(|(loser, winner)| [loser, winner]).collect();
        named.into_iter().map(|key| (key, self.canonical(key)))
    }
}

fn end_of<'a>(
    start: &'a RecordKey,
    latest: &BTreeMap<&'a RecordKey, (Timestamp, &'a RecordKey)>,
) -> &'a RecordKey {
    let mut seen = BTreeSet::from([start]);
    let mut here = start;
    while let Some((_, next)) = latest.get(here) {
        if !seen.insert(next) {
            return winner_of_cycle(next, latest);
        }
        here = next;
    }
    here
}

fn winner_of_cycle<'a>(
    on_cycle: &'a RecordKey,
    latest: &BTreeMap<&'a RecordKey, (Timestamp, &'a RecordKey)>,
) -> &'a RecordKey {
    let mut here = on_cycle;
    let mut best: Option<(Timestamp, &RecordKey)> = None;
    while let Some((at, next)) = latest.get(here) {
        best = best.max(Some((*at, next)));
        here = next;
        if here == on_cycle {
            break;
        }
    }
    best.map_or(on_cycle, |(_, winner)| winner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::source::SourceKind;

    fn key(id: &str) -> RecordKey {
        RecordKey::new(SourceKind::OmneoProfile, id).unwrap()
    }

    fn merge(loser: &str, winner: &str, second: i64) -> SourceMerge {
        SourceMerge {
            loser: key(loser),
            winner: key(winner),
            at: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn chains_are_followed_and_cycles_end_at_the_latest_winner() {
        let aliases = Aliases::new(&[
            merge("a", "b", 1),
            merge("b", "c", 2),
            merge("x", "y", 1),
            merge("y", "x", 5),
            merge("w", "x", 3),
        ]);
        assert_eq!(aliases.canonical(&key("a")), &key("c"));
        for id in ["x", "y", "w"] {
            assert_eq!(aliases.canonical(&key(id)), &key("x"));
        }
        assert!(aliases.is_loser(&key("y")) && !aliases.is_loser(&key("x")));
        assert_eq!(aliases.iter().filter(|(_, end)| **end == key("c")).count(), 3);
    }

    #[test]
    fn the_latest_of_two_merges_of_one_loser_counts() {
        let aliases = Aliases::new(&[merge("a", "c", 2), merge("a", "b", 1)]);
        assert_eq!(aliases.canonical(&key("a")), &key("c"));
    }

    #[test]
    fn every_key_is_named_that_any_merge_names_also_one_that_another_replaces() {
        let named = |merges: &[SourceMerge]| {
            Aliases::new(merges)
                .iter()
                .map(|(key, end)| (key.clone(), end.clone()))
                .collect::<Vec<_>>()
        };
        let expected =
            [("a", "c"), ("b", "b"), ("c", "c")].map(|(name, end)| (key(name), key(end)));
        assert_eq!(named(&[merge("a", "b", 1), merge("a", "c", 2), merge("x", "x", 3)]), expected);
        assert_eq!(
            named(&[merge("a", "c", 1), merge("a", "b", 1)]),
            expected,
            "at the same time the greater counts"
        );
    }
}
