//! Whether a new decision contradicts the decisions in force, or repeats them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::error::DecisionError;
use super::in_force::InForce;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Verdict};

type Pair = (RecordKey, RecordKey);

/// Records from forms, each with the trusted records of its customer.
pub(super) type Companions = BTreeMap<RecordKey, BTreeSet<RecordKey>>;

/// Refuses a decision that contradicts decisions in force, or that they already imply. A record stands for the one that its
/// source merged it into. `companions` has the records whose address a decision confirmed.
pub(super) fn check(
    verdict: &Verdict,
    InForce { decisions, aliases }: &InForce,
    companions: &Companions,
) -> Result<(), DecisionError> {
    let in_force: Vec<DecisionRow> = decisions.iter().map(|row| canonical(row, aliases)).collect();
    let in_force = in_force.as_slice();
    match verdict {
        Verdict::SamePerson(pairs) => check_same(&canonical_pairs(pairs, aliases), in_force),
        Verdict::DifferentPeople(pairs) => {
            let pairs = canonical_pairs(pairs, aliases);
            let leaving = leaving(&pairs, companions, aliases);
            check_different(&pairs, &leaving, in_force)
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

/// The decisions that say that one of some forms is not the person of one of some records.
pub(super) fn separated(
    forms: &BTreeSet<RecordKey>,
    customer: &BTreeSet<RecordKey>,
    InForce { decisions, aliases }: &InForce,
) -> Vec<Uuid> {
    let standing = |keys: &BTreeSet<RecordKey>| -> BTreeSet<RecordKey> {
        keys.iter().map(|key| aliases.canonical(key).clone()).collect()
    };
    let (forms, customer) = (standing(forms), standing(customer));
    let decisions: Vec<DecisionRow> = decisions.iter().map(|row| canonical(row, aliases)).collect();
    let separates = |(left, right): &Pair| {
        (forms.contains(left) && customer.contains(right))
            || (forms.contains(right) && customer.contains(left))
    };
    let against = decisions.iter().filter(|row| different_pairs(row).any(separates));
    against.map(|row| row.decision_id).collect()
}

/// The records from forms that would be apart from every trusted record of their customer.
fn leaving(pairs: &[Pair], companions: &Companions, aliases: &Aliases) -> BTreeSet<RecordKey> {
    let apart: BTreeSet<(&RecordKey, &RecordKey)> = pairs.iter().map(in_order).collect();
    let leaves = |form: &RecordKey, others: &BTreeSet<RecordKey>| {
        let form = aliases.canonical(form);
        let is_apart = |other: &RecordKey| {
            let other = aliases.canonical(other);
            apart.contains(&(form.min(other), form.max(other)))
        };
        !others.is_empty() && others.iter().all(is_apart)
    };
    let leaving = companions.iter().filter(|(form, others)| leaves(form, others));
    leaving.map(|(form, _)| form.clone()).collect()
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

/// `leaving` has the records that would leave the customer for which a decision confirmed their address.
fn check_different(
    pairs: &[Pair],
    leaving: &BTreeSet<RecordKey>,
    in_force: &[DecisionRow],
) -> Result<(), DecisionError> {
    let known = Classes::of(in_force.iter().flat_map(same_pairs));
    let joined: Vec<&Pair> =
        pairs.iter().filter(|(left, right)| known.are_one(left, right)).collect();
    let confirms = |row: &DecisionRow| match &row.verdict {
        Verdict::ConfirmedAddress(_, forms) => !forms.is_disjoint(leaving),
        _ => false,
    };
    let against = in_force.iter().filter(|row| {
        confirms(row)
            || same_pairs(row)
                .any(|(one, _)| joined.iter().any(|(left, _)| known.are_one(one, left)))
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
    use crate::customer::model::identifier::{Identifier, IdentifierKind};
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
            undone_reason: None,
        };
        (1..).zip(verdicts).map(row).collect()
    }

    /// The result in words, with the numbers of the decisions.
    fn result(verdict: &Verdict, in_force: impl IntoIterator<Item = Verdict>) -> String {
        result_with(&Aliases::new(&[]), &Companions::new(), verdict, in_force)
    }

    fn result_with(
        aliases: &Aliases,
        companions: &Companions,
        verdict: &Verdict,
        in_force: impl IntoIterator<Item = Verdict>,
    ) -> String {
        let numbers = |ids: Vec<Uuid>| {
            ids.iter().map(|id| id.as_u128().to_string()).collect::<Vec<_>>().join(" ")
        };
        let in_force = InForce { decisions: rows(in_force), aliases: aliases.clone() };
        match check(verdict, &in_force, companions) {
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
        let result_of =
            |verdict, in_force| result_with(&merged, &Companions::new(), &verdict, vec![in_force]);
        assert_eq!(result_of(different(&["az"]), same(&["ab"])), "contradicts 1");
        assert_eq!(result_of(same(&["az"]), different(&["ab"])), "contradicts 1");
        assert_eq!(result(&different(&["az"]), vec![same(&["ab"])]), "fine");
    }

    #[test]
    fn a_confirmed_form_stays_with_a_trusted_record_of_its_customer() {
        let email = Identifier { kind: IdentifierKind::Email, value: "a@example.org".to_owned() };
        let confirmed = || Verdict::ConfirmedAddress(email.clone(), [key("f")].into());
        let companions = Companions::from([(key("f"), [key("a"), key("b")].into())]);
        let none = Aliases::new(&[]);
        for (names, expected) in [
            (&["fa", "bf"][..], "contradicts 1"),
            // It leaves together with `b`, or another customer is kept apart.
            (&["fa", "ab"][..], "fine"),
            (&["fx", "ax", "bx"][..], "fine"),
        ] {
            let found = result_with(&none, &companions, &different(names), [confirmed()]);
            assert_eq!(found, expected, "{names:?}");
        }
    }
}
