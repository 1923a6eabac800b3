//! Whether a new decision contradicts the decisions in force, or repeats them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::error::DecisionError;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Verdict};

type Pair = (RecordKey, RecordKey);

/// Refuses a decision that contradicts decisions in force, or that they already imply. A record stands for the one that its
/// source merged it into.
pub(super) fn check(
    verdict: &Verdict,
    in_force: &[DecisionRow],
    aliases: &Aliases,
) -> Result<(), DecisionError> {
    let in_force: Vec<DecisionRow> = in_force.iter().map(|row| canonical(row, aliases)).collect();
    let in_force = in_force.as_slice();
    match verdict {
        Verdict::SamePerson(pairs) => check_same(&canonical_pairs(pairs, aliases), in_force),
        Verdict::DifferentPeople(pairs) => {
            check_different(&canonical_pairs(pairs, aliases), in_force)
        }
        Verdict::SharedValue(_) => {
            let same = |row: &&DecisionRow| row.verdict == *verdict;
            already(in_force.iter().filter(same).map(|row| row.decision_id).collect())
        }
        Verdict::ConfirmedAddress(address, records) => {
            let says_so = |row: &&DecisionRow| match &row.verdict {
                Verdict::ConfirmedAddress(other, known) => {
                    other == address && records.is_subset(known)
                }
                _ => false,
            };
            already(in_force.iter().filter(says_so).map(|row| row.decision_id).collect())
        }
    }
}

fn canonical(row: &DecisionRow, aliases: &Aliases) -> DecisionRow {
    let verdict = match &row.verdict {
        Verdict::SamePerson(pairs) => Verdict::SamePerson(canonical_pairs(pairs, aliases)),
        Verdict::DifferentPeople(pairs) => {
            Verdict::DifferentPeople(canonical_pairs(pairs, aliases))
        }
        other => other.clone(),
    };
    DecisionRow { verdict, ..row.clone() }
}

fn canonical_pairs(pairs: &[Pair], aliases: &Aliases) -> Vec<Pair> {
    let stands = |key: &RecordKey| aliases.canonical(key).clone();
    pairs.iter().map(|(left, right)| (stands(left), stands(right))).collect()
}

fn already(ids: Vec<Uuid>) -> Result<(), DecisionError> {
    if ids.is_empty() { Ok(()) } else { Err(DecisionError::AlreadyDecided(ids)) }
}

fn check_same(pairs: &[Pair], in_force: &[DecisionRow]) -> Result<(), DecisionError> {
    let known = Classes::of(in_force.iter().flat_map(same_pairs));
    if pairs.iter().all(|(left, right)| known.are_one(left, right)) {
        let ids = in_force.iter().filter(|row| {
            same_pairs(row).any(|(one, _)| pairs.iter().any(|(left, _)| known.are_one(one, left)))
        });
        return Err(DecisionError::AlreadyDecided(ids.map(|row| row.decision_id).collect()));
    }
    let all = Classes::of(in_force.iter().flat_map(same_pairs).chain(pairs));
    let against = in_force
        .iter()
        .filter(|row| different_pairs(row).any(|(left, right)| all.are_one(left, right)));
    contradiction(against.map(|row| row.decision_id).collect())
}

fn check_different(pairs: &[Pair], in_force: &[DecisionRow]) -> Result<(), DecisionError> {
    let known = Classes::of(in_force.iter().flat_map(same_pairs));
    let joined: Vec<&Pair> =
        pairs.iter().filter(|(left, right)| known.are_one(left, right)).collect();
    let against = in_force.iter().filter(|row| {
        same_pairs(row).any(|(one, _)| joined.iter().any(|(left, _)| known.are_one(one, left)))
    });
    contradiction(against.map(|row| row.decision_id).collect())?;
    let wanted: BTreeSet<(&RecordKey, &RecordKey)> = pairs.iter().map(in_order).collect();
    let repeats =
        |row: &&DecisionRow| different_pairs(row).any(|pair| wanted.contains(&in_order(pair)));
    let decided: BTreeSet<(&RecordKey, &RecordKey)> =
        in_force.iter().flat_map(different_pairs).map(in_order).collect();
    if wanted.is_subset(&decided) {
        let ids = in_force.iter().filter(repeats).map(|row| row.decision_id).collect();
        return Err(DecisionError::AlreadyDecided(ids));
    }
    Ok(())
}

/// A pair, the lesser record first.
fn in_order((left, right): &Pair) -> (&RecordKey, &RecordKey) {
    if left <= right { (left, right) } else { (right, left) }
}

fn contradiction(ids: Vec<Uuid>) -> Result<(), DecisionError> {
    if ids.is_empty() { Ok(()) } else { Err(DecisionError::Contradicts(ids)) }
}

fn same_pairs(row: &DecisionRow) -> impl Iterator<Item = &Pair> {
    let is_same = matches!(row.verdict, Verdict::SamePerson(_));
    row.verdict.pairs().iter().filter(move |_| is_same)
}

fn different_pairs(row: &DecisionRow) -> impl Iterator<Item = &Pair> {
    let is_different = matches!(row.verdict, Verdict::DifferentPeople(_));
    row.verdict.pairs().iter().filter(move |_| is_different)
}

/// Records that decisions say are the same person, each with the number of its class.
struct Classes<'a>(BTreeMap<&'a RecordKey, usize>);

impl<'a> Classes<'a> {
    fn of(pairs: impl Iterator<Item = &'a Pair>) -> Self {
        let mut classes: BTreeMap<&RecordKey, usize> = BTreeMap::new();
        for (left, right) in pairs {
            let next = classes.len();
            let one = *classes.entry(left).or_insert(next);
            let next = classes.len();
            let other = *classes.entry(right).or_insert(next);
            classes.values_mut().filter(|class| **class == other).for_each(|class| *class = one);
        }
        Self(classes)
    }

    fn are_one(&self, left: &RecordKey, right: &RecordKey) -> bool {
        left == right || self.0.get(left).is_some_and(|class| self.0.get(right) == Some(class))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::customer::model::record::SourceMerge;
    use crate::customer::model::source::SourceKind;

    fn key(id: &str) -> RecordKey {
        RecordKey::new(SourceKind::ALL[0], id).unwrap()
    }

    fn pairs(names: &[&str]) -> Vec<Pair> {
        let pair = |name: &&str| {
            let (left, right) = name.split_at(1);
            (key(left), key(right))
        };
        names.iter().map(pair).collect()
    }

    fn same(names: &[&str]) -> Verdict {
        Verdict::SamePerson(pairs(names))
    }

    fn different(names: &[&str]) -> Verdict {
        Verdict::DifferentPeople(pairs(names))
    }

    fn rows(verdicts: impl IntoIterator<Item = Verdict>) -> Vec<DecisionRow> {
        let row = |(n, verdict)| DecisionRow {
            decision_id: Uuid::from_u128(n),
            verdict,
            decided_by: String::new(),
            reason: String::new(),
            decided_at: Timestamp::UNIX_EPOCH,
            undone_at: None,
            undone_by: None,
        };
        (1..).zip(verdicts).map(row).collect()
    }

    /// The result in words, with the numbers of the decisions.
    fn result(verdict: &Verdict, in_force: impl IntoIterator<Item = Verdict>) -> String {
        result_with(&Aliases::new(&[]), verdict, in_force)
    }

    fn result_with(
        aliases: &Aliases,
        verdict: &Verdict,
        in_force: impl IntoIterator<Item = Verdict>,
    ) -> String {
        let numbers = |ids: Vec<Uuid>| {
            ids.iter().map(|id| id.as_u128().to_string()).collect::<Vec<_>>().join(" ")
        };
        match check(verdict, &rows(in_force), aliases) {
            Ok(()) => "fine".to_owned(),
            Err(DecisionError::Contradicts(ids)) => format!("contradicts {}", numbers(ids)),
            Err(DecisionError::AlreadyDecided(ids)) => format!("already {}", numbers(ids)),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn contradictions_count_through_other_decisions() {
        for (verdict, in_force, expected) in [
            (same(&["ab"]), vec![], "fine"),
            (same(&["ab"]), vec![different(&["ba"])], "contradicts 1"),
            (same(&["ac"]), vec![same(&["ab"]), different(&["bc"])], "contradicts 2"),
            (same(&["ac"]), vec![same(&["ab"]), different(&["bd"])], "fine"),
            // The new pairs join two classes that differ.
            (same(&["xa", "xc"]), vec![different(&["ac"]), same(&["ad"])], "contradicts 1"),
            (same(&["ac"]), vec![same(&["ab"]), same(&["bc"])], "already 1 2"),
            (
                different(&["ac"]),
                vec![same(&["ab"]), same(&["bc"]), same(&["de"])],
                "contradicts 1 2",
            ),
            (different(&["ac"]), vec![different(&["ca"])], "already 1"),
            (different(&["ac", "ad"]), vec![different(&["ca"])], "fine"),
            (different(&["ab"]), vec![same(&["bc"])], "fine"),
        ] {
            assert_eq!(result(&verdict, in_force), expected);
        }
    }
    #[test]
    fn a_merge_of_the_source_hides_no_contradiction() {
        let merge = SourceMerge { loser: key("b"), winner: key("z"), at: Timestamp::UNIX_EPOCH };
        let merged = Aliases::new(&[merge]);
        let expected = "contradicts 1";
        assert_eq!(result_with(&merged, &different(&["az"]), vec![same(&["ab"])]), expected);
        assert_eq!(result_with(&merged, &same(&["az"]), vec![different(&["ab"])]), expected);
        assert_eq!(result(&different(&["az"]), vec![same(&["ab"])]), "fine");
    }
}
